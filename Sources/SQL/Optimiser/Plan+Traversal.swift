import Aggregation
import Formats

extension Plan {
    /// The plans directly inside, subqueries in expressions aside. What is shared is none of them
    /// (`SharedPlans`).
    var children: [Plan] {
        switch node {
        case .scan, .values, .recursion, .shared: []
        case .filter(let input, _), .project(let input, _), .unnest(let input, _, _, _),
            .window(let input, _), .aggregate(let input, _), .over(let input, _),
            .sort(let input, _), .limit(let input, _, _), .distinct(let input):
            [input]
        case .join(let left, let right, _), .apply(let left, let right, _),
            .setOperation(_, _, let left, let right), .recursive(_, let left, let right, _):
            [left, right]
        case .union(let inputs): inputs
        }
    }

    /// The same plan over other children; facts are made anew. `second` tells the right side of an
    /// apply, which lies one level of `outer` further in.
    func mapChildren(
        _ transform: (Plan, _ isInner: Bool) throws(SQLError) -> Plan
    ) throws(SQLError) -> Plan {
        func one(_ plan: Plan) throws(SQLError) -> Plan { try transform(plan, false) }
        switch node {
        case .scan, .values, .recursion, .shared: return self
        case .filter(let input, let condition): return with(.filter(try one(input), condition))
        case .project(let input, let list): return with(.project(try one(input), list))
        case .unnest(let input, let calls, let ordinality, let keepsEmpty):
            return with(
                .unnest(
                    try one(input), calls, withOrdinality: ordinality, keepsEmpty: keepsEmpty))
        case .window(let input, let window): return with(.window(try one(input), window))
        case .aggregate(let input, let aggregate):
            return with(.aggregate(try one(input), aggregate))
        case .join(let left, let right, let join):
            return with(.join(try one(left), try one(right), join))
        case .apply(let left, let right, let kind):
            return with(.apply(try one(left), try transform(right, true), kind))
        case .over(let input, let over): return with(.over(try one(input), over))
        case .sort(let input, let sort): return with(.sort(try one(input), sort))
        case .limit(let input, let count, let offset):
            return with(.limit(try one(input), count: count, offset: offset))
        case .distinct(let input): return with(.distinct(try one(input)))
        case .union(let inputs):
            var mapped: [Plan] = []
            for input in inputs { mapped.append(try one(input)) }
            return with(.union(mapped))
        case .setOperation(let kind, let all, let left, let right):
            return with(.setOperation(kind, all: all, try one(left), try one(right)))
        case .recursive(let id, let initial, let step, let all):
            return with(
                .recursive(id: id, initial: try one(initial), step: try one(step), all: all))
        }
    }

    /// The same columns made by another operation.
    func with(_ node: Node) -> Plan { Plan.make(node, columns) }

    /// The same plan with `transform` applied to each expression of this operation.
    func mapExpressions(
        _ transform: (Expression) throws(SQLError) -> Expression
    ) throws(SQLError) -> Plan {
        switch node {
        case .scan, .recursion, .window, .distinct, .union, .setOperation, .shared, .recursive,
            .apply:
            return self
        case .values(let rows):
            var mapped: [[Expression]] = []
            for row in rows { mapped.append(try row.mapAll(transform)) }
            return with(.values(mapped))
        case .filter(let input, let condition):
            return with(.filter(input, try transform(condition)))
        case .project(let input, let list): return with(.project(input, try list.mapAll(transform)))
        case .unnest(let input, var calls, let ordinality, let keepsEmpty):
            for index in calls.indices {
                calls[index].arguments = try calls[index].arguments.mapAll(transform)
            }
            return with(
                .unnest(input, calls, withOrdinality: ordinality, keepsEmpty: keepsEmpty))
        case .aggregate(let input, let aggregate):
            return with(.aggregate(input, try aggregate.mapExpressions(transform)))
        case .join(let left, let right, let join):
            return with(.join(left, right, try join.mapExpressions(transform)))
        case .over(let input, let over):
            return with(.over(input, try over.mapExpressions(transform)))
        case .sort(let input, let sort):
            return with(.sort(input, try sort.mapExpressions(transform)))
        case .limit(let input, let count, let offset):
            return with(
                .limit(
                    input, count: try count.mapOne(transform), offset: try offset.mapOne(transform))
            )
        }
    }

