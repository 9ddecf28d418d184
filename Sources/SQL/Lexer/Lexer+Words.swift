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
                return try withEscape { (lexer) throws(SQLError) in
                    try lexer.quoted(from: start, .unicode)
                }
            }
            if peek(2) == UInt8(ascii: "\"") {
                position += 2
                return try withEscape { (lexer) throws(SQLError) in
                    try lexer.quotedName(from: start, isUnicode: true)
                }
            }
        }
        while let byte = peek(), byte.continuesWord { position += 1 }
        return Token(.word(text(start..<position)), start..<position)
    }

    /// What `body` reads, whose escapes are said behind it: UESCAPE '!'. The position is on the
    /// first quote.
    private mutating func withEscape(
        _ body: (inout Lexer) throws(SQLError) -> Token
    ) throws(SQLError) -> Token {
        guard let (escape, end) = try escapeClause() else { return try body(&self) }
        unicodeEscape = escape
        let token = try body(&self)
        unicodeEscape = UInt8(ascii: "\\")
        position = end
        return Token(token.kind, token.place.lowerBound..<end)
    }

    /// UESCAPE behind the string that begins here, and where it ends.
    private func escapeClause() throws(SQLError) -> (UInt8, Int)? {
        let quote = script[position]
        var index = position + 1
        while index < script.count {
            if script[index] != quote {
                index += 1
            } else if index + 1 < script.count, script[index + 1] == quote {
                index += 2
            } else {
                break
            }
        }
        var probe = self
        probe.position = min(index + 1, script.count)
        try probe.skipSpace()
        let word = Array("uescape".utf8)
        let found = script[probe.position...].prefix(word.count).map { $0 | 0x20 }
        guard found == word else { return nil }
        probe.position += word.count
        try probe.skipSpace()
        let start = probe.position
        guard start + 2 < script.count, script[start] == UInt8(ascii: "'"),
            script[start + 2] == UInt8(ascii: "'"), script[start + 1].hexDigit == nil,
            !"+'\" \t\n\r".utf8.contains(script[start + 1])
        else {
            let place = start..<min(start + 3, script.count)
            throw SQLError(
                "invalid Unicode escape character at or near \"\(near(place))\"", .syntaxError,
                at: place)
        }
        return (script[start + 1], start + 3)
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
            } else if isUnicode, byte == unicodeEscape {
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
