/// Writes the values of one column as JSON; made once a batch, asked once a row.
///
/// Numbers have all their digits, NaN and infinities are strings, as are dates and times (ISO 8601,
/// `timestamptz` in UTC with `Z`), intervals and uuids; bytea is base64; json is put in as it is,
/// on one line. A column that knows the text that it was read from writes that.
@safe public final class JSONWriter {
    private enum Kind {
        case boolean, integer, double, real, numeric, date, time, timestamp, timestamptz
        case interval, text, label, bytes, uuid, json, array, record, original
    }

    private let column: Column
    private let kind: Kind
    private let mask: Int
    private let hasNulls: Bool
    /// Of the element that a buffer begins with; the column holds it.
    private let base: UnsafeRawPointer
    private static let nothing = Buffer<UInt64>(repeating: 0, count: 2)
    private var day = DayText()
    /// Of an array its elements, of a record its members.
    private let inner: [JSONWriter]
    /// Of a record: `{"a":`, `,"b":` ...
    private let keys: [[UInt8]]

    public init(_ column: Column, _ settings: TextSettings = TextSettings()) {
        self.column = column
        mask = column.indexMask
        hasNulls = column.validity != nil
        kind = column.original == nil ? JSONWriter.kind(column.type) : .original
        switch column.storage {
        case .boolean(let buffer): unsafe base = unsafe UnsafeRawPointer(buffer.base)
        case .integer(let buffer): unsafe base = unsafe UnsafeRawPointer(buffer.base)
        case .double(let buffer): unsafe base = unsafe UnsafeRawPointer(buffer.base)
        case .string(let buffer, _): unsafe base = unsafe UnsafeRawPointer(buffer.base)
        default: unsafe base = unsafe UnsafeRawPointer(JSONWriter.nothing.base)
        }
        var keys: [[UInt8]] = []
        switch column.storage {
        case .array(_, let elements): inner = [JSONWriter(elements)]
        case .record(let members):
            inner = members.map { JSONWriter($0) }
            if case .record(let fields) = column.type { keys = JSONKeys.make(fields.map(\.name)) }
        default:
            inner = column.original.map { [JSONWriter($0)] } ?? []
        }
        self.keys = keys
    }

    private static func kind(_ type: DataType) -> Kind {
        switch type {
        case .boolean: .boolean
        case .smallint, .integer, .bigint: .integer
        case .real: .real
        case .double: .double
        case .numeric: .numeric
        case .date: .date
        case .time: .time
        case .timestamp: .timestamp
        case .timestamptz: .timestamptz
        case .interval: .interval
        case .unknown, .text, .varchar, .char: .text
        case .bytea: .bytes
        case .uuid: .uuid
        case .json, .jsonb: .json
        case .enumeration: .label
        case .array: .array
        case .record: .record
        }
    }

    /// Appends the value of a row, `null` where there is none.
    @inline(__always)
    public func append(_ row: Int, to target: inout OutputBuffer) {
        if hasNulls, column.isNull(row) { return target.append("null") }
        let index = row & mask
        if kind == .integer {
            return target.append(decimal: integer(index))
        }
        if kind == .text { return append(text: view(index), to: &target) }
        appendOther(index, to: &target)
    }

    @inline(__always)
    private func integer(_ index: Int) -> Int64 {
        unsafe base.load(fromByteOffset: index &* 8, as: Int64.self)
    }

    @inline(__always)
    private func double(_ index: Int) -> Double {
        unsafe base.load(fromByteOffset: index &* 8, as: Double.self)
    }

    @inline(__always)
    private func view(_ index: Int) -> StringView {
        unsafe base.load(fromByteOffset: index &* 16, as: StringView.self)
    }

