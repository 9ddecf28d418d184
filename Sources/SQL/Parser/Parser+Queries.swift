import Formats

// Queries: WITH, set operations, ORDER BY, LIMIT.
extension Parser {
    mutating func query() throws(SQLError) -> QuerySyntax {
        try query(from: nil, token.place.lowerBound)
    }

    /// A query whose first part may have been read, in parentheses.
    mutating func query(from first: QuerySyntax?, _ start: Int) throws(SQLError) -> QuerySyntax {
        let outer = try enter(Limits.queryNesting)
        var with: [CommonTable] = []
        var isRecursive = false
        if first == nil, token.is("WITH") { with = try commonTables(&isRecursive) }
        let body = try setOperation(first.map { .query($0) }, tightest: false)
        var query = QuerySyntax(body, start..<lastEnd)
        try clauses(of: &query)
        try leave(outer, Limits.queryNesting)
        // Parentheses around all of it mean nothing.
        if with.isEmpty, !query.hasClauses, case .query(let inner) = query.body { return inner }
        query.with = with
        query.isRecursive = isRecursive
        query.place = start..<lastEnd
        return query
    }

    /// WITH [RECURSIVE] name [(columns)] AS [NOT MATERIALIZED] (query), ...
    mutating func commonTables(_ isRecursive: inout Bool) throws(SQLError) -> [CommonTable] {
        try advance()
        isRecursive = try take("RECURSIVE")
        var tables: [CommonTable] = []
        repeat {
            let name = try columnName()
            let columns = token.isSymbol("(") ? try columnNames() : []
            try expect("AS")
            var isMaterialized: Bool?
            if try take("NOT") {
                try expect("MATERIALIZED")
                isMaterialized = false
            } else if try take("MATERIALIZED") {
                isMaterialized = true
            }
            let open = try following()
            if let word = open.keyword, ["INSERT", "UPDATE", "DELETE"].contains(word) {
                let empty = QuerySyntax(.values([], open.place), open.place)
                var table = CommonTable(name, columns: columns, isMaterialized: nil, empty)
                table.change = try changeInParentheses()
                tables.append(table)
                try checkCount(tables.count)
                continue
            }
            let query = try queryInParentheses()
            var table = CommonTable(
                name, columns: columns, isMaterialized: isMaterialized, query)
            if token.is("SEARCH") || token.is("CYCLE") {
                try walk(&table, isRecursive: isRecursive)
            }
            tables.append(table)
            try checkCount(tables.count)
        } while try takeSymbol(",")
        return tables
    }

    /// (INSERT | UPDATE | DELETE ... [RETURNING ...])
    private mutating func changeInParentheses() throws(SQLError) -> CommonTable.Change {
        try expectSymbol("(")
        let place = token.place
        let outer = try enter(Limits.queryNesting)
        let change: CommonTable.Change
        switch token.keyword {
        case "INSERT": change = .insert(try insert([], isRecursive: false))
        case "UPDATE": change = .update(try update())
        default:
            guard case .delete(let delete) = try delete(closing: true) else {
                throw SQLError(
                    "a topic's records cannot be deleted in WITH", .featureNotSupported, at: place)
            }
            change = .delete(delete)
        }
        try leave(outer, Limits.queryNesting)
        try expectSymbol(")")
        return change
    }

    /// UNION and EXCEPT bind alike, INTERSECT tighter; all to the left.
    private mutating func setOperation(
        _ first: QuerySyntax.Body?, tightest: Bool
    ) throws(SQLError) -> QuerySyntax.Body {
        var left: QuerySyntax.Body
        if tightest {
            if let first { left = first } else { left = try queryBody() }
        } else {
            left = try setOperation(first, tightest: true)
        }
        while let kind = setKind(tightest: tightest) {
            let place = token.place
            try advance()
            let all = try take("ALL")
            if !all { _ = try take("DISTINCT") }
            if token.is("BY"), try following().is("NAME") { throw unsupported("BY NAME", token) }
            let outer = try enter(0)
            let right = try tightest ? queryBody() : setOperation(nil, tightest: true)
            try leave(outer, 0)
            try grow()
            left = .set(QuerySyntax.SetSyntax(kind, all: all, left, right, place))
        }
        return left
    }

    private func setKind(tightest: Bool) -> QuerySyntax.SetSyntax.Kind? {
        switch token.keyword {
        case "INTERSECT" where tightest: .intersect
        case "UNION" where !tightest: .union
        case "EXCEPT" where !tightest: .except
        default: nil
        }
    }

    private mutating func queryBody() throws(SQLError) -> QuerySyntax.Body {
        if token.is("SELECT") { return .select(try select()) }
        if token.is("VALUES") { return try values() }
        if token.isSymbol("(") { return .query(try queryInParentheses()) }
        guard try take("TABLE") else { throw unexpected(["SELECT", "VALUES", "TABLE"]) }
        return .table(try relationName())
    }

