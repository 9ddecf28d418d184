import Bytes
import Formats

/// Writes values of tuples as JSON; owned by an encoder and used on its thread.
///
/// Text of the server comes in and is trusted to be what the pinned session prints; what is not
/// understood (a type of an extension, a new notation) is written as a string, never lost.
struct ValueWriter: ~Copyable {
    /// Where values are made that are written as part of another.
    private var scratch = OutputBuffer(capacity: 256)

    /// Appends the text in `range` of `bytes` in `form`.
    mutating func append(
        _ bytes: RawSpan, _ start: Int, _ end: Int, _ form: ValueForm, _ plan: TablePlan,
        into output: inout OutputBuffer
    ) {
        let text = bytes.extracting(start..<end)
        switch form.kind {
        case .integer: output.append(text)
        case .text: output.append(anyString: text)
        case .plain: output.append(quoted: text)
        case .boolean: appendBoolean(text, into: &output)
        case .number: output.append(number: text)
        case .jsonb: output.append(text)
        case .json: if !output.append(compactJSON: text) { output.append(anyString: text) }
        case .array: appendArray(text, form, plan, into: &output)
        case .dropped: output.append("null")
        case .sha256: appendDigest(text, salt: plan.salts[Int(form.element)], into: &output)
        case .length: output.append(decimal: Int64(text.characterCount))
        case .stars:
            output.append(UInt8(ascii: "\""))
            for _ in 0..<form.modifier { output.append(UInt8(ascii: "*")) }
            output.append(UInt8(ascii: "\""))
        case .truncate:
            output.append(anyString: text.prefix(characters: Int(form.modifier)))
        case .money: appendMoney(text, form, plan, into: &output)
        case .decimalPrecise, .decimalVariable, .decimalDouble:
            output.append(decimalText: text, form)
        case .base64, .base64URL, .hex: appendBinary(text, form.kind, into: &output)
        case .bit, .bits: output.append(bitText: text, isFlag: form.kind == .bit)
        case .point: output.append(pointText: text)
        case .hstore: output.append(hstore: text)
        case .hstoreText:
            scratch.removeAll()
            scratch.append(hstore: text)
            output.append(anyString: scratch.bytes)
        default: output.append(timeText: text, form)
        }
    }

    private func appendBoolean(_ text: RawSpan, into output: inout OutputBuffer) {
        if text.peek(at: 0) == UInt8(ascii: "t") {
            output.append("true")
        } else {
            output.append("false")
        }
    }

    /// `-$1,234.11` without its sign of currency and its commas.
    private mutating func appendMoney(
        _ text: RawSpan, _ form: ValueForm, _ plan: TablePlan, into output: inout OutputBuffer
    ) {
        let digits = OutputBuffer.moneyDigits(text)
        append(
            digits.rawSpan, 0, digits.count, plan.forms[Int(form.element)], plan, into: &output)
    }

    /// `\x0102ff`.
    private mutating func appendBinary(
        _ text: RawSpan, _ kind: ValueForm.Kind, into output: inout OutputBuffer
    ) {
        guard text.byteCount >= 2, text.peek(at: 0) == UInt8(ascii: "\\"),
            text.peek(at: 1) == UInt8(ascii: "x")
        else { return output.append(anyString: text) }
        if kind == .hex { return output.append(quoted: text.extracting(droppingFirst: 2)) }
        scratch.removeAll()
        var index = 2
        while index + 1 < text.byteCount {
            scratch.append(
                hexValue(text.peek(at: index)) << 4 | hexValue(text.peek(at: index + 1)))
            index += 2
        }
        output.append(UInt8(ascii: "\""))
        if kind == .base64 {
            Base64.encode(scratch.bytes, into: &output)
        } else {
            output.append(base64URL: scratch.bytes)
        }
        output.append(UInt8(ascii: "\""))
    }

    private mutating func appendDigest(
        _ text: RawSpan, salt: String, into output: inout OutputBuffer
    ) {
        scratch.removeAll()
        scratch.append(utf8: salt)
        scratch.append(text)
        let digest = SHA256.digest(of: scratch.bytes.copied())
        output.append(UInt8(ascii: "\""))
        output.append(hex: digest.rawSpan)
        output.append(UInt8(ascii: "\""))
    }
}

/// The value of a hexadecimal digit; 0 for what is none.
func hexValue(_ digit: UInt8) -> UInt8 {
    switch digit {
    case 48...57: digit - 48
    case 97...102: digit - 87
    case 65...70: digit - 55
    default: 0
    }
}

extension OutputBuffer {
    /// Appends text as a JSON string. What is not UTF-8 (a database of encoding SQL_ASCII) is
    /// replaced byte by byte with U+FFFD.
    mutating func append(anyString text: RawSpan) {
        if append(jsonString: text) { return }
        _ = append(jsonString: text.repairedUTF8.rawSpan)
    }

    /// The digits, the point and the minus of an amount of money.
    static func moneyDigits(_ text: RawSpan) -> [UInt8] {
        var digits: [UInt8] = []
        for index in 0..<text.byteCount {
            let byte = text.peek(at: index)
            if (byte >= 48 && byte <= 57) || byte == UInt8(ascii: "-")
                || byte == UInt8(ascii: ".")
            {
                digits.append(byte)
            }
        }
        return digits
    }

