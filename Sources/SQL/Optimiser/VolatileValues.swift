import Aggregation
import Formats

/// random() and the like over rows that may be taken back: a row that goes must go with the value
/// that it came with. Projections keep these (`VolatileProjectOperator`), so what other operations
/// compute of a row that way is made a column below them. Over rows that only come nothing changes.
struct VolatileValues {
    static func run(_ plan: Plan) throws(SQLError) -> Plan {
        let plan = try plan.mapChildren { (child, _) throws(SQLError) in try run(child) }
        switch plan.node {
        case .filter(let input, _), .aggregate(let input, _), .sort(let input, _),
            .over(let input, _), .unnest(let input, _, _, _):
            guard !input.facts.isAppendOnly, plan.expressions.contains(where: \.isComputedAnew)
            else { return plan }
            return try rewrite(plan, over: input)
        default: return plan
        }
    }

    private static func rewrite(_ plan: Plan, over input: Plan) throws(SQLError) -> Plan {
        var added: [Expression] = []
        let width = input.columns.count
        let mapped = try plan.mapExpressions { (expression) throws(SQLError) in
            guard expression.isComputedAnew else { return expression }
            let parts = expression.conjuncts.map { part in
                guard part.isComputedAnew else { return part }
                added.append(part)
                return Expression.column(width + added.count - 1, part.type)
            }
            return .all(parts) ?? expression
        }
        let below = input.projected(
            input.columnExpressions + added,
            input.columns.map(\.name) + added.map { _ in "" })
        if case .aggregate(_, let aggregate) = mapped.node {
            return plan.with(.aggregate(below, aggregate))
        }
        // The others hand their input's columns on, the new ones too.
        let end = below.columns.count
        let columns = below.columns + plan.columns[width...]
        let above = Plan.make(mapped.node.over(below, like: plan.node), columns)
        let kept = above.columnExpressions[..<width] + above.columnExpressions[end...]
        return above.projected(Array(kept), plan.columns.map(\.name))
    }
}

extension Expression {
    fileprivate var isComputedAnew: Bool { !isDeterministic }
}

extension Plan.Node {
    /// The same operation over another input; LIMIT and OFFSET are those of `old`, as they speak
    /// of no row.
    fileprivate func over(_ input: Plan, like old: Plan.Node) -> Plan.Node {
        switch self {
        case .filter(_, let condition): return .filter(input, condition)
        case .sort(_, var sort):
            if case .sort(_, let old) = old { (sort.limit, sort.offset) = (old.limit, old.offset) }
            return .sort(input, sort)
        case .over(_, let over): return .over(input, over)
        case .unnest(_, let calls, let withOrdinality, let keepsEmpty):
            return .unnest(input, calls, withOrdinality: withOrdinality, keepsEmpty: keepsEmpty)
        default: return self
        }
    }
}
