import Bytes

/// Reads a JSON value into a column of any type; for what the rows' loop only keeps as text.
enum JSONValueReader {
    /// Appends the value that `text` is all of (valid JSON). False if it does not fit the type;
    /// then nothing was appended. `isCoerced`: strings may hold what stands elsewhere without
    /// quotes.
    static func append(_ text: RawSpan, to builder: ColumnBuilder, isCoerced: Bool) -> Bool {
        guard let value = value(text, builder.type, isCoerced) else { return false }
        builder.append(value)
        return true
    }

    private static func value(_ text: RawSpan, _ type: DataType, _ isCoerced: Bool) -> Value? {
        var cursor = JSONCursor(text)
        guard let kind = try? cursor.kind() else { return nil }
        if kind == .null { return .null }
        switch type {
        case .json, .jsonb: return .text(text.text(0..<text.byteCount))
        case .boolean:
            if kind == .boolean { return (try? cursor.boolean()).map { .boolean($0) } }
        case .array(let element):
            if kind == .array { return array(&cursor, element, isCoerced) }
        case .record(let fields):
            if kind == .object { return record(&cursor, fields, isCoerced) }
        case .text, .varchar, .char, .unknown:
            if kind == .string { return content(&cursor).map { .text($0) } }
            return isCoerced ? .text(text.text(0..<text.byteCount)) : nil
        case .smallint, .integer, .bigint, .real, .double, .numeric:
            if kind == .number { return number(text, type) }
            if kind == .string && isCoerced, let inner = content(&cursor) {
                let bytes = Array(inner.utf8)
                return isNumber(bytes) ? number(bytes.rawSpan, type) : nil
            }
        default:
            if kind == .string { return content(&cursor).flatMap { special($0, type) } }
        }
        return nil
    }

    private static func isNumber(_ bytes: [UInt8]) -> Bool {
        var cursor = JSONCursor(bytes.rawSpan)
        guard let range = try? cursor.number() else { return false }
        return range == 0..<bytes.count
    }

    private static func content(_ cursor: inout JSONCursor) -> String? {
        guard let string = try? cursor.string() else { return nil }
        return string.text(in: cursor.bytes)
    }

    private static func number(_ text: RawSpan, _ type: DataType) -> Value? {
        switch type {
        case .numeric: return NumericText.parse(text).map { .numeric($0) }
        case .double, .real:
            let value = unsafe text.withUnsafeBytes { bytes in
                unsafe JSONScan.exactDouble(bytes.bindMemory(to: UInt8.self))
            }
            guard let value, value.isFinite else { return nil }
            return .double(type == .real ? Double(Float(value)) : value)
        default:
            guard let value = text.integer(0..<text.byteCount) else { return nil }
            if type == .integer && Int32(exactly: value) == nil { return nil }
            if type == .smallint && Int16(exactly: value) == nil { return nil }
            return .integer(value)
        }
    }

    private static func special(_ text: String, _ type: DataType) -> Value? {
        let bytes = Array(text.utf8)
        switch type {
        case .date, .timestamp, .timestamptz:
            return unsafe bytes.withUnsafeBytes { bytes in
                unsafe TextTime.parse(bytes).flatMap { TextTime.value($0, type) }
            }.map { .integer($0) }
        case .bytea:
            var output = OutputBuffer(capacity: bytes.count)
            do {
                try Base64.decode(bytes.rawSpan, into: &output)
            } catch {
                return nil
            }
            return unsafe .bytes(output.bytes.withUnsafeBytes { unsafe Array($0) })
        default: return try? TypeText.parse(text, as: type)
        }
    }

    private static func array(
        _ cursor: inout JSONCursor, _ element: DataType, _ isCoerced: Bool
    ) -> Value? {
        var values: [Value] = []
        do throws(FormatError) {
            try cursor.enterArray()
            while try cursor.nextElement() {
                let range = try cursor.skip()
                let text = cursor.bytes.extracting(range)
                guard let value = value(text, element, isCoerced) else { return nil }
                values.append(value)
            }
        } catch {
            return nil
        }
        return .array(values)
    }

    private static func record(
        _ cursor: inout JSONCursor, _ fields: [Field], _ isCoerced: Bool
    ) -> Value? {
        var values = [Value](repeating: .null, count: fields.count)
        do throws(FormatError) {
            try cursor.enterObject()
            while let name = try cursor.nextMember() {
                let range = try cursor.skip()
                let word = name.text(in: cursor.bytes)
                guard let position = fields.firstIndex(where: { $0.name == word }) else {
                    if isCoerced { continue }
                    return nil
                }
                let text = cursor.bytes.extracting(range)
                guard let value = value(text, fields[position].type, isCoerced) else { return nil }
                values[position] = value
            }
        } catch {
            return nil
        }
        return .record(values)
    }
}

/// JSON's numbers as exact decimals.
enum NumericText {
    /// The number that `text` is all of; its syntax is JSON's. nil past PostgreSQL's bounds.
    static func parse(_ text: RawSpan) -> Numeric? {
        var digits: [UInt8] = []
        var scale = 0
        var exponent = 0
        var index = 0
        let isNegative = text.byteCount > 0 && text.byte(at: 0) == UInt8(ascii: "-")
        if isNegative { index = 1 }
        var inFraction = false
        while index < text.byteCount {
            let byte = text.byte(at: index)
            if byte == UInt8(ascii: ".") {
                inFraction = true
            } else if byte | 0x20 == UInt8(ascii: "e") {
                guard let power = self.exponent(text, from: index + 1) else { return nil }
                exponent = power
                break
            } else {
                if !digits.isEmpty || byte != UInt8(ascii: "0") {
                    digits.append(byte - UInt8(ascii: "0"))
                }
                if inFraction { scale += 1 }
            }
            index += 1
        }
        scale -= exponent
        guard scale <= 16_383, digits.count - scale <= 131_072 else { return nil }
        if scale < 0 {
            if !digits.isEmpty { digits.append(contentsOf: repeatElement(0, count: -scale)) }
            scale = 0
        }
        return number(digits, scale, isNegative)
    }

    private static func exponent(_ text: RawSpan, from start: Int) -> Int? {
        let isPlus = start < text.byteCount && text.byte(at: start) == UInt8(ascii: "+")
        guard let value = text.integer((isPlus ? start + 1 : start)..<text.byteCount),
            value.magnitude < 1 << 20
        else { return nil }
        return Int(value)
    }

    private static func number(_ digits: [UInt8], _ scale: Int, _ isNegative: Bool) -> Numeric {
        if digits.count <= 38 {
            var value: Int128 = 0
            for digit in digits { value = value * 10 + Int128(digit) }
            return .finite(isNegative ? -value : value, scale: Int16(scale))
        }
        var limbs: [UInt32] = []
        var end = digits.count
        while end > 0 {
            let start = max(0, end - 9)
            limbs.append(digits[start..<end].reduce(0) { $0 * 10 + UInt32($1) })
            end = start
        }
        return .big(BigDecimal(isNegative: isNegative, limbs: limbs, scale: scale))
    }
}
