import Formats

// FROM: relations and joins.
extension Parser {
    mutating func fromItems() throws(SQLError) -> [FromItem] {
        var items = [try fromItem()]
        while try takeSymbol(",") { items.append(try fromItem()) }
        return items
    }

    mutating func fromItem() throws(SQLError) -> FromItem {
        let outer = try enter()
        let item = try joins(behind: try relationItem())
        try leave(outer)
        return item
    }

    private mutating func joins(behind first: FromItem) throws(SQLError) -> FromItem {
        var left = first
        while let join = try joinKind() { left = try joined(left, join) }
        return left
    }

    /// What JOIN begins here; its words are taken up to and with JOIN.
    private mutating func joinKind() throws(SQLError) -> JoinStart? {
        let start = token.place.lowerBound
        let isNatural = try take("NATURAL")
        var kind = JoinSyntax.Kind.inner
        switch token.keyword {
        case "JOIN": break
        case "INNER": try advance()
        case "CROSS" where !isNatural:
            try advance()
            kind = .cross
        case "ASOF" where !isNatural:
            try advance()
            kind = .asof
            if try take("LEFT") {
                kind = .asofLeft
                _ = try take("OUTER")
            } else {
                _ = try take("INNER")
            }
        case "LEFT", "RIGHT", "FULL":
            kind = token.is("LEFT") ? .left : token.is("RIGHT") ? .right : .full
            try advance()
            _ = try take("OUTER")
            if kind == .left, try take("ASOF") { kind = .asofLeft }
        default:
            guard isNatural else { return nil }
            throw unexpected(["JOIN", "LEFT", "RIGHT", "FULL", "INNER"])
        }
        if token.is("SEMI") || token.is("ANTI") { throw unsupported("SEMI JOIN", token) }
        try expect("JOIN")
        return JoinStart(kind: kind, isNatural: isNatural, place: start..<lastEnd)
    }

    private mutating func joined(
        _ left: FromItem, _ start: JoinStart
    ) throws(SQLError) -> FromItem {
        let outer = try enter()
        var right = try relationItem()
        let needsCondition = start.kind != .cross && !start.isNatural
        var match: SyntaxExpression?
        var condition = JoinSyntax.Condition.none
        if needsCondition {
            // `a JOIN b JOIN c ON x ON y`: the inner join takes the first condition.
            while !token.is("ON"), !token.is("USING"), !token.is("MATCH_CONDITION"),
                let inner = try joinKind()
            {
                right = try joined(right, inner)
            }
            match = try matchCondition(start.kind)
            condition = try joinCondition()
        } else if start.isNatural {
            condition = .natural
        }
        try leave(outer)
        try grow()
        return .join(JoinSyntax(start.kind, left, right, condition, match: match, start.place))
    }

    private mutating func matchCondition(
        _ kind: JoinSyntax.Kind
    ) throws(SQLError) -> SyntaxExpression? {
        guard kind == .asof || kind == .asofLeft, try take("MATCH_CONDITION") else { return nil }
        try expectSymbol("(")
        let match = try expression()
        try expectSymbol(")")
        return match
    }

    private mutating func joinCondition() throws(SQLError) -> JoinSyntax.Condition {
        if try take("ON") { return .on(try expression()) }
        guard try take("USING") else { throw unexpected(["ON", "USING"]) }
        let names = try columnNames()
        let alias = try take("AS") ? try columnName() : nil
        return .using(names, alias: alias)
    }

    /// A relation, or joins in parentheses.
    private mutating func relationItem() throws(SQLError) -> FromItem {
        let first = token
        let isLateral = try take("LATERAL")
        // ONLY leaves out tables that inherit, and there are none.
        if token.is("ONLY") { try advance() }
        guard token.isSymbol("(") else {
            var relation = try plainRelation()
            relation.isLateral = isLateral
            try suffixes(of: &relation)
            return .relation(relation)
        }
        var relation = RelationSyntax(try relationInParentheses(), first.place)
        if isLateral, case .nested = relation.kind { throw lexer.syntaxError(at: first.place) }
        relation.isLateral = isLateral
        relation.place = first.place.lowerBound..<lastEnd
        try suffixes(of: &relation)
        if case .nested(let item) = relation.kind, relation.alias == nil { return item }
        return .relation(relation)
    }

    /// `(query)` or `(a JOIN b ON ...)`; which of them is known behind nested parentheses only.
    private mutating func relationInParentheses() throws(SQLError) -> RelationSyntax.Kind {
        let outer = try enter()
        try expectSymbol("(")
        let kind: RelationSyntax.Kind
        if startsQuery, try !isWindowTable() {
            kind = .query(try query())
        } else if token.isSymbol("(") {
            kind = try nestedRelation()
        } else {
            kind = .nested(try joins(behind: try relationItem()))
        }
        try expectSymbol(")")
        try leave(outer)
        return kind
    }

