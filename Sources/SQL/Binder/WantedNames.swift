/// The column names that a query speaks of, for the sample of its inputs to look for. Made before
/// any relation is asked for.
///
/// Names that can mean nothing of an input are left out: those that ORDER BY and GROUP BY take from
/// the SELECT list, and those of a SELECT over subqueries alone.
struct WantedNames {
    /// nil: there is a `*`.
    private(set) var names: Set<String>? = []
    /// Names behind the alias of a relation, by the alias in lower case.
    private(set) var qualified: [String: Set<String>] = [:]
    /// Names without one.
    private(set) var plain: Set<String> = []
    /// Members of columns, from the column's name on: `p.b.c`; by alias where there is one.
    private var plainPaths: Set<[String]> = []
    private var qualifiedPaths: [String: Set<[String]>] = [:]
    /// Names alone and `t.*` inside expressions, in lower case: those that are no column's are the
    /// row of a relation.
    private(set) var rowNames: Set<String> = []
    /// What the catalog will be asked for; the same relation may stand there twice.
    private(set) var relations: [RelationSyntax] = []
    private var aliases: Set<String> = []
    /// Of windows and joins in parentheses, whose columns are several relations' or another's.
    private var outerAliases: Set<String> = []
    private var commonTables: Set<String> = []
    private var parts: [[Name]] = []

    init(_ query: QuerySyntax) {
        add(query)
        for name in parts { resolve(name) }
        parts = []
    }

    /// The names that a relation is asked for under its alias; nil: all.
    func names(of alias: String) -> Set<String>? {
        guard names != nil else { return nil }
        return plain.union(qualified[alias.lowercased()] ?? [])
    }

    /// Names that can be columns of that relation only.
    func expected(of alias: String) -> Set<String> {
        let own = qualified[alias.lowercased()] ?? []
        return relations.count == 1 ? own.union(plain.filter { !aliases.contains($0) }) : own
    }

    /// The same of members of its columns.
    func expectedPaths(of alias: String) -> Set<[String]> {
        let own = qualifiedPaths[alias.lowercased()] ?? []
        guard relations.count == 1 else { return own }
        return own.union(plainPaths.filter { !aliases.contains($0[0].lowercased()) })
    }

    mutating func merge(_ other: WantedNames) {
        if let more = other.names, let names {
            self.names = names.union(more)
        } else {
            names = nil
        }
        qualified.merge(other.qualified) { $0.union($1) }
        plain.formUnion(other.plain)
        plainPaths.formUnion(other.plainPaths)
        qualifiedPaths.merge(other.qualifiedPaths) { $0.union($1) }
        rowNames.formUnion(other.rowNames)
        relations += other.relations
        aliases.formUnion(other.aliases)
    }

    private mutating func resolve(_ name: [Name]) {
        for part in name { names?.insert(part.text) }
        let first = name[0].text
        if name.count > 1, aliases.contains(first.lowercased()) {
            qualified[first.lowercased(), default: []].insert(name[1].text)
            if name.count > 2 {
                qualifiedPaths[first.lowercased(), default: []].insert(
                    name.dropFirst().map(\.text))
            }
        } else if name.count > 1, outerAliases.contains(first.lowercased()) {
            plain.insert(name[1].text)
        } else {
            plain.insert(first)
            if name.count > 1 { plainPaths.insert(name.map(\.text)) }
        }
    }

    private mutating func add(_ query: QuerySyntax) {
        for table in query.with {
            commonTables.insert(table.name.text.lowercased())
            add(table.query)
        }
        add(query.body)
        add(query.order.map(\.expression), without: outputs(of: query.body))
    }

    /// The names that a query's SELECT list gives; all names where that is the query's to say.
    private func outputs(of body: QuerySyntax.Body) -> Set<String> {
        switch body {
        case .select(let select): aliases(of: select).union(columns(of: select))
        case .set(let set): outputs(of: set.left)
        case .query(let query): outputs(of: query.body)
        case .values, .table: []
        }
    }

    /// Columns that are selected under their own names: asked for by the list already.
    private func columns(of select: SelectSyntax) -> [String] {
        select.items.compactMap { item in
            guard item.alias == nil, case .name(let parts) = item.expression.node
            else { return nil }
            return parts.last?.text
        }
    }

    private func aliases(of select: SelectSyntax) -> Set<String> {
        Set(select.items.compactMap { $0.alias?.text })
    }

