import Formats

// What each statement begins with.
extension Parser {
    mutating func statement() throws(SQLError) -> Statement {
        let first = token
        if first.isSymbol("(") { return made(try query()) }
        if let transaction = try transaction() { return .transaction(transaction) }
        switch first.keyword {
        case "SELECT", "VALUES", "TABLE": return made(try query())
        case "WITH": return try statementWithTables()
        case "SHOW": return try show()
        case "DESCRIBE", "DESC": return try describe()
        case "CREATE": return try create()
        case "ALTER": return try alter()
        case "DROP": return try drop()
        case "INSERT": return .insert(try insert([], isRecursive: false))
        case "UPDATE": return .update(try update())
        case "DELETE": return try delete()
        case "TRUNCATE": return try truncate()
        case "COPY": return try copy()
        case "MERGE": return .merge(try merge())
        case "PREPARE": return try prepare()
        case "EXECUTE": return try execute()
        case "DEALLOCATE": return try deallocate()
        case "EXPLAIN": return .explain(try explain(first))
        case "REFRESH": return try refresh()
        case "FLUSH":
            try advance()
            return .flush
        case "ANALYZE", "CHECKPOINT", "VACUUM": return try maintenance()
        case "SET": return try set()
        case "RESET": return .set(try reset())
        case "FROM":
            var error = unexpected()
            error.hint = "A query begins with SELECT: SELECT * FROM ..."
            throw error
        case let word? where Parser.laterStatements.contains(word): throw unsupported(word, first)
        default: throw unexpected(Parser.statements)
        }
    }

    /// ANALYZE, CHECKPOINT or VACUUM, options, tables with their columns.
    private mutating func maintenance() throws(SQLError) -> Statement {
        let word = token.keyword ?? ""
        try advance()
        if word != "CHECKPOINT" {
            if try takeSymbol("(") {
                repeat {
                    _ = try label()
                    if !token.isSymbol(","), !token.isSymbol(")") { try advance() }
                } while try takeSymbol(",")
                try expectSymbol(")")
            } else {
                while ["ANALYZE", "FREEZE", "FULL", "VERBOSE"].contains(token.keyword) {
                    try advance()
                }
            }
        }
        var names: [Name] = []
        while word != "CHECKPOINT", !isAtEnd {
            names.append(try relationName())
            if token.isSymbol("(") { _ = try columnNames() }
            guard try takeSymbol(",") else { break }
        }
        return .maintenance(word, names)
    }

    /// A query, or the table that SELECT ... INTO makes of it.
    private func made(_ query: QuerySyntax) -> Statement {
        var query = query
        guard let into = query.body.takeInto() else { return .query(query) }
        var table = TableDefinition(into.table, query.place)
        table.isTemporary = into.isTemporary
        table.query = query
        return .createTable(table)
    }

    private static let statements = [
        "SELECT", "WITH", "VALUES", "TABLE", "SHOW", "DESCRIBE", "CREATE", "ALTER", "DROP",
        "INSERT", "UPDATE", "DELETE", "MERGE", "TRUNCATE", "COPY", "EXPLAIN", "SET", "RESET",
        "BEGIN",
        "COMMIT", "ROLLBACK", "PREPARE", "EXECUTE",
    ]

    /// Statements of PostgreSQL, and of streams, which are recognised and refused.
    private static let laterStatements: Set<String> = [
        "CALL", "CLOSE", "CLUSTER", "COMMENT", "DECLARE", "DISCARD", "DO",
        "FETCH", "GRANT", "IMPORT", "LISTEN", "LOAD", "LOCK", "MOVE", "NOTIFY", "REASSIGN",
        "REINDEX", "REVOKE", "SECURITY", "START", "SUBSCRIBE", "UNLISTEN",
    ]

    /// WITH before a query or a change.
    private mutating func statementWithTables() throws(SQLError) -> Statement {
        var probe = self
        var isRecursive = false
        let tables = try probe.commonTables(&isRecursive)
        switch probe.token.keyword {
        case "INSERT":
            self = probe
            return .insert(try insert(tables, isRecursive: isRecursive))
        case "UPDATE", "DELETE", "MERGE":
            var with = WithSyntax()
            (with.tables, with.isRecursive) = (tables, isRecursive)
            self = probe
            switch try statement() {
            case .update(var update):
                update.with = with
                return .update(update)
            case .delete(var delete):
                delete.with = with
                return .delete(delete)
            case .merge(var merge):
                merge.with = with
                return .merge(merge)
            case let other: return other
            }
        default: return made(try query())
        }
    }

