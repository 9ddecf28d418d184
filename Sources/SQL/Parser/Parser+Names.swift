import Formats

// Names, numbers and lists of options.
extension Parser {
    /// A name, which may be dotted: `a.b.c` is the topic of that spelling. Any word may be one,
    /// for it stands where nothing else can.
    mutating func name() throws(SQLError) -> Name {
        let start = token.place.lowerBound
        var (text, isQuoted) = try namePart()
        while token.isSymbol(".") {
            try advance()
            let part = try namePart()
            text += "." + part.text
            isQuoted = isQuoted || part.isQuoted
        }
        return Name(text, isQuoted: isQuoted, start..<lastEnd)
    }

    /// Whether a word names a relation or a column without quotes.
    public static func isName(_ word: String) -> Bool {
        Keywords.isColumnName(word.uppercased())
    }

    /// Any word: behind AS, behind a dot.
    mutating func label() throws(SQLError) -> Name {
        let place = token.place
        let (text, isQuoted) = try namePart()
        return Name(text, isQuoted: isQuoted, place)
    }

    /// The name of a column, a table, an alias: no reserved word.
    mutating func columnName() throws(SQLError) -> Name {
        if let word = token.keyword, !Keywords.isColumnName(word) { throw unexpectedName() }
        return try label()
    }

    /// The name of a table, dotted perhaps; its first part is no reserved word.
    mutating func relationName() throws(SQLError) -> Name {
        if let word = token.keyword, !Keywords.isColumnName(word) { throw unexpectedName() }
        return try name()
    }

    /// `(a, b)`
    mutating func columnNames() throws(SQLError) -> [Name] {
        try expectSymbol("(")
        var names: [Name] = []
        repeat {
            names.append(try columnName())
            try checkColumnCount(names.count)
        } while try takeSymbol(",")
        try expectSymbol(")")
        return names
    }

    func checkColumnCount(_ count: Int) throws(SQLError) {
        guard count > Limits.tableColumnsMax else { return }
        throw SQLError(
            "tables can have at most \(Limits.tableColumnsMax) columns", .tooManyColumns,
            at: token.place)
    }

    private mutating func namePart() throws(SQLError) -> (text: String, isQuoted: Bool) {
        switch token.kind {
        case .word(let word):
            try advance()
            return (word, false)
        case .quotedName(let name):
            try advance()
            return (name, true)
        case .string(let text):
            var error = unexpected()
            error.hint = "Names are written in double quotes: \"\(text)\"."
            throw error
        default: throw unexpected()
        }
    }

    /// `name, name, ...`
    mutating func names() throws(SQLError) -> [Name] {
        var names = [try name()]
        while try takeSymbol(",") {
            try checkCount(names.count)
            names.append(try name())
        }
        return names
    }

    /// A whole number that fits into a bigint.
    mutating func integer() throws(SQLError) -> IntegerLiteral {
        let start = token.place.lowerBound
        let isNegative = try takeSymbol("-")
        guard case .integer(let digits) = token.kind else { throw unexpected() }
        let place = start..<token.place.upperBound
        guard let value = Int64(isNegative ? "-" + digits : digits) else {
            throw SQLError(
                "value \"\(lexer.near(place))\" is out of range for type bigint",
                .numericValueOutOfRange, at: place)
        }
        try advance()
        return IntegerLiteral(value: value, place: place)
    }

    /// `(name = value, ...)`; with `isSpaced` also `name 'value'`.
    mutating func options(isSpaced: Bool = false) throws(SQLError) -> [OptionAssignment] {
        try expectSymbol("(")
        var options: [OptionAssignment] = []
        repeat {
            try checkCount(options.count)
            let name = try optionName()
            try refuseDuplicate(name, among: options.map(\.name))
            if token.isSymbol("=") || token.isSymbol("=>") {
                try advance()
            } else if !isSpaced || !token.isString {
                throw unexpected()
            }
            let start = token.place.lowerBound
            let value = try optionValue()
            options.append(
                OptionAssignment(name: name, value: value, valuePlace: start..<lastEnd))
        } while try takeSymbol(",")
        try expectSymbol(")")
        return options
    }

    /// `(name, ...)`
    mutating func optionNames() throws(SQLError) -> [Name] {
        try expectSymbol("(")
        var names: [Name] = []
        repeat {
            try checkCount(names.count)
            let name = try optionName()
            try refuseDuplicate(name, among: names)
            names.append(name)
        } while try takeSymbol(",")
        try expectSymbol(")")
        return names
    }

    func checkCount(_ count: Int) throws(SQLError) {
        guard count >= Limits.optionsMax else { return }
        throw SQLError(
            "a list has more than \(Limits.optionsMax) elements", .programLimitExceeded,
            at: token.place)
    }

    private func refuseDuplicate(_ name: Name, among names: [Name]) throws(SQLError) {
        guard names.contains(where: { $0.text == name.text }) else { return }
        throw SQLError(
            "option \"\(name.text)\" is given more than once", .syntaxError, at: name.place)
    }

    /// Kafka's names have dots: in any quotes, or bare.
    mutating func optionName() throws(SQLError) -> Name {
        guard case .string(let text) = token.kind else { return try name() }
        let place = token.place
        try advance()
        return Name(text, isQuoted: true, place)
    }

    /// A string, a number with its sign, or a bare word such as `compact` or `true`.
    mutating func optionValue() throws(SQLError) -> String {
        let sign = try takeSymbol("-") ? "-" : ""
        if sign.isEmpty { _ = try takeSymbol("+") }
        switch token.kind {
        case .integer(let digits), .decimal(let digits):
            try advance()
            return sign + digits
        case .string(let text) where sign.isEmpty:
            try advance()
            return text
        case .word(let word) where sign.isEmpty:
            try advance()
            return word
        default: throw unexpected()
        }
    }

    /// `my-topic` is three tokens: the way out is the name in quotes.
    func quotingHint() -> String? {
        let script = lexer.script
        var start = min(token.place.lowerBound, script.count)
        while start > 0, Parser.belongsToName(script[start - 1]) { start -= 1 }
        var end = min(token.place.lowerBound, script.count)
        while end < script.count, Parser.belongsToName(script[end]) { end += 1 }
        let run = script[start..<end]
        guard run.contains(where: { $0 == UInt8(ascii: "-") || $0.isDigit }),
            run.contains(where: { $0.startsWord }), let first = run.first,
            first.startsWord || first.isDigit
        else { return nil }
        // A word that is no more than a word needs no quotes.
        guard !run.allSatisfy({ $0.continuesWord }) || first.isDigit else { return nil }
        return "A name with such characters is quoted: \"\(lexer.near(start..<end))\"."
    }

    private static func belongsToName(_ byte: UInt8) -> Bool {
        byte.continuesWord || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
    }
}
