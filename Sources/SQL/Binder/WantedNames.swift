/// The column names that a query speaks of, for the sample of its inputs to look for. Made before
/// any relation is asked for.
struct WantedNames {
    /// nil: there is a `*`.
    private(set) var names: Set<String>? = []

    init(_ query: QuerySyntax) { add(query) }

    private mutating func add(_ query: QuerySyntax) {
        for table in query.with { add(table.query) }
        add(query.body)
        add(query.order.map(\.expression))
    }

    private mutating func add(_ body: QuerySyntax.Body) {
        switch body {
        case .select(let select): add(select)
        case .values(let rows, _): for row in rows { add(row) }
        case .table: names = nil
        case .set(let set):
            add(set.left)
            add(set.right)
        case .query(let query): add(query)
        }
    }

    private mutating func add(_ select: SelectSyntax) {
        add(select.items.map(\.expression))
        for item in select.from { add(item) }
        add([select.filter, select.having, select.qualify].compactMap { $0 })
        for element in select.group?.elements ?? [] { add(element) }
        for window in select.windows { add(window.1.expressions) }
        if case .on(let list) = select.distinct { add(list) }
    }

    private mutating func add(_ element: GroupSyntax.Element) {
        switch element {
        case .expression(let expression): add([expression])
        case .empty: break
        case .rollup(let lists), .cube(let lists): for list in lists { add(list) }
        case .sets(let elements): for element in elements { add(element) }
        case .list(let list): add(list)
        }
    }

    private mutating func add(_ item: FromItem) {
        switch item {
        case .relation(let relation): add(relation)
        case .join(let join):
            add(join.left)
            add(join.right)
            add([join.match].compactMap { $0 })
            switch join.condition {
            case .on(let condition): add([condition])
            case .using(let columns, _): add(columns)
            case .natural: names = nil
            case .none: break
            }
        }
    }

    private mutating func add(_ relation: RelationSyntax) {
        if let column = relation.stream?.watermark?.column { add([column]) }
        switch relation.kind {
        case .name, .literal: break
        case .functions(let calls, _): for call in calls { add(call.expressions) }
        case .window(let window):
            add(window.data)
            for column in window.partition { add(column) }
            if case .column(let column) = window.time { add(column) }
        case .query(let query): add(query)
        case .nested(let item): add(item)
        }
    }

    private mutating func add(_ list: [SyntaxExpression]) {
        for expression in list {
            switch expression.node {
            case .name(let parts): add(parts)
            case .star: names = nil
            default: break
            }
            add(expression.children)
            for query in expression.queries { add(query) }
        }
    }

    private mutating func add(_ parts: [Name]) {
        for part in parts { names?.insert(part.text) }
    }
}
