import Formats

/// What a string's opening says of its inside.
enum QuoteStyle {
    case plain
    case escaped
    case unicode
    case bits
    case hexBits

    /// By the lower-case letter before the quote.
    init?(prefix: UInt8) {
        switch prefix {
        case UInt8(ascii: "e"): self = .escaped
        case UInt8(ascii: "n"): self = .plain
        case UInt8(ascii: "b"): self = .bits
        case UInt8(ascii: "x"): self = .hexBits
        default: return nil
        }
    }
}

// Strings in single quotes.
extension Lexer {
    /// '...' with doubled quotes; the position is on the first quote. Strings with a line break
    /// between them are one, as the standard has it.
    mutating func quoted(from start: Int, _ style: QuoteStyle) throws(SQLError) -> Token {
        var bytes: [UInt8] = []
        repeat {
            position += 1
            try quotedBody(from: start, style, into: &bytes)
        } while continuesOnAnotherLine()
        let place = start..<position
        switch style {
        case .bits, .hexBits: return try bitString(bytes, style, place)
        case .plain, .unicode, .escaped: break
        }
        // Escapes can spell bytes; together they must be UTF-8 again.
        guard let string = String(validating: bytes, as: UTF8.self) else {
            throw SQLError(
                "invalid byte sequence for encoding \"UTF8\" in a string",
                .characterNotInRepertoire, at: place)
        }
        return Token(.string(string), place)
    }

    /// Up to and with the closing quote.
    private mutating func quotedBody(
        from start: Int, _ style: QuoteStyle, into bytes: inout [UInt8]
    ) throws(SQLError) {
        while true {
            guard let byte = peek() else {
                throw SQLError(
                    "unterminated quoted string at or near \"\(near(start..<position))\"",
                    .syntaxError, at: start..<position)
            }
            position += 1
            if byte == UInt8(ascii: "'") {
                guard peek() == byte else { return }
                position += 1
                bytes.append(byte)
            } else if byte == UInt8(ascii: "\\"), style == .escaped {
                try escape(&bytes)
            } else if byte == unicodeEscape, style == .unicode {
                try unicodeName(&bytes)
            } else {
                bytes.append(byte)
            }
        }
    }

    /// Moves to the quote of a continuation, if one follows on another line.
    private mutating func continuesOnAnotherLine() -> Bool {
        let mark = position
        var sawNewline = false
        while let byte = peek() {
            if byte.isSpace {
                sawNewline = sawNewline || byte == UInt8(ascii: "\n")
                position += 1
            } else if sawNewline, byte == UInt8(ascii: "-"), peek(1) == byte {
                skipLine()
            } else if sawNewline, byte == UInt8(ascii: "'") {
                return true
            } else {
                break
            }
        }
        position = mark
        return false
    }

    private func bitString(
        _ bytes: [UInt8], _ style: QuoteStyle, _ place: Range<Int>
    ) throws(SQLError) -> Token {
        let digits = String(decoding: bytes, as: UTF8.self)
        let isHex = style == .hexBits
        for digit in digits {
            let isLegal = isHex ? digit.isHexDigit : (digit == "0" || digit == "1")
            guard !isLegal || !digit.isASCII else { continue }
            throw SQLError(
                "\"\(digit)\" is not a valid \(isHex ? "hexadecimal" : "binary") digit",
                .syntaxError, at: place)
        }
        return Token(isHex ? .hexBits(digits) : .bits(digits), place)
    }

