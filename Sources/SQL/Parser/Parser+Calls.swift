import Formats

// Calls of functions.
extension Parser {
    /// A call; the position is on the parenthesis.
    mutating func call(_ name: Name, _ start: Int) throws(SQLError) -> SyntaxExpression {
        let call = try callSyntax(name)
        return SyntaxExpression(.call(call), start..<lastEnd)
    }

    mutating func callSyntax(_ name: Name) throws(SQLError) -> CallSyntax {
        let outer = try enter()
        var call = CallSyntax(name, [])
        try expectSymbol("(")
        try arguments(of: &call)
        try expectSymbol(")")
        try clauses(of: &call)
        try leave(outer)
        return call
    }

    private mutating func arguments(of call: inout CallSyntax) throws(SQLError) {
        if token.isSymbol(")") { return }
        if try takeSymbol("*") {
            call.isStar = true
            return
        }
        if try take("DISTINCT") {
            call.isDistinct = true
        } else {
            _ = try take("ALL")
        }
        repeat {
            if try take("VARIADIC") { call.isVariadic = true }
            let next = try following()
            if next.isSymbol("=>") || next.isSymbol(":=") {
                let name = try label()
                try advance()
                call.namedArguments.append((name, try expression()))
            } else if call.namedArguments.isEmpty {
                call.arguments.append(try expression())
            } else {
                throw SQLError(
                    "positional argument cannot follow named argument", .syntaxError,
                    at: token.place)
            }
        } while try takeSymbol(",")
        if try take("ORDER") { call.order = try orderItems() }
        try nullTreatment(of: &call)
    }

    private mutating func nullTreatment(of call: inout CallSyntax) throws(SQLError) {
        if try take("IGNORE", "NULLS") {
            call.ignoresNulls = true
        } else {
            _ = try take("RESPECT", "NULLS")
        }
    }

    /// WITHIN GROUP, FILTER, IGNORE NULLS, OVER
    private mutating func clauses(of call: inout CallSyntax) throws(SQLError) {
        if try take("WITHIN", "GROUP") {
            try expectSymbol("(")
            try expect("ORDER")
            call.withinGroup = try orderItems()
            try expectSymbol(")")
        }
        if try isWord("FILTER", before: "(") {
            try advance()
            try advance()
            try expect("WHERE")
            call.filter = try expression()
            try expectSymbol(")")
        }
        try nullTreatment(of: &call)
        guard try take("OVER") else { return }
        call.over = token.isSymbol("(") ? .inline(try window()) : .named(try columnName())
    }

    /// BY a DESC NULLS LAST, b ...; the position is behind ORDER.
    /// With `mayBeAll` also ALL, which is each column of the result.
    mutating func orderItems(mayBeAll: Bool = false) throws(SQLError) -> [OrderItem] {
        try expect("BY")
        var items: [OrderItem] = []
        repeat {
            let expression: SyntaxExpression
            let isAll = mayBeAll && items.isEmpty && token.is("ALL")
            if isAll {
                expression = SyntaxExpression(.row([]), token.place)
                try advance()
            } else {
                expression = try self.expression()
            }
            var isDescending = false
            if try take("USING") {
                guard token.isSymbol("<") || token.isSymbol(">") else { throw unexpected() }
                isDescending = token.isSymbol(">")
                try advance()
            } else if try take("DESC") {
                isDescending = true
            } else {
                _ = try take("ASC")
            }
            var nullsFirst: Bool?
            if try take("NULLS") {
                nullsFirst = token.is("FIRST")
                guard token.is("FIRST") || token.is("LAST") else {
                    throw unexpected(["FIRST", "LAST"])
                }
                try advance()
            }
            items.append(
                OrderItem(expression, isDescending: isDescending, nullsFirst: nullsFirst))
            items[items.count - 1].isAll = isAll
            if isAll { break }
        } while try takeSymbol(",")
        return items
    }

    /// ([base] [PARTITION BY ...] [ORDER BY ...] [frame])
    mutating func window() throws(SQLError) -> WindowSyntax {
        let start = token.place.lowerBound
        try expectSymbol("(")
        var window = WindowSyntax(start..<start)
        let starters: Set<String> = ["PARTITION", "ORDER", "ROWS", "RANGE", "GROUPS"]
        if !token.isSymbol(")"), !starters.contains(token.keyword ?? "") {
            window.base = try columnName()
        }
        if try take("PARTITION") {
            try expect("BY")
            window.partition = try expressions()
        }
        if try take("ORDER") { window.order = try orderItems() }
        if !token.isSymbol(")") { window.frame = try frame() }
        try expectSymbol(")")
        window.place = start..<lastEnd
        return window
    }

    private mutating func frame() throws(SQLError) -> FrameSyntax {
        let first = token
        let unit: FrameSyntax.Unit
        switch token.keyword {
        case "ROWS": unit = .rows
        case "RANGE": unit = .range
        case "GROUPS": unit = .groups
        default: throw unexpected(["PARTITION", "ORDER", "ROWS", "RANGE", "GROUPS"])
        }
        try advance()
        var start: FrameSyntax.Bound
        var end = FrameSyntax.Bound.currentRow
        if try take("BETWEEN") {
            start = try frameBound()
            try expect("AND")
            end = try frameBound()
        } else {
            start = try frameBound()
        }
        let exclusion = try frameExclusion()
        let place = first.place.lowerBound..<lastEnd
        try Parser.check(start, end, place)
        return FrameSyntax(unit, start, end, exclusion: exclusion, place)
    }

    private mutating func frameBound() throws(SQLError) -> FrameSyntax.Bound {
        if try take("CURRENT", "ROW") { return .currentRow }
        if try take("UNBOUNDED", "PRECEDING") { return .unboundedPreceding }
        if try take("UNBOUNDED", "FOLLOWING") { return .unboundedFollowing }
        let distance = try expression()
        if try take("PRECEDING") { return .preceding(distance) }
        guard try take("FOLLOWING") else { throw unexpected(["PRECEDING", "FOLLOWING"]) }
        return .following(distance)
    }

    private mutating func frameExclusion() throws(SQLError) -> FrameSyntax.Exclusion {
        guard try take("EXCLUDE") else { return .none }
        if try take("CURRENT", "ROW") { return .currentRow }
        if try take("GROUP") { return .group }
        if try take("TIES") { return .ties }
        if try take("NO", "OTHERS") { return .none }
        throw unexpected(["CURRENT", "GROUP", "TIES", "NO"])
    }

    private static func check(
        _ start: FrameSyntax.Bound, _ end: FrameSyntax.Bound, _ place: Range<Int>
    ) throws(SQLError) {
        let message: String
        switch (start, end) {
        case (.unboundedFollowing, _):
            message = "frame start cannot be UNBOUNDED FOLLOWING"
        case (_, .unboundedPreceding): message = "frame end cannot be UNBOUNDED PRECEDING"
        case (.currentRow, .preceding):
            message = "frame starting from current row cannot have preceding rows"
        case (.following, .preceding):
            message = "frame starting from following row cannot have preceding rows"
        case (.following, .currentRow):
            message = "frame starting from following row cannot have preceding rows"
        default: return
        }
        throw SQLError(message, .windowingError, at: place)
    }
}
