import Aggregation
import Formats

/// Computes a correlated plan for all outer values at once: `domain` holds the distinct ones, and
/// each pushed plan has the domain's columns behind its own.
struct DomainPusher {
    let domain: Plan
    /// The outer columns that the domain's first columns stand for; others tell equal values apart.
    let outer: [Int]

    init(_ domain: Plan, _ outer: [Int]) {
        self.domain = domain
        self.outer = outer
    }

    private var width: Int { domain.columns.count }

    /// nil: the plan has an operation that cannot be computed this way.
    func push(_ plan: Plan) throws(SQLError) -> Plan? {
        if plan.outerColumns().isEmpty {
            return .make(
                .join(plan, domain, JoinPlan(.inner)), plan.columns + domain.columns)
        }
        switch plan.node {
        case .filter(let input, let condition):
            return try push(input).map {
                $0.filtered(over(condition, input.columns.count))
            }
        case .project(let input, let list):
            return try push(input).map {
                $0.projected(
                    list.map { over($0, input.columns.count) } + tail($0),
                    (plan.columns + domain.columns).map(\.name))
            }
        case .join(let left, let right, let join): return try self.join(plan, left, right, join)
        case .aggregate(let input, let aggregate):
            return aggregate.keys.isEmpty
                ? try total(plan, input, aggregate) : try grouped(plan, input, aggregate)
        case .distinct(let input): return try push(input).map { $0.with(.distinct($0)) }
        case .union(let inputs):
            var pushed: [Plan] = []
            for input in inputs {
                guard let plan = try push(input) else { return nil }
                pushed.append(plan)
            }
            return .make(.union(pushed), plan.columns + domain.columns)
        case .setOperation(let kind, let all, let left, let right):
            guard let a = try push(left), let b = try push(right) else { return nil }
            return a.with(.setOperation(kind, all: all, a, b))
        case .values(let rows):
            let parts = rows.map { row in
                domain.projected(
                    row.map { over($0, 0) } + domain.columnExpressions,
                    (plan.columns + domain.columns).map(\.name))
            }
            return .make(.union(parts), plan.columns + domain.columns)
        // What is computed once for all cannot be where it depends on the outer row.
        case .shared(let shared): return try push(shared.plan)
        default: return try appending(plan)
        }
    }

    /// Operations that hand on their input's columns and may append some.
    private func appending(_ plan: Plan) throws(SQLError) -> Plan? {
        guard let input = plan.children.first, plan.children.count == 1,
            let pushed = try push(input)
        else { return nil }
        let count = input.columns.count
        let keys = tail(pushed)
        func moved(_ expression: Expression) -> Expression { over(expression, count) }
        let node: Plan.Node
        switch plan.node {
        case .unnest(_, var calls, let ordinality, let keepsEmpty):
            for index in calls.indices {
                calls[index].arguments = calls[index].arguments.map(moved)
            }
            node = .unnest(pushed, calls, withOrdinality: ordinality, keepsEmpty: keepsEmpty)
        case .window(_, var window):
            if case .session(let gap, let partition) = window.kind {
                window.kind = .session(
                    gap: gap, partition: partition + (count..<(count + width)))
            }
            node = .window(pushed, window)
        case .over(_, let over):
            var mapped = try over.mapExpressions { (inner) throws(SQLError) in moved(inner) }
            mapped.partition += keys
            node = .over(pushed, mapped)
        case .sort(_, let sort):
            var mapped = try sort.mapExpressions { (inner) throws(SQLError) in moved(inner) }
            if sort.limit != nil || sort.offset != nil || sort.appendsRowNumber {
                mapped.partition += keys
            }
            node = .sort(pushed, mapped)
        case .limit(_, let limit, let offset):
            var sort = SortPlan([])
            sort.partition = keys
            sort.limit = limit
            sort.offset = offset
            node = .sort(pushed, sort)
        default: return nil
        }
        let fields = pushed.columns + plan.columns.dropFirst(count)
        return reordered(.make(node, Array(fields)), plan, domainAt: count)
    }

    private func join(
        _ plan: Plan, _ left: Plan, _ right: Plan, _ join: JoinPlan
    ) throws(SQLError) -> Plan? {
        let (l, r) = (left.columns.count, right.columns.count)
        let isRight = !right.outerColumns().isEmpty
        var join = try join.mapExpressionsOfSides(
            left: { over($0, l) }, right: { over($0, r) })
        if !isRight, join.kind != .right, join.kind != .full {
            guard let a = try push(left) else { return nil }
            join.condition = try conditionBehind(plan, join, l)
            let fields = a.columns + plan.columns.dropFirst(l)
            return reordered(
                .make(.join(a, right, join), Array(fields)), plan, domainAt: l)
        }
        guard join.kind != .full, let a = try push(left), let b = try push(right) else {
            return nil
        }
        join.condition = try conditionBehind(plan, join, l)
        for index in 0..<width {
            let type = domain.columns[index].type
            let parts = try NullSafeKeys.conditions(
                .column(l + index, type), .column(l + width + r + index, type))
            join.take(parts, leftWidth: l + width)
        }
        let isWide = plan.columns.count == l + r
        let fields = isWide ? a.columns + b.columns : a.columns + plan.columns.dropFirst(l)
        let joined = Plan.make(.join(a, b, join), Array(fields))
        let columns = joined.columnExpressions
        let own = Array(columns.prefix(l)) + columns[(l + width)...].prefix(plan.columns.count - l)
        // Of an outer join to the right the left's values may be null.
        let values =
            join.kind == .right ? Array(columns.suffix(width)) : Array(columns[l..<(l + width)])
        return joined.projected(own + values, (plan.columns + domain.columns).map(\.name))
    }

