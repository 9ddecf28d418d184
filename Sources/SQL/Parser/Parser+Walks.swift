import Formats

// SEARCH and CYCLE of a recursive query: the columns that PostgreSQL adds to it, as SQL:2023 writes
// them out.
extension Parser {
    /// SEARCH (DEPTH | BREADTH) FIRST BY columns SET column and
    /// CYCLE columns SET mark [TO value DEFAULT value] USING path, behind the query.
    mutating func walk(_ table: inout CommonTable, isRecursive: Bool) throws(SQLError) {
        let first = token
        guard isRecursive, case .set(let set) = table.query.body, set.kind == .union,
            !table.query.hasClauses
        else {
            throw SQLError("WITH query is not recursive", .syntaxError, at: first.place)
        }
        guard case .select(let right) = set.right else {
            throw SQLError(
                "with a SEARCH or CYCLE clause, the right side of the UNION must be a SELECT",
                .featureNotSupported, at: first.place)
        }
        var walk = try Walk(table, set.left, first)
        if try take("SEARCH") { try search(&walk) }
        if try take("CYCLE") { try cycle(&walk) }
        try walk.rewrite(&table, set, right)
    }

    private mutating func search(_ walk: inout Walk) throws(SQLError) {
        let isDepth = try take("DEPTH")
        if !isDepth { try expect("BREADTH") }
        try expect("FIRST")
        try expect("BY")
        let keys = try walkColumns(walk, "search")
        try expect("SET")
        let column = try walk.added(try columnName(), "search sequence")
        let key = walk.row(keys)
        guard !isDepth else { return walk.add(column, path: key) }
        let zero = walk.node(
            .cast(walk.node(.integer("0")), TypeName("bigint", walk.place), isTry: false))
        let depth = walk.node(.member(walk.name(column), walk.word("f1")))
        let next = walk.node(.binary("+", depth, walk.node(.integer("1"))))
        walk.add(
            column, first: walk.node(.row([zero] + walk.names(keys))),
            next: walk.node(.row([next] + walk.names(keys))))
    }

    private mutating func cycle(_ walk: inout Walk) throws(SQLError) {
        let keys = try walkColumns(walk, "cycle")
        try expect("SET")
        let mark = try walk.added(try columnName(), "cycle mark")
        var values = (walk.node(.boolean(true)), walk.node(.boolean(false)))
        if try take("TO") {
            values.0 = try expression()
            try expect("DEFAULT")
            values.1 = try expression()
        }
        try expect("USING")
        let path = try walk.added(try columnName(), "cycle path")
        guard path.text != mark.text else {
            throw SQLError(
                "cycle mark column name and cycle path column name are the same", .syntaxError,
                at: path.place)
        }
        let isSeen = walk.node(
            .quantifiedArray(walk.row(keys), "=", isAll: false, walk.name(path)))
        let next = walk.node(.choice(operand: nil, [(isSeen, values.0)], otherwise: values.1))
        walk.add(mark, first: values.1, next: next)
        walk.add(path, path: walk.row(keys))
        walk.filter = walk.node(.binary("<>", walk.name(mark), values.0))
    }

    private mutating func walkColumns(
        _ walk: Walk, _ clause: String
    ) throws(SQLError) -> [Name] {
        var names: [Name] = []
        repeat {
            let name = try columnName()
            guard let column = walk.columns.first(where: { name.means($0.text) }) else {
                throw SQLError(
                    "\(clause) column \"\(name.text)\" not in WITH query column list",
                    .syntaxError, at: name.place)
            }
            guard !names.contains(where: { $0.text == column.text }) else {
                throw SQLError(
                    "\(clause) column \"\(name.text)\" specified more than once",
                    .duplicateColumn, at: name.place)
            }
            names.append(column)
            try checkColumnCount(names.count)
        } while try takeSymbol(",")
        return names
    }
}

/// A recursive query that gets columns about the way to each of its rows.
private struct Walk {
    let columns: [Name]
    let place: Range<Int>
    /// What only rows go on from for which it is true.
    var filter: SyntaxExpression?
    private var more: [(name: Name, first: SyntaxExpression, next: SyntaxExpression)] = []

