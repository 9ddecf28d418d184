/// A part of a date, time or interval as PostgreSQL's lexer cuts it, in lower case.
struct TimeToken: Equatable {
    enum Kind: Equatable {
        case number
        /// Digits and letters around `-`, `/` or `.`: a date, or the name of a zone.
        case date
        /// Digits around `:`
        case time
        /// A sign and digits.
        case signed
        case word
        /// A sign and a word.
        case special
    }

    var kind: Kind
    var text: [UInt8]

    var string: String { String(decoding: text, as: UTF8.self) }

    /// The parts of `text`; nil where it holds what belongs to none.
    static func split(_ text: UnsafeRawBufferPointer) -> [TimeToken]? {
        var scanner = unsafe TimeTokenScanner(text)
        var tokens: [TimeToken] = []
        while let token = scanner.next() {
            tokens.append(token)
            if tokens.count > 25 { return nil }
        }
        return scanner.isAtEnd ? tokens : nil
    }
}

private struct TimeTokenScanner {
    private var bytes: [UInt8] = []
    private var position = 0
    private var taken: [UInt8] = []

    init(_ text: UnsafeRawBufferPointer) {
        for index in 0..<text.count {
            let byte = unsafe text[index]
            bytes.append(byte >= 65 && byte <= 90 ? byte | 0x20 : byte)
        }
    }

    var isAtEnd: Bool { position == bytes.count }

    private var byte: UInt8 { position < bytes.count ? bytes[position] : 0 }
    private var isDigit: Bool { byte &- 48 < 10 }
    private var isLetter: Bool { byte &- 97 < 26 || byte >= 0x80 }

    private func isAt(_ characters: StaticString) -> Bool {
        guard position < bytes.count else { return false }
        return "\(characters)".utf8.contains(byte)
    }

    private mutating func take() {
        taken.append(byte)
        position += 1
    }

    private mutating func takeDigits() { while isDigit { take() } }

    /// The next part; nil at the end and before what belongs to none.
    mutating func next() -> TimeToken? {
        while position < bytes.count {
            taken = []
            if NumberText.isSpace(byte) {
                position += 1
            } else if isDigit {
                return TimeToken(kind: numeric(), text: taken)
            } else if isAt(".") {
                take()
                takeDigits()
                return TimeToken(kind: .number, text: taken)
            } else if isLetter {
                return TimeToken(kind: word(), text: taken)
            } else if isAt("+-") {
                guard let kind = signed() else { return nil }
                return TimeToken(kind: kind, text: taken)
            } else if byte > 0x20 && byte < 0x7f {
                // Other punctuation only separates.
                position += 1
            } else {
                return nil
            }
        }
        return nil
    }

    private mutating func numeric() -> TimeToken.Kind {
        takeDigits()
        if isAt(":") {
            while isDigit || isAt(":.") { take() }
            return .time
        }
        guard isAt("-/.") else { return .number }
        let delimiter = byte
        take()
        if isDigit {
            takeDigits()
            guard byte == delimiter, position < bytes.count else {
                return delimiter == UInt8(ascii: ".") ? .number : .date
            }
            while isDigit || byte == delimiter && position < bytes.count { take() }
            return .date
        }
        while isDigit || isLetter || byte == delimiter && position < bytes.count { take() }
        return .date
    }

    private mutating func word() -> TimeToken.Kind {
        while isLetter { take() }
        var isName = isAt("-/.")
        if !isName, isAt("+") || isDigit {
            let word = String(decoding: taken, as: UTF8.self)
            isName = TimeWord(word) == nil || TimeWord.zones[word] != nil
            // `y10` and the like: a unit with its number behind it.
            if TimeUnit(interval: word) != nil && taken.count == 1 { isName = false }
        }
        guard isName else { return .word }
        while isDigit || isLetter || isAt("+-/_.:") { take() }
        return .date
    }

    private mutating func signed() -> TimeToken.Kind? {
        take()
        while position < bytes.count, NumberText.isSpace(byte) { position += 1 }
        if isDigit {
            while isDigit || isAt(":.-") { take() }
            return .signed
        }
        guard isLetter else { return nil }
        while isLetter { take() }
        return .special
    }
}
