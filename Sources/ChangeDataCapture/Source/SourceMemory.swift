import Bytes
import Formats

/// What a capture knows of the tables that it publishes: their names and partitions, and the
/// conditions that select their rows. It is kept as the comment of a publication of its own, in the
/// transactions that deal with what is new, so that each change of it is dealt with once whatever
/// is killed.
struct SourceMemory: Equatable {
    /// `schema.table` by the OIDs of tables.
    var names: [String: String] = [:]
    /// The columns by which the output tells rows apart, by the OIDs of tables.
    var keys: [String: String] = [:]
    /// What their columns were when the rows that the output has were given, as
    /// `TableColumns.text`.
    var columns: [String: String] = [:]
    /// What ties a partition to its root, by its OID: another text when it was detached and
    /// attached again.
    var partitions: [String: String] = [:]
    /// `--where`, by the names of tables when the slot was made.
    var filters: [String: String] = [:]

    /// Requests for rows that are not read yet, where the output does not remember them.
    var pending: [String: String] = [:]

    private static let beginning = "rtd: "

    init() {}

    /// nil: a comment that is none, or of an older version.
    init?(comment: String?) {
        guard let comment, comment.hasPrefix(Self.beginning) else { return nil }
        let members = JSONMembers.read(Array(comment.utf8.dropFirst(Self.beginning.utf8.count)))
        guard let tables = members["tables"] else { return nil }
        names = JSONMembers.read(Array(tables.utf8))
        partitions = JSONMembers.read(Array((members["partitions"] ?? "").utf8))
        pending = JSONMembers.read(Array((members["pending"] ?? "").utf8))
        keys = JSONMembers.read(Array((members["keys"] ?? "").utf8))
        columns = JSONMembers.read(Array((members["columns"] ?? "").utf8))
        filters = JSONMembers.read(Array((members["where"] ?? "").utf8))
    }

    /// A table that is not captured any more: when it comes back it is new.
    mutating func forget(_ oid: String) {
        names[oid] = nil
        keys[oid] = nil
        columns[oid] = nil
    }

    var comment: String {
        var buffer = OutputBuffer(capacity: 1 << 10)
        buffer.append(utf8: Self.beginning)
        buffer.append(UInt8(ascii: "{"))
        let parts = [
            ("tables", names), ("keys", keys), ("columns", columns), ("partitions", partitions),
            ("where", filters), ("pending", pending),
        ]
        for (index, (name, members)) in parts.enumerated() {
            buffer.append(utf8: index == 0 ? "\"\(name)\":{" : ",\"\(name)\":{")
            for (place, (key, value)) in members.sorted(by: { $0.key < $1.key }).enumerated() {
                if place > 0 { buffer.append(UInt8(ascii: ",")) }
                buffer.append(jsonString: key)
                buffer.append(UInt8(ascii: ":"))
                buffer.append(jsonString: value)
            }
            buffer.append(UInt8(ascii: "}"))
        }
        buffer.append(UInt8(ascii: "}"))
        return String(decoding: buffer.bytes.copied(), as: UTF8.self)
    }
}
