import Bytes
import Formats

/// The message that a row of an outbox table is: what Debezium's EventRouter makes of it.
public struct OutboxMessage: Sendable, Equatable {
    public var topic: String
    public var key: [UInt8]?
    public var value: [UInt8]?
    public var headers: [(name: String, value: [UInt8]?)]
    /// Milliseconds since 1970.
    public var timestamp: Int64

    public static func == (one: Self, other: Self) -> Bool {
        one.topic == other.topic && one.key == other.key && one.value == other.value
            && one.timestamp == other.timestamp
            && one.headers.map(\.name) == other.headers.map(\.name)
            && one.headers.map(\.value) == other.headers.map(\.value)
    }
}

/// Makes messages of the rows that are inserted into an outbox table. Key and payload are the
/// columns' text as it is, so that a consumer needs no envelope. Owned by a sink, on its thread.
public final class OutboxRouter {
    private let settings: EnvelopeSettings
    private let outbox: OutboxSettings
    private let notices: @Sendable (String) -> Void
    private var plans = TablePlans()
    private var plain = PlainValue()
    private var places: (plan: TablePlan, columns: [String: Int])?
    private var hasWarned = false
    private var hasNoRoute = false

    /// nil when the settings name no outbox.
    public init?(_ settings: EnvelopeSettings, notices: @escaping @Sendable (String) -> Void) {
        guard !settings.outbox.table.isEmpty else { return nil }
        self.settings = settings
        outbox = settings.outbox
        self.notices = notices
    }

    public func covers(_ change: Change) -> Bool {
        guard let table = change.table else { return false }
        if let places, places.plan.table === table { return true }
        return outbox.covers(table)
    }

    /// The message of a change of the outbox; nil for one that has none: a row may be deleted as
    /// soon as it was inserted, that is what an outbox is for.
    public func message(_ change: Change, of bytes: RawSpan) throws(CaptureError) -> OutboxMessage?
    {
        guard let table = change.table else { return nil }
        switch change.kind {
        case .read, .insert: break
        case .update:
            try refuseUpdate(table)
            return nil
        case .delete, .truncate, .message: return nil
        }
        guard let row = change.after else { return nil }
        let (plan, columns) = try prepare(table)
        func text(_ name: String) throws(CaptureError) -> [UInt8]? {
            guard let index = columns[name] else { throw Self.missing(name, table) }
            return value(index, row, of: bytes, plan)
        }
        let route = String(decoding: try text(outbox.route) ?? [], as: UTF8.self)
        if route.isEmpty, !hasNoRoute {
            hasNoRoute = true
            notices(
                "a row of the outbox \(table.schema).\(table.name) has no \(outbox.route): it "
                    + "goes to topic \"\(topic(route))\"")
        }
        var headers: [(name: String, value: [UInt8]?)] = [("id", try text(outbox.id))]
        for placement in outbox.placements where placement.isHeader {
            headers.append((placement.name, try text(placement.column)))
        }
        var time = change.transaction.time.floorDivided(by: 1_000).quotient
        if let column = outbox.timestamp, let given = try text(column),
            let number = Int64(String(decoding: given, as: UTF8.self))
        {
            time = number
        }
        return OutboxMessage(
            topic: topic(route), key: try text(outbox.key),
            value: try payload(text(outbox.payload), plan, columns, row, bytes), headers: headers,
            timestamp: time)
    }

    private func prepare(_ table: CapturedTable) throws(CaptureError) -> (
        TablePlan, [String: Int]
    ) {
        if let places, places.plan.table === table { return (places.plan, places.columns) }
        let plan = plans.plan(table) { TablePlan($0, settings, isReadable: true, fragment: []) }
        let columns = Dictionary(
            table.columns.enumerated().map { ($1.name, $0) },
            uniquingKeysWith: { first, _ in first })
        places = (plan, columns)
        return (plan, columns)
    }

    private static func missing(_ column: String, _ table: CapturedTable) -> CaptureError {
        .setting(
            CaptureReport(
                "the outbox \(table.schema).\(table.name) has no column \"\(column)\"",
                hint: "-X route.by.field, table.field.event.id, .key and .payload name others"))
    }

    private func refuseUpdate(_ table: CapturedTable) throws(CaptureError) {
        let text = "a row of the outbox \(table.schema).\(table.name) was updated"
        switch outbox.onUpdate {
        case .fatal:
            throw .setting(
                CaptureReport(
                    text,
                    hint: "rows of an outbox are inserted and deleted only "
                        + "(table.op.invalid.behavior=warn passes it over)"))
        case .warn, .error:
            if !hasWarned { notices("\(text); updates of it are passed over") }
            hasWarned = true
        }
    }

