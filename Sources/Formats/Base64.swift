/// Base64 with the standard alphabet and padding (RFC 4648, section 4).
public enum Base64 {
    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// The six bits of a digit, or 0xff.
    private static let values: [UInt8] = {
        var table = [UInt8](repeating: 0xff, count: 256)
        for (value, digit) in alphabet.enumerated() { table[Int(digit)] = UInt8(value) }
        return table
    }()

    /// Appends `source` in base64; `padded: false` leaves the `=` away.
    public static func encode(
        _ source: RawSpan, into target: inout OutputBuffer, padded: Bool = true
    ) {
        let digits = alphabet
        target.reserve((source.byteCount / 3 + 1) * 4)
        func digit(_ bits: UInt32) -> UInt8 { digits[Int(bits & 63)] }
        var index = 0
        while source.byteCount - index >= 3 {
            let bits =
                UInt32(ByteScan.byte(source, index)) << 16
                | UInt32(ByteScan.byte(source, index + 1)) << 8
                | UInt32(ByteScan.byte(source, index + 2))
            target.append(digit(bits >> 18))
            target.append(digit(bits >> 12))
            target.append(digit(bits >> 6))
            target.append(digit(bits))
            index += 3
        }
        let left = source.byteCount - index
        guard left > 0 else { return }
        var bits = UInt32(ByteScan.byte(source, index)) << 16
        if left == 2 { bits |= UInt32(ByteScan.byte(source, index + 1)) << 8 }
        target.append(digit(bits >> 18))
        target.append(digit(bits >> 12))
        if left == 2 { target.append(digit(bits >> 6)) }
        if padded { target.append(left == 2 ? "=" : "==") }
    }

    /// Appends what `text` stands for. Padding may be missing as a whole; white space, foreign
    /// bytes and set bits behind the last byte are refused, so that each value has one form. When
    /// it throws, nothing was appended.
    public static func decode(
        _ text: RawSpan, into target: inout OutputBuffer
    ) throws(FormatError) {
        let table = values
        var end = text.byteCount
        if end % 4 == 0 {
            for _ in 0..<2 where end > 0 && ByteScan.byte(text, end - 1) == UInt8(ascii: "=") {
                end -= 1
            }
        }
        guard end % 4 != 1 else { throw .base64(at: end) }
        let mark = target.count
        var bits: UInt32 = 0
        var held: UInt32 = 0
        for index in 0..<end {
            let value = table[Int(ByteScan.byte(text, index))]
            guard value < 64 else {
                target.truncate(to: mark)
                throw .base64(at: index)
            }
            bits = bits &<< 6 | UInt32(value)
            held += 6
            if held >= 8 {
                held -= 8
                target.append(UInt8(truncatingIfNeeded: bits &>> held))
            }
        }
        guard bits & ((1 &<< held) - 1) == 0 else {
            target.truncate(to: mark)
            throw .base64(at: end)
        }
    }
}