    /// Appends text in which nothing needs an escape.
    mutating func append(quoted text: RawSpan) {
        append(UInt8(ascii: "\""))
        append(text)
        append(UInt8(ascii: "\""))
    }

    /// Appends a number of PostgreSQL, which is one of JSON too but for NaN and the infinities.
    mutating func append(number text: RawSpan) {
        let first = text.peek(at: 0)
        let digit = first == UInt8(ascii: "-") ? text.peek(at: 1) : first
        if digit >= 48 && digit <= 57 { append(text) } else { append(quoted: text) }
    }

    mutating func append(base64URL source: RawSpan) {
        let start = count
        Base64.encode(source, into: &self)
        let encoded = bytes.extracting(start..<count).copied()
        truncate(to: start)
        for byte in encoded {
            switch byte {
            case UInt8(ascii: "+"): append(UInt8(ascii: "-"))
            case UInt8(ascii: "/"): append(UInt8(ascii: "_"))
            default: append(byte)
            }
        }
    }

    /// Appends `101`: a flag, or bytes of which the first holds the last eight bits.
    mutating func append(bitText text: RawSpan, isFlag: Bool) {
        if isFlag {
            if text.peek(at: 0) == UInt8(ascii: "1") { append("true") } else { append("false") }
            return
        }
        append(UInt8(ascii: "\""))
        Base64.encode(Self.packed(bits: text).rawSpan, into: &self)
        append(UInt8(ascii: "\""))
    }

    static func packed(bits text: RawSpan) -> [UInt8] {
        var packed = [UInt8](repeating: 0, count: (text.byteCount + 7) / 8)
        let last = text.byteCount - 1
        for index in 0..<text.byteCount where text.peek(at: last - index) == UInt8(ascii: "1") {
            packed[index / 8] |= 1 << UInt8(index % 8)
        }
        return packed
    }

    /// Appends `(1,2)` as Debezium's Point: coordinates, and the same as well-known binary.
    mutating func append(pointText text: RawSpan) {
        guard let comma = Self.comma(ofPoint: text), let (x, y) = Self.coordinates(text) else {
            return append(anyString: text)
        }
        append("{\"x\":")
        append(number: text.extracting(1..<comma))
        append(",\"y\":")
        append(number: text.extracting(comma + 1..<text.byteCount - 1))
        append(",\"wkb\":\"")
        Base64.encode(Self.wellKnownBinary(x, y).rawSpan, into: &self)
        append("\",\"srid\":null}")
    }

    private static func comma(ofPoint text: RawSpan) -> Int? {
        let comma = (0..<text.byteCount).first { text.peek(at: $0) == UInt8(ascii: ",") }
        return comma.flatMap { $0 > 1 && $0 + 2 < text.byteCount ? $0 : nil }
    }

    static func coordinates(_ point: RawSpan) -> (x: Double, y: Double)? {
        guard let comma = comma(ofPoint: point), let x = point.extracting(1..<comma).double,
            let y = point.extracting(comma + 1..<point.byteCount - 1).double
        else { return nil }
        return (x, y)
    }

    static func wellKnownBinary(_ x: Double, _ y: Double) -> [UInt8] {
        var binary: [UInt8] = [1, 1, 0, 0, 0]
        for value in [x, y] {
            let bits = value.bitPattern
            for shift in stride(from: UInt64(0), to: 64, by: 8) {
                binary.append(UInt8(truncatingIfNeeded: bits >> shift))
            }
        }
        return binary
    }
}

extension RawSpan {
    /// The byte at `index`; 0 outside of the span, which ends every notation read here.
    @inline(__always)
    func peek(at index: Int) -> UInt8 {
        index >= 0 && index < byteCount ? byte(at: index) : 0
    }

    /// These bytes as a number of double precision.
    var double: Double? { Double(string) }

    var string: String { String(decoding: copied(), as: UTF8.self) }

    /// With U+FFFD for each byte that is not of UTF-8.
    var repairedUTF8: [UInt8] {
        var repaired: [UInt8] = []
        var index = 0
        while index < byteCount {
            let length = peek(at: index) < 0x80 ? 1 : UTF8Check.sequenceLength(self, at: index)
            if length > 0 {
                repaired += extracting(index..<index + length).copied()
            } else {
                repaired += [0xEF, 0xBF, 0xBD]
            }
            index += max(1, length)
        }
        return repaired
    }

    /// Characters in the sense of UTF-8's code points.
    var characterCount: Int {
        var count = 0
        for index in 0..<byteCount where peek(at: index) & 0xC0 != 0x80 { count += 1 }
        return count
    }

    @_lifetime(copy self)
    func prefix(characters limit: Int) -> RawSpan {
        var count = 0
        for index in 0..<byteCount where peek(at: index) & 0xC0 != 0x80 {
            if count == limit { return extracting(first: index) }
            count += 1
        }
        return self
    }
}
