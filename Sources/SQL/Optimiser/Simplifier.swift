import Aggregation
import Formats

/// Drops operations that change nothing: DISTINCT of rows that differ anyway, an order that
/// nothing above keeps, conditions that are known, and all of what cannot have a row. Runs between
/// the passes that move things.
struct Simplifier {
    func run(_ plan: Plan) throws(SQLError) -> Plan {
        let mapped = try plan.mapChildren { (child, _) throws(SQLError) in try run(child) }
        if mapped.givesNothing { return mapped.emptied }
        let inner = mapped.withoutEmptyInputs
        switch inner.node {
        case .distinct(let input):
            let sorted = input.withoutOrder
            // What has a key among its columns has no two equal rows.
            if sorted.facts.key != nil, sorted.facts.isAppendOnly || !sorted.facts.isEndless {
                return sorted
            }
            return inner.with(.distinct(sorted))
        case .aggregate(let input, let aggregate):
            guard aggregate.calls.allSatisfy(\.isOrderFree) else { return inner }
            return inner.with(.aggregate(input.withoutOrder, aggregate))
        case .setOperation(let kind, let all, let left, let right):
            return inner.with(
                .setOperation(kind, all: all, left.withoutOrder, right.withoutOrder))
        case .filter(let input, let condition):
            return condition.isTrue ? input : inner
        case .project(let input, let list) where list.count == input.columns.count:
            let isSame = list.enumerated().allSatisfy { $0.element.columnIndex == $0.offset }
            return isSame ? input.renamed(inner.columns.map(\.name)) : inner
        default: return inner
        }
    }
}

extension AggregateCall {
    /// Whether the order of rows cannot be seen in the result.
    fileprivate var isOrderFree: Bool {
        !order.isEmpty || AggregateCall.orderFree.contains(function.name)
    }

    private static let orderFree: Set<String> = [
        "count", "sum", "avg", "min", "max", "bool_and", "bool_or", "every", "bit_and", "bit_or",
        "stddev", "stddev_samp", "stddev_pop", "variance", "var_samp", "var_pop",
        "approx_count_distinct",
    ]
}

extension Expression {
    /// What all branches of an OR demand, taken out of it: (a AND x) OR (a AND y) is a AND (x OR
    /// y), so that a can become a key or move down.
    var factored: Expression {
        let inner = mapChildren { (child: Expression) -> Expression in child.factored }
        guard case .or(let branches) = inner, branches.count > 1 else { return inner }
        let lists = branches.map(\.conjuncts)
        let common = lists[0].filter { part in
            part.isDeterministic
                && lists.dropFirst().allSatisfy { list in list.contains { $0.isSame(as: part) } }
        }
        guard !common.isEmpty else { return inner }
        let rests = lists.map { list in
            list.filter { part in !common.contains { $0.isSame(as: part) } }
        }
        // A branch that demands no more makes the rest true.
        if rests.contains(where: \.isEmpty) { return .all(common) ?? inner }
        return .and(common + [.or(rests.compactMap { Expression.all($0) })])
    }
}
