import Formats

// Taking plans apart for subplans that are run many times.
extension Plan {
    /// The plans directly inside, each with how many levels of outer columns it lies further in.
    var parts: [(plan: Plan, depth: Int)] {
        switch node {
        case .scan, .values, .recursion: []
        case .filter(let input, _), .project(let input, _), .unnest(let input, _, _, _),
            .window(let input, _), .aggregate(let input, _), .over(let input, _),
            .sort(let input, _), .limit(let input, _, _), .distinct(let input):
            [(input, 0)]
        case .apply(let left, let right, _): [(left, 0), (right, 1)]
        case .join(let left, let right, _), .setOperation(_, _, let left, let right),
            .recursive(_, let left, let right, _):
            [(left, 0), (right, 0)]
        case .union(let inputs): inputs.map { ($0, 0) }
        case .shared(let shared): [(shared.plan, 0)]
        }
    }

    /// The same operation over other plans, in the order of `parts`.
    func replacing(parts: [Plan]) -> Plan {
        var copy = self
        switch node {
        case .scan, .values, .recursion: break
        case .filter(_, let condition): copy.node = .filter(parts[0], condition)
        case .project(_, let list): copy.node = .project(parts[0], list)
        case .unnest(_, let calls, let ordinality, let keepsEmpty):
            copy.node = .unnest(
                parts[0], calls, withOrdinality: ordinality, keepsEmpty: keepsEmpty)
        case .window(_, let window): copy.node = .window(parts[0], window)
        case .aggregate(_, let aggregate): copy.node = .aggregate(parts[0], aggregate)
        case .over(_, let over): copy.node = .over(parts[0], over)
        case .sort(_, let sort): copy.node = .sort(parts[0], sort)
        case .limit(_, let count, let offset):
            copy.node = .limit(parts[0], count: count, offset: offset)
        case .distinct: copy.node = .distinct(parts[0])
        case .apply(_, _, let kind): copy.node = .apply(parts[0], parts[1], kind)
        case .join(_, _, let join): copy.node = .join(parts[0], parts[1], join)
        case .setOperation(let kind, let all, _, _):
            copy.node = .setOperation(kind, all: all, parts[0], parts[1])
        case .recursive(let id, _, _, let all):
            copy.node = .recursive(id: id, initial: parts[0], step: parts[1], all: all)
        case .union: copy.node = .union(parts)
        case .shared(let shared):
            copy.node = .shared(
                SharedPlan(id: shared.id, name: shared.name, plan: parts[0]))
        }
        return copy
    }

    /// The same plan with `transform` applied to the expressions of this operation.
    func mapExpressions(_ transform: (Expression) -> Expression) -> Plan {
        var copy = self
        switch node {
        case .scan, .recursion, .window, .distinct, .union, .setOperation, .shared, .recursive,
            .apply:
            break
        case .values(let rows): copy.node = .values(rows.map { $0.map(transform) })
        case .filter(let input, let condition): copy.node = .filter(input, transform(condition))
        case .project(let input, let list): copy.node = .project(input, list.map(transform))
        case .unnest(let input, var calls, let ordinality, let keepsEmpty):
            for index in calls.indices {
                calls[index].arguments = calls[index].arguments.map(transform)
            }
            copy.node = .unnest(input, calls, withOrdinality: ordinality, keepsEmpty: keepsEmpty)
        case .aggregate(let input, let aggregate):
            copy.node = .aggregate(input, aggregate.mapping(transform))
        case .join(let left, let right, let join):
            copy.node = .join(left, right, join.mapping(transform))
        case .over(let input, let over): copy.node = .over(input, over.mapping(transform))
        case .sort(let input, var sort):
            sort.partition = sort.partition.map(transform)
            sort.keys = sort.keys.mapping(transform)
            sort.limit = sort.limit.map(transform)
            sort.offset = sort.offset.map(transform)
            copy.node = .sort(input, sort)
        case .limit(let input, let count, let offset):
            copy.node = .limit(
                input, count: count.map(transform), offset: offset.map(transform))
        }
        return copy
    }

    /// All expressions of this operation.
    var expressions: [Expression] {
        var list: [Expression] = []
        _ = mapExpressions {
            list.append($0)
            return $0
        }
        return list
    }

    /// True if the plan or one inside reads the recursion.
    func reads(recursion id: Int) -> Bool {
        containsPart {
            if case .recursion(id) = $0.node { true } else { false }
        }
    }