    private mutating func show() throws(SQLError) -> Statement {
        if let statement = try showOfCluster() { return .administration(statement) }
        let first = token
        try advance()
        if let word = token.keyword {
            if Parser.relationKinds.contains(word) {
                try advance()
                return .showRelations(word)
            }
            if Parser.laterObjects.contains(word) {
                var error = unsupported("SHOW \(word)", first)
                error.hint =
                    "There are SHOW TOPICS, GROUPS, CONFIGS, TABLES, VIEWS and FUNCTIONS; "
                    + "DESCRIBE name and DESCRIBE SELECT ... tell columns."
                throw error
            }
        }
        let start = token.place.lowerBound
        if try take("TRANSACTION", "ISOLATION") {
            try expect("LEVEL")
            let name = Name("transaction_isolation", isQuoted: false, start..<lastEnd)
            return .show(SettingSyntax(name, value: nil, start..<lastEnd))
        }
        let name = try settingName()
        guard isAtEnd else { throw unexpected() }
        return .show(SettingSyntax(name, value: nil, start..<lastEnd))
    }

    private static let relationKinds: Set<String> = [
        "FUNCTIONS", "SOURCES", "TABLES", "TYPES", "VIEWS",
    ]
    private static let laterObjects: Set<String> = [
        "CLUSTERS", "COLUMNS", "CREATE", "DATABASES", "INDEXES", "SCHEMAS", "SINKS",
    ]

    /// DESCRIBE of a topic, a group, or of anything that stands in FROM.
    private mutating func describe() throws(SQLError) -> Statement {
        try advance()
        let start = token.place.lowerBound
        if startsQuery, !token.is("TABLE") {
            let query = try query()
            return .describe(RelationSyntax(.query(query), start..<lastEnd))
        }
        if token.isSymbol("(") {
            let query = try queryInParentheses()
            return .describe(RelationSyntax(.query(query), start..<lastEnd))
        }
        if token.is("TABLE") || token.is("VIEW") || token.is("SOURCE") {
            let next = try following()
            if next.kind != .end, !next.isSymbol(";"), !next.isSymbol(".") { try advance() }
        }
        let isFunction = token.keyword != nil ? try following().isSymbol("(") : false
        guard token.isString || isFunction else {
            return .administration(try describeOfCluster())
        }
        var relation = try plainRelation()
        relation.stream = try streamModifiers()
        return .describe(relation)
    }

    /// EXPLAIN [ANALYZE] [VERBOSE] | (options) statement
    private mutating func explain(_ first: Token) throws(SQLError) -> ExplainSyntax {
        try advance()
        var explain = ExplainSyntax(.flush)
        if token.isSymbol("("), try following().keyword != nil, try !parenthesisOpensQuery() {
            try explainOptions(&explain)
        } else {
            explain.isAnalyze = try take("ANALYZE")
            explain.isVerbose = try take("VERBOSE")
        }
        let start = token
        let isExplained = start.keyword.map(Self.explainedStatements.contains) ?? false
        guard isExplained || startsQuery || token.isSymbol("(") else {
            if let word = start.keyword, Parser.statements.contains(word) {
                throw unsupported("EXPLAIN of \(word)", start)
            }
            throw unexpected(["SELECT", "VALUES", "WITH", "TABLE", "ANALYZE", "INSERT", "UPDATE"])
        }
        explain.statement = try statement()
        switch explain.statement {
        case .query, .insert, .update, .delete, .merge, .copy, .execute: return explain
        case .createTable(let table) where table.query != nil: return explain
        default: throw unsupported("EXPLAIN of \(explain.statement.tag)", start)
        }
    }

    private static let explainedStatements: Set<String> = [
        "INSERT", "UPDATE", "DELETE", "MERGE", "COPY", "EXECUTE", "CREATE",
    ]

    private mutating func parenthesisOpensQuery() throws(SQLError) -> Bool {
        var probe = self
        while try probe.takeSymbol("(") {}
        return probe.startsQuery
    }

    private mutating func explainOptions(_ explain: inout ExplainSyntax) throws(SQLError) {
        for option in try flags() {
            let name = option.name.text.lowercased()
            let value = option.value.lowercased()
            switch name {
            case "analyze": explain.isAnalyze = try boolean(option)
            case "verbose": explain.isVerbose = try boolean(option)
            case "costs": explain.showsFacts = try boolean(option)
            case "timing": explain.showsTimes = try boolean(option)
            case "summary": explain.showsSummary = try boolean(option)
            case "buffers", "settings", "wal": _ = try boolean(option)
            case "format":
                guard value == "text" || value == "json" else {
                    let isKnown = ["xml", "yaml"].contains(value)
                    throw SQLError(
                        isKnown
                            ? "EXPLAIN (FORMAT \(value)) is not supported yet"
                            : "unrecognized value for EXPLAIN option \"format\": \"\(value)\"",
                        isKnown ? .featureNotSupported : .invalidParameterValue,
                        at: option.valuePlace)
                }
                explain.format = value
            default:
                throw SQLError(
                    "unrecognized EXPLAIN option \"\(name)\"", .syntaxError,
                    at: option.name.place
                ).suggesting(
                    ["analyze", "verbose", "costs", "timing", "summary", "format"], for: name)
            }
        }
    }

