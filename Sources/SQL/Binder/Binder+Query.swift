import Aggregation
import Formats

/// A query that WITH names.
final class CommonTableEntry {
    let name: Name
    /// Columns and plan; nil while it is being bound.
    var relation: BoundRelation?
    /// Where it was defined, for the levels of `outer` at its uses.
    let scope: Scope?
    /// While a recursive query's own terms are bound.
    var isOpen = false
    var wasReferenced = false
    /// Has the form that a recursive query must have.
    var isUnion = true
    /// Where a recursive query's second term is being bound that must not name it; nil: it may.
    var misuse: String?

    init(_ name: Name, scope: Scope?) {
        self.name = name
        self.scope = scope
    }
}

extension Binder {
    /// A query and its clauses; `context.scope` is what lies around it.
    func query(_ syntax: QuerySyntax, _ context: QueryContext) throws(SQLError) -> BoundRelation {
        var context = context
        for table in syntax.with {
            for other in context.commonTables.suffix(syntax.with.count)
            where other.scope === context.scope && other.name.text == table.name.text
                && syntax.with.contains(where: { $0.name == other.name })
            {
                throw SQLError(
                    "WITH query name \"\(table.name.text)\" specified more than once",
                    .duplicateAlias, at: table.name.place)
            }
            try addCommonTable(table, isRecursive: syntax.isRecursive, &context)
        }
        if case .select(let select) = syntax.body {
            return try self.select(select, context, syntax)
        }
        try checkLocks(syntax.locks, syntax.body)
        let relation = try body(syntax.body, context)
        return try ordered(relation, syntax, context)
    }

    func body(
        _ body: QuerySyntax.Body, _ context: QueryContext
    ) throws(SQLError) -> BoundRelation {
        switch body {
        case .select(let select): return try self.select(select, context, nil)
        case .values(let rows, let place): return try values(rows, place, context)
        case .table(let name):
            var select = SelectSyntax(name.place)
            select.items = [SelectItem(SyntaxExpression(.star(.init()), name.place), alias: nil)]
            select.from = [.relation(RelationSyntax(.name([name]), name.place))]
            return try self.select(select, context, nil)
        case .set(let set): return try setOperation(set, context)
        case .query(let query): return try self.query(query, context)
        }
    }

    private func values(
        _ rows: [[SyntaxExpression]], _ place: Range<Int>, _ context: QueryContext
    ) throws(SQLError) -> BoundRelation {
        let width = rows.first?.count ?? 0
        for row in rows where row.count != width {
            throw SQLError(
                "VALUES lists must all be the same length", .syntaxError,
                at: row.first?.place ?? place)
        }
        if let targets = assigned, context.scope == nil, targets.columns.count >= width {
            assigned = nil
            return valuesRelation(
                try assignedValues(rows, targets, context),
                targets.columns.prefix(width).map(\.type))
        }
        let binder = ExpressionBinder(self, context.inside(Scope(parent: context.scope)), .values)
        var bound: [[Expression]] = []
        for row in rows { bound.append(try binder.bind(row)) }
        var types: [DataType] = []
        for column in 0..<width {
            let known = bound.map { $0[column].type }
            types.append(
                try placed(rows[0][column].place) { () throws(SQLError) in
                    known.allSatisfy { $0 == .unknown }
                        ? .unknown : try FunctionRegistry.commonType(known, for: "VALUES")
                })
        }
        for (row, list) in bound.enumerated() {
            for column in 0..<width {
                bound[row][column] = try binder.coerce(
                    list[column], to: types[column], rows[row][column].place)
            }
        }
        return valuesRelation(bound, types)
    }

    private func valuesRelation(_ bound: [[Expression]], _ types: [DataType]) -> BoundRelation {
        let fields = types.enumerated().map { Field("column\($0.offset + 1)", $0.element) }
        if bound.contains(where: { $0.contains { $0.hasSubquery } }) {
            let parts = bound.map {
                Plan.make(.project(.oneRow, $0), fields)
            }
            return BoundRelation(.make(.union(parts), fields), alias: "*VALUES*")
        }
        return BoundRelation(.make(.values(bound), fields), alias: "*VALUES*")
    }