    /// The column's text behind its mask; bytea as the bytes that it is.
    private func value(
        _ index: Int, _ row: Range<Int>, of bytes: RawSpan, _ plan: TablePlan
    ) -> [UInt8]? {
        let form = plan.columns[index].form
        guard form.kind != .dropped,
            case .text(let start, let end) = TupleCursor.field(index, of: row, in: bytes)
        else { return nil }
        let text = plain.text(bytes.extracting(start..<end), form, plan)
        guard plan.table.columns[index].type.oid == 17, text.starts(with: Array("\\x".utf8)) else {
            return text
        }
        return Self.bytes(ofHex: text.dropFirst(2))
    }

    private static func bytes(ofHex text: ArraySlice<UInt8>) -> [UInt8] {
        func digit(_ byte: UInt8) -> UInt8 { byte < 58 ? byte &- 48 : (byte | 32) &- 87 }
        return stride(from: text.startIndex, to: text.endIndex - 1, by: 2).map {
            digit(text[$0]) << 4 | digit(text[$0 + 1])
        }
    }

    private func topic(_ route: String) -> String {
        let mark = Array("${routedByValue}".utf8)
        var rest = Array(outbox.topic.utf8)[...]
        var name: [UInt8] = []
        while let byte = rest.first {
            if rest.starts(with: mark) {
                name += Array(route.utf8)
                rest = rest.dropFirst(mark.count)
            } else {
                name.append(byte)
                rest = rest.dropFirst()
            }
        }
        return String(decoding: name, as: UTF8.self)
    }

    private func payload(
        _ text: [UInt8]?, _ plan: TablePlan, _ columns: [String: Int], _ row: Range<Int>,
        _ bytes: RawSpan
    ) throws(CaptureError) -> [UInt8]? {
        if outbox.writesTombstones, text?.isEmpty ?? true { return nil }
        let around = outbox.placements.filter { !$0.isHeader }
        guard !around.isEmpty else { return text }
        var buffer = OutputBuffer(capacity: 512)
        buffer.append("{\"payload\":")
        append(text, asJSON: outbox.expandsPayload, to: &buffer)
        for placement in around {
            guard let index = columns[placement.column] else {
                throw Self.missing(placement.column, plan.table)
            }
            buffer.append(UInt8(ascii: ","))
            buffer.append(jsonString: placement.name)
            buffer.append(UInt8(ascii: ":"))
            append(value(index, row, of: bytes, plan), asJSON: false, to: &buffer)
        }
        buffer.append(UInt8(ascii: "}"))
        return buffer.bytes.copied()
    }

    private func append(_ text: [UInt8]?, asJSON: Bool, to buffer: inout OutputBuffer) {
        guard let text else { return buffer.append("null") }
        if asJSON {
            let mark = buffer.count
            if buffer.append(compactJSON: text.rawSpan) { return }
            buffer.truncate(to: mark)
        }
        buffer.append(anyString: text.rawSpan)
    }
}

extension OutputBuffer {
    /// Appends a message as `rtd produce -J` reads it, with the topic that it is for.
    public mutating func append(_ message: OutboxMessage) {
        append("{\"topic\":")
        append(jsonString: message.topic)
        append(",\"timestamp\":")
        append(decimal: message.timestamp)
        append(",\"key")
        append(field: message.key)
        append(",\"value")
        append(field: message.value)
        append(",\"headers\":")
        var separator = UInt8(ascii: "[")
        for header in message.headers {
            append(separator)
            separator = UInt8(ascii: ",")
            append(UInt8(ascii: "["))
            append(jsonString: header.name)
            append(UInt8(ascii: ","))
            if let value = header.value {
                if !append(jsonString: value.rawSpan) {
                    append("{\"b64\":\"")
                    Base64.encode(value.rawSpan, into: &self)
                    append("\"}")
                }
            } else {
                append("null")
            }
            append(UInt8(ascii: "]"))
        }
        append(separator == UInt8(ascii: "[") ? "[]}" : "]}")
    }

    /// The end of a member's name and its value.
    private mutating func append(field: [UInt8]?) {
        guard let field else { return append("\":null") }
        let mark = count
        append("\":")
        if append(jsonString: field.rawSpan) { return }
        truncate(to: mark)
        append("_b64\":\"")
        Base64.encode(field.rawSpan, into: &self)
        append("\"")
    }
}
