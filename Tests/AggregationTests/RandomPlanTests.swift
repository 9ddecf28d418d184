import Formats
import Testing

@testable import Aggregation

/// Makes plans of two bigint columns out of each other.
private struct PlanGenerator {
    var random: SeededGenerator
    let relations: [TestRelation]
    private var nextShared = 1

    init(_ seed: UInt64, _ relations: [TestRelation]) {
        random = SeededGenerator(seed)
        self.relations = relations
    }

    static let columns = [Field("a", .bigint), Field("b", .bigint)]
    private let a = Expression.column(0, .bigint)
    private let b = Expression.column(1, .bigint)

    private func narrowed(_ plan: Plan, _ first: Int, _ second: Int) -> Plan {
        Plan(.project(plan, [first, second].map { .column($0, .bigint) }), Self.columns)
    }

    mutating func plan(_ depth: Int) -> Plan {
        if depth == 0 || random.chance(10) {
            return relations[random.below(relations.count)].plan
        }
        switch random.below(11) {
        case 0:
            return Plan(.filter(plan(depth - 1), .call(lessThan, [a, b], .boolean)), Self.columns)
        case 1: return narrowed(plan(depth - 1), 1, 0)
        case 2: return Plan(.distinct(plan(depth - 1)), Self.columns)
        case 3: return Plan(.union([plan(depth - 1), plan(depth - 1)]), Self.columns)
        case 4:
            let operation: Plan.SetOperation = random.chance(50) ? .intersect : .except
            return Plan(
                .setOperation(
                    operation, all: random.chance(50), plan(depth - 1), plan(depth - 1)),
                Self.columns)
        case 5: return top(plan(depth - 1))
        case 6: return ranked(plan(depth - 1))
        case 7: return aggregated(plan(depth - 1))
        case 8:
            let shared = Plan(
                .shared(SharedPlan(id: nextShared, name: "s", plan: plan(depth - 1))),
                Self.columns)
            nextShared += 1
            return join(shared, shared)
        default: return join(plan(depth - 1), plan(depth - 1))
        }
    }

    private mutating func top(_ input: Plan) -> Plan {
        var sort = SortPlan([SortKey(b, isDescending: random.chance(50)), SortKey(a)])
        if random.chance(60) { sort.partition = [a] }
        sort.limit = .literal(.int(1 + random.below(3)), .bigint)
        if random.chance(50) {
            sort.appendsRowNumber = true
            return narrowed(
                Plan(.sort(input, sort), Self.columns + [Field("n", .bigint)]), 1, 2)
        }
        return Plan(.sort(input, sort), Self.columns)
    }

    private mutating func ranked(_ input: Plan) -> Plan {
        let call = OverCall(
            random.chance(50) ? .rank : .denseRank, [], frame: OverCall.Frame(), type: .bigint)
        let over = OverPlan(partition: [a], order: [SortKey(b)], calls: [call])
        return narrowed(Plan(.over(input, over), Self.columns + [Field("r", .bigint)]), 0, 2)
    }

    private mutating func aggregated(_ input: Plan) -> Plan {
        guard let count = try? FunctionRegistry.aggregate("count", [], isStar: true) else {
            return input
        }
        let aggregate = AggregatePlan(
            keys: [random.chance(50) ? a : b], calls: [AggregateCall(count, [], type: .bigint)])
        return Plan(.aggregate(input, aggregate), Self.columns)
    }

    private mutating func join(_ left: Plan, _ right: Plan) -> Plan {
        let kinds: [JoinPlan.Kind] = [.inner, .left, .right, .full, .semi, .anti, .mark]
        var join = JoinPlan(kinds[random.below(kinds.count)])
        join.leftKeys = [a]
        join.rightKeys = [random.chance(50) ? a : b]
        if random.chance(30) {
            join.condition = .call(lessThan, [b, .column(3, .bigint)], .boolean)
        }
        switch join.kind {
        case .semi, .anti: return Plan(.join(left, right, join), Self.columns)
        case .mark:
            let marked = Plan(
                .join(left, right, join), Self.columns + [Field("m", .boolean)])
            return Plan(
                .project(
                    marked,
                    [
                        a,
                        .choice(
                            [.init(.column(2, .boolean), .literal(.int(1), .bigint))],
                            otherwise: b, .bigint),
                    ]), Self.columns)
        default:
            return narrowed(
                Plan(.join(left, right, join), Self.columns + Self.columns), 0, 3)
        }
    }
}

@Suite struct RandomPlanTests {
    /// The same plan in one step over the rows that stand.
    private func recomputed(
        _ plan: Plan, _ relations: [TestRelation], _ standing: [[[Value]: Int64]]
    ) throws -> [[Value]: Int64] {
        let run = try Run(plan, isSingleStep: true)
        for (relation, rows) in zip(relations, standing) {
            let list = rows.sorted { "\($0.key)" < "\($1.key)" }
            try run.push(relation, list.map(\.key), weights: list.map(\.value))
            try run.advance(relation, Watermark.end)
        }
        try run.query.endStep()
        return run.sink.net
    }

    @Test(arguments: UInt64(1)...60)
    func `a random plan after any step is itself over the rows that stand`(
        _ seed: UInt64
    ) throws {
        let grows = seed % 4 == 0
        let relations = (0..<3).map {
            TestRelation("t\($0)", [.bigint, .bigint], isAppendOnly: grows)
        }
        var generator = PlanGenerator(seed, relations)
        let plan = generator.plan(3)
        var random = generator.random
        var run = try Run(plan)
        var standing: [[[Value]: Int64]] = [[:], [:], [:]]
        for step in 0..<8 {
            for _ in 0..<random.below(4) {
                let index = random.below(3)
                var (rows, weights) = randomChanges(
                    [.bigint, .bigint], &standing[index], &random, values: 4)
                if grows {
                    // What was taken back above comes again, and once more.
                    for (row, weight) in zip(rows, weights) where weight < 0 {
                        standing[index][row, default: 0] -= 2 * weight
                    }
                    weights = weights.map { abs($0) }
                }
                rows = rows.map { $0 }
                try run.push(relations[index], rows, weights: weights)
            }
            try run.query.endStep()
            let expected = try recomputed(plan, relations, standing)
            try #require(run.sink.net == expected, "seed \(seed), step \(step), \(plan.node)")
            if run.query.isAppendOnly { #expect(!run.sink.sawRetraction) }
            if random.chance(30) { run = try run.reopened(plan) }
        }
        try run.end()
        #expect(run.sink.net == (try recomputed(plan, relations, standing)), "seed \(seed)")
    }
}
