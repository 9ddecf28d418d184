import Formats

// SELECT.
extension Parser {
    mutating func select() throws(SQLError) -> SelectSyntax {
        let start = token.place.lowerBound
        try advance()
        var select = SelectSyntax(start..<start)
        if try take("DISTINCT") {
            select.distinct = .distinct
            if try take("ON") {
                try expectSymbol("(")
                select.distinct = .on(try expressions())
                try expectSymbol(")")
            }
        } else {
            _ = try take("ALL")
        }
        if !endsSelectList { select.items = try selectItems() }
        if try take("INTO") { select.into = try into() }
        if try take("FROM") { select.from = try fromItems() }
        if try take("WHERE") { select.filter = try expression() }
        if try take("GROUP") { select.group = try group() }
        if try take("HAVING") { select.having = try expression() }
        if try take("QUALIFY") { select.qualify = try expression() }
        if try take("WINDOW") { select.windows = try namedWindows() }
        if select.qualify == nil, try take("QUALIFY") { select.qualify = try expression() }
        select.place = start..<lastEnd
        return select
    }

    /// INTO [TEMPORARY | TEMP | UNLOGGED] [TABLE] name; the position is behind INTO.
    private mutating func into() throws(SQLError) -> SelectSyntax.Into {
        var isTemporary = false
        let next = try following()
        if token.is("TEMPORARY") || token.is("TEMP") || token.is("UNLOGGED"), next.kind != .end,
            !next.is("FROM")
        {
            isTemporary = !token.is("UNLOGGED")
            try advance()
        }
        _ = try take("TABLE")
        return SelectSyntax.Into(table: try relationName(), isTemporary: isTemporary)
    }

    private var endsSelectList: Bool {
        token.is("FROM") || token.is("INTO") || token.is("WHERE") || isAtEnd || token.isSymbol(")")
            || continuesQuery
    }

    mutating func selectItems() throws(SQLError) -> [SelectItem] {
        var items: [SelectItem] = []
        repeat {
            items.append(try selectItem())
            guard items.count <= Limits.selectItemsMax else {
                throw SQLError(
                    "target lists can have at most \(Limits.selectItemsMax) entries",
                    .tooManyColumns, at: token.place)
            }
        } while try takeSymbol(",")
        return items
    }

    private mutating func selectItem() throws(SQLError) -> SelectItem {
        if token.isSymbol("*") {
            let place = token.place
            try advance()
            return SelectItem(try star(.init(), place), alias: nil)
        }
        let expression = try expression()
        if case .star(let star) = expression.node {
            return SelectItem(try self.star(star, expression.place), alias: nil)
        }
        if try take("AS") { return SelectItem(expression, alias: try label()) }
        switch token.kind {
        case .quotedName: return SelectItem(expression, alias: try label())
        case .word where !Keywords.noBareLabels.contains(token.keyword ?? ""):
            bareAlias = token
            return SelectItem(expression, alias: try label())
        default: return SelectItem(expression, alias: nil)
        }
    }

    /// [EXCLUDE (a, b)] [REPLACE (x AS a)] behind a star
    private mutating func star(
        _ star: SyntaxExpression.Star, _ place: Range<Int>
    ) throws(SQLError) -> SyntaxExpression {
        var star = star
        if try take("EXCLUDE") {
            star.excluded = token.isSymbol("(") ? try starColumns() : [try columnName()]
        }
        if try take("REPLACE") {
            try expectSymbol("(")
            repeat {
                let expression = try expression()
                try expect("AS")
                star.replaced.append(SelectItem(expression, alias: try label()))
                try checkColumnCount(star.replaced.count)
            } while try takeSymbol(",")
            try expectSymbol(")")
        }
        return SyntaxExpression(.star(star), place)
    }

    private mutating func starColumns() throws(SQLError) -> [Name] {
        try expectSymbol("(")
        var names: [Name] = []
        repeat {
            names.append(try label())
            try checkColumnCount(names.count)
        } while try takeSymbol(",")
        try expectSymbol(")")
        return names
    }

    /// WINDOW w AS (...), ...; the position is behind WINDOW.
    private mutating func namedWindows() throws(SQLError) -> [(Name, WindowSyntax)] {
        var windows: [(Name, WindowSyntax)] = []
        repeat {
            let name = try columnName()
            guard !windows.contains(where: { $0.0.text == name.text }) else {
                throw SQLError(
                    "window \"\(name.text)\" is already defined", .windowingError, at: name.place)
            }
            try expect("AS")
            windows.append((name, try window()))
            try checkCount(windows.count)
        } while try takeSymbol(",")
        return windows
    }

    /// BY [DISTINCT] ALL | elements; the position is behind GROUP.
    private mutating func group() throws(SQLError) -> GroupSyntax {
        let start = token.place.lowerBound
        try expect("BY")
        let isDistinct = try take("DISTINCT")
        if try take("ALL"), isDistinct || isAtEnd || !startsElement {
            return GroupSyntax([], isAll: true, start..<lastEnd)
        }
        var elements: [GroupSyntax.Element] = []
        repeat { elements.append(try groupElement()) } while try takeSymbol(",")
        return GroupSyntax(elements, isDistinct: isDistinct, start..<lastEnd)
    }

    /// Whether the token goes on with GROUP BY ALL (the standard's quantifier) as a list.
    private var startsElement: Bool {
        switch token.kind {
        case .symbol(let symbol): symbol != ")" && symbol != "," && symbol != ";"
        case .word:
            !["HAVING", "WINDOW", "QUALIFY", "RETURNING", "FOR"].contains(token.keyword)
                && !continuesQuery
        case .end: false
        default: true
        }
    }

    private mutating func groupElement() throws(SQLError) -> GroupSyntax.Element {
        let outer = try enter()
        let element = try plainGroupElement()
        try leave(outer)
        return element
    }

    private mutating func plainGroupElement() throws(SQLError) -> GroupSyntax.Element {
        if try isWord("ROLLUP", before: "(") { return .rollup(try groupLists()) }
        if try isWord("CUBE", before: "(") { return .cube(try groupLists()) }
        if try take("GROUPING", "SETS") {
            try expectSymbol("(")
            var sets: [GroupSyntax.Element] = []
            repeat { sets.append(try groupElement()) } while try takeSymbol(",")
            try expectSymbol(")")
            return .sets(sets)
        }
        let opensList = token.isSymbol("(")
        if opensList, try following().isSymbol(")") {
            try advance()
            try advance()
            return .empty
        }
        let start = token.place.lowerBound
        let expression = try expression()
        guard opensList, case .row(let list) = expression.node,
            expression.place == start..<lastEnd
        else { return .expression(expression) }
        return .list(list)
    }

    /// `ROLLUP (a, (b, c))`; the position is on the word.
    private mutating func groupLists() throws(SQLError) -> [[SyntaxExpression]] {
        try advance()
        try expectSymbol("(")
        var lists: [[SyntaxExpression]] = []
        repeat {
            switch try groupElement() {
            case .expression(let expression): lists.append([expression])
            case .list(let list): lists.append(list)
            case .empty: lists.append([])
            case .rollup, .cube, .sets: throw unexpected()
            }
            try checkCount(lists.count)
        } while try takeSymbol(",")
        try expectSymbol(")")
        return lists
    }
}
