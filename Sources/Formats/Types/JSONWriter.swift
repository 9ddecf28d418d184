/// Writes the values of one column as JSON; made once a batch, asked once a row. Null is `null`.
///
/// Numbers keep all their digits; what JSON has no number for (NaN, infinities) is a string. Dates
/// and times are ISO 8601 strings, as they were read where they were passed through; bytea is
/// base64; json and jsonb are what they are.
public final class JSONWriter {
    private let column: Column
    private let mask: Int
    private var day = DayText()
    /// Writes what a string holds.
    private let text: TextWriter
    private let original: JSONWriter?
    private let inner: [JSONWriter]
    /// Of a record: `"name":` of each member.
    private let names: [[UInt8]]

    public init(_ column: Column, _ settings: TextSettings = TextSettings()) {
        self.column = column
        mask = column.indexMask
        text = TextWriter(column, settings)
        original = column.original.map { JSONWriter($0, settings) }
        switch column.storage {
        case .array(_, let elements): inner = [JSONWriter(elements, settings)]
        case .record(let members): inner = members.map { JSONWriter($0, settings) }
        default: inner = []
        }
        if case .record(let fields) = column.type {
            names = fields.map { JSONWriter.lead($0.name) }
        } else {
            names = []
        }
    }

    /// `"name":`
    private static func lead(_ name: String) -> [UInt8] {
        var buffer = OutputBuffer(capacity: 64)
        buffer.append(jsonString: name)
        buffer.append(UInt8(ascii: ":"))
        return (0..<buffer.count).map { buffer.bytes.byte(at: $0) }
    }

    public func append(_ row: Int, to target: inout OutputBuffer) {
        if column.isNull(row) { return target.append("null") }
        if let original { return original.append(row, to: &target) }
        let index = row & mask
        switch column.storage {
        case .boolean(let buffer): target.append(buffer[index] != 0 ? "true" : "false")
        case .integer(let buffer): append(integer: buffer[index], row, to: &target)
        case .double(let buffer):
            if buffer[index].isFinite { return text.append(row, to: &target) }
            quoted(row, to: &target)
        case .numeric(let values):
            switch values[index] {
            case .finite, .big: target.append(numeric: values[index])
            case .nan, .infinity, .negativeInfinity: quoted(row, to: &target)
            }
        case .interval: quoted(row, to: &target)
        case .string(let buffer, _): append(string: buffer[index], row, to: &target)
        case .array(let offsets, _):
            target.append("[")
            for element in Int(offsets[index])..<Int(offsets[index + 1]) {
                if element > Int(offsets[index]) { target.append(",") }
                inner[0].append(element, to: &target)
            }
            target.append("]")
        case .record:
            target.append("{")
            for (member, writer) in inner.enumerated() {
                if member > 0 { target.append(",") }
                target.append(names[member])
                writer.append(index, to: &target)
            }
            target.append("}")
        }
    }

    private func append(integer value: Int64, _ row: Int, to target: inout OutputBuffer) {
        switch column.type {
        case .timestamp, .timestamptz:
            target.append("\"")
            // An instant is written in UTC, whatever the session's zone.
            target.append(timestamp: value, separator: UInt8(ascii: "T"), &day)
            if column.type == .timestamptz, value != .max, value != .min { target.append("Z") }
            target.append("\"")
        case .date, .time: quoted(row, to: &target)
        default: target.append(decimal: value)
        }
    }

    private func append(string view: StringView, _ row: Int, to target: inout OutputBuffer) {
        switch column.type {
        case .json, .jsonb:
            unsafe view.withBytes { unsafe target.append($0) }
        case .uuid: quoted(row, to: &target)
        case .bytea:
            target.append("\"")
            unsafe view.withBytes { unsafe Base64.encode(RawSpan(_unsafeBytes: $0), into: &target) }
            target.append("\"")
        default:
            unsafe view.withBytes {
                _ = unsafe target.append(jsonString: RawSpan(_unsafeBytes: $0))
            }
        }
    }

    private func quoted(_ row: Int, to target: inout OutputBuffer) {
        target.append("\"")
        text.append(row, to: &target)
        target.append("\"")
    }
}
