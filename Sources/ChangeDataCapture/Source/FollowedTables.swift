import Bytes
import Formats

/// What an output has followed of a publication that its user has made: it is kept with the
/// output's position, for there is no other place that is ours.
public struct FollowedTables: Sendable, Equatable {
    /// `schema.table` by OID.
    public var captured: [String: String] = [:]
    /// Those that there are beside them, which are not selected or not published any more: when
    /// they come back, there is a gap.
    public var left: [String: String] = [:]

    /// What the columns of those that are captured were when the rows that the output has were
    /// given, as `ColumnsDigest.text`.
    public var columns: [String: String] = [:]

    public init() {}

    /// Reads the members "tables", "left" and "columns"; nil without the first.
    public init?(_ members: [String: String]) {
        guard let tables = members["tables"] else { return nil }
        captured = JSONMembers.read(Array(tables.utf8))
        left = JSONMembers.read(Array((members["left"] ?? "").utf8))
        columns = JSONMembers.read(Array((members["columns"] ?? "").utf8))
    }

    /// `,"tables":{"16385":"public.t"},"left":{},"columns":{"16385":"2;1f;2g;3h;"}`.
    public var json: [UInt8] {
        var buffer = OutputBuffer(capacity: 256)
        for (name, tables) in [("tables", captured), ("left", left), ("columns", columns)] {
            buffer.append(utf8: ",\"\(name)\":{")
            for (place, (oid, table)) in tables.sorted(by: { $0.key < $1.key }).enumerated() {
                buffer.append(utf8: "\(place == 0 ? "" : ",")\"\(oid)\":")
                buffer.append(jsonString: table)
            }
            buffer.append(UInt8(ascii: "}"))
        }
        return buffer.bytes.copied()
    }
}
