import Formats

/// Cuts a jsonpath into tokens.
struct JSONPathLexer {
    enum Token: Equatable {
        case end
        /// A word without quotes: a key, a keyword or a method.
        case word(String)
        case string(String)
        case number(String)
        case variable(String)
        /// Operators and brackets.
        case symbol(String)

        var isEnd: Bool { self == .end }
    }

    private let text: [Unicode.Scalar]
    private var position = 0

    init(_ text: String) { self.text = Array(text.unicodeScalars) }

    private static let special = Set("?%$.[]{}()|&!=<>@#,*:-+/\"\\ \t\n\r\u{c}".unicodeScalars)
    private static let symbols = [
        "**", "&&", "||", "==", "!=", "<>", "<=", ">=", "<", ">", "=", "!", "?", "%", "$", ".",
        "[", "]", "{", "}", "(", ")", "@", ",", "*", ":", "-", "+", "/",
    ].map { Array($0.unicodeScalars) }

    mutating func next() throws(SQLError) -> Token {
        try skipBlanks()
        guard position < text.count else { return .end }
        let first = text[position]
        if first == "\"" { return .string(try quoted()) }
        if isDigit(first)
            || first == "." && position + 1 < text.count && isDigit(text[position + 1])
        {
            return number()
        }
        if first == "$" {
            if position + 1 < text.count, text[position + 1] == "\"" {
                position += 1
                return .variable(try quoted())
            }
            if position + 1 < text.count, !JSONPathLexer.special.contains(text[position + 1]) {
                position += 1
                return .variable(try word())
            }
        }
        if JSONPathLexer.special.contains(first), first != "\\" {
            for symbol in JSONPathLexer.symbols where text[position...].starts(with: symbol) {
                position += symbol.count
                return .symbol(string(symbol[...]))
            }
            throw JSONPathLexer.syntaxError(string(text[position...(position)]))
        }
        return .word(try word())
    }

    static func syntaxError(_ near: String?) -> SQLError {
        guard let near else {
            return SQLError("syntax error at end of jsonpath input", .syntaxError)
        }
        return SQLError("syntax error at or near \"\(near)\" of jsonpath input", .syntaxError)
    }

    private func string(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
        var result = String.UnicodeScalarView()
        result.append(contentsOf: scalars)
        return String(result)
    }

    private func isDigit(_ scalar: Unicode.Scalar) -> Bool { scalar >= "0" && scalar <= "9" }

    private mutating func skipBlanks() throws(SQLError) {
        while position < text.count {
            if [" ", "\t", "\n", "\r", "\u{c}"].contains(text[position]) {
                position += 1
            } else if text[position...].starts(with: ["/", "*"]) {
                position += 2
                while position < text.count, !text[position...].starts(with: ["*", "/"]) {
                    position += 1
                }
                guard position < text.count else {
                    throw SQLError(
                        "unexpected end of comment at end of jsonpath input", .syntaxError)
                }
                position += 2
            } else {
                return
            }
        }
    }

    private mutating func number() -> Token {
        let start = position
        func digits() { while position < text.count, isDigit(text[position]) { position += 1 } }
        digits()
        if position < text.count, text[position] == "." {
            position += 1
            digits()
        }
        if position < text.count, text[position] == "e" || text[position] == "E" {
            var end = position + 1
            if end < text.count, text[end] == "+" || text[end] == "-" { end += 1 }
            if end < text.count, isDigit(text[end]) {
                position = end
                digits()
            }
        }
        return .number(string(text[start..<position]))
    }

    private mutating func word() throws(SQLError) -> String {
        var result = String.UnicodeScalarView()
        while position < text.count {
            let scalar = text[position]
            if scalar == "\\" {
                result.append(try escape())
                continue
            }
            if JSONPathLexer.special.contains(scalar) { break }
            result.append(scalar)
            position += 1
        }
        return String(result)
    }

    private mutating func quoted() throws(SQLError) -> String {
        position += 1
        var result = String.UnicodeScalarView()
        while position < text.count {
            let scalar = text[position]
            if scalar == "\"" {
                position += 1
                return String(result)
            }
            if scalar == "\\" {
                result.append(try escape())
            } else {
                result.append(scalar)
                position += 1
            }
        }
        throw SQLError("unterminated quoted string at end of jsonpath input", .syntaxError)
    }

    private mutating func escape() throws(SQLError) -> Unicode.Scalar {
        position += 1
        guard position < text.count else {
            throw SQLError("unexpected end after backslash at end of jsonpath input", .syntaxError)
        }
        let letter = text[position]
        position += 1
        switch letter {
        case "b": return "\u{8}"
        case "f": return "\u{c}"
        case "n": return "\n"
        case "r": return "\r"
        case "t": return "\t"
        case "v": return "\u{b}"
        case "x": return try hexadecimal(2)
        case "u": return try unicode()
        default: return letter
        }
    }

    private mutating func unicode() throws(SQLError) -> Unicode.Scalar {
        if position < text.count, text[position] == "{" {
            position += 1
            var count = 0
            while position + count < text.count, text[position + count] != "}" { count += 1 }
            let scalar = try hexadecimal(count)
            position += 1
            return scalar
        }
        let high = try code(4)
        if high & 0xfc00 == 0xd800, text[position...].starts(with: ["\\", "u"]) {
            position += 2
            let low = try code(4)
            return try scalar(0x10000 + (high & 0x3ff) << 10 + (low & 0x3ff))
        }
        return try scalar(high)
    }

    private mutating func hexadecimal(_ count: Int) throws(SQLError) -> Unicode.Scalar {
        try scalar(try code(count))
    }

    private mutating func code(_ count: Int) throws(SQLError) -> UInt32 {
        let end = min(position + count, text.count)
        guard count > 0, count <= 6, end - position == count,
            let code = UInt32(string(text[position..<end]), radix: 16)
        else {
            throw SQLError("invalid Unicode escape sequence of jsonpath input", .syntaxError)
        }
        position = end
        return code
    }

    private func scalar(_ code: UInt32) throws(SQLError) -> Unicode.Scalar {
        guard code != 0, let scalar = Unicode.Scalar(code) else {
            throw SQLError(
                "unsupported Unicode escape sequence", .untranslatableCharacter,
                detail: "\\u0000 cannot be converted to text.")
        }
        return scalar
    }
}
