import Bytes
import Formats

// Decimals as Kafka Connect carries them.
extension OutputBuffer {
    mutating func append(decimalText text: RawSpan, _ form: ValueForm) {
        let first = text.peek(at: 0)
        let digit = first == UInt8(ascii: "-") ? text.peek(at: 1) : first
        // NaN and the infinities have no unscaled value.
        guard digit >= 48, digit <= 57 else { return append(quoted: text) }
        switch form.kind {
        case .decimalDouble:
            guard let value = text.double, value.isFinite else { return append(quoted: text) }
            append(double: value)
        case .decimalPrecise:
            append(UInt8(ascii: "\""))
            appendUnscaled(text, scale: Int(form.modifier))
            append(UInt8(ascii: "\""))
        default:
            let scale = Self.fractionDigits(text)
            append("{\"scale\":")
            append(decimal: Int64(scale))
            append(",\"value\":\"")
            appendUnscaled(text, scale: scale)
            append("\"}")
        }
    }

    static func fractionDigits(_ text: RawSpan) -> Int {
        guard let point = (0..<text.byteCount).first(where: { text.peek(at: $0) == 0x2E }) else {
            return 0
        }
        return text.byteCount - point - 1
    }

    private mutating func appendUnscaled(_ text: RawSpan, scale: Int) {
        Base64.encode(Self.unscaled(text, scale: scale).rawSpan, into: &self)
    }

    /// The number without its point, in two's complement, highest byte first.
    static func unscaled(_ text: RawSpan, scale: Int) -> [UInt8] {
        let isNegative = text.peek(at: 0) == UInt8(ascii: "-")
        // Lowest byte first.
        var magnitude: [UInt8] = [0]
        func shift(adding digit: UInt8) {
            var carry = UInt16(digit)
            for index in magnitude.indices {
                let value = UInt16(magnitude[index]) * 10 + carry
                magnitude[index] = UInt8(truncatingIfNeeded: value)
                carry = value >> 8
            }
            if carry > 0 { magnitude.append(UInt8(carry)) }
        }
        for index in 0..<text.byteCount {
            let byte = text.peek(at: index)
            if byte >= 48 && byte <= 57 { shift(adding: byte - 48) }
        }
        let written = fractionDigits(text)
        for _ in 0..<max(0, scale - written) { shift(adding: 0) }
        if scale < 0 { divide(&magnitude, byPowerOfTen: -scale) }
        if isNegative { negate(&magnitude) }
        // The highest bit is the sign's.
        let top = magnitude[magnitude.count - 1]
        if isNegative != (top >= 0x80) && magnitude != [0] {
            magnitude.append(isNegative ? 0xFF : 0)
        }
        while magnitude.count > 1, let last = magnitude.last,
            (last == 0 && magnitude[magnitude.count - 2] < 0x80)
                || (last == 0xFF && magnitude[magnitude.count - 2] >= 0x80)
        {
            magnitude.removeLast()
        }
        return magnitude.reversed()
    }

    /// A negative scale says how many zeros end every number of the column.
    private static func divide(_ magnitude: inout [UInt8], byPowerOfTen power: Int) {
        for _ in 0..<power {
            var rest: UInt16 = 0
            for index in magnitude.indices.reversed() {
                let value = rest << 8 | UInt16(magnitude[index])
                magnitude[index] = UInt8(value / 10)
                rest = value % 10
            }
        }
        while magnitude.count > 1, magnitude.last == 0 { magnitude.removeLast() }
    }

    private static func negate(_ magnitude: inout [UInt8]) {
        var carry = true
        for index in magnitude.indices {
            let (value, overflow) = (~magnitude[index]).addingReportingOverflow(carry ? 1 : 0)
            magnitude[index] = value
            carry = carry && overflow
        }
    }
}
