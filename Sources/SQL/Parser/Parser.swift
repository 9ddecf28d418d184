import Formats

/// Reads the statements of a script, one after another. It looks one token ahead, and its methods
/// are called in the order of the text.
public struct Parser: Sendable {
    var lexer: Lexer
    /// The token under consideration.
    var token: Token
    /// Where the last token that was taken ends.
    var lastEnd = 0
    private var hasStarted = false

    public init(_ script: [UInt8]) throws(SQLError) {
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
        let statement = try self.statement()
        guard token.kind == .end || token.isSymbol(";") else { throw unexpected() }
        return statement
    }

    private mutating func statement() throws(SQLError) -> Statement {
        let first = token
        switch first.keyword {
        case "SHOW": return .administration(try show())
        case "DESCRIBE", "DESC": return .administration(try describe())
        case "CREATE": return .administration(try create())
        case "ALTER": return .administration(try alter())
        case "DROP": return .administration(try drop())
        case "DELETE": return .administration(try delete())
        case let word? where Parser.laterStatements.contains(word): throw unsupported(word, first)
        default: break
        }
        if first.isSymbol("(") { throw unsupported("SELECT", first) }
        throw unexpected(Parser.statements)
    }

    private static let statements = ["SHOW", "DESCRIBE", "CREATE", "ALTER", "DROP", "DELETE"]

    /// Statements of PostgreSQL, and of streams, which are recognised and refused.
    private static let laterStatements: Set<String> = [
        "ABORT", "ANALYZE", "BEGIN", "CALL", "CHECKPOINT", "CLOSE", "CLUSTER", "COMMENT", "COMMIT",
        "COPY", "DEALLOCATE", "DECLARE", "DISCARD", "DO", "END", "EXECUTE", "EXPLAIN", "FETCH",
        "FROM", "GRANT", "IMPORT", "INSERT", "LISTEN", "LOAD", "LOCK", "MERGE", "MOVE", "NOTIFY",
        "PREPARE", "REASSIGN", "REFRESH", "REINDEX", "RELEASE", "RESET", "REVOKE", "ROLLBACK",
        "SAVEPOINT", "SECURITY", "SELECT", "SET", "START", "SUBSCRIBE", "TABLE", "TRUNCATE",
        "UNLISTEN", "UPDATE", "VACUUM", "VALUES", "WITH",
    ]
}

// Taking tokens.
extension Parser {
    mutating func advance() throws(SQLError) {
        lastEnd = token.place.upperBound
        token = try lexer.next()
    }

    /// Takes the keyword if it is next.
    mutating func take(_ keyword: String) throws(SQLError) -> Bool {
        guard token.is(keyword) else { return false }
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

    var isAtEnd: Bool { token.kind == .end || token.isSymbol(";") }

    /// A syntax error at the token; the keywords could stand there.
    func unexpected(_ keywords: [String] = []) -> SQLError {
        // A statement that breaks off is named as such, also before the next one.
        var error = lexer.syntaxError(at: token.place)
        error.hint = quotingHint()
        if let word = token.keyword, error.hint == nil {
            error = error.suggesting(keywords, for: word)
        }
        return error
    }

    func unsupported(_ what: String, _ first: Token) -> SQLError {
        SQLError(
            "\(what) is not supported yet", .featureNotSupported, at: first.place,
            hint: "This version administers topics and groups (rtd help query).")
    }
}

extension Token {
    /// A word in upper case; nil for all other tokens.
    var keyword: String? {
        guard case .word(let word) = kind else { return nil }
        return word.uppercased()
    }
}
