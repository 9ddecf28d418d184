import Aggregation
import Formats

// FROM: lists, joins, subqueries, functions.
extension Binder {
    /// A comma list is a chain of cross joins.
    func from(_ items: [FromItem], _ context: QueryContext) throws(SQLError) -> BoundRelation {
        guard let first = items.first else { return BoundRelation(.oneRow) }
        var result = try item(first, context)
        for next in items.dropFirst() {
            let right = try rightSide(next, of: result, context)
            result = try joined(result, right, JoinPlan(.inner), next.place)
        }
        return result
    }

    func item(_ item: FromItem, _ context: QueryContext) throws(SQLError) -> BoundRelation {
        switch item {
        case .relation(let relation): return try self.relation(relation, context)
        case .join(let join): return try self.join(join, context)
        }
    }

    /// The right side of a join, bound one level further in, so that LATERAL sees the left.
    func rightSide(
        _ item: FromItem, of left: BoundRelation, _ context: QueryContext
    ) throws(SQLError) -> BoundRelation {
        try self.item(item, context.inside(left.scope(parent: context.scope, isVisible: false)))
    }

    /// Two sides side by side. A right side that looks at the left is an apply, or rows of table
    /// functions for each left row.
    func joined(
        _ left: BoundRelation, _ right: BoundRelation, _ join: JoinPlan, _ place: Range<Int>
    ) throws(SQLError) -> BoundRelation {
        for table in right.tables
        where left.tables.contains(where: { $0.alias == table.alias }) && table.alias != "" {
            throw SQLError(
                "table name \"\(table.alias)\" specified more than once", .duplicateAlias,
                at: place)
        }
        let fields = left.plan.columns + right.plan.columns
        let moved = right.shifted(left.plan.columns.count)
        var plan: Plan
        if right.plan.outerColumns().isEmpty {
            plan = .make(.join(left.plan, right.plan.withoutLevel, join), fields)
        } else if let rows = unnested(left.plan, right.plan, join, fields) {
            plan = rows
        } else {
            plan = try applied(left.plan, right.plan, join, fields, place)
        }
        plan.columns = fields
        var result = BoundRelation(plan)
        result.tables = left.tables + moved.tables
        result.columns = left.columns + moved.columns
        result.keyed = left.keyed + moved.keyed
        return result
    }

    private func unnested(
        _ left: Plan, _ right: Plan, _ join: JoinPlan, _ fields: [Field]
    ) -> Plan? {
        guard case .unnest(let input, var calls, let ordinality, _) = right.node,
            case .values = input.node, input.columns.isEmpty,
            join.kind == .inner || (join.kind == .left && join.condition == nil)
        else { return nil }
        for index in calls.indices {
            calls[index].arguments = calls[index].arguments.map(\.seenFromOutside)
        }
        return .make(
            .unnest(
                left, calls, withOrdinality: ordinality, keepsEmpty: join.kind == .left), fields
        ).filtered(join.condition)
    }

    private func applied(
        _ left: Plan, _ right: Plan, _ join: JoinPlan, _ fields: [Field], _ place: Range<Int>
    ) throws(SQLError) -> Plan {
        switch join.kind {
        case .inner:
            return Plan.make(.apply(left, right, .inner), fields).filtered(join.condition)
        case .left:
            // The condition joins the dependent side: left columns are seen from further in.
            let width = left.columns.count
            let inside = join.condition?.seenFromInside(1).replacing { expression, depth in
                guard case .outer(let index, depth: depth + 1, let type) = expression,
                    index >= width
                else { return nil }
                return depth == 0
                    ? .column(index - width, type) : .outer(index - width, depth: depth, type)
            }
            return .make(.apply(left, right.filtered(inside), .left), fields)
        default:
            throw SQLError(
                "invalid reference to FROM-clause entry", .invalidColumnReference, at: place,
                hint: "The combining JOIN type must be INNER or LEFT for a LATERAL reference.")
        }
    }

    func relation(
        _ syntax: RelationSyntax, _ context: QueryContext
    ) throws(SQLError) -> BoundRelation {
        var relation: BoundRelation
        switch syntax.kind {
        case .name(let parts):
            relation = try named(parts, syntax, context)
        case .literal(let text):
            relation = try stored(.literal(text), alias: Binder.alias(ofPath: text), syntax)
        case .functions(let calls, let withOrdinality):
            relation = try functions(calls, withOrdinality, syntax, context)
        case .window(let window): relation = try self.window(window, context)
        case .query(let query):
            // Only LATERAL sees what stands to its left.
            let shown = syntax.isLateral ? context.showLaterals() : []
            defer { context.hide(shown) }
            let bound = try self.query(query, context)
            relation = BoundRelation(
                try bound.plan.withoutUnknown, alias: syntax.alias?.text ?? "")
        case .nested(let item):
            relation = try self.item(item, context)
            guard syntax.alias != nil else { return relation }
            relation = relation.asOneTable
        }
        if let watermark = syntax.stream?.watermark, !syntax.isStored(context) {
            try declare(watermark, on: &relation, syntax.place)
        }
        if syntax.columnDefinitions.isEmpty {
            try relation.rename(syntax.alias, syntax.columnAliases)
        }
        return relation
    }

    private func named(
        _ parts: [Name], _ syntax: RelationSyntax, _ context: QueryContext
    ) throws(SQLError) -> BoundRelation {
        if parts.count == 1,
            let common = try commonTable(parts[0], syntax.place, context)
        {
            return common
        }
        return try stored(.name(parts), alias: parts.dotted, syntax)
    }

    /// The name of a file without its folder and endings.
    static func alias(ofPath path: String) -> String {
        let name = path.split(separator: "/").last.map { String($0) } ?? path
        let base = name.split(separator: ".").first.map { String($0) } ?? name
        return base.isEmpty ? path : base
    }
}

extension QueryContext {
    /// Lets what is bound now see the left sides of the joins around it; gives the levels that it
    /// has shown, which are not to be seen afterwards.
    func showLaterals() -> [Scope] {
        var shown: [Scope] = []
        var current = scope
        while let level = current, !level.isVisible {
            level.isVisible = true
            shown.append(level)
            current = level.parent
        }
        return shown
    }

    func hide(_ levels: [Scope]) {
        for level in levels { level.isVisible = false }
    }
}

extension BoundRelation {
    /// A join in parentheses under one alias.
    fileprivate var asOneTable: BoundRelation {
        var relation = self
        relation.tables = [ScopeTable(alias: tables.first?.alias ?? "", columns: columns)]
        return relation
    }
}

extension RelationSyntax {
    /// Whether the catalog knows of its watermark already.
    fileprivate func isStored(_ context: QueryContext) -> Bool {
        switch kind {
        case .literal: return true
        case .name(let parts):
            return parts.count > 1
                || !context.commonTables.contains { parts[0].means($0.name.text) }
        case .functions(let calls, _):
            return calls.count == 1 && Binder.isReader(calls[0].functionName)
        default: return false
        }
    }
}

extension FromItem {
    var place: Range<Int> {
        switch self {
        case .relation(let relation): relation.alias?.place ?? relation.place
        case .join(let join): join.place
        }
    }
}