    private mutating func nestedRelation() throws(SQLError) -> RelationSyntax.Kind {
        let start = token.place.lowerBound
        let inner = try relationInParentheses()
        if case .query(let query) = inner {
            if token.isSymbol(")") { return inner }
            if continuesQuery { return .query(try self.query(from: query, start)) }
        }
        var relation = RelationSyntax(inner, start..<lastEnd)
        try suffixes(of: &relation)
        if case .nested(let item) = inner, relation.alias == nil {
            return .nested(try joins(behind: item))
        }
        return .nested(try joins(behind: .relation(relation)))
    }

    mutating func plainRelation() throws(SQLError) -> RelationSyntax {
        let start = token.place.lowerBound
        if case .string(let text) = token.kind {
            try advance()
            return RelationSyntax(.literal(text), start..<lastEnd)
        }
        if try isWindowTable() { return try windowTable() }
        if token.is("ROWS"), try following().is("FROM") { return try rowsFrom() }
        if token.is("ONLY") { throw unsupported("ONLY", token) }
        guard let word = token.keyword else { return try namedRelation() }
        // A function may have the name that no table has, LEFT, and the other way round.
        let isCall = try following().isSymbol("(")
        guard isCall ? !Keywords.reserved.contains(word) : Keywords.isColumnName(word) else {
            throw unexpectedName()
        }
        return try namedRelation()
    }

    private mutating func namedRelation() throws(SQLError) -> RelationSyntax {
        let start = token.place.lowerBound
        var parts = [try label()]
        while try takeSymbol(".") { parts.append(try label()) }
        guard token.isSymbol("(") else { return RelationSyntax(.name(parts), start..<lastEnd) }
        let call = try callSyntax(Parser.functionName(parts))
        let withOrdinality = try take("WITH", "ORDINALITY")
        return RelationSyntax(
            .functions([call], withOrdinality: withOrdinality), start..<lastEnd)
    }

    /// ROWS FROM (f(x), g(y)) [WITH ORDINALITY]
    private mutating func rowsFrom() throws(SQLError) -> RelationSyntax {
        let start = token.place.lowerBound
        try advance()
        try advance()
        try expectSymbol("(")
        var calls: [CallSyntax] = []
        repeat {
            let name = try name()
            calls.append(try callSyntax(name))
            if token.is("AS") { throw unsupported("a column list in ROWS FROM", token) }
            try checkCount(calls.count)
        } while try takeSymbol(",")
        try expectSymbol(")")
        let withOrdinality = try take("WITH", "ORDINALITY")
        return RelationSyntax(.functions(calls, withOrdinality: withOrdinality), start..<lastEnd)
    }

    /// STREAM, WATERMARK, FOR SYSTEM_TIME AS OF, then the alias.
    mutating func suffixes(of relation: inout RelationSyntax) throws(SQLError) {
        relation.stream = try streamModifiers()
        try systemTime(of: &relation)
        try alias(of: &relation)
        if relation.asOf == nil { try systemTime(of: &relation) }
        if let word = token.keyword,
            ["MATCH_RECOGNIZE", "TABLESAMPLE", "PIVOT", "UNPIVOT"]
                .contains(word)
        {
            throw unsupported(word, token)
        }
    }

    private mutating func systemTime(of relation: inout RelationSyntax) throws(SQLError) {
        guard try take("FOR", "SYSTEM_TIME") else { return }
        try expect("AS")
        try expect("OF")
        relation.asOf = try expression()
    }

    private mutating func alias(of relation: inout RelationSyntax) throws(SQLError) {
        if try take("AS") {
            if token.isSymbol("("), case .functions = relation.kind {
                relation.columnDefinitions = try columnDefinitions()
                return
            }
            relation.alias = try columnName()
        } else if try isBareAlias() {
            bareAlias = token
            relation.alias = try label()
        } else {
            return
        }
        guard token.isSymbol("(") else { return }
        if case .functions = relation.kind, try hasDefinitions() {
            relation.columnDefinitions = try columnDefinitions()
        } else {
            relation.columnAliases = try columnNames()
        }
    }

    private mutating func isBareAlias() throws(SQLError) -> Bool {
        switch token.kind {
        case .quotedName: return true
        case .word:
            guard let word = token.keyword else { return true }
            if Keywords.noBareAliases.contains(word) || word == "SET" { return false }
            if word == "PARTITION" { return try !following().is("BY") }
            if word == "MATCH_CONDITION" { return try !following().isSymbol("(") }
            return Keywords.isColumnName(word)
        default: return false
        }
    }

    /// Whether a list in parentheses has types behind its names.
    private mutating func hasDefinitions() throws(SQLError) -> Bool {
        var probe = self
        try probe.advance()
        guard !probe.token.isSymbol(")") else { return false }
        try probe.advance()
        return !probe.token.isSymbol(",") && !probe.token.isSymbol(")")
    }

    private mutating func columnDefinitions() throws(SQLError) -> [(Name, TypeName)] {
        try expectSymbol("(")
        var columns: [(Name, TypeName)] = []
        repeat {
            let name = try columnName()
            columns.append((name, try typeName()))
            try checkColumnCount(columns.count)
        } while try takeSymbol(",")
        try expectSymbol(")")
        return columns
    }
}

/// The words up to JOIN.
private struct JoinStart {
    var kind: JoinSyntax.Kind
    var isNatural: Bool
    var place: Range<Int>
}