    /// Whether the test holds for the plan or one inside; a shared one is asked once.
    private func containsPart(_ test: (Plan) -> Bool) -> Bool {
        var seen: Set<Int> = []
        func search(_ plan: Plan) -> Bool {
            if test(plan) { return true }
            if case .shared(let shared) = plan.node, !seen.insert(shared.id).inserted {
                return false
            }
            return plan.parts.contains { search($0.plan) }
        }
        return search(self)
    }

    /// The columns of the query `depth` levels further out that are read. What is shared reads
    /// none.
    func outerColumns(depth: Int = 1) -> Set<Int> {
        if case .shared = node { return [] }
        var found: Set<Int> = []
        for expression in expressions { expression.collectOuter(depth, &found) }
        for (plan, inner) in parts { found.formUnion(plan.outerColumns(depth: depth + inner)) }
        return found
    }

    /// Constant rows, and what is computed of them alone.
    var isOfValues: Bool {
        switch node {
        case .values: true
        case .project(let input, _), .filter(let input, _): input.isOfValues
        default: false
        }
    }

    /// The same plan with values for the outer columns `depth` levels out.
    func binding(outer values: [Int: Value], depth: Int = 1) -> Plan {
        if case .shared = node { return self }
        let bound = mapExpressions { $0.binding(outer: values, depth) }
        return bound.replacing(
            parts: bound.parts.map { $0.plan.binding(outer: values, depth: depth + $0.depth) })
    }
}

extension Expression {
    fileprivate func collectOuter(_ depth: Int, _ found: inout Set<Int>) {
        if case .outer(let index, depth, _) = self { found.insert(index) }
        for child in children { child.collectOuter(depth, &found) }
    }

    fileprivate func binding(outer values: [Int: Value], _ depth: Int) -> Expression {
        if case .outer(let index, depth, let type) = self, let value = values[index] {
            return .literal(value, type)
        }
        return mapChildren { $0.binding(outer: values, depth) }
    }
}

extension [SortKey] {
    fileprivate func mapping(_ transform: (Expression) -> Expression) -> [SortKey] {
        map { key in
            var key = key
            key.expression = transform(key.expression)
            return key
        }
    }
}

extension AggregatePlan {
    fileprivate func mapping(_ transform: (Expression) -> Expression) -> AggregatePlan {
        var copy = self
        copy.keys = keys.map(transform)
        for index in calls.indices {
            copy.calls[index].arguments = calls[index].arguments.map(transform)
            copy.calls[index].filter = calls[index].filter.map(transform)
            copy.calls[index].order = calls[index].order.mapping(transform)
        }
        if let window { copy.window?.end = transform(window.end) }
        return copy
    }
}

extension JoinPlan {
    fileprivate func mapping(_ transform: (Expression) -> Expression) -> JoinPlan {
        var copy = self
        copy.leftKeys = leftKeys.map(transform)
        copy.rightKeys = rightKeys.map(transform)
        copy.condition = condition.map(transform)
        for index in bounds.indices {
            copy.bounds[index].expression = transform(bounds[index].expression)
        }
        if let time {
            copy.time?.left = transform(time.left)
            copy.time?.right = transform(time.right)
        }
        return copy
    }
}

extension OverPlan {
    fileprivate func mapping(_ transform: (Expression) -> Expression) -> OverPlan {
        var copy = self
        copy.partition = partition.map(transform)
        copy.order = order.mapping(transform)
        for index in calls.indices {
            copy.calls[index].arguments = calls[index].arguments.map(transform)
            copy.calls[index].filter = calls[index].filter.map(transform)
        }
        return copy
    }
}

extension Plan {
    /// The longest window function inside, in microseconds: its size, or the gap of sessions.
    public var windowSpan: Int64? {
        var longest: Int64?
        _ = containsPart { plan in
            if case .window(_, let window) = plan.node {
                let span =
                    switch window.kind {
                    case .tumble(let size, _), .hop(_, let size, _), .cumulate(_, let size, _):
                        size
                    case .session(let gap, _): gap
                    }
                longest = max(longest ?? 0, span)
            }
            return false
        }
        return longest
    }

    /// True if a LIMIT without an order is inside: which rows it takes is left open.
    public var hasUnorderedLimit: Bool {
        containsPart {
            if case .limit = $0.node { true } else { false }
        }
    }
}
