/// A part of a table: the rows in some blocks of its file, or of a partition's.
///
/// They stay where they are while a transaction holds the table: what rewrites a file (VACUUM FULL,
/// CLUSTER) waits for that.
struct SnapshotPart: Equatable, Sendable {
    /// As statements name it.
    let relation: String
    /// `pg_relation_filenode`: another one when all rows were written anew.
    let file: UInt32
    let blocks: Range<Int64>

    /// The parts of a file; the last one has no end, so that nothing is left out.
    static func parts(
        of relation: String, file: UInt32, blocks: Int64, bytes: Int64
    ) -> [SnapshotPart] {
        let blockBytes = max(1, bytes / max(1, blocks))
        let wanted = min(Limits.partBlocks, Limits.partBytes / blockBytes)
        let count = max(1, wanted, blocks / Limits.partsMax)
        return stride(from: 0, to: max(1, blocks), by: Int(count)).map { first in
            let end = first + count
            return SnapshotPart(
                relation: relation, file: file, blocks: first..<(end < blocks ? end : .max))
        }
    }

    /// What selects its rows; empty if these are all.
    var conditions: [String] { Self.conditions(blocks) }

    fileprivate static func conditions(_ blocks: Range<Int64>) -> [String] {
        (blocks.lowerBound > 0 ? ["ctid >= '(\(blocks.lowerBound),0)'"] : [])
            + (blocks.upperBound < .max ? ["ctid < '(\(blocks.upperBound),0)'"] : [])
    }
}

/// What was read of a table, as far as it was not read whole.
struct ReadParts {
    private var files: [(file: UInt32, blocks: [Range<Int64>])] = []
    private(set) var count = 0

    mutating func add(_ part: SnapshotPart) {
        count += 1
        guard let index = files.firstIndex(where: { $0.file == part.file }) else {
            return files.append((part.file, [part.blocks]))
        }
        var merged: [Range<Int64>] = []
        let all = files[index].blocks + [part.blocks]
        for blocks in all.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = merged.last, last.upperBound >= blocks.lowerBound {
                merged[merged.count - 1] =
                    last.lowerBound..<max(last.upperBound, blocks.upperBound)
            } else {
                merged.append(blocks)
            }
        }
        files[index].blocks = merged
    }

    /// What selects the rows that were not read, also in a later snapshot: rows that were written
    /// since (`oldest` is the first transaction that the snapshot did not see as ended) may have
    /// come from anywhere, and in another file all rows stand elsewhere.
    func conditionOfRest(oldest: String) -> String {
        let whole = files.filter { $0.blocks == [0..<Int64.max] }.map { "\($0.file)" }
        var places = whole.isEmpty ? [] : ["\(Self.file) IN (\(whole.joined(separator: ", ")))"]
        for (file, blocks) in files where blocks != [0..<Int64.max] {
            let ranges = blocks.map {
                SnapshotPart.conditions($0).joined(separator: " AND ")
            }
            places.append("\(Self.file) = \(file) AND (\(ranges.joined(separator: " OR ")))")
        }
        return "\(Self.beginning)\(oldest)'::xid) AND (\(places.joined(separator: " OR "))))"
    }

    private static let file = "pg_relation_filenode(tableoid)"
    private static let beginning = "NOT (age(xmin) > age('"

    /// Whether a condition is one of these.
    static func isRest(_ condition: String) -> Bool { condition.hasPrefix(beginning) }
}
