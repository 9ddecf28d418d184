import Formats

// Numbers: 1, 1_000, 0x1F, 0o17, 0b101, 1.5, .5, 1e10.
extension Lexer {
    mutating func number() throws(SQLError) -> Token {
        let start = position
        if let token = try integerOfAnotherBase() { return token }
        takeDigits { $0.isDigit }
        var isDecimal = false
        // Two dots are a range, not a fraction.
        if peek() == UInt8(ascii: "."), peek(1) != UInt8(ascii: ".") {
            isDecimal = true
            position += 1
            takeDigits { $0.isDigit }
        }
        if takeExponent() { isDecimal = true }
        try refuseJunk(after: "numeric literal", from: start)
        let digits = text(start..<position).filter { $0 != "_" }
        return Token(isDecimal ? .decimal(digits) : .integer(digits), start..<position)
    }

    /// Digits with single underscores between them.
    private mutating func takeDigits(_ isDigit: (UInt8) -> Bool) {
        while let byte = peek() {
            if isDigit(byte) {
                position += 1
            } else if byte == UInt8(ascii: "_"), let next = peek(1), isDigit(next) {
                position += 2
            } else {
                return
            }
        }
    }

    private mutating func takeExponent() -> Bool {
        guard let letter = peek(), letter | 0x20 == UInt8(ascii: "e") else { return false }
        let isSigned = peek(1) == UInt8(ascii: "+") || peek(1) == UInt8(ascii: "-")
        guard let digit = peek(isSigned ? 2 : 1), digit.isDigit else { return false }
        position += isSigned ? 2 : 1
        takeDigits { $0.isDigit }
        return true
    }

    private mutating func integerOfAnotherBase() throws(SQLError) -> Token? {
        guard peek() == UInt8(ascii: "0"), let letter = peek(1) else { return nil }
        let radix: UInt32
        switch letter | 0x20 {
        case UInt8(ascii: "x"): radix = 16
        case UInt8(ascii: "o"): radix = 8
        case UInt8(ascii: "b"): radix = 2
        default: return nil
        }
        let start = position
        position += 2
        if peek() == UInt8(ascii: "_") { position += 1 }
        let first = position
        takeDigits { byte in byte.hexDigit.map { $0 < radix } ?? false }
        try refuseJunk(after: "numeric literal", from: start)
        guard position > first else {
            throw SQLError(
                "invalid \(Lexer.baseNames[radix] ?? "") integer at or near "
                    + "\"\(near(start..<position))\"",
                .syntaxError, at: start..<position)
        }
        let digits = text(first..<position).filter { $0 != "_" }
        guard let value = Int64(digits, radix: Int(radix)) else {
            throw SQLError(
                "value \"\(near(start..<position))\" is out of range for type bigint",
                .numericValueOutOfRange, at: start..<position)
        }
        return Token(.integer(String(value)), start..<position)
    }

    private static let baseNames: [UInt32: String] = [16: "hexadecimal", 8: "octal", 2: "binary"]

    /// A number that runs into letters is a slip, not two tokens.
    func refuseJunk(after thing: String, from start: Int) throws(SQLError) {
        guard position - start <= Limits.numberBytesMax else {
            throw SQLError(
                "a \(thing) is longer than \(Limits.numberBytesMax) digits",
                .programLimitExceeded, at: start..<position)
        }
        guard let byte = peek(), byte.startsWord else { return }
        var end = position
        while end < script.count, script[end].continuesWord { end += 1 }
        throw SQLError(
            "trailing junk after \(thing) at or near \"\(near(start..<end))\"", .syntaxError,
            at: start..<end)
    }
}