    init(_ table: CommonTable, _ left: QuerySyntax.Body, _ token: Token) throws(SQLError) {
        place = token.place
        guard table.columns.isEmpty else {
            columns = table.columns
            return
        }
        var names: [Name] = []
        if case .select(let select) = left {
            for item in select.items {
                if case .star = item.expression.node { continue }
                let name = item.alias?.text ?? item.expression.columnName
                names.append(Name(name, isQuoted: true, token.place))
            }
            if names.count != select.items.count { names = [] }
        }
        guard !names.isEmpty else {
            throw SQLError(
                "\(token.keyword ?? "") needs the names of the columns", .featureNotSupported,
                at: token.place, hint: "Write them behind the name: \(table.name.text)(a, b).")
        }
        columns = names
    }

    func node(_ node: SyntaxExpression.Node) -> SyntaxExpression { SyntaxExpression(node, place) }
    func word(_ text: String) -> Name { Name(text, isQuoted: true, place) }
    func name(_ column: Name) -> SyntaxExpression { node(.name([column])) }
    func names(_ columns: [Name]) -> [SyntaxExpression] { columns.map { name($0) } }
    func row(_ columns: [Name]) -> SyntaxExpression { node(.row(names(columns))) }

    func added(_ name: Name, _ what: String) throws(SQLError) -> Name {
        let isTaken = (columns + more.map(\.name)).contains { $0.text == name.text }
        guard !isTaken else {
            throw SQLError(
                "\(what) column name \"\(name.text)\" already used in WITH query column list",
                .syntaxError, at: name.place)
        }
        return name
    }

    mutating func add(_ name: Name, first: SyntaxExpression, next: SyntaxExpression) {
        more.append((name, first, next))
    }

    /// A column of all rows on the way.
    mutating func add(_ name: Name, path key: SyntaxExpression) {
        let call = CallSyntax(word("array_append"), [self.name(name), key])
        more.append((name, node(.array([key])), node(.call(call))))
    }

    func rewrite(
        _ table: inout CommonTable, _ set: QuerySyntax.SetSyntax, _ right: SelectSyntax
    ) throws(SQLError) {
        guard let alias = right.from.compactMap({ $0.alias(of: table.name) }).first else {
            throw SQLError(
                "with a SEARCH or CYCLE clause, the recursive reference to WITH query "
                    + "\"\(table.name.text)\" must be at the top level of its right-hand SELECT",
                .featureNotSupported, at: place)
        }
        var inner = right
        for item in right.items {
            guard case .star(let star) = item.expression.node, star.operand == nil,
                star.qualifier.isEmpty || star.qualifier.last?.text == alias.text
            else { continue }
            throw SQLError(
                "SELECT * of the recursive query is not supported with SEARCH and CYCLE",
                .featureNotSupported, at: item.expression.place, hint: "Name the columns.")
        }
        for column in more {
            let expression = node(.name([alias, column.name]))
            inner.items.append(SelectItem(expression, alias: column.name))
        }
        var changed = set
        changed.left = body(set.left, columns, more.map(\.first), nil)
        changed.right = body(
            .select(inner), columns + more.map(\.name), more.map(\.next), filter)
        table.query.body = .set(changed)
        table.columns = columns + more.map(\.name)
    }

    /// SELECT columns, expressions FROM (body) AS "walk"(names) WHERE filter
    private func body(
        _ body: QuerySyntax.Body, _ names: [Name], _ expressions: [SyntaxExpression],
        _ filter: SyntaxExpression?
    ) -> QuerySyntax.Body {
        var relation = RelationSyntax(.query(QuerySyntax(body, place)), place)
        relation.alias = word("walk")
        relation.columnAliases = names
        var select = SelectSyntax(place)
        select.from = [.relation(relation)]
        select.filter = filter
        select.items = self.names(columns).map { SelectItem($0, alias: nil) }
        select.items += zip(more, expressions).map { SelectItem($1, alias: $0.name) }
        return .select(select)
    }
}

extension FromItem {
    /// What a relation of the name is called here.
    fileprivate func alias(of name: Name) -> Name? {
        switch self {
        case .relation(let relation):
            switch relation.kind {
            case .name(let parts) where parts.count == 1 && name.means(parts[0].text):
                return relation.alias ?? parts[0]
            case .nested(let item): return item.alias(of: name)
            default: return nil
            }
        case .join(let join): return join.left.alias(of: name) ?? join.right.alias(of: name)
        }
    }
}
