/// Writes the values of one column as PostgreSQL's text; made once a batch, asked once a row.
///
/// It keeps the column alive and remembers the last day and the stretch of the zone, so that times
/// in sequence cost little. `append` writes nothing for null: the caller knows how null looks.
public final class TextWriter {
    let column: Column
    private let settings: TextSettings
    private let mask: Int
    private var day = DayText()
    private var zone: TimeZoneCursor
    /// Of an array its elements, of a record its members.
    private let inner: [TextWriter]

    public init(_ column: Column, _ settings: TextSettings) {
        self.column = column
        self.settings = settings
        mask = column.indexMask
        zone = TimeZoneCursor(settings.timeZone)
        switch column.storage {
        case .array(_, let elements): inner = [TextWriter(elements, settings)]
        case .record(let members): inner = members.map { TextWriter($0, settings) }
        default: inner = []
        }
    }

    public func append(_ row: Int, to target: inout OutputBuffer) {
        if column.isNull(row) { return }
        let index = row & mask
        switch column.storage {
        case .boolean(let buffer): target.append(buffer[index] != 0 ? "t" : "f")
        case .integer(let buffer): append(integer: buffer[index], to: &target)
        case .double(let buffer):
            if column.type == .real {
                target.append(real: buffer[index])
            } else {
                target.append(double: buffer[index])
            }
        case .numeric(let values): target.append(numeric: values[index])
        case .interval(let buffer): target.append(interval: buffer[index])
        case .string(let buffer, _): append(string: buffer[index], to: &target)
        case .array(let offsets, _):
            append(array: Int(offsets[index])..<Int(offsets[index + 1]), to: &target)
        case .record: append(record: index, to: &target)
        }
    }

    private func append(integer value: Int64, to target: inout OutputBuffer) {
        switch column.type {
        case .date: target.append(date: value, &day)
        case .time: target.append(timeOfDay: value)
        case .timestamp: target.append(timestamp: value, &day)
        case .timestamptz: target.append(timestamptz: value, &zone, &day)
        case .enumeration(let type): target.append(Array(type.label(value).utf8))
        default: target.append(decimal: value)
        }
    }

    private func append(string view: StringView, to target: inout OutputBuffer) {
        unsafe view.withBytes { raw in
            switch column.type {
            case .bytea:
                target.append("\\x")
                unsafe target.append(hex: RawSpan(_unsafeBytes: raw))
            case .uuid: unsafe target.append(uuid: raw)
            default: unsafe target.append(raw)
            }
        }
    }

    private func append(array range: Range<Int>, to target: inout OutputBuffer) {
        target.append("{")
        for element in range {
            if element > range.lowerBound { target.append(",") }
            if inner[0].column.isNull(element) {
                target.append("NULL")
            } else {
                let start = target.count
                inner[0].append(element, to: &target)
                if case .array = inner[0].column.type { continue }
                target.quoteArrayItem(from: start)
            }
        }
        target.append("}")
    }

    private func append(record index: Int, to target: inout OutputBuffer) {
        target.append("(")
        for (member, writer) in inner.enumerated() {
            if member > 0 { target.append(",") }
            if writer.column.isNull(index) { continue }
            let start = target.count
            writer.append(index, to: &target)
            target.quoteRecordItem(from: start)
        }
        target.append(")")
    }
}

extension OutputBuffer {
    /// Appends 16 bytes as `8-4-4-4-12` hexadecimal digits.
    public mutating func append(uuid bytes: UnsafeRawBufferPointer) {
        precondition(bytes.count == 16, "a uuid has 16 bytes")
        reserve(36)
        for index in 0..<16 {
            if index == 4 || index == 6 || index == 8 || index == 10 { put(UInt8(ascii: "-")) }
            unsafe put(hexDigit(bytes[index] >> 4))
            unsafe put(hexDigit(bytes[index] & 15))
        }
    }
}
