import Formats

// What each operator takes behind its left operand.
extension Parser {
    mutating func binary(
        _ left: SyntaxExpression, _ symbol: String, _ level: Int
    ) throws(SQLError) -> SyntaxExpression {
        let place = token.place
        try advance()
        if let quantified = try quantified(left, symbol, place) { return quantified }
        let right = try operand(level + 1)
        try grow()
        return SyntaxExpression(.binary(symbol, left, right), place)
    }

    /// `left OPERATOR(pg_catalog.+) right`
    mutating func spelled(_ left: SyntaxExpression) throws(SQLError) -> SyntaxExpression {
        try advance()
        try expectSymbol("(")
        while !token.isSymbol(")"), token.keyword != nil {
            try advance()
            try expectSymbol(".")
        }
        guard case .symbol(let text) = token.kind,
            case .symbol(let symbol, _)? = InfixOperator(symbol: text)
        else { throw unexpected() }
        let place = token.place
        try advance()
        guard token.isSymbol(")") else { throw unexpected() }
        let expression = try binary(left, symbol, Precedence.other)
        return SyntaxExpression(expression.node, place)
    }

    /// ANY, SOME or ALL with what stands in parentheses behind it; nil if none is next.
    private mutating func quantified(
        _ left: SyntaxExpression, _ symbol: String, _ place: Range<Int>
    ) throws(SQLError) -> SyntaxExpression? {
        guard token.is("ANY") || token.is("SOME") || token.is("ALL") else { return nil }
        let isAll = token.is("ALL")
        try advance()
        let content = try parenthesised()
        try grow()
        switch content {
        case .query(let query):
            return SyntaxExpression(.quantifiedQuery(left, symbol, isAll: isAll, query), place)
        case .list(let list):
            let array = list.count == 1 ? list[0] : SyntaxExpression(.row(list), list[0].place)
            return SyntaxExpression(.quantifiedArray(left, symbol, isAll: isAll, array), place)
        }
    }

    /// IS [NOT] NULL, TRUE, FALSE, UNKNOWN, DISTINCT FROM x, JSON [...], [form] NORMALIZED
    mutating func test(
        _ left: SyntaxExpression, _ blocked: inout Int
    ) throws(SQLError) -> SyntaxExpression {
        let place = token.place
        try advance()
        let isNegated = try take("NOT")
        guard let word = token.keyword else { throw unexpected() }
        if word == "DISTINCT" {
            try advance()
            try expect("FROM")
            let right = try operand(Precedence.comparison)
            try grow()
            blocked = Precedence.test
            return SyntaxExpression(.isDistinct(left, right, isNegated: isNegated), place)
        }
        let tested = try testedProperty(word)
        try grow()
        return SyntaxExpression(.isTest(left, tested, isNegated: isNegated), place)
    }

    private mutating func testedProperty(_ word: String) throws(SQLError) -> String {
        switch word {
        case "NULL", "TRUE", "FALSE", "UNKNOWN", "NORMALIZED":
            try advance()
            return word
        case "NFC", "NFD", "NFKC", "NFKD":
            try advance()
            try expect("NORMALIZED")
            return word + " NORMALIZED"
        case "JSON":
            try advance()
            let kinds: Set<String> = ["VALUE", "ARRAY", "OBJECT", "SCALAR"]
            guard let kind = token.keyword, kinds.contains(kind) else { return "JSON" }
            try advance()
            return kind == "VALUE" ? "JSON" : "JSON " + kind
        default:
            throw unexpected([
                "NULL", "NOT", "TRUE", "FALSE", "UNKNOWN", "DISTINCT", "JSON", "NORMALIZED",
            ])
        }
    }

    /// [NOT] BETWEEN [SYMMETRIC] low AND high
    mutating func between(
        _ operand: SyntaxExpression, _ blocked: inout Int
    ) throws(SQLError) -> SyntaxExpression {
        let place = token.place
        let isNegated = try take("NOT")
        try expect("BETWEEN")
        let isSymmetric = try take("SYMMETRIC")
        if !isSymmetric { _ = try take("ASYMMETRIC") }
        let low = try self.operand(Precedence.other)
        try expect("AND")
        let high = try self.operand(Precedence.other)
        try grow()
        blocked = Precedence.pattern
        return SyntaxExpression(
            .between(operand, low, high, isSymmetric: isSymmetric, isNegated: isNegated), place)
    }

    /// [NOT] IN (query) | (list)
    mutating func inside(_ operand: SyntaxExpression) throws(SQLError) -> SyntaxExpression {
        let place = token.place
        let isNegated = try take("NOT")
        try expect("IN")
        let content = try parenthesised()
        try grow()
        switch content {
        case .query(let query):
            return SyntaxExpression(.inQuery(operand, query, isNegated: isNegated), place)
        case .list(let list):
            return SyntaxExpression(.inList(operand, list, isNegated: isNegated), place)
        }
    }