    /// ORDER BY and LIMIT of what is no SELECT: over names and positions of its columns.
    private func ordered(
        _ relation: BoundRelation, _ syntax: QuerySyntax, _ context: QueryContext
    ) throws(SQLError) -> BoundRelation {
        var keys: [SortKey] = []
        let names = relation.plan.columns.map(\.name)
        var plan = relation.plan
        if !syntax.order.isEmpty { plan = try plan.withoutUnknown }
        for item in syntax.order {
            if item.isAll {
                keys += plan.columns.enumerated().map { index, column in
                    SortKey(
                        .column(index, column.type), isDescending: item.isDescending,
                        nullsFirst: item.nullsFirst)
                }
                continue
            }
            let index = try outputColumn(item.expression, names, "ORDER BY")
            guard let index else {
                throw SQLError(
                    "invalid UNION/INTERSECT/EXCEPT ORDER BY clause", .featureNotSupported,
                    at: item.expression.place,
                    hint: "Add the expression/function to every SELECT, or move the UNION into a "
                        + "FROM clause.")
            }
            keys.append(
                SortKey(
                    .column(index, plan.columns[index].type), isDescending: item.isDescending,
                    nullsFirst: item.nullsFirst))
        }
        let limits = try self.limits(syntax, context)
        return BoundRelation(try plan.ordered(keys, limits), alias: "")
    }

    /// The column of the select list that an item of ORDER BY or GROUP BY means by its name alone
    /// or its position.
    func outputColumn(
        _ expression: SyntaxExpression, _ names: [String], _ clause: String
    ) throws(SQLError) -> Int? {
        switch expression.node {
        case .integer(let digits):
            guard let position = Int(digits), position >= 1, position <= names.count else {
                throw SQLError(
                    "\(clause) position \(digits) is not in select list",
                    .invalidColumnReference, at: expression.place)
            }
            return position - 1
        case .unary("-", let operand):
            // A number with its sign is a constant, and no position.
            guard case .integer(let digits) = operand.node else { return nil }
            throw SQLError(
                "\(clause) position -\(digits) is not in select list", .invalidColumnReference,
                at: expression.place)
        case .name(let parts) where parts.count == 1:
            switch NameMatch(parts[0], in: names) {
            case .one(let index): return index
            case .none: return nil
            case .ambiguous: return nil
            }
        default: return nil
        }
    }
}

// LIMIT.
extension Binder {
    struct LimitClause {
        var count: Expression?
        var offset: Expression?
        var withTies = false
        var place: Range<Int>

        /// False: they differ from one outer row to another, or are known only when it runs.
        var isConstant: Bool {
            [count, offset].allSatisfy { if case .literal? = $0 { true } else { $0 == nil } }
        }

        /// The rows that are looked at, skipped ones too; nil: all, or it is not known.
        var countWithOffset: Expression? {
            guard let offset else { return count }
            guard case .literal(.integer(let rows), _)? = count,
                case .literal(.integer(let skipped), _) = offset
            else { return nil }
            let (sum, overflow) = rows.addingReportingOverflow(skipped)
            return overflow ? nil : .literal(.integer(sum), .bigint)
        }
    }

    /// `own`: what the query reads, whose columns cannot stand in LIMIT.
    func limits(
        _ syntax: QuerySyntax, _ context: QueryContext, _ own: BoundRelation? = nil
    ) throws(SQLError) -> LimitClause {
        let scope = own?.scope(parent: context.scope) ?? Scope(parent: context.scope)
        let inside = context.inside(scope)
        let count = try syntax.limit.then { (limit) throws(SQLError) in
            try self.limit(limit, .limit, inside)
        }
        let offset = try syntax.offset.then { (offset) throws(SQLError) in
            try self.limit(offset, .offset, inside)
        }
        if syntax.withTies, syntax.order.isEmpty {
            throw SQLError(
                "WITH TIES cannot be specified without ORDER BY clause", .syntaxError,
                at: syntax.limit?.place)
        }
        return LimitClause(
            count: count?.isNullLiteral == true ? nil : count,
            offset: offset?.isNullLiteral == true ? nil : offset, withTies: syntax.withTies,
            place: syntax.place)
    }

