import Formats

// BEGIN, COMMIT, ROLLBACK, SAVEPOINT; PREPARE, EXECUTE, DEALLOCATE.
extension Parser {
    /// nil, and nothing taken, if another statement begins here.
    mutating func transaction() throws(SQLError) -> TransactionStatement? {
        let first = token
        switch first.keyword {
        case "BEGIN":
            try advance()
            if try !take("WORK") { _ = try take("TRANSACTION") }
            return .begin(try transactionModes(), isStart: false)
        case "START":
            guard try following().is("TRANSACTION") else { return nil }
            try advance()
            try advance()
            return .begin(try transactionModes(), isStart: true)
        case "COMMIT", "END":
            try advance()
            try transactionWord(first)
            return .commit(chains: try chains())
        case "ROLLBACK", "ABORT":
            try advance()
            try transactionWord(first)
            if first.is("ROLLBACK"), try take("TO") {
                _ = try take("SAVEPOINT")
                return .rollbackTo(try columnName())
            }
            return .rollback(chains: try chains())
        case "SAVEPOINT":
            try advance()
            return .savepoint(try columnName())
        case "RELEASE":
            try advance()
            _ = try take("SAVEPOINT")
            return .release(try columnName())
        default: return nil
        }
    }

    private mutating func transactionWord(_ first: Token) throws(SQLError) {
        if token.is("PREPARED") {
            throw unsupported("\(first.keyword ?? "COMMIT") PREPARED", first)
        }
        if try !take("WORK") { _ = try take("TRANSACTION") }
    }

    /// AND [NO] CHAIN
    private mutating func chains() throws(SQLError) -> Bool {
        guard try take("AND") else { return false }
        let isNot = try take("NO")
        try expect("CHAIN")
        return !isNot
    }

    /// ISOLATION LEVEL ..., READ ONLY | WRITE, [NOT] DEFERRABLE
    mutating func transactionModes() throws(SQLError) -> TransactionModes {
        var modes = TransactionModes()
        while !isAtEnd {
            if try take("READ") {
                if try take("ONLY") {
                    modes.isReadOnly = true
                } else {
                    try expect("WRITE")
                    modes.isReadOnly = false
                }
            } else if try take("ISOLATION", "LEVEL") {
                modes.isolation = try isolation()
            } else if token.is("NOT") || token.is("DEFERRABLE") {
                _ = try take("NOT")
                try expect("DEFERRABLE")
            } else {
                throw unexpected(["READ", "ISOLATION", "DEFERRABLE"])
            }
            _ = try takeSymbol(",")
        }
        return modes
    }

    private mutating func isolation() throws(SQLError) -> String {
        if try take("SERIALIZABLE") { return "serializable" }
        if try take("REPEATABLE") {
            try expect("READ")
            return "repeatable read"
        }
        try expect("READ")
        if try take("COMMITTED") { return "read committed" }
        try expect("UNCOMMITTED")
        return "read uncommitted"
    }

    /// PREPARE name [(types)] AS statement
    mutating func prepare() throws(SQLError) -> Statement {
        let first = token
        try advance()
        if token.is("TRANSACTION") { throw unsupported("PREPARE TRANSACTION", first) }
        let name = try columnName()
        var types: [TypeName] = []
        if try takeSymbol("(") {
            repeat { types.append(try typeName()) } while try takeSymbol(",")
            try expectSymbol(")")
        }
        try expect("AS")
        let begins = ["SELECT", "VALUES", "TABLE", "WITH", "INSERT", "UPDATE", "DELETE", "MERGE"]
        guard token.isSymbol("(") || begins.contains(token.keyword ?? "") else {
            throw unexpected(begins)
        }
        parameterMax = 0
        let body = try statement()
        return .prepare(
            PrepareSyntax(name: name, types: types, statement: body, parameterMax: parameterMax))
    }

    /// EXECUTE name [(values)]
    mutating func execute() throws(SQLError) -> Statement {
        try advance()
        let name = try columnName()
        var arguments: [SyntaxExpression] = []
        if try takeSymbol("(") {
            if !token.isSymbol(")") { arguments = try expressions() }
            try expectSymbol(")")
        }
        return .execute(ExecuteSyntax(name: name, arguments: arguments))
    }

    /// DEALLOCATE [PREPARE] name | ALL
    mutating func deallocate() throws(SQLError) -> Statement {
        try advance()
        if token.is("PREPARE") {
            let next = try following()
            if next.kind != .end, !next.isSymbol(";") { try advance() }
        }
        return .deallocate(try take("ALL") ? nil : try columnName())
    }
}

// MERGE.
extension Parser {
    /// MERGE INTO t [alias] USING source ON condition WHEN ...
    mutating func merge() throws(SQLError) -> MergeSyntax {
        let start = token.place.lowerBound
        try advance()
        try expect("INTO")
        let table = try relationName()
        let alias = try changedAlias()
        try expect("USING")
        guard case .relation(let source) = try fromItem() else {
            throw SQLError(
                "MERGE USING a join is not supported", .featureNotSupported,
                at: start..<lastEnd, hint: "Put it into a query: USING (SELECT ...) AS s.")
        }
        try expect("ON")
        var merge = MergeSyntax(
            table: table, alias: alias, source: source, condition: try expression(),
            place: start..<start)
        repeat {
            try checkCount(merge.clauses.count)
            merge.clauses.append(try mergeClause())
        } while token.is("WHEN")
        merge.place = start..<lastEnd
        return merge
    }

    private mutating func mergeClause() throws(SQLError) -> MergeSyntax.Clause {
        let start = token.place.lowerBound
        try expect("WHEN")
        let isMatched = try !take("NOT")
        try expect("MATCHED")
        let condition = try take("AND") ? try expression() : nil
        try expect("THEN")
        let action: MergeSyntax.Action
        if try take("DO", "NOTHING") {
            action = .nothing
        } else if isMatched, try take("DELETE") {
            action = .delete
        } else if isMatched, try take("UPDATE") {
            try expect("SET")
            var assignments: [(Name, SyntaxExpression)] = []
            repeat {
                try assignment(of: &assignments)
                try checkColumnCount(assignments.count)
            } while try takeSymbol(",")
            action = .update(assignments)
        } else if !isMatched, try take("INSERT") {
            action = try mergeInsert()
        } else {
            throw unexpected(isMatched ? ["UPDATE", "DELETE", "DO"] : ["INSERT", "DO"])
        }
        return MergeSyntax.Clause(
            isMatched: isMatched, condition: condition, action: action, place: start..<lastEnd)
    }

    /// [(columns)] VALUES (...) | DEFAULT VALUES
    private mutating func mergeInsert() throws(SQLError) -> MergeSyntax.Action {
        let columns = token.isSymbol("(") ? try targets() : []
        if token.is("OVERRIDING") { throw unsupported("OVERRIDING", token) }
        if try take("DEFAULT") {
            try expect("VALUES")
            return .insert(columns, [])
        }
        try expect("VALUES")
        try expectSymbol("(")
        var values: [SyntaxExpression] = []
        allowsDefault = true
        repeat { values.append(try valueOrDefault()) } while try takeSymbol(",")
        allowsDefault = false
        try expectSymbol(")")
        return .insert(columns, values)
    }
}