    /// [NOT] LIKE | ILIKE | SIMILAR TO pattern [ESCAPE character]
    mutating func like(
        _ operand: SyntaxExpression, _ blocked: inout Int
    ) throws(SQLError) -> SyntaxExpression {
        let place = token.place
        let isNegated = try take("NOT")
        let kind: SyntaxExpression.Like.Kind
        if try take("LIKE") {
            kind = .like
        } else if try take("ILIKE") {
            kind = .ilike
        } else {
            try expect("SIMILAR")
            try expect("TO")
            kind = .similar
        }
        if kind != .similar {
            let word = (isNegated ? "NOT " : "") + (kind == .like ? "LIKE" : "ILIKE")
            if let quantified = try quantified(operand, word, place) { return quantified }
        }
        let pattern = try self.operand(Precedence.other)
        let escape = try take("ESCAPE") ? try self.operand(Precedence.other) : nil
        try grow()
        blocked = Precedence.pattern
        let like = SyntaxExpression.Like(
            kind, operand, pattern, escape: escape, isNegated: isNegated)
        return SyntaxExpression(.like(like), place)
    }

    /// `(a, b) OVERLAPS (c, d)` is a call of overlaps.
    mutating func overlaps(_ left: SyntaxExpression) throws(SQLError) -> SyntaxExpression {
        let place = token.place
        let word = lexer.text(place)
        try advance()
        let right = try operand(Precedence.other)
        try grow()
        guard case .row(let first) = left.node, case .row(let second) = right.node else {
            throw lexer.syntaxError(at: place)
        }
        for (side, row) in [("left", first), ("right", second)] where row.count != 2 {
            throw SQLError(
                "wrong number of parameters on \(side) side of OVERLAPS expression", .syntaxError,
                at: place)
        }
        let call = CallSyntax(Name(word, isQuoted: false, place), first + second)
        return SyntaxExpression(.call(call), place)
    }

    mutating func atTimeZone(_ left: SyntaxExpression) throws(SQLError) -> SyntaxExpression {
        let place = token.place
        try advance()
        try expect("TIME")
        try expect("ZONE")
        let zone = try operand(Precedence.timeZone + 1)
        try grow()
        return SyntaxExpression(.atTimeZone(left, zone), place)
    }

    mutating func collate(_ left: SyntaxExpression) throws(SQLError) -> SyntaxExpression {
        let place = token.place
        try advance()
        let collation = try name()
        try grow()
        return SyntaxExpression(.collate(left, collation), place)
    }

    mutating func cast(_ operand: SyntaxExpression) throws(SQLError) -> SyntaxExpression {
        let place = token.place
        try advance()
        let type = try typeName()
        try grow()
        return SyntaxExpression(.cast(operand, type, isTry: false), place)
    }

    /// `::type`, `[i]`, `[low:high]` and `.name` behind an operand.
    mutating func postfixes(_ first: SyntaxExpression) throws(SQLError) -> SyntaxExpression {
        var operand = first
        while case .symbol(let symbol) = token.kind {
            switch symbol {
            case "::": operand = try cast(operand)
            case "[": operand = try subscripted(operand)
            case ".": operand = try member(operand)
            default: return operand
            }
        }
        return operand
    }

    private mutating func subscripted(
        _ operand: SyntaxExpression
    ) throws(SQLError) -> SyntaxExpression {
        let start = token.place.lowerBound
        try expectSymbol("[")
        let low = token.isSymbol(":") ? nil : try expression()
        guard try takeSymbol(":") else {
            guard let low else { throw unexpected() }
            try expectSymbol("]")
            try grow()
            return SyntaxExpression(.subscripted(operand, low), start..<lastEnd)
        }
        let high = token.isSymbol("]") ? nil : try expression()
        try expectSymbol("]")
        try grow()
        return SyntaxExpression(.sliced(operand, low, high), start..<lastEnd)
    }

    private mutating func member(_ operand: SyntaxExpression) throws(SQLError) -> SyntaxExpression {
        try advance()
        if try takeSymbol("*") {
            guard case .name(let parts) = operand.node else {
                var star = SyntaxExpression.Star()
                star.operand = operand
                return SyntaxExpression(.star(star), operand.place)
            }
            return SyntaxExpression(.star(.init(qualifier: parts)), operand.place)
        }
        let name = try label()
        try grow()
        return SyntaxExpression(.member(operand, name), name.place)
    }
}