    private func limit(
        _ syntax: SyntaxExpression, _ clause: ExpressionBinder.Clause, _ context: QueryContext
    ) throws(SQLError) -> Expression {
        let binder = ExpressionBinder(self, context, clause)
        let bound = try binder.coerce(try binder.bind(syntax), to: .bigint, syntax.place)
        guard bound.outerFreeColumns.isEmpty else {
            throw SQLError(
                "argument of \(clause.rawValue) must not contain variables",
                .invalidColumnReference, at: syntax.place)
        }
        if bound.hasSubquery || bound.isCorrelated {
            return LimitCount.checked(bound, isOffset: clause == .offset)
        }
        let value = try binder.constant(bound, syntax.place)
        if case .literal(.integer(let number), _) = value, number < 0 {
            throw SQLError(
                "\(clause.rawValue) must not be negative",
                clause == .limit ? .invalidLimit : .invalidOffset, at: syntax.place)
        }
        return value
    }
}

extension Plan {
    /// ORDER BY and LIMIT. Without a limit the order of endless rows never comes.
    func ordered(_ keys: [SortKey], _ limits: Binder.LimitClause) throws(SQLError) -> Plan {
        if keys.isEmpty, limits.isConstant {
            if limits.count == nil, limits.offset == nil { return self }
            return with(.limit(self, count: limits.count, offset: limits.offset))
        }
        if facts.isEndless, limits.count == nil {
            throw SQLError(
                "ORDER BY without LIMIT needs an end of the input", .featureNotSupported,
                at: keys.isEmpty ? nil : limits.place,
                hint: "Add LIMIT for a top-n that is kept up to date, or read what is there now "
                    + "by leaving out STREAM.")
        }
        var sort = SortPlan(keys)
        guard limits.isConstant else { return try numbered(sort, limits) }
        sort.limit = limits.count
        sort.offset = limits.offset
        sort.withTies = limits.withTies
        return with(.sort(self, sort))
    }

    /// LIMIT of what is known only when it runs: the rows are numbered, and filtered by that.
    private func numbered(
        _ order: SortPlan, _ limits: Binder.LimitClause
    ) throws(SQLError) -> Plan {
        guard !limits.withTies, !facts.isEndless else {
            throw SQLError(
                limits.withTies
                    ? "WITH TIES needs a constant number of rows"
                    : "LIMIT needs a constant number of rows over an input that does not end",
                .featureNotSupported, at: limits.place)
        }
        func call(_ name: String, _ a: Expression, _ b: Expression) throws(SQLError) -> Expression {
            let function = try FunctionRegistry.scalar(name, [.bigint, .bigint])
            return .call(function, [a, b], function.result)
        }
        var numbering = order
        numbering.appendsRowNumber = true
        var kept = Plan.make(.sort(self, numbering), columns + [Field("", .bigint)])
        var number = Expression.column(columns.count, .bigint)
        if let offset = limits.offset {
            number = try call(
                "-", number, .coalesce([offset, .literal(.integer(0), .bigint)], .bigint))
            kept = kept.filtered(try call(">", number, .literal(.integer(0), .bigint)))
        }
        if let count = limits.count {
            let isWithin = try call("<=", number, count)
            kept = kept.filtered(.or([.isNull(count), isWithin]))
        }
        if !order.keys.isEmpty { kept = kept.with(.sort(kept, order)) }
        return kept.projected(Array(kept.columnExpressions.dropLast()), columns.map(\.name))
    }
}
