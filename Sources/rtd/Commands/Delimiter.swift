import ArgumentParsing

extension ValueParser where Value == [UInt8] {
    /// Bytes between records or parts of them, with the escapes `\n \r \t \0 \\ \xNN`.
    static let delimiter = ValueParser("DELIMITER") { text throws(UsageError) in
        try unescaped(text)
    }
}

private func unescaped(_ text: String) throws(UsageError) -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
        guard byte == UInt8(ascii: "\\") else {
            bytes.append(byte)
            continue
        }
        switch rest.popFirst() {
        case UInt8(ascii: "n"): bytes.append(0x0A)
        case UInt8(ascii: "r"): bytes.append(0x0D)
        case UInt8(ascii: "t"): bytes.append(0x09)
        case UInt8(ascii: "0"): bytes.append(0x00)
        case UInt8(ascii: "\\"): bytes.append(0x5C)
        case UInt8(ascii: "x"):
            let digits = String(decoding: rest.prefix(2), as: UTF8.self)
            guard digits.utf8.count == 2, let value = UInt8(digits, radix: 16) else {
                throw UsageError("wants two hex digits after \\x, not \"\(text)\"")
            }
            bytes.append(value)
            rest = rest.dropFirst(2)
        default:
            throw UsageError("knows the escapes \\n \\r \\t \\0 \\\\ \\xNN, not \"\(text)\"")
        }
    }
    return bytes
}