    /// The condition of the original join over left columns, the domain's, and right columns.
    private func conditionBehind(
        _ plan: Plan, _ join: JoinPlan, _ leftWidth: Int
    ) throws(SQLError) -> Expression? {
        guard case .join(_, _, let original) = plan.node else { return join.condition }
        let spread = original.condition?.replacing { inner, depth in
            guard depth == 0, case .column(let index, let type) = inner else { return nil }
            return .column(index < leftWidth ? index : index + width, type)
        }
        return spread.map { over($0, leftWidth) }
    }

    private func grouped(
        _ plan: Plan, _ input: Plan, _ aggregate: AggregatePlan
    ) throws(SQLError) -> Plan? {
        // The total of an empty set has a row for outer values without any.
        guard aggregate.groupingSets?.contains(where: \.isEmpty) != true,
            let pushed = try push(input)
        else { return nil }
        var mapped = try aggregate.mapExpressions { (inner) throws(SQLError) in
            over(inner, input.columns.count)
        }
        let old = aggregate.keys.count
        mapped.keys += tail(pushed)
        mapped.groupingSets = aggregate.groupingSets?.map { $0 + (old..<(old + width)) }
        let fields =
            plan.columns.prefix(old) + domain.columns + plan.columns.dropFirst(old)
        return reordered(
            .make(.aggregate(pushed, mapped), Array(fields)), plan, domainAt: old)
    }

    /// Without GROUP BY there is a row for each outer value, one without input too.
    private func total(
        _ plan: Plan, _ input: Plan, _ aggregate: AggregatePlan
    ) throws(SQLError) -> Plan? {
        guard aggregate.groupingSets == nil, let pushed = try push(input) else { return nil }
        let flagged = pushed.projected(
            pushed.columnExpressions + [.boolean(true)], pushed.columns.map(\.name) + ["matched"])
        var join = JoinPlan(.left)
        let count = input.columns.count
        for index in 0..<width {
            let type = domain.columns[index].type
            join.take(
                try NullSafeKeys.conditions(
                    .column(index, type), .column(width + count + index, type)),
                leftWidth: width)
        }
        let joined = Plan.make(
            .join(domain, flagged, join), domain.columns + flagged.columns)
        let isMatched = Expression.not(
            .isNull(.column(joined.columns.count - 1, .boolean)))
        var total = try aggregate.mapExpressions { (inner) throws(SQLError) in
            over(inner, count).mapColumns { $0 + width }
        }
        for index in total.calls.indices {
            let filter = total.calls[index].filter
            total.calls[index].filter = filter.map { .and([isMatched, $0]) } ?? isMatched
        }
        total.keys = domain.columnExpressions
        let fields = domain.columns + plan.columns
        let result = Plan.make(.aggregate(joined, total), fields)
        return reordered(result, plan, domainAt: 0)
    }

    /// The domain's columns of a pushed plan.
    private func tail(_ pushed: Plan) -> [Expression] {
        Array(pushed.columnExpressions.suffix(width))
    }

    /// Moves the domain's columns from `domainAt` to the end.
    private func reordered(_ result: Plan, _ plan: Plan, domainAt start: Int) -> Plan {
        let columns = result.columnExpressions
        let own = Array(columns[..<start]) + Array(columns[(start + width)...])
        return result.projected(
            own + columns[start..<(start + width)], (plan.columns + domain.columns).map(\.name))
    }

    /// An expression over `count` columns of the original input, over the pushed one: outer columns
    /// lie behind them. Levels further out come one nearer when the join is made.
    private func over(_ expression: Expression, _ count: Int) -> Expression {
        expression.replacing { inner, depth in
            guard case .outer(let index, let level, _) = inner, level == depth + 1,
                let place = outer.firstIndex(of: index)
            else { return nil }
            let type = domain.columns[place].type
            return depth == 0
                ? .column(count + place, type) : .outer(count + place, depth: depth, type)
        }
    }
}

extension JoinPlan {
    /// Rewrites what is over one side; the condition, over both, is left.
    fileprivate func mapExpressionsOfSides(
        left: (Expression) -> Expression, right: (Expression) -> Expression
    ) throws(SQLError) -> JoinPlan {
        var mapped = self
        mapped.leftKeys = leftKeys.map(left)
        mapped.rightKeys = rightKeys.map(right)
        for index in bounds.indices {
            let side = bounds[index].keepsLeft ? left : right
            mapped.bounds[index].expression = side(bounds[index].expression)
        }
        if let time {
            mapped.time?.left = left(time.left)
            mapped.time?.right = right(time.right)
        }
        return mapped
    }
}
