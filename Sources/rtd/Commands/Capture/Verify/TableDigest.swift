import Bytes
import ChangeDataCapture
import Formats

/// The rows of one table as `--verify` sees them: what the topic says, by hashes of keys and of
/// columns, and what is different in the source. Used by the command's main thread.
///
/// A pass holds the keys of its share only, so that memory is bounded.
final class TableDigest {
    let name: String
    let columns: [String: Int]
    let hasKey: Bool
    /// Which share of the keys this pass compares.
    private let share: (index: UInt64, count: UInt64)

    private var places: [UInt64: Int] = [:]
    /// A row after the other, a hash a column.
    private var hashes: [UInt64] = []
    /// The partition of each row; -1: it is gone.
    private var homes: [Int32] = []
    /// Of a table without keys: the sum of its rows.
    private(set) var topicRows = 0
    private(set) var topicSum: UInt64 = 0
    private(set) var sourceRows = 0
    private(set) var sourceSum: UInt64 = 0
    /// Keys whose rows are not the same, a few of them; and how many there are.
    private(set) var examples: [String] = []
    private(set) var differences = 0

    private static let examplesMax = 5
    /// Of a value that neither the row's changes nor the row before them have.
    private static let unknown = UInt64.max

    init(_ table: CapturedTable, share: (index: Int, count: Int)) {
        name = "\(table.schema).\(table.name)"
        columns = Dictionary(
            table.columns.enumerated().map { ($1.name, $0) },
            uniquingKeysWith: { first, _ in first })
        hasKey = !table.key.isEmpty
        self.share = (UInt64(share.index), UInt64(share.count))
    }

    /// What a row takes in memory, about.
    static func bytesOfRow(columns: Int) -> Int { 40 + 8 * columns }

    /// nil: another pass compares it.
    private func place(_ key: RawSpan) -> UInt64? {
        let hash = EnvelopeDigest.hash(ofKey: key)
        return hash % share.count == share.index ? hash : nil
    }

    private func sum(_ row: [UInt64]) -> UInt64 { row.reduce(0, &+) }

    /// A record of the topic, whose key is nil where the table has none.
    func apply(_ change: EnvelopeDigest, key: RawSpan?, partition: Int32) {
        if change.operation == "t" { return truncate(partition) }
        guard let key, hasKey else { return applyKeyless(change) }
        guard let place = place(key) else {
            // Whose values the next row keeps is not known here.
            if change.operation == "d" { lastRemoved = nil }
            return
        }
        switch change.operation {
        case "c", "r", "u": put(place, change.after, keeping: change.unavailable, partition)
        case "d": remove(place)
        default: break
        }
    }

    func applyTombstone(key: RawSpan) {
        if let place = place(key) { remove(place) } else { lastRemoved = nil }
    }

    private func put(
        _ place: UInt64, _ row: [UInt64], keeping kept: [Int], _ partition: Int32
    ) {
        guard row.count == columns.count else { return }
        let width = max(1, columns.count)
        if let index = places[place] {
            homes[index] = partition
            for column in 0..<columns.count where !kept.contains(column) {
                hashes[index * width + column] = row[column]
            }
            lastRemoved = nil
            return
        }
        let index = homes.count
        places[place] = index
        homes.append(partition)
        hashes += row
        if columns.isEmpty { hashes.append(0) }
        for column in kept {
            let old = lastRemoved.flatMap { $0.partition == partition ? $0.row[column] : nil }
            hashes[index * width + column] = old ?? Self.unknown
        }
        lastRemoved = nil
    }

    /// A row that gets another key keeps there what its change leaves out.
    private var lastRemoved: (row: [UInt64], partition: Int32)?

    private func remove(_ place: UInt64) {
        guard let index = places.removeValue(forKey: place) else { return }
        let width = max(1, columns.count)
        lastRemoved = (Array(hashes[index * width..<(index + 1) * width]), homes[index])
        homes[index] = -1
    }

    private func truncate(_ partition: Int32) {
        // Also of a table that had no key for a while.
        (topicRows, topicSum) = (0, 0)
        places = places.filter { homes[$0.value] != partition }
        for index in homes.indices where homes[index] == partition { homes[index] = -1 }
    }

    private func applyKeyless(_ change: EnvelopeDigest) {
        guard share.index == 0 else { return }
        if change.operation == "d" || change.operation == "u" {
            topicRows -= 1
            topicSum &-= EnvelopeDigest.mix(sum(change.before))
        }
        if change.operation != "d" {
            topicRows += 1
            topicSum &+= EnvelopeDigest.mix(sum(change.after))
        }
    }

    /// A row of the source; what remains at the end is only in the topic.
    func compare(_ row: [UInt64], key: RawSpan) {
        guard hasKey else { return compareKeyless(row) }
        guard let place = place(key), row.count == columns.count else { return }
        sourceRows += 1
        sourceSum &+= EnvelopeDigest.mix(place ^ sum(row))
        guard let index = places.removeValue(forKey: place) else {
            return differ("\(String(decoding: key.copied(), as: UTF8.self)) is not in the topic")
        }
        var held = hashes[self.row(index)]
        for column in held.indices where held[column] == Self.unknown {
            held[column] = row[column - held.startIndex]
        }
        topicRows += 1
        topicSum &+= EnvelopeDigest.mix(place ^ sum(Array(held)))
        guard let column = row.indices.first(where: { held[held.startIndex + $0] != row[$0] })
        else { return }
        let name = columns.first { $0.value == column }?.key ?? ""
        differ("\(String(decoding: key.copied(), as: UTF8.self)) differs in \(name)")
    }

    func compareKeyless(_ row: [UInt64]) {
        guard share.index == 0 else { return }
        sourceRows += 1
        sourceSum &+= EnvelopeDigest.mix(sum(row))
    }

    private func row(_ index: Int) -> Range<Int> {
        let start = index * max(1, columns.count)
        return start..<start + columns.count
    }

    /// All rows of the source were compared.
    func finish() {
        for (place, index) in places {
            topicRows += 1
            topicSum &+= EnvelopeDigest.mix(place ^ sum(Array(hashes[row(index)])))
        }
    }

    private func differ(_ text: String) {
        differences += 1
        if examples.count < Self.examplesMax { examples.append(text) }
    }

    var hasLeftOver: Bool { !places.isEmpty }

    /// The topic is read once more, for the names of those that only it has.
    func nameLeftOver(_ key: RawSpan) {
        guard let place = place(key), places.removeValue(forKey: place) != nil else { return }
        differ("\(String(decoding: key.copied(), as: UTF8.self)) is only in the topic")
    }

    /// What another pass has found.
    func add(_ other: TableDigest) {
        topicRows += other.topicRows
        topicSum &+= other.topicSum
        sourceRows += other.sourceRows
        sourceSum &+= other.sourceSum
        differences += other.differences
        examples = Array((examples + other.examples).prefix(Self.examplesMax))
    }

    var isEqual: Bool {
        differences == 0 && topicRows == sourceRows && topicSum == sourceSum
    }
}