    @inline(never)
    private func appendOther(_ index: Int, to target: inout OutputBuffer) {
        switch kind {
        case .boolean:
            let isTrue = unsafe base.load(fromByteOffset: index, as: UInt8.self) != 0
            target.append(isTrue ? "true" : "false")
        case .double:
            let value = double(index)
            if value.isFinite { target.append(double: value) } else { special(value, &target) }
        case .real:
            let value = double(index)
            if value.isFinite { target.append(real: value) } else { special(value, &target) }
        case .numeric: append(numeric: index, to: &target)
        case .date, .time, .timestamp, .timestamptz: append(moment: index, to: &target)
        case .interval:
            guard case .interval(let buffer) = column.storage else { return }
            target.append(UInt8(ascii: "\""))
            target.append(interval: buffer[index])
            target.append(UInt8(ascii: "\""))
        case .label:
            guard case .enumeration(let type) = column.type else { return }
            target.append(jsonString: type.label(integer(index)))
        case .bytes, .uuid, .json: append(bytes: view(index), to: &target)
        case .array: append(array: index, to: &target)
        case .record: append(record: index, to: &target)
        case .original:
            if inner[0].column.isNull(index) {
                append(moment: index, to: &target)
            } else {
                inner[0].append(index, to: &target)
            }
        case .integer, .text: break
        }
    }

    private func special(_ value: Double, _ target: inout OutputBuffer) {
        target.append(UInt8(ascii: "\""))
        target.append(double: value)
        target.append(UInt8(ascii: "\""))
    }

    private func append(numeric index: Int, to target: inout OutputBuffer) {
        guard case .numeric(let values) = column.storage else { return }
        switch values[index] {
        case .finite, .big: target.append(numeric: values[index])
        case .nan: target.append("\"NaN\"")
        case .infinity: target.append("\"Infinity\"")
        case .negativeInfinity: target.append("\"-Infinity\"")
        }
    }

    private func append(moment index: Int, to target: inout OutputBuffer) {
        let value = integer(index)
        target.append(UInt8(ascii: "\""))
        switch column.type {
        case .date: target.append(date: value, &day)
        case .time: target.append(timeOfDay: value)
        default:
            let zone: StaticString = column.type == .timestamptz ? "Z" : ""
            target.append(timestamp: value, separator: UInt8(ascii: "T"), zone: zone, &day)
        }
        target.append(UInt8(ascii: "\""))
    }

    private func append(text view: StringView, to target: inout OutputBuffer) {
        unsafe view.withBytes { raw in
            if unsafe !target.append(jsonString: RawSpan(_unsafeBytes: raw)) {
                unsafe target.append(jsonString: String(decoding: raw, as: UTF8.self))
            }
        }
    }

    private func append(bytes view: StringView, to target: inout OutputBuffer) {
        unsafe view.withBytes { raw in
            let span = unsafe RawSpan(_unsafeBytes: raw)
            if kind == .json {
                let hasLines =
                    ByteScan.firstIndex(of: 0x0a, in: span, from: 0) != nil
                    || ByteScan.firstIndex(of: 0x0d, in: span, from: 0) != nil
                if hasLines, target.append(compactJSON: span) { return }
                return unsafe target.append(raw)
            }
            target.append(UInt8(ascii: "\""))
            if kind == .uuid {
                unsafe target.append(uuid: raw)
            } else {
                Base64.encode(span, into: &target)
            }
            target.append(UInt8(ascii: "\""))
        }
    }

    private func append(array index: Int, to target: inout OutputBuffer) {
        guard case .array(let offsets, _) = column.storage else { return }
        target.append(UInt8(ascii: "["))
        let range = Int(offsets[index])..<Int(offsets[index + 1])
        for element in range {
            if element > range.lowerBound { target.append(UInt8(ascii: ",")) }
            inner[0].append(element, to: &target)
        }
        target.append(UInt8(ascii: "]"))
    }

    private func append(record index: Int, to target: inout OutputBuffer) {
        guard !inner.isEmpty else { return target.append("{}") }
        for (key, member) in zip(keys, inner) {
            target.append(key)
            member.append(index, to: &target)
        }
        target.append(UInt8(ascii: "}"))
    }
}

/// The names of columns as they begin each member of an object: `{"a":`, `,"b":`.
enum JSONKeys {
    /// A name that was there before gets `_1`, `_2` ... behind it.
    static func make(_ names: [String]) -> [[UInt8]] {
        var seen: Set<String> = []
        return names.enumerated().map { index, name in
            var unique = name
            var number = 0
            while !seen.insert(unique).inserted {
                number += 1
                unique = "\(name)_\(number)"
            }
            var buffer = OutputBuffer(capacity: 64)
            buffer.append(index == 0 ? UInt8(ascii: "{") : UInt8(ascii: ","))
            buffer.append(jsonString: unique)
            buffer.append(UInt8(ascii: ":"))
            return unsafe buffer.bytes.withUnsafeBytes { unsafe Array($0) }
        }
    }
}