    /// Behind a backslash of E'...'.
    private mutating func escape(_ bytes: inout [UInt8]) throws(SQLError) {
        // Without a byte the caller finds the string unterminated.
        guard let byte = peek() else { return }
        let start = position - 1
        position += 1
        switch byte {
        case UInt8(ascii: "b"): bytes.append(0x08)
        case UInt8(ascii: "f"): bytes.append(0x0C)
        case UInt8(ascii: "n"): bytes.append(0x0A)
        case UInt8(ascii: "r"): bytes.append(0x0D)
        case UInt8(ascii: "t"): bytes.append(0x09)
        case UInt8(ascii: "0")...UInt8(ascii: "7"):
            position -= 1
            try append(digits(atMost: 3, radix: 8), to: &bytes, from: start)
        case UInt8(ascii: "x"):
            guard let next = peek(), next.hexDigit != nil else { return bytes.append(byte) }
            try append(digits(atMost: 2, radix: 16), to: &bytes, from: start)
        case UInt8(ascii: "u"): try scalar(digitCount: 4, from: start, into: &bytes)
        case UInt8(ascii: "U"): try scalar(digitCount: 8, from: start, into: &bytes)
        default: bytes.append(byte)
        }
    }

    private func append(
        _ value: UInt32, to bytes: inout [UInt8], from start: Int
    ) throws(SQLError) {
        guard value != 0 else {
            throw SQLError(
                "invalid byte sequence for encoding \"UTF8\": 0x00", .characterNotInRepertoire,
                at: start..<position)
        }
        bytes.append(UInt8(truncatingIfNeeded: value))
    }

    private mutating func digits(atMost count: Int, radix: UInt32) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<count {
            guard let digit = peek()?.hexDigit, digit < radix else { break }
            value = value * radix + digit
            position += 1
        }
        return value
    }

    /// Behind a backslash of U&'...' or U&"...": `\\`, `\XXXX` or `\+XXXXXX`.
    mutating func unicodeName(_ bytes: inout [UInt8]) throws(SQLError) {
        let start = position - 1
        if peek() == unicodeEscape {
            position += 1
            bytes.append(unicodeEscape)
        } else {
            let isLong = peek() == UInt8(ascii: "+")
            if isLong { position += 1 }
            do throws(SQLError) {
                try scalar(digitCount: isLong ? 6 : 4, from: start, into: &bytes)
            } catch {
                // In E'...' it is a fault of the escape, here one of the statement.
                var error = error
                error.state = .syntaxError
                throw error
            }
        }
    }

    /// A code point in hexadecimal. Half a surrogate pair must be followed by the other, spelled
    /// with the same number of digits.
    private mutating func scalar(
        digitCount: Int, from start: Int, into bytes: inout [UInt8]
    ) throws(SQLError) {
        var value = try codeUnit(digitCount, from: start)
        if value >= 0xD800, value < 0xDC00 {
            let lead = script[start..<position - digitCount]
            let end = position + lead.count
            guard end <= script.count, script[position..<end].elementsEqual(lead) else {
                throw surrogateError(start)
            }
            position = end
            let low = try codeUnit(digitCount, from: start)
            guard low >= 0xDC00, low < 0xE000 else { throw surrogateError(start) }
            value = 0x10000 + (value - 0xD800) << 10 + (low - 0xDC00)
        } else if value >= 0xDC00, value < 0xE000 {
            throw surrogateError(start)
        }
        guard value != 0, let scalar = Unicode.Scalar(value) else {
            throw SQLError(
                "invalid Unicode escape value at or near \"\(near(start..<position))\"",
                .syntaxError, at: start..<position)
        }
        bytes.append(contentsOf: Array(String(Character(scalar)).utf8))
    }

    private mutating func codeUnit(_ digitCount: Int, from start: Int) throws(SQLError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<digitCount {
            guard let digit = peek()?.hexDigit else {
                throw SQLError(
                    "invalid Unicode escape", .invalidEscapeSequence, at: start..<position,
                    hint: "Unicode escapes have four digits, or six or eight in their long form.")
            }
            value = value << 4 | digit
            position += 1
        }
        return value
    }

    private func surrogateError(_ start: Int) -> SQLError {
        SQLError(
            "invalid Unicode surrogate pair at or near \"\(near(start..<position))\"",
            .syntaxError, at: start..<position)
    }
}
