import Formats

// Functions whose arguments are words: EXTRACT(YEAR FROM d), TRIM(BOTH 'x' FROM s).
extension Parser {
    /// The word is followed by a parenthesis; nil, and nothing taken, for plain functions.
    mutating func specialCall(_ word: String) throws(SQLError) -> SyntaxExpression? {
        switch word {
        case "CAST": return try castCall(isTry: false)
        case "TRY_CAST": return try castCall(isTry: true)
        case "EXISTS": return try exists()
        case "ARRAY": return try arrayQuery()
        case "ROW": return try row()
        case "GROUPING":
            let start = token.place.lowerBound
            try advance()
            try expectSymbol("(")
            let list = try expressions()
            try expectSymbol(")")
            return SyntaxExpression(.grouping(list), start..<lastEnd)
        case "EXTRACT", "SUBSTRING", "POSITION", "OVERLAY", "TRIM", "NORMALIZE":
            return try wordedCall(word)
        case "TREAT", "XMLCONCAT", "XMLELEMENT", "XMLEXISTS", "XMLFOREST", "XMLPARSE", "XMLPI",
            "XMLROOT", "XMLSERIALIZE":
            throw unsupported(word, token)
        default: return nil
        }
    }

    /// CAST(x AS type)
    private mutating func castCall(isTry: Bool) throws(SQLError) -> SyntaxExpression {
        let start = token.place.lowerBound
        let outer = try enter()
        try advance()
        try expectSymbol("(")
        let operand = try expression()
        try expect("AS")
        let type = try typeName()
        try expectSymbol(")")
        try leave(outer)
        return SyntaxExpression(.cast(operand, type, isTry: isTry), start..<lastEnd)
    }

    private mutating func exists() throws(SQLError) -> SyntaxExpression {
        let start = token.place.lowerBound
        try advance()
        let query = try queryInParentheses()
        return SyntaxExpression(.exists(query), start..<lastEnd)
    }

    private mutating func arrayQuery() throws(SQLError) -> SyntaxExpression {
        let start = token.place.lowerBound
        try advance()
        let query = try queryInParentheses()
        return SyntaxExpression(.arrayQuery(query), start..<lastEnd)
    }

    mutating func queryInParentheses() throws(SQLError) -> QuerySyntax {
        let open = token
        guard case .query(let query) = try parenthesised() else {
            throw lexer.syntaxError(at: open.place)
        }
        return query
    }

    private mutating func row() throws(SQLError) -> SyntaxExpression {
        let start = token.place.lowerBound
        try advance()
        try expectSymbol("(")
        let list = token.isSymbol(")") ? [] : try expressions()
        try expectSymbol(")")
        return SyntaxExpression(.row(list), start..<lastEnd)
    }

    private mutating func wordedCall(_ word: String) throws(SQLError) -> SyntaxExpression {
        let outer = try enter()
        let first = token
        var name = lexer.text(first.place)
        try advance()
        try expectSymbol("(")
        var arguments: [SyntaxExpression] = []
        if !token.isSymbol(")") {
            switch word {
            case "EXTRACT": arguments = try extractArguments()
            case "SUBSTRING": arguments = try substringArguments()
            case "POSITION": arguments = try positionArguments()
            case "OVERLAY": arguments = try overlayArguments()
            case "TRIM": arguments = try trimArguments(&name)
            default: arguments = try normalizeArguments()
            }
        }
        try expectSymbol(")")
        try leave(outer)
        let call = CallSyntax(Name(name, isQuoted: false, first.place), arguments)
        return SyntaxExpression(.call(call), first.place.lowerBound..<lastEnd)
    }

    /// field FROM source
    private mutating func extractArguments() throws(SQLError) -> [SyntaxExpression] {
        let field: String
        switch token.kind {
        case .word(let word): field = word.lowercased()
        case .quotedName(let text), .string(let text): field = text
        default: throw unexpected()
        }
        let first = SyntaxExpression(.string(field), token.place)
        try advance()
        if try !takeSymbol(",") { try expect("FROM") }
        return [first, try expression()]
    }

    /// a FROM b FOR c, a FOR c, a SIMILAR p ESCAPE e, or plain
    private mutating func substringArguments() throws(SQLError) -> [SyntaxExpression] {
        let operand = try expression()
        if try take("SIMILAR") {
            let pattern = try expression()
            try expect("ESCAPE")
            return [operand, pattern, try expression()]
        }
        var start: SyntaxExpression?
        var length: SyntaxExpression?
        while true {
            if start == nil, try take("FROM") {
                start = try expression()
            } else if length == nil, try take("FOR") {
                length = try expression()
            } else {
                break
            }
        }
        if start == nil, length == nil { return try plainArguments(behind: operand) }
        let first = start ?? SyntaxExpression(.integer("1"), operand.place)
        return [operand, first] + (length.map { [$0] } ?? [])
    }

    private mutating func plainArguments(
        behind first: SyntaxExpression
    ) throws(SQLError) -> [SyntaxExpression] {
        guard try takeSymbol(",") else { return [first] }
        return [first] + (try expressions())
    }

    /// part IN whole: the plain function has the whole first.
    private mutating func positionArguments() throws(SQLError) -> [SyntaxExpression] {
        let part = try operand(Precedence.other)
        try expect("IN")
        return [try operand(Precedence.other), part]
    }

    /// a PLACING b FROM c [FOR d], or plain
    private mutating func overlayArguments() throws(SQLError) -> [SyntaxExpression] {
        let operand = try expression()
        guard try take("PLACING") else { return try plainArguments(behind: operand) }
        var arguments = [operand, try expression()]
        try expect("FROM")
        arguments.append(try expression())
        if try take("FOR") { arguments.append(try expression()) }
        return arguments
    }

    /// [BOTH | LEADING | TRAILING] [characters FROM] text
    private mutating func trimArguments(_ name: inout String) throws(SQLError)
        -> [SyntaxExpression]
    {
        name = "btrim"
        if try take("LEADING") {
            name = "ltrim"
        } else if try take("TRAILING") {
            name = "rtrim"
        } else {
            _ = try take("BOTH")
        }
        if try take("FROM") { return try expressions() }
        let first = try expression()
        guard try take("FROM") else { return try plainArguments(behind: first) }
        return try expressions() + [first]
    }

    /// text [, form]
    private mutating func normalizeArguments() throws(SQLError) -> [SyntaxExpression] {
        let operand = try expression()
        guard try takeSymbol(",") else { return [operand] }
        guard let form = token.keyword else { throw unexpected(["NFC", "NFD", "NFKC", "NFKD"]) }
        let place = token.place
        try advance()
        return [operand, SyntaxExpression(.string(form), place)]
    }
}
