import Formats

/// What stands in parentheses.
enum Parenthesised {
    case query(QuerySyntax)
    /// At least one expression.
    case list([SyntaxExpression])
}

// Constants, names, and what has a syntax of its own.
extension Parser {
    mutating func primary() throws(SQLError) -> SyntaxExpression {
        let place = token.place
        switch token.kind {
        case .word: return try word()
        case .quotedName: return try nameOrCall()
        case .symbol(let symbol):
            if symbol == "(" { return try inParentheses() }
            if symbol == ":" { return try namedParameter() }
            throw unexpected()
        case .end: throw unexpected()
        case .integer(let digits): return try constant(.integer(digits), place)
        case .decimal(let digits): return try constant(.decimal(digits), place)
        case .string(let text): return try constant(.string(text), place)
        case .bits(let digits): return try constant(.bits(digits), place)
        case .hexBits(let digits): return try constant(.hexBits(digits), place)
        case .parameter(let number):
            parameterMax = max(parameterMax, number)
            return try constant(.parameter(number), place)
        }
    }

    private mutating func constant(
        _ node: SyntaxExpression.Node, _ place: Range<Int>
    ) throws(SQLError) -> SyntaxExpression {
        try advance()
        return SyntaxExpression(node, place)
    }

    private mutating func inParentheses() throws(SQLError) -> SyntaxExpression {
        let start = token.place.lowerBound
        switch try parenthesised() {
        case .query(let query): return SyntaxExpression(.scalarQuery(query), start..<lastEnd)
        case .list(let list):
            if list.count == 1 { return list[0] }
            return SyntaxExpression(.row(list), start..<lastEnd)
        }
    }

    /// `(query)` or `(expression, ...)`. What nested parentheses hold is known only at their end:
    /// `((SELECT 1) UNION SELECT 2)`, `((SELECT 1) + 1)`.
    mutating func parenthesised() throws(SQLError) -> Parenthesised {
        let outer = try enter()
        try expectSymbol("(")
        let content: Parenthesised
        if startsQuery {
            content = .query(try query())
        } else if token.isSymbol("(") {
            content = try nested()
        } else {
            content = .list(try expressions())
        }
        try expectSymbol(")")
        try leave(outer)
        return content
    }

    private mutating func nested() throws(SQLError) -> Parenthesised {
        let start = token.place.lowerBound
        var first: SyntaxExpression
        switch try parenthesised() {
        case .query(let query):
            if token.isSymbol(")") { return .query(query) }
            if continuesQuery { return .query(try self.query(from: query, start)) }
            first = SyntaxExpression(.scalarQuery(query), start..<lastEnd)
        case .list(let list):
            first = list.count == 1 ? list[0] : SyntaxExpression(.row(list), start..<lastEnd)
        }
        first = try continuing(first)
        guard try takeSymbol(",") else { return .list([first]) }
        return .list([first] + (try expressions()))
    }

    /// Whether a query begins here, parentheses apart.
    var startsQuery: Bool {
        token.is("SELECT") || token.is("WITH") || token.is("VALUES") || token.is("TABLE")
    }

    private mutating func namedParameter() throws(SQLError) -> SyntaxExpression {
        let colon = token
        try advance()
        guard case .word(let word) = token.kind, colon.place.upperBound == token.place.lowerBound
        else { throw lexer.syntaxError(at: colon.place) }
        let place = colon.place.lowerBound..<token.place.upperBound
        return try constant(.namedParameter(word), place)
    }

    /// A keyword's construct, or a name.
    private mutating func word() throws(SQLError) -> SyntaxExpression {
        guard let word = token.keyword else { return try nameOrCall() }
        let next = try following()
        // `user.id` is a member, whatever the word means alone.
        if next.isSymbol(".") { return try nameOrCall() }
        if next.isSymbol("("), let special = try specialCall(word) { return special }
        if let constant = try wordConstant(word, next) { return constant }
        if case .string = next.kind {
            if word == "INTERVAL" { return try interval() }
        } else if Parser.typeStarters.contains(word), let literal = try longTypedLiteral() {
            return literal
        }
        return try nameOrCall()
    }