    private mutating func values() throws(SQLError) -> QuerySyntax.Body {
        let start = token.place.lowerBound
        try advance()
        var rows: [[SyntaxExpression]] = []
        repeat {
            try expectSymbol("(")
            var row: [SyntaxExpression] = []
            repeat {
                row.append(try valueOrDefault())
                try checkColumnCount(row.count)
            } while try takeSymbol(",")
            try expectSymbol(")")
            guard rows.isEmpty || rows[0].count == row.count else {
                throw SQLError(
                    "VALUES lists must all be the same length", .syntaxError,
                    at: row[0].place)
            }
            rows.append(row)
        } while try takeSymbol(",")
        return .values(rows, start..<lastEnd)
    }

    /// DEFAULT is allowed in the rows of an INSERT and in SET of an UPDATE.
    mutating func valueOrDefault() throws(SQLError) -> SyntaxExpression {
        guard allowsDefault, token.is("DEFAULT") else { return try expression() }
        let place = token.place
        try advance()
        return SyntaxExpression(.keywordValue("DEFAULT", precision: nil), place)
    }

    /// Whether what stands behind a query in parentheses goes on with it.
    var continuesQuery: Bool {
        switch token.keyword {
        case "UNION", "INTERSECT", "EXCEPT", "ORDER", "LIMIT", "OFFSET", "FETCH", "EMIT", "FOR":
            true
        default: false
        }
    }

    /// ORDER BY, then LIMIT, OFFSET, FETCH and EMIT in any order: ksqlDB has EMIT before LIMIT.
    private mutating func clauses(of query: inout QuerySyntax) throws(SQLError) {
        if try take("ORDER") { query.order = try orderItems(mayBeAll: true) }
        var hasLimit = false
        var hasOffset = false
        while true {
            let place = token.place
            if token.is("LIMIT") || token.is("FETCH") {
                guard !hasLimit else { throw Parser.multiple("LIMIT", place) }
                hasLimit = true
                try limit(of: &query)
            } else if try take("OFFSET") {
                guard !hasOffset else { throw Parser.multiple("OFFSET", place) }
                hasOffset = true
                query.offset = try expression()
                if token.is("ROW") || token.is("ROWS") { try advance() }
            } else if token.is("EMIT"), query.emit == nil {
                query.emit = try emit()
            } else if token.is("FOR"), try !following().is("SYSTEM_TIME") {
                query.locks.append(try lock())
            } else {
                break
            }
        }
    }

    /// FOR strength [OF name, ...] [NOWAIT | SKIP LOCKED]
    private mutating func lock() throws(SQLError) -> LockSyntax {
        let start = token.place.lowerBound
        try advance()
        var strength: String
        if try take("NO") {
            try expect("KEY")
            try expect("UPDATE")
            strength = "NO KEY UPDATE"
        } else if try take("KEY") {
            try expect("SHARE")
            strength = "KEY SHARE"
        } else {
            guard let word = token.keyword, word == "UPDATE" || word == "SHARE" else {
                throw unexpected(["UPDATE", "SHARE"])
            }
            strength = word
            try advance()
        }
        var lock = LockSyntax(strength: strength, place: start..<lastEnd)
        if try take("OF") {
            repeat { lock.relations.append(try columnName()) } while try takeSymbol(",")
        }
        if try take("SKIP") { try expect("LOCKED") } else { _ = try take("NOWAIT") }
        return lock
    }

    private static func multiple(_ clause: String, _ place: Range<Int>) -> SQLError {
        SQLError("multiple \(clause) clauses not allowed", .syntaxError, at: place)
    }

    private mutating func limit(of query: inout QuerySyntax) throws(SQLError) {
        let first = token
        if try take("LIMIT") {
            if try !take("ALL") { query.limit = try expression() }
            if token.isSymbol(",") {
                var error = SQLError(
                    "LIMIT #,# syntax is not supported", .syntaxError, at: first.place)
                error.hint = "Use separate LIMIT and OFFSET clauses."
                throw error
            }
            return
        }
        try advance()
        guard token.is("FIRST") || token.is("NEXT") else { throw unexpected(["FIRST", "NEXT"]) }
        try advance()
        if token.is("ROW") || token.is("ROWS") {
            query.limit = SyntaxExpression(.integer("1"), token.place)
        } else {
            query.limit = try operand(Precedence.sum)
        }
        guard token.is("ROW") || token.is("ROWS") else { throw unexpected(["ROW", "ROWS"]) }
        try advance()
        if try take("ONLY") { return }
        try expect("WITH")
        try expect("TIES")
        guard !query.order.isEmpty else {
            throw SQLError(
                "WITH TIES cannot be specified without ORDER BY clause", .syntaxError,
                at: first.place)
        }
        query.withTies = true
    }
}

extension QuerySyntax {
    /// Whether anything is said behind the body.
    var hasClauses: Bool {
        !order.isEmpty || limit != nil || offset != nil || withTies || emit != nil
            || !locks.isEmpty
    }
}