    private func boolean(_ option: OptionAssignment) throws(SQLError) -> Bool {
        switch option.value.lowercased() {
        case "true", "on", "1": return true
        case "false", "off", "0": return false
        default:
            throw SQLError(
                "\(option.name.text.lowercased()) requires a Boolean value", .syntaxError,
                at: option.valuePlace)
        }
    }

    /// `(name [value], ...)`: a name alone is true.
    mutating func flags() throws(SQLError) -> [OptionAssignment] {
        try expectSymbol("(")
        var flags: [OptionAssignment] = []
        repeat {
            try checkCount(flags.count)
            flags.append(try flag())
        } while try takeSymbol(",")
        try expectSymbol(")")
        return flags
    }

    private mutating func flag() throws(SQLError) -> OptionAssignment {
        let name = try optionName()
        if token.isSymbol("=") || token.isSymbol("=>") { try advance() }
        let start = token.place.lowerBound
        if token.isSymbol(",") || token.isSymbol(")") {
            return OptionAssignment(name: name, value: "true", valuePlace: name.place)
        }
        let value: String
        if token.isSymbol("(") {
            value = try columnNames().map(\.text).joined(separator: ",")
        } else if try takeSymbol("*") {
            value = "*"
        } else {
            value = try optionValue()
        }
        return OptionAssignment(name: name, value: value, valuePlace: start..<lastEnd)
    }
}

// SET, RESET.
extension Parser {
    private mutating func settingName() throws(SQLError) -> Name {
        let start = token.place.lowerBound
        if try take("TIME", "ZONE") { return Name("TimeZone", isQuoted: false, start..<lastEnd) }
        return try name()
    }

    private mutating func reset() throws(SQLError) -> SettingSyntax {
        try advance()
        let start = token.place.lowerBound
        var setting = SettingSyntax(try settingName(), value: nil, start..<lastEnd)
        setting.isAssignment = true
        setting.tag = "RESET"
        return setting
    }

    /// [SESSION | LOCAL] name { = | TO } value | TIME ZONE value | NAMES value | SCHEMA value, and
    /// the modes of the transaction
    private mutating func set() throws(SQLError) -> Statement {
        let first = token
        try advance()
        var isLocal = false
        if token.is("SESSION") || token.is("LOCAL") {
            let next = try following()
            if !next.isSymbol("="), !next.is("TO") {
                isLocal = token.is("LOCAL")
                try advance()
            }
        }
        if token.is("TRANSACTION"), try !followedByValue() {
            try advance()
            return .transaction(.setModes(try transactionModes()))
        }
        for word in ["CONSTRAINTS", "ROLE", "AUTHORIZATION", "CHARACTERISTICS"]
        where token.is(word) {
            guard try followedByValue() else { throw unsupported("SET \(word)", first) }
        }
        let start = token.place.lowerBound
        for (word, name) in [("NAMES", "client_encoding"), ("SCHEMA", "search_path")]
        where token.is(word) {
            guard try !followedByValue() else { continue }
            let place = token.place
            try advance()
            let value = try take("DEFAULT") ? nil : try string()
            return assignment(Name(name, isQuoted: false, place), value, isLocal, start)
        }
        let isZone = token.is("TIME")
        let name = try settingName()
        if token.isSymbol("=") || token.is("TO") {
            try advance()
        } else if !isZone {
            throw unexpected(["TO"])
        }
        if isZone, token.is("LOCAL") || token.is("INTERVAL") {
            let value = try zoneValue()
            return assignment(name, value, isLocal, start)
        }
        if try take("DEFAULT") { return assignment(name, nil, isLocal, start) }
        var values = [try settingValue()]
        while try takeSymbol(",") { values.append(try settingValue()) }
        return assignment(name, values.joined(separator: ", "), isLocal, start)
    }

    private mutating func followedByValue() throws(SQLError) -> Bool {
        let next = try following()
        return next.isSymbol("=") || next.is("TO")
    }

    private func assignment(
        _ name: Name, _ value: String?, _ isLocal: Bool, _ start: Int
    ) -> Statement {
        var setting = SettingSyntax(name, value: value, start..<lastEnd)
        setting.isLocal = isLocal
        setting.isAssignment = true
        return .set(setting)
    }

    /// LOCAL, or INTERVAL '+02:00' [HOUR TO MINUTE]
    private mutating func zoneValue() throws(SQLError) -> String? {
        if try take("LOCAL") { return nil }
        try advance()
        let text = try string()
        _ = try intervalFields()
        return "interval " + text
    }

    private mutating func settingValue() throws(SQLError) -> String {
        if case .quotedName(let text) = token.kind {
            try advance()
            return text
        }
        return try optionValue()
    }
}

extension QuerySyntax.Body {
    /// INTO of the first SELECT, which then has none.
    fileprivate mutating func takeInto() -> SelectSyntax.Into? {
        switch self {
        case .select(var select):
            guard let into = select.into else { return nil }
            select.into = nil
            self = .select(select)
            return into
        case .set(var set):
            let into = set.left.takeInto()
            if into != nil { self = .set(set) }
            return into
        case .values, .table, .query: return nil
        }
    }
}
