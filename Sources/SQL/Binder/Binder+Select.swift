import Aggregation
import Formats

/// A SELECT on its way to a plan: what its clauses are once bound over FROM. Made and used by
/// `Binder.select` alone.
struct SelectParts {
    var from: BoundRelation
    let calls = SelectCalls()
    var items: [Expression] = []
    var names: [String] = []
    /// Items that make the keys of GROUP BY ALL and are what positions mean.
    var having: Expression?
    var qualify: Expression?
    var order: [SortKey] = []
    /// DISTINCT ON
    var distinctOn: [Expression] = []
    var grouping: Grouping?
    /// Table functions whose rows are made above ORDER BY and DISTINCT ON, by their numbers.
    var postponed: [Int] = []

    struct Grouping {
        var keys: [Expression] = []
        /// nil: one set of all keys.
        var sets: [[Int]]?
    }
}

extension Binder {
    /// SELECT with the clauses of the query around it, where it is the whole body.
    func select(
        _ select: SelectSyntax, _ context: QueryContext, _ query: QuerySyntax?
    ) throws(SQLError) -> BoundRelation {
        if let into = select.into {
            throw SQLError(
                "SELECT ... INTO is not allowed here", .syntaxError, at: into.table.place)
        }
        var from = try self.from(select.from, context)
        let scope = from.scope(parent: context.scope)
        let inner = context.inside(scope)
        try bindWindowNames(select, scope, inner)
        if let filter = select.filter {
            let condition = try ExpressionBinder(self, inner, .filter).condition(filter, "WHERE")
            from.plan = from.plan.filtered(condition)
        }
        var parts = SelectParts(from: from)
        scope.calls = parts.calls
        let clause: ExpressionBinder.Clause =
            switch select.role {
            case .query: .select
            case .returning: .returning
            case .update: .update
            }
        var expressions = ExpressionBinder(self, inner, clause, calls: parts.calls)
        try bindItems(select.items, expressions, &parts)
        expressions.aliases = zip(parts.names, parts.items).map { ($0, $1) }
        parts.grouping = try grouping(select, expressions, parts)
        if let having = select.having {
            expressions.clause = .having
            parts.having = try expressions.condition(having, "HAVING")
        }
        if let qualify = select.qualify {
            expressions.clause = .qualify
            parts.qualify = try expressions.condition(qualify, "QUALIFY")
        }
        expressions.clause = .order
        try bindOrder(select, query, expressions, &parts)
        try checkLocks(query?.locks ?? [], select, parts)
        let plan = try plan(select, &parts)
        return try finish(plan, select, parts, query, context)
    }

    private func bindWindowNames(
        _ select: SelectSyntax, _ scope: Scope, _ context: QueryContext
    ) throws(SQLError) {
        for (name, window) in select.windows {
            if scope.windows.contains(where: { $0.0.text == name.text }) {
                throw SQLError(
                    "window \"\(name.text)\" is already defined", .windowingError, at: name.place)
            }
            var resolved = window
            if let base = window.base {
                guard let inherited = scope.window(base) else {
                    throw SQLError(
                        "window \"\(base.text)\" does not exist", .undefinedObject, at: base.place)
                }
                resolved = try ExpressionBinder(self, context, .windowPartition)
                    .inherit(window, inherited, base)
            }
            scope.windows.append((name, resolved))
        }
    }

    private func bindItems(
        _ items: [SelectItem], _ binder: ExpressionBinder, _ parts: inout SelectParts
    ) throws(SQLError) {
        for item in items {
            if case .star(let star) = item.expression.node {
                for (name, expression) in try self.star(
                    star, item.expression.place, binder, parts.from)
                {
                    parts.items.append(expression)
                    parts.names.append(name)
                }
                continue
            }
            parts.items.append(try binder.bind(item.expression))
            parts.names.append(item.alias?.text ?? binder.label(item.expression))
        }
    }

