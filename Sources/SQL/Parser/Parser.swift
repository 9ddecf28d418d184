import Formats

/// Reads the statements of a script, one after another, by recursive descent with precedence
/// climbing for expressions. It looks at most two tokens ahead, and its methods are called in the
/// order of the text. Owned by one caller, on any thread with 4 MiB of stack.
public struct Parser: Sendable {
    var lexer: Lexer
    /// The token under consideration.
    var token: Token
    /// The one behind it, if it was looked at.
    private var queued: Token?
    /// Where the last token that was taken ends.
    var lastEnd = 0
    private var hasStarted = false
    /// Levels of nesting open now, in units of a frame of the stack.
    private var nesting = 0
    /// The height of the tallest tree completed at the present level.
    var height = 0
    /// An alias without AS, which may be a clause's mistyped keyword.
    var bareAlias: Token?
    /// Whether DEFAULT may stand as a value.
    var allowsDefault = false
    /// The highest `$n` of the statement.
    var parameterMax = 0

    private let nestingMax: Int
    private let heightMax: Int

    /// `isDeep`: the thread has `Limits.deepStackBytes` of stack, so that 1,000 levels fit.
    public init(_ script: [UInt8], isDeep: Bool = false) throws(SQLError) {
        nestingMax = isDeep ? Limits.deepNestingMax : Limits.nestingMax
        heightMax = isDeep ? Limits.deepTreeHeightMax : Limits.treeHeightMax
        lexer = try Lexer(script)
        token = Token(.end, 0..<0)
    }

    /// The next statement, nil at the end. After an error the parser is not used any more.
    public mutating func next() throws(SQLError) -> Statement? {
        if !hasStarted {
            hasStarted = true
            token = try lexer.next()
        }
        while token.isSymbol(";") { try advance() }
        guard token.kind != .end else { return nil }
        height = 0
        bareAlias = nil
        allowsDefault = false
        let statement = try self.statement()
        guard isAtEnd else { throw unexpectedEnd() }
        return statement
    }

    /// An expression and nothing else: what --param, view options and tests give.
    public static func expression(_ text: String) throws(SQLError) -> SyntaxExpression {
        var parser = try Parser(Array(text.utf8))
        parser.token = try parser.lexer.next()
        let expression = try parser.expression()
        guard parser.token.kind == .end else { throw parser.unexpected() }
        return expression
    }
}

// Taking tokens.
extension Parser {
    mutating func advance() throws(SQLError) {
        lastEnd = token.place.upperBound
        if let next = queued {
            token = next
            queued = nil
        } else {
            token = try lexer.next()
        }
    }

    /// The lines behind the semicolon up to a line `\.`, as pg_dump writes them; nil, and nothing
    /// taken, if there is no such line.
    mutating func takeData() throws(SQLError) -> [UInt8]? {
        guard token.isSymbol(";"), queued == nil else { return nil }
        return lexer.takeLines()
    }

    /// The token behind the present one.
    mutating func following() throws(SQLError) -> Token {
        if let queued { return queued }
        let next = try lexer.next()
        queued = next
        return next
    }

    /// Takes the keyword if it is next.
    mutating func take(_ keyword: String) throws(SQLError) -> Bool {
        guard token.is(keyword) else { return false }
        try advance()
        return true
    }

    /// Takes both words, or none.
    mutating func take(_ first: String, _ second: String) throws(SQLError) -> Bool {
        guard token.is(first), try following().is(second) else { return false }
        try advance()
        try advance()
        return true
    }

    mutating func takeSymbol(_ symbol: String) throws(SQLError) -> Bool {
        guard token.isSymbol(symbol) else { return false }
        try advance()
        return true
    }

    mutating func expect(_ keyword: String) throws(SQLError) {
        guard try take(keyword) else { throw unexpected([keyword]) }
    }

    mutating func expectSymbol(_ symbol: String) throws(SQLError) {
        guard try takeSymbol(symbol) else { throw unexpected() }
    }

    /// `IF EXISTS`
    mutating func takeIfExists() throws(SQLError) -> Bool {
        guard try take("IF") else { return false }
        try expect("EXISTS")
        return true
    }

    /// `IF NOT EXISTS`
    mutating func takeIfNotExists() throws(SQLError) -> Bool {
        guard try take("IF") else { return false }
        try expect("NOT")
        try expect("EXISTS")
        return true
    }

    var isAtEnd: Bool { token.kind == .end || token.isSymbol(";") }

    /// Whether the token is a word that the following symbol makes a call, a cast ...
    mutating func isWord(_ word: String, before symbol: String) throws(SQLError) -> Bool {
        guard token.is(word) else { return false }
        return try following().isSymbol(symbol)
    }
}

// Depth.
extension Parser {
    /// Goes a level down: what is nested in the text is nested on the stack, here and in all that
    /// walks the tree. The result is for `leave`.
    mutating func enter(_ units: Int = 1) throws(SQLError) -> Int {
        nesting += units
        guard nesting <= nestingMax else { throw tooDeep() }
        let outer = height
        height = 0
        return outer
    }

    mutating func leave(_ outer: Int, _ units: Int = 1) throws(SQLError) {
        nesting -= units
        height = max(outer, height + 1)
        guard height <= heightMax else { throw tooDeep() }
    }

    /// An operator over what was read makes the tree taller by one.
    mutating func grow() throws(SQLError) {
        height += 1
        guard height <= heightMax else { throw tooDeep() }
    }

    private func tooDeep() -> SQLError {
        SQLError(
            "stack depth limit exceeded", .statementTooComplex, at: token.place,
            hint: "The statement nests too deeply; WITH gives its parts names.")
    }
}

// Errors.
extension Parser {
    /// A syntax error at the token; the keywords could stand there.
    func unexpected(_ keywords: [String] = []) -> SQLError {
        var error = lexer.syntaxError(at: token.place)
        error.hint = quotingHint()
        if let word = token.keyword, error.hint == nil {
            error = error.suggesting(keywords, for: word)
        }
        return error
    }

    /// A name is missing: a reserved word in its place must be quoted.
    func unexpectedName() -> SQLError {
        var error = unexpected()
        if let word = token.keyword, error.hint == nil, Keywords.reserved.contains(word) {
            let text = lexer.text(token.place)
            error.hint = "A reserved word is a name in double quotes: \"\(text)\"."
        }
        return error
    }

    /// A statement that goes on where it should end.
    private func unexpectedEnd() -> SQLError {
        var error = unexpected(Keywords.clauses)
        if let word = token.keyword, Keywords.clauses.contains(word), error.hint == nil {
            error.hint =
                "The order is FROM, WHERE, GROUP BY, HAVING, WINDOW, QUALIFY, ORDER BY, LIMIT."
            return error
        }
        guard let word = bareAlias?.keyword, error.hint == nil,
            bareAlias?.place.upperBound == lastEnd
        else { return error }
        return error.suggesting(Keywords.clauses, for: word)
    }

    func unsupported(_ what: String, _ first: Token) -> SQLError {
        SQLError("\(what) is not supported yet", .featureNotSupported, at: first.place)
    }
}
