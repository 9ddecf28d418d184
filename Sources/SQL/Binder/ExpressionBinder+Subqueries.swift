import Aggregation
import Formats

extension ExpressionBinder {
    func subquery(_ expression: SyntaxExpression) throws(SQLError) -> Expression {
        let place = expression.place
        guard clause != .check else {
            throw SQLError(
                "cannot use subquery in check constraint", .featureNotSupported, at: place)
        }
        switch expression.node {
        case .exists(let query):
            let plan = try inner(query).plan
            return .subquery(.init(.exists, plan, .boolean, id: binder.nextID()))
        case .scalarQuery(let query):
            let plan = try oneColumn(query, place)
            return .subquery(.init(.scalar, plan, plan.columns[0].type, id: binder.nextID()))
        case .queryColumn(let query, let index, let count):
            let plan = try inner(query).plan
            guard plan.columns.count == count else {
                throw SQLError(
                    "number of columns does not match number of values", .syntaxError, at: place)
            }
            let column = plan.projected([plan.columnExpressions[index]], [""])
            return .subquery(.init(.scalar, column, column.columns[0].type, id: binder.nextID()))
        case .arrayQuery(let query):
            let plan = try oneColumn(query, place)
            if case .array = plan.columns[0].type {
                return .subquery(.init(.array, plan, plan.columns[0].type, id: binder.nextID()))
            }
            return .subquery(.init(.array, plan, .array(plan.columns[0].type), id: binder.nextID()))
        case .inQuery(let operand, let query, let isNegated):
            let result = try any(operand, "=", query, isAll: false, place)
            return isNegated ? .not(result) : result
        case .quantifiedQuery(let operand, let symbol, let isAll, let query):
            return try any(operand, symbol, query, isAll: isAll, place)
        default:
            throw SQLError("unexpected expression", .internalError, at: place)
        }
    }

    /// A query one level further in.
    private func inner(_ query: QuerySyntax) throws(SQLError) -> BoundRelation {
        let around = scope ?? Scope(parent: nil)
        var relation = try binder.withoutRecursion(in: "a subquery") { () throws(SQLError) in
            try binder.query(query, context.inside(around))
        }
        relation.plan = try relation.plan.withoutUnknown
        return relation
    }

    /// The only row of a query, which a row of so many members is compared with.
    func rowQuery(
        _ query: QuerySyntax, count: Int, _ place: Range<Int>
    ) throws(SQLError) -> Expression {
        let plan = try inner(query).plan
        guard plan.columns.count == count else {
            throw SQLError(
                plan.columns.count > count
                    ? "subquery has too many columns" : "subquery has too few columns",
                .syntaxError, at: place)
        }
        guard count > 1 else {
            return .subquery(.init(.scalar, plan, plan.columns[0].type, id: binder.nextID()))
        }
        let record = plan.projected([row(plan.columnExpressions)], ["row"])
        return .subquery(.init(.scalar, record, record.columns[0].type, id: binder.nextID()))
    }

    private func oneColumn(
        _ query: QuerySyntax, _ place: Range<Int>
    ) throws(SQLError) -> Plan {
        let plan = try inner(query).plan
        guard plan.columns.count == 1 else {
            throw SQLError(
                "subquery must return only one column", .syntaxError, at: place)
        }
        return plan
    }

    /// `operand symbol ANY (query)`; ALL is that no row fails.
    private func any(
        _ operand: SyntaxExpression, _ symbol: String, _ query: QuerySyntax, isAll: Bool,
        _ place: Range<Int>
    ) throws(SQLError) -> Expression {
        var left = try bind(operand)
        var plan = try inner(query).plan
        let symbol = ExpressionBinder.patternSymbols[symbol] ?? symbol
        if left.type == .unknown, plan.columns.first?.type == .text {
            left = try coerce(left, to: .text, operand.place)
        }
        var operands = [left]
        if case .record(let fields) = left.type { operands = left.members(fields) }
        guard operands.count == plan.columns.count else {
            throw SQLError(
                plan.columns.count > operands.count
                    ? "subquery has too many columns" : "subquery has too few columns",
                .syntaxError, at: place)
        }
        let inside = operands.map { $0.seenFromInside(1) }
        let columns = plan.columnExpressions
        var condition =
            operands.count == 1
            ? try apply(symbol, [inside[0], columns[0]], place)
            : try apply(symbol, [row(inside), row(columns)], place)
        guard condition.type == .boolean else {
            throw SQLError(
                "row comparison operator must yield type boolean, not type "
                    + condition.type.typeName, .datatypeMismatch, at: place)
        }
        if isAll { condition = .not(condition) }
        plan = plan.with(plan.node)
        let result = Expression.subquery(
            .init(.any(condition), plan, .boolean, id: binder.nextID()))
        return isAll ? .not(result) : result
    }
}