    private mutating func add(_ body: QuerySyntax.Body) {
        switch body {
        case .select(let select): add(select)
        case .values(let rows, _): for row in rows { add(row) }
        case .table(let name):
            names = nil
            add(RelationSyntax(.name([name]), name.place))
        case .set(let set):
            add(set.left)
            add(set.right)
        case .query(let query): add(query)
        }
    }

    private mutating func add(_ select: SelectSyntax) {
        let before = parts.count
        var isOverQueries = !select.from.isEmpty
        for item in select.from where readsRelation(item) { isOverQueries = false }
        add(select.items.map(\.expression))
        add([select.filter, select.having, select.qualify].compactMap { $0 })
        let outputs = aliases(of: select)
        for element in select.group?.elements ?? [] { add(element, without: outputs) }
        for window in select.windows { add(window.1.expressions) }
        if case .on(let list) = select.distinct { add(list, without: outputs) }
        // What a correlated subquery says of its outside is said by qualified names.
        if isOverQueries { parts[before...].removeAll { $0.count == 1 } }
        for item in select.from { add(item) }
    }

    /// False for subqueries and what WITH names.
    private func readsRelation(_ item: FromItem) -> Bool {
        switch item {
        case .join(let join): return readsRelation(join.left) || readsRelation(join.right)
        case .relation(let relation):
            switch relation.kind {
            case .query: return false
            case .name(let parts): return !isCommon(parts)
            case .nested(let item): return readsRelation(item)
            case .window(let window): return readsRelation(.relation(window.data))
            case .literal, .functions: return true
            }
        }
    }

    private func isCommon(_ parts: [Name]) -> Bool {
        parts.count == 1 && commonTables.contains(parts[0].text.lowercased())
    }

    private mutating func add(_ element: GroupSyntax.Element, without outputs: Set<String>) {
        switch element {
        case .expression(let expression): add([expression], without: outputs)
        case .empty: break
        case .rollup(let lists), .cube(let lists):
            for list in lists { add(list, without: outputs) }
        case .sets(let elements): for element in elements { add(element, without: outputs) }
        case .list(let list): add(list, without: outputs)
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
            case .using(let columns, _): for column in columns { add([column]) }
            case .natural: names = nil
            case .none: break
            }
        }
    }

    private mutating func add(_ relation: RelationSyntax) {
        if let column = relation.stream?.watermark?.column { add([column]) }
        switch relation.kind {
        case .name(let parts):
            note(relation.alias?.text ?? parts.dotted)
            if let last = parts.last { note(last.text) }
            if !isCommon(parts) { relations.append(relation) }
        case .literal(let text):
            note(relation.alias?.text ?? Binder.alias(ofPath: text))
            relations.append(relation)
        case .functions(let calls, _):
            for call in calls where !Binder.isReader(call.functionName) { add(call.expressions) }
            note(relation.alias?.text ?? calls.first?.functionName ?? "")
            if let name = calls.first?.functionName, Binder.isReader(name) {
                relations.append(relation)
            }
        case .window(let window):
            if let alias = relation.alias { outerAliases.insert(alias.text.lowercased()) }
            add(window.data)
            for column in window.partition { add(column) }
            if case .column(let column) = window.time { add(column) }
        case .query(let query):
            if let alias = relation.alias { note(alias.text) }
            add(query)
        case .nested(let item):
            if let alias = relation.alias { outerAliases.insert(alias.text.lowercased()) }
            add(item)
        }
    }

    private mutating func note(_ alias: String) { aliases.insert(alias.lowercased()) }

    private mutating func add(
        _ list: [SyntaxExpression], without outputs: Set<String> = [], isInside: Bool = false
    ) {
        for expression in list {
            switch expression.node {
            case .name(let parts):
                if parts.count == 1 { rowNames.insert(parts[0].text.lowercased()) }
                if parts.count > 1 || !outputs.contains(parts[0].text) { add(parts) }
            case .star(let star):
                names = nil
                if isInside { rowNames.formUnion(star.qualifier.map { $0.text.lowercased() }) }
            default: break
            }
            add(expression.children, isInside: true)
            for query in expression.queries { add(query) }
        }
    }

    private mutating func add(_ name: [Name]) {
        if !name.isEmpty { parts.append(name) }
    }
}

extension QuerySyntax {
    /// The names that it has in FROM, subqueries' too, but for those of WITH.
    public var relationNames: [Name] {
        WantedNames(self).relations.compactMap { relation in
            guard case .name(let parts) = relation.kind else { return nil }
            let isQuoted = parts.contains(where: \.isQuoted)
            return Name(parts.dotted, isQuoted: isQuoted, relation.place)
        }
    }
}