    /// ORDER BY: an output column by name or position first, else an expression over FROM.
    private func bindOrder(
        _ select: SelectSyntax, _ query: QuerySyntax?, _ binder: ExpressionBinder,
        _ parts: inout SelectParts
    ) throws(SQLError) {
        func resolve(
            _ syntax: SyntaxExpression, _ clause: String
        ) throws(SQLError) -> Expression {
            if let index = try sortColumn(syntax, parts, clause) { return parts.items[index] }
            if syntax.isNonIntegerConstant {
                throw SQLError(
                    "non-integer constant in \(clause)", .syntaxError, at: syntax.place)
            }
            return try binder.bind(syntax)
        }
        for item in query?.order ?? [] {
            if item.isAll {
                for column in parts.items {
                    parts.order.append(
                        SortKey(
                            try binder.sortable(column, item.expression.place),
                            isDescending: item.isDescending, nullsFirst: item.nullsFirst))
                }
                continue
            }
            let bound = try binder.sortable(
                try resolve(item.expression, "ORDER BY"), item.expression.place)
            parts.order.append(
                SortKey(bound, isDescending: item.isDescending, nullsFirst: item.nullsFirst))
        }
        switch select.distinct {
        case .all: break
        case .distinct where query?.order.contains(where: \.isAll) == true: break
        case .distinct:
            for (key, item) in zip(parts.order, query?.order ?? []) {
                // A subquery is told from others by its place in the list only.
                if try sortColumn(item.expression, parts, "ORDER BY") != nil { continue }
                if parts.items.contains(where: { $0.isWritten(as: key.expression) }) { continue }
                throw SQLError(
                    "for SELECT DISTINCT, ORDER BY expressions must appear in select list",
                    .invalidColumnReference, at: item.expression.start)
            }
        case .on(let list):
            for syntax in list {
                parts.distinctOn.append(
                    try binder.groupable(try resolve(syntax, "DISTINCT ON"), syntax.place))
            }
            try checkDistinctOn(list, parts)
        }
    }

    private func checkDistinctOn(
        _ list: [SyntaxExpression], _ parts: SelectParts
    ) throws(SQLError) {
        var open = parts.distinctOn
        for key in parts.order where !open.isEmpty {
            let index = open.firstIndex { $0.isWritten(as: key.expression) }
            if let index {
                open.remove(at: index)
            } else if !parts.distinctOn.contains(where: { $0.isWritten(as: key.expression) }) {
                throw SQLError(
                    "SELECT DISTINCT ON expressions must match initial ORDER BY expressions",
                    .invalidColumnReference, at: list.first?.place)
            }
        }
    }

    private func sortColumn(
        _ syntax: SyntaxExpression, _ parts: SelectParts, _ clause: String
    ) throws(SQLError) -> Int? {
        if let index = try outputColumn(syntax, parts.names, clause) { return index }
        guard case .name(let path) = syntax.node, path.count == 1 else { return nil }
        // Several columns of the name are one if they compute the same.
        let same = parts.names.indices.filter { path[0].means(parts.names[$0]) }
        guard let first = same.first else { return nil }
        let exact = same.filter { parts.names[$0] == path[0].text }
        let candidates = exact.isEmpty ? same : exact
        for index in candidates.dropFirst()
        where !parts.items[index].isSame(as: parts.items[candidates[0]]) {
            throw SQLError(
                "\(clause) \"\(path[0].text)\" is ambiguous", .ambiguousName, at: syntax.place)
        }
        return candidates.first ?? first
    }
}

extension SyntaxExpression {
    /// What a column is called that has no alias.
    public var columnName: String { figuredName.name ?? "?column?" }

    /// PostgreSQL's rule; a strong name is kept by a cast around it.
    private var figuredName: (name: String?, isStrong: Bool) {
        switch node {
        case .name(let parts): (parts.last?.text, true)
        case .member(_, let name): (name.text, true)
        case .subscripted(let base, _), .sliced(let base, _, _), .collate(let base, _):
            base.figuredName
        case .call(let call): (call.functionName, true)
        case .cast(let operand, let type, _):
            operand.figuredName.isStrong ? operand.figuredName : (type.columnName, false)
        case .choice(_, _, let otherwise):
            otherwise.map { $0.figuredName.isStrong ? $0.figuredName : ("case", false) }
                ?? ("case", false)
        case .array, .arrayQuery: ("array", true)
        case .row: ("row", true)
        case .exists: ("exists", true)
        case .scalarQuery(let query): (query.firstColumnName, true)
        case .boolean: ("bool", false)
        case .interval: ("interval", false)
        case .atTimeZone: ("timezone", true)
        case .grouping: ("grouping", true)
        case .keywordValue(let word, _): (word.lowercased(), true)
        case .isTest, .and, .or: (nil, false)
        default: (nil, false)
        }
    }

    /// A literal that is no position: refused in ORDER BY and GROUP BY.
    var isNonIntegerConstant: Bool {
        switch node {
        case .string, .decimal, .boolean, .null: true
        default: false
        }
    }
}

extension TypeName {
    fileprivate var columnName: String? {
        if arrayDepth > 0 || members.isEmpty, let type = try? resolved() {
            return type.internalName
        }
        return name
    }
}

extension QuerySyntax {
    fileprivate var firstColumnName: String? {
        switch body {
        case .select(let select):
            guard let item = select.items.first else { return nil }
            return item.alias?.text ?? item.expression.columnName
        case .query(let query): return query.firstColumnName
        case .values: return "column1"
        default: return nil
        }
    }
}
