import Bytes
import ChangeDataCapture

/// Writes down what it is given, a line a call.
final class RecordingSink: ChangeSink {
    private(set) var lines: [String] = []
    var durable = LogSequenceNumber(0)
    /// Fails at the change of this number.
    var failsAt: Int?
    private var changes = 0
    /// Has rows of an earlier capture; has partitions.
    var holds = false
    var tellsKeysApart = false

    struct Failure: Error {}

    func take() -> [String] {
        defer { lines = [] }
        return lines
    }

    func snapshotBegan(_ tables: [CapturedTable], at position: LogSequenceNumber) {
        lines.append("snapshot \(tables.map(\.name).joined(separator: ",")) \(position)")
    }
    func snapshotEnded(at position: LogSequenceNumber) { lines.append("snapshot end \(position)") }
    func schema(_ table: CapturedTable, at position: LogSequenceNumber) {
        let columns = table.columns.map(\.name).joined(separator: ",")
        lines.append("schema \(table.name)(\(columns)) v\(table.version)")
    }
    func begin(_ transaction: SourceTransaction) { lines.append("begin \(transaction.xid)") }
    func change(_ change: Change, of bytes: RawSpan) throws {
        changes += 1
        if changes == failsAt { throw Failure() }
        if let message = change.message {
            let content = String(
                decoding: bytes.extracting(message.content).copied(), as: UTF8.self)
            lines.append("message \(content)")
            return
        }
        var after = ""
        if let range = change.after { after = Self.text(bytes.extracting(range)) }
        let table = change.table?.name ?? ""
        lines.append(
            "\(change.kind) \(table) \(after) \(change.order)/\(change.tableOrder)"
                + (change.snapshot == .none ? "" : " \(change.snapshot)"))
    }
    func commit(_ transaction: SourceTransaction, changes: Int) {
        lines.append("commit \(transaction.xid) \(changes) \(transaction.end)")
    }
    func mayHold(_ table: CapturedTable) -> Bool { holds }
    func tellsKeysApart(_ table: CapturedTable) -> Bool { tellsKeysApart }
    func pause(at position: LogSequenceNumber?) {}
    func notice(_ message: String) { lines.append("notice \(message)") }

    static func text(_ tuple: RawSpan) -> String {
        var reader = ByteReader(tuple)
        let count = Int(reader.uint16())
        return (0..<count).map { _ in
            switch reader.uint8() {
            case UInt8(ascii: "n"): "null"
            case UInt8(ascii: "u"): "unchanged"
            default: reader.string(Int(reader.uint32()))
            }
        }.joined(separator: "|")
    }
}
