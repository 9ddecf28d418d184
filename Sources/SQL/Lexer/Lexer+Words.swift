import Formats

// Words, quoted names and parameters.
extension Lexer {
    /// A word, or a string with a letter before its quote: E'', B'', X'', N'', U&''.
    mutating func wordOrPrefixedString() throws(SQLError) -> Token {
        let start = position
        let letter = script[position] | 0x20
        if peek(1) == UInt8(ascii: "'"), let style = QuoteStyle(prefix: letter) {
            position += 1
            return try quoted(from: start, style)
        }
        if letter == UInt8(ascii: "u"), peek(1) == UInt8(ascii: "&") {
            if peek(2) == UInt8(ascii: "'") {
                position += 2
                return try quoted(from: start, .unicode)
            }
            if peek(2) == UInt8(ascii: "\"") {
                position += 2
                return try quotedName(from: start, isUnicode: true)
            }
        }
        while let byte = peek(), byte.continuesWord { position += 1 }
        return Token(.word(text(start..<position)), start..<position)
    }

    /// "..." with doubled quotes; the position is on the first quote.
    mutating func quotedName(
        from start: Int, isUnicode: Bool = false
    ) throws(SQLError) -> Token {
        position += 1
        var bytes: [UInt8] = []
        while true {
            guard let byte = peek() else {
                throw SQLError(
                    "unterminated quoted identifier at or near \"\(near(start..<position))\"",
                    .syntaxError, at: start..<position)
            }
            position += 1
            if byte == UInt8(ascii: "\"") {
                guard peek() == byte else { break }
                position += 1
            } else if isUnicode, byte == UInt8(ascii: "\\") {
                try unicodeName(&bytes)
                continue
            }
            bytes.append(byte)
        }
        guard !bytes.isEmpty else {
            throw SQLError(
                "zero-length delimited identifier at or near \"\(near(start..<position))\"",
                .syntaxError, at: start..<position)
        }
        return Token(.quotedName(String(decoding: bytes, as: UTF8.self)), start..<position)
    }

    /// What begins with `$`: a parameter or a dollar quote.
    mutating func dollar() throws(SQLError) -> Token {
        let start = position
        if let digit = peek(1), digit.isDigit {
            position += 1
            while let byte = peek(), byte.isDigit { position += 1 }
            try refuseJunk(after: "parameter", from: start)
            guard let number = Int(text(start + 1..<position)), number <= 65_535 else {
                throw SQLError(
                    "parameter number too large at or near \"\(near(start..<position))\"",
                    .syntaxError, at: start..<position)
            }
            return Token(.parameter(number), start..<position)
        }
        var length = 1
        while let byte = peek(length), byte.continuesWord, byte != UInt8(ascii: "$") {
            length += 1
        }
        guard peek(length) == UInt8(ascii: "$") else {
            position += 1
            throw syntaxError(at: start..<position)
        }
        return try dollarQuoted(tag: start..<start + length + 1)
    }

    private mutating func dollarQuoted(tag: Range<Int>) throws(SQLError) -> Token {
        position = tag.upperBound
        let delimiter = script[tag]
        while let byte = peek() {
            let end = position + delimiter.count
            if byte == UInt8(ascii: "$"), end <= script.count,
                script[position..<end].elementsEqual(delimiter)
            {
                let body = text(tag.upperBound..<position)
                position = end
                return Token(.string(body), tag.lowerBound..<end)
            }
            position += 1
        }
        throw SQLError(
            "unterminated dollar-quoted string at or near \"\(near(tag.lowerBound..<position))\"",
            .syntaxError, at: tag.lowerBound..<position)
    }
}
