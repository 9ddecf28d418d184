import Bytes
import Formats
import Foundation

@testable import ChangeDataCapture

/// A value of a test's tuple.
enum Cell: ExpressibleByStringLiteral, ExpressibleByNilLiteral {
    case text(String)
    case null
    case unchanged

    init(stringLiteral value: String) { self = .text(value) }
    init(nilLiteral: ()) { self = .null }
}

/// Bytes of tuples as pgoutput has them, for one change.
struct TupleBytes {
    var bytes: [UInt8] = []

    mutating func add(_ cells: [Cell]) -> Range<Int> {
        let start = bytes.count
        bytes += [UInt8(cells.count >> 8), UInt8(cells.count & 255)]
        for cell in cells {
            switch cell {
            case .null: bytes.append(UInt8(ascii: "n"))
            case .unchanged: bytes.append(UInt8(ascii: "u"))
            case .text(let text):
                bytes.append(UInt8(ascii: "t"))
                let count = UInt32(text.utf8.count)
                for shift in [24, 16, 8, 0] as [UInt32] {
                    bytes.append(UInt8(truncatingIfNeeded: count >> shift))
                }
                bytes += Array(text.utf8)
            }
        }
        return start..<bytes.count
    }
}

enum EnvelopeFixture {
    static let int4 = ColumnType(oid: 23, name: "int4")
    static let text = ColumnType(oid: 25, name: "text")
    static let numeric = ColumnType(oid: 1700, name: "numeric")

    static let orders = CapturedTable(
        oid: 16_400, schema: "public", name: "orders",
        columns: [
            CapturedColumn(name: "id", type: int4, isIdentity: true, isNullable: false),
            CapturedColumn(name: "total", type: numeric, modifier: 10 << 16 | 2 + 4),
            CapturedColumn(name: "note", type: text),
        ], key: [0])

    static let transaction = SourceTransaction(
        xid: 741, commit: LogSequenceNumber(0x16_B374_D848), end: LogSequenceNumber(0x16_B374_D878),
        time: 1_704_164_645_123_456)

    static func change(
        _ kind: Change.Kind, _ table: CapturedTable = orders, before: [Cell]? = nil,
        beforeIsKey: Bool = false, after: [Cell]? = nil, order: Int = 1
    ) -> (Change, [UInt8]) {
        var tuples = TupleBytes()
        let old = before.map { tuples.add($0) }
        let new = after.map { tuples.add($0) }
        let change = Change(
            kind: kind, table: table, before: old, beforeIsKey: beforeIsKey, after: new,
            position: LogSequenceNumber(0x16_B374_D000), transaction: transaction, order: order,
            tableOrder: order)
        return (change, tuples.bytes)
    }

    static var settings: EnvelopeSettings {
        var settings = EnvelopeSettings()
        settings.version = "1.2.3"
        settings.database = "shop"
        settings.topicPrefix = "store"
        return settings
    }

    static func value(
        _ format: EnvelopeFormat, _ made: (Change, [UInt8]),
        _ settings: EnvelopeSettings = settings
    ) -> String? {
        var encoder = format.encoder(settings)
        encoder.now = 1_704_164_646_000_001
        return value(&encoder, made.0, made.1)
    }

    static func value(
        _ encoder: inout any ChangeEncoder, _ change: Change, _ bytes: [UInt8]
    ) -> String? {
        var output = OutputBuffer()
        guard encoder.value(change, of: bytes.rawSpan, into: &output) else { return nil }
        return String(decoding: output.bytes.copied(), as: UTF8.self)
    }

    static func key(
        _ format: EnvelopeFormat, _ made: (Change, [UInt8]),
        _ settings: EnvelopeSettings = settings
    ) -> String? {
        var encoder = format.encoder(settings)
        var output = OutputBuffer()
        guard encoder.key(made.0, of: made.1.rawSpan, into: &output) else { return nil }
        return String(decoding: output.bytes.copied(), as: UTF8.self)
    }

    /// The JSON of one value of a type.
    static func value(
        _ format: EnvelopeFormat, _ text: String, _ type: ColumnType, _ modifier: Int32,
        _ settings: EnvelopeSettings = settings
    ) -> String {
        let table = CapturedTable(
            oid: 1, schema: "s", name: "t",
            columns: [CapturedColumn(name: "v", type: type, modifier: modifier)])
        let line = value(format, change(.insert, table, after: [.text(text)]), settings) ?? ""
        let (before, after) =
            format == .debezium
            ? ("\"after\":{\"v\":", "},\"source\"")
            : ("\"columns\":{\"v\":", "},\"metadata\"")
        guard let start = line.range(of: before), let end = line.range(of: after) else {
            return line
        }
        return String(line[start.upperBound..<end.lowerBound])
    }
}