    private mutating func wordConstant(
        _ word: String, _ next: Token
    ) throws(SQLError) -> SyntaxExpression? {
        let place = token.place
        switch word {
        case "NULL": return try constant(.null, place)
        case "TRUE": return try constant(.boolean(true), place)
        case "FALSE": return try constant(.boolean(false), place)
        case "CASE": return try choice()
        case "ARRAY" where next.isSymbol("["):
            try advance()
            return try arrayElements(place.lowerBound)
        case "DEFAULT":
            throw SQLError(
                "DEFAULT is not allowed in this context", .syntaxError, at: place)
        default: break
        }
        guard Keywords.values.contains(word) else { return nil }
        guard next.isSymbol("(") else {
            return try constant(.keywordValue(word, precision: nil), place)
        }
        guard word == "CURRENT_TIME" || word == "CURRENT_TIMESTAMP" || word.hasPrefix("LOCAL")
        else { return nil }
        try advance()
        try expectSymbol("(")
        let precision = try integer()
        try expectSymbol(")")
        return SyntaxExpression(
            .keywordValue(word, precision: Int(clamping: precision.value)),
            place.lowerBound..<lastEnd)
    }

    /// CASE [operand] WHEN a THEN b ... [ELSE c] END
    private mutating func choice() throws(SQLError) -> SyntaxExpression {
        let start = token.place.lowerBound
        let outer = try enter()
        try advance()
        let operand = token.is("WHEN") ? nil : try expression()
        var branches: [(SyntaxExpression, SyntaxExpression)] = []
        while try take("WHEN") {
            let condition = try expression()
            try expect("THEN")
            branches.append((condition, try expression()))
        }
        guard !branches.isEmpty else { throw unexpected(["WHEN"]) }
        let otherwise = try take("ELSE") ? try expression() : nil
        guard try take("END") else { throw unexpected(["WHEN", "ELSE", "END"]) }
        try leave(outer)
        return SyntaxExpression(
            .choice(operand: operand, branches, otherwise: otherwise), start..<lastEnd)
    }

    /// `[a, b]`, `[[a], [b]]`; the position is on the bracket.
    private mutating func arrayElements(_ start: Int) throws(SQLError) -> SyntaxExpression {
        let outer = try enter()
        try expectSymbol("[")
        var elements: [SyntaxExpression] = []
        if !token.isSymbol("]") {
            repeat {
                let isNested = token.isSymbol("[")
                elements.append(
                    isNested ? try arrayElements(token.place.lowerBound) : try expression())
            } while try takeSymbol(",")
        }
        try expectSymbol("]")
        try leave(outer)
        return SyntaxExpression(.array(elements), start..<lastEnd)
    }

    private mutating func interval() throws(SQLError) -> SyntaxExpression {
        let start = token.place.lowerBound
        try advance()
        guard case .string(let text) = token.kind else { throw unexpected() }
        try advance()
        let fields = try intervalFields()
        return SyntaxExpression(.interval(text, fields: fields), start..<lastEnd)
    }

    /// `a`, `a.b.c`, `a.*`, `f(...)`, `type 'text'`
    private mutating func nameOrCall() throws(SQLError) -> SyntaxExpression {
        let start = token.place.lowerBound
        let first = token
        let next = try following()
        let isCall = next.isSymbol("(")
        if let word = token.keyword, !next.isSymbol(".") {
            let isName =
                Keywords.isColumnName(word)
                || (isCall && Keywords.isFunctionName(word))
            guard isName, !(isCall && word == "VALUES") else { throw unexpectedName() }
        }
        var parts = [try label()]
        while token.isSymbol(".") {
            try advance()
            if try takeSymbol("*") {
                return SyntaxExpression(.star(.init(qualifier: parts)), start..<lastEnd)
            }
            parts.append(try label())
        }
        if token.isSymbol("(") { return try call(Parser.functionName(parts), start) }
        if case .string(let text) = token.kind {
            let type = TypeName(Parser.typeText(parts), start..<lastEnd)
            let value = SyntaxExpression(.string(text), token.place)
            try advance()
            return SyntaxExpression(.cast(value, type, isTry: false), first.place)
        }
        return SyntaxExpression(.name(parts), start..<lastEnd)
    }

    /// A function's name is one; those of pg_catalog are known without it.
    static func functionName(_ parts: [Name]) -> Name {
        guard let last = parts.last, parts.count > 1 else { return parts[0] }
        let isCatalog = parts.count == 2 && parts[0].text.lowercased() == "pg_catalog"
        let text = isCatalog ? last.text : parts.map(\.text).joined(separator: ".")
        let place = parts[0].place.lowerBound..<last.place.upperBound
        return Name(text, isQuoted: parts.contains(where: \.isQuoted), place)
    }
}
