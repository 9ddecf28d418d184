import Bytes
import Formats

/// Cuts a script into tokens, by PostgreSQL's rules (its scan.l). Owned by one parser; a token is
/// made when it is asked for, so an error further on does not hinder what stands before.
public struct Lexer: Sendable {
    public let script: [UInt8]
    var position = 0
    /// What begins an escape in U&'...': another with UESCAPE.
    var unicodeEscape = UInt8(ascii: "\\")

    /// The script is checked as a whole once: it is UTF-8, without NUL, and not too long.
    public init(_ script: [UInt8]) throws(SQLError) {
        guard script.count <= Limits.scriptBytesMax else {
            throw SQLError(
                "the script is longer than \(Limits.scriptBytesMax) bytes",
                .programLimitExceeded)
        }
        self.script = script
        if let bad = Lexer.firstInvalidByte(script) {
            let digits = String(script[bad], radix: 16)
            throw SQLError(
                "invalid byte sequence for encoding \"UTF8\": "
                    + "0x\(digits.count < 2 ? "0" : "")\(digits)",
                .characterNotInRepertoire, at: bad..<bad + 1)
        }
        if script.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
    }

    /// The next token; `end` again and again at the end.
    public mutating func next() throws(SQLError) -> Token {
        try skipSpace()
        let start = position
        guard let byte = peek() else { return Token(.end, start..<start) }
        switch byte {
        case UInt8(ascii: "'"): return try quoted(from: start, .plain)
        case UInt8(ascii: "\""): return try quotedName(from: start)
        case UInt8(ascii: "$"): return try dollar()
        case UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        case UInt8(ascii: "."):
            if let digit = peek(1), digit.isDigit { return try number() }
            return symbol(peek(1) == byte ? 2 : 1)
        case UInt8(ascii: ":"):
            let isPair = peek(1) == byte || peek(1) == UInt8(ascii: "=")
            return symbol(isPair ? 2 : 1)
        default: break
        }
        if byte.startsWord { return try wordOrPrefixedString() }
        if Lexer.selfSymbols.contains(byte) { return symbol(1) }
        if Lexer.operatorBytes.contains(byte) { return operatorSymbol() }
        position += 1
        throw syntaxError(at: start..<position)
    }

    /// The lines behind this one up to a line `\.`; nil if there is none.
    mutating func takeLines() -> [UInt8]? {
        let newline = UInt8(ascii: "\n")
        guard var start = script[position...].firstIndex(of: newline),
            script[position..<start].allSatisfy(\.isSpace)
        else { return nil }
        start += 1
        var line = start
        while line < script.count {
            let end = script[line...].firstIndex(of: newline) ?? script.count
            let text = script[line..<end]
            if text.elementsEqual("\\.".utf8) || text.elementsEqual("\\.\r".utf8) {
                position = min(end + 1, script.count)
                return Array(script[start..<line])
            }
            line = end + 1
        }
        return nil
    }

    func peek(_ ahead: Int = 0) -> UInt8? {
        let index = position + ahead
        return index < script.count ? script[index] : nil
    }

    func text(_ place: Range<Int>) -> String {
        String(decoding: script[place], as: UTF8.self)
    }

    mutating func symbol(_ length: Int) -> Token {
        let place = position..<position + length
        position += length
        return Token(.symbol(text(place)), place)
    }

    private static let selfSymbols: Set<UInt8> = Set("()[],;".utf8)
    private static let operatorBytes: Set<UInt8> = Set("~!@#^&|`?+-*/%<>=".utf8)
    /// Only an operator that has one of these may end in + or -.
    private static let unusualBytes: Set<UInt8> = Set("~!@#^&|`?%".utf8)

    /// The longest run of operator characters, up to a comment.
    private mutating func operatorSymbol() -> Token {
        var length = 0
        while let byte = peek(length), Lexer.operatorBytes.contains(byte) {
            let next = peek(length + 1)
            if length > 0, opensComment(byte, next) { break }
            length += 1
        }
        let bytes = script[position..<position + length]
        if !bytes.contains(where: Lexer.unusualBytes.contains) {
            while length > 1, let last = peek(length - 1),
                last == UInt8(ascii: "+") || last == UInt8(ascii: "-")
            {
                length -= 1
            }
        }
        return symbol(length)
    }