    /// All expressions of this operation.
    var expressions: [Expression] {
        switch node {
        case .scan, .recursion, .window, .distinct, .union, .setOperation, .shared, .recursive,
            .apply:
            []
        case .values(let rows): rows.flatMap { $0 }
        case .filter(_, let condition): [condition]
        case .project(_, let list): list
        case .unnest(_, let calls, _, _): calls.flatMap(\.arguments)
        case .aggregate(_, let aggregate):
            aggregate.keys + aggregate.calls.flatMap(\.expressions)
                + [aggregate.window?.end].compactMap { $0 }
        case .join(_, _, let join):
            join.leftKeys + join.rightKeys + [join.condition].compactMap { $0 }
                + join.bounds.map(\.expression)
                + [join.time?.left, join.time?.right].compactMap { $0 }
        case .over(_, let over):
            over.partition + over.order.map(\.expression)
                + over.calls.flatMap { $0.arguments + [$0.filter].compactMap { $0 } }
        case .sort(_, let sort):
            sort.partition + sort.keys.map(\.expression)
                + [sort.limit, sort.offset].compactMap { $0 }
        case .limit(_, let count, let offset): [count, offset].compactMap { $0 }
        }
    }
}

extension [Expression] {
    func mapAll(
        _ transform: (Expression) throws(SQLError) -> Expression
    ) throws(SQLError) -> [Expression] {
        var mapped: [Expression] = []
        mapped.reserveCapacity(count)
        for expression in self { mapped.append(try transform(expression)) }
        return mapped
    }
}

extension Expression? {
    func mapOne(
        _ transform: (Expression) throws(SQLError) -> Expression
    ) throws(SQLError) -> Expression? {
        guard let self else { return nil }
        return try transform(self)
    }
}

extension [SortKey] {
    func mapExpressions(
        _ transform: (Expression) throws(SQLError) -> Expression
    ) throws(SQLError) -> [SortKey] {
        var mapped = self
        for index in indices { mapped[index].expression = try transform(self[index].expression) }
        return mapped
    }
}

extension AggregateCall {
    var expressions: [Expression] {
        arguments + [filter].compactMap { $0 } + order.map(\.expression)
    }

    func mapExpressions(
        _ transform: (Expression) throws(SQLError) -> Expression
    ) throws(SQLError) -> AggregateCall {
        var mapped = self
        mapped.arguments = try arguments.mapAll(transform)
        mapped.filter = try filter.mapOne(transform)
        mapped.order = try order.mapExpressions(transform)
        return mapped
    }
}

extension AggregatePlan {
    /// Keys that no row lacks.
    var keysOfAllSets: [Int] {
        guard let groupingSets else { return Array(keys.indices) }
        return keys.indices.filter { key in groupingSets.allSatisfy { $0.contains(key) } }
    }

    func mapExpressions(
        _ transform: (Expression) throws(SQLError) -> Expression
    ) throws(SQLError) -> AggregatePlan {
        var mapped = self
        mapped.keys = try keys.mapAll(transform)
        for index in calls.indices {
            mapped.calls[index] = try calls[index].mapExpressions(transform)
        }
        if let window { mapped.window?.end = try transform(window.end) }
        return mapped
    }
}

extension JoinPlan {
    func mapExpressions(
        _ transform: (Expression) throws(SQLError) -> Expression
    ) throws(SQLError) -> JoinPlan {
        var mapped = self
        mapped.leftKeys = try leftKeys.mapAll(transform)
        mapped.rightKeys = try rightKeys.mapAll(transform)
        mapped.condition = try condition.mapOne(transform)
        for index in bounds.indices {
            mapped.bounds[index].expression = try transform(bounds[index].expression)
        }
        if let time {
            mapped.time?.left = try transform(time.left)
            mapped.time?.right = try transform(time.right)
        }
        return mapped
    }
}

extension OverPlan {
    func mapExpressions(
        _ transform: (Expression) throws(SQLError) -> Expression
    ) throws(SQLError) -> OverPlan {
        var mapped = self
        mapped.partition = try partition.mapAll(transform)
        mapped.order = try order.mapExpressions(transform)
        for index in calls.indices {
            mapped.calls[index].arguments = try calls[index].arguments.mapAll(transform)
            mapped.calls[index].filter = try calls[index].filter.mapOne(transform)
        }
        return mapped
    }
}

extension SortPlan {
    func mapExpressions(
        _ transform: (Expression) throws(SQLError) -> Expression
    ) throws(SQLError) -> SortPlan {
        var mapped = self
        mapped.partition = try partition.mapAll(transform)
        mapped.keys = try keys.mapExpressions(transform)
        mapped.limit = try limit.mapOne(transform)
        mapped.offset = try offset.mapOne(transform)
        return mapped
    }
}
