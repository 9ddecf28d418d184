import Aggregation
import Formats

/// What an operation of a query without end keeps for ever.
public struct UnboundedState: Equatable, Sendable {
    /// A sentence for people.
    public var text: String
    /// --state-ttl lets go what nothing touches.
    public var isFreedWhenIdle = false
}

extension Plan {
    /// What a query without end keeps for ever.
    public var unboundedState: [UnboundedState] {
        var list: [UnboundedState] = []
        _ = containsOperation { plan in
            if let state = plan.ownUnboundedState, !list.contains(state) { list.append(state) }
            return false
        }
        return list
    }

    private var ownUnboundedState: UnboundedState? {
        switch node {
        case .join(let left, let right, let join): Plan.unboundedState(left, right, join)
        case .aggregate(let input, let aggregate):
            input.facts.isEndless && !aggregate.keys.isEmpty && aggregate.window == nil
                ? UnboundedState(
                    text: "the aggregate keeps every group as long as the query runs",
                    isFreedWhenIdle: input.facts.isAppendOnly)
                : nil
        case .distinct(let input):
            input.facts.isEndless
                ? UnboundedState(
                    text: "DISTINCT keeps every row that it has seen as long as the query runs",
                    isFreedWhenIdle: input.facts.isAppendOnly)
                : nil
        case .over(let input, let over):
            input.facts.isEndless && !input.frees(over.partition)
                ? UnboundedState(
                    text: "the window functions keep all rows as long as the query runs",
                    isFreedWhenIdle: input.facts.isAppendOnly && !over.partition.isEmpty)
                : nil
        case .sort(let input, let sort): Plan.unboundedState(input, sort)
        case .setOperation(let kind, _, let left, let right):
            left.facts.isEndless || right.facts.isEndless
                ? UnboundedState(
                    text: "\(kind == .intersect ? "INTERSECT" : "EXCEPT") keeps all rows of both "
                        + "sides as long as the query runs",
                    isFreedWhenIdle: left.facts.isAppendOnly && right.facts.isAppendOnly)
                : nil
        default: nil
        }
    }

    private static func unboundedState(
        _ left: Plan, _ right: Plan, _ join: JoinPlan
    ) -> UnboundedState? {
        guard right.facts.isEndless else { return nil }
        if join.time != nil {
            return UnboundedState(
                text: "the ASOF join keeps all rows of its right side as long as the query runs",
                isFreedWhenIdle: left.facts.isAppendOnly && right.facts.isAppendOnly)
        }
        guard left.facts.isEndless, join.bounds.isEmpty else { return nil }
        return UnboundedState(
            text: "the join keeps all rows of both sides as long as the query runs",
            isFreedWhenIdle: left.facts.isAppendOnly && right.facts.isAppendOnly)
    }

    /// The first rows of all that are only ever inserted are so many and no more.
    private static func unboundedState(_ input: Plan, _ sort: SortPlan) -> UnboundedState? {
        guard input.facts.isEndless, sort.limit != nil, !input.frees(sort.partition) else {
            return nil
        }
        guard input.facts.isAppendOnly else {
            return UnboundedState(
                text: "to know the first rows when others go, all rows are kept as long as the "
                    + "query runs")
        }
        guard !sort.partition.isEmpty else { return nil }
        return UnboundedState(
            text: "the first rows of each group are kept as long as the query runs",
            isFreedWhenIdle: true)
    }

    /// A partition goes when the watermark has passed its time.
    private func frees(_ partition: [Expression]) -> Bool {
        partition.contains { expression in
            guard case .column(let index, let type) = expression else { return false }
            return type.isTime && facts.timeColumns.contains(index)
        }
    }
}