    private func opensComment(_ byte: UInt8, _ next: UInt8?) -> Bool {
        (byte == UInt8(ascii: "-") && next == byte)
            || (byte == UInt8(ascii: "/") && next == UInt8(ascii: "*"))
    }

    /// Skips white space and comments; those between `/*` and `*/` nest.
    mutating func skipSpace() throws(SQLError) {
        while let byte = peek() {
            if byte.isSpace {
                position += 1
            } else if byte == UInt8(ascii: "-"), peek(1) == byte {
                skipLine()
            } else if byte == UInt8(ascii: "/"), peek(1) == UInt8(ascii: "*") {
                try skipBlock()
            } else {
                return
            }
        }
    }

    mutating func skipLine() {
        while let byte = peek(), byte != UInt8(ascii: "\n") { position += 1 }
    }

    private mutating func skipBlock() throws(SQLError) {
        let start = position
        var depth = 0
        repeat {
            guard let byte = peek() else {
                throw SQLError(
                    "unterminated /* comment at or near \"\(near(start..<position))\"",
                    .syntaxError, at: start..<position)
            }
            switch (byte, peek(1)) {
            case (UInt8(ascii: "/"), UInt8(ascii: "*")):
                depth += 1
                position += 2
            case (UInt8(ascii: "*"), UInt8(ascii: "/")):
                depth -= 1
                position += 2
            default: position += 1
            }
        } while depth > 0
    }

    private static func firstInvalidByte(_ script: [UInt8]) -> Int? {
        let bytes = script.rawSpan
        var index = 0
        while index < script.count {
            let byte = script[index]
            if byte == 0 { return index }
            let length = byte < 0x80 ? 1 : UTF8Check.sequenceLength(bytes, at: index)
            if length == 0 { return index }
            index += length
        }
        return nil
    }
}

// Errors.
extension Lexer {
    /// "syntax error at or near ...", or at the end.
    public func syntaxError(at place: Range<Int>) -> SQLError {
        guard !place.isEmpty else {
            return SQLError("syntax error at end of input", .syntaxError, at: place)
        }
        return SQLError("syntax error at or near \"\(near(place))\"", .syntaxError, at: place)
    }

    /// The text of a place as an error repeats it: one line, not too long.
    public func near(_ place: Range<Int>) -> String {
        // A character has at most four bytes of a plain script; what is cut is not shown whole.
        let end = min(place.upperBound, place.lowerBound + 4 * Limits.nearCharactersMax)
        let all = String(decoding: script[place.lowerBound..<end], as: UTF8.self)
        let line = all.prefix { !$0.isNewline }.filter { !$0.isControl }
        return line.count > Limits.nearCharactersMax
            ? line.prefix(Limits.nearCharactersMax) + "..." : line
    }
}

extension Character {
    fileprivate var isControl: Bool {
        unicodeScalars.contains { $0.properties.generalCategory == .control }
    }
}

extension UInt8 {
    var isDigit: Bool { self >= 0x30 && self <= 0x39 }

    var isSpace: Bool { self == 0x20 || (self >= 0x09 && self <= 0x0D) }

    /// Letters, the underscore, and all that is not ASCII.
    var startsWord: Bool {
        let lower = self | 0x20
        return (lower >= 0x61 && lower <= 0x7A && self < 0x80) || self == 0x5F || self >= 0x80
    }

    var continuesWord: Bool { startsWord || isDigit || self == UInt8(ascii: "$") }

    /// The value of a hexadecimal digit.
    var hexDigit: UInt32? {
        switch self {
        case 0x30...0x39: UInt32(self) - 0x30
        case 0x41...0x46: UInt32(self) - 0x41 + 10
        case 0x61...0x66: UInt32(self) - 0x61 + 10
        default: nil
        }
    }
}
