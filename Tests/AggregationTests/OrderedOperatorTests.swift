import Formats
import Testing

@testable import Aggregation

/// What a `SortPlan` over columns (partition, key) gives. Only for keys without ties that matter:
/// the key of a row is unique, or equal rows are equal.
struct TopReference {
    var limit: Int?
    var offset = 0
    var withTies = false
    var appendsRowNumber = false
    var isPartitioned = true

    func result(_ rows: [[Value]: Int64]) -> [[Value]: Int64] {
        var net: [[Value]: Int64] = [:]
        let partitions = Dictionary(grouping: rows) { isPartitioned ? $0.key[0] : .null }
        for (_, members) in partitions {
            let sorted = members.sorted { TopReference.order($0.key) < TopReference.order($1.key) }
                .flatMap { Array(repeating: $0.key, count: Int($0.value)) }
            var last: Value?
            var taken = 0
            for (index, row) in sorted.enumerated().dropFirst(offset) {
                if let limit, taken >= limit {
                    guard withTies, limit > 0, row[1] == last else { break }
                }
                taken += 1
                last = row[1]
                net[row + (appendsRowNumber ? [.int(index + 1)] : []), default: 0] += 1
            }
        }
        return net
    }

    /// Nulls are last.
    private static func order(_ row: [Value]) -> (Int64, Int64) {
        func number(_ value: Value) -> Int64 {
            if case .integer(let number) = value { return number }
            return .max
        }
        return (number(row[1]), number(row[0]))
    }

    func plan(_ input: Plan) -> Plan {
        // Without partitions the first column breaks ties.
        var sort = SortPlan(
            [SortKey(.column(1, .bigint))] + (isPartitioned ? [] : [SortKey(.column(0, .bigint))]))
        if isPartitioned { sort.partition = [.column(0, .bigint)] }
        sort.limit = limit.map { .literal(.int($0), .bigint) }
        sort.offset = .literal(.int(offset), .bigint)
        sort.withTies = withTies
        sort.appendsRowNumber = appendsRowNumber
        return Plan(
            .sort(input, sort),
            input.columns + (appendsRowNumber ? [Field("n", .bigint)] : []))
    }
}

private let topCases: [TopReference] = [
    TopReference(limit: 1), TopReference(limit: 3, appendsRowNumber: true),
    TopReference(limit: 2, offset: 2), TopReference(limit: 2, withTies: true),
    TopReference(limit: nil, appendsRowNumber: true), TopReference(limit: 0),
    TopReference(limit: 5, isPartitioned: false), TopReference(limit: 100, isPartitioned: false),
    TopReference(limit: nil, offset: 3),
]

@Suite struct OrderedOperatorTests {
    static let types: [DataType] = [.bigint, .bigint]

    @Test(arguments: topCases.indices)
    func `the first rows of partitions follow any changes`(_ index: Int) throws {
        let reference = topCases[index]
        for seed in UInt64(1)...8 {
            try checkChanges(seed, types: Self.types, reference.plan, expected: reference.result)
        }
    }

    @Test(arguments: topCases.indices, [true, false])
    func `the first rows of partitions of a growing input are right after every step`(
        _ index: Int, _ isSingleStep: Bool
    ) throws {
        let reference = topCases[index]
        for seed in UInt64(1)...8 {
            var random = SeededGenerator(seed)
            let table = TestRelation("t", Self.types)
            let plan = reference.plan(table.plan)
            var run = try Run(plan, isSingleStep: isSingleStep)
            var standing: [[Value]: Int64] = [:]
            for _ in 0..<20 {
                let rows = (0..<(1 + random.below(10))).map { _ in
                    Self.types.map { randomValue($0, 5, &random) }
                }
                for row in rows { standing[row, default: 0] += 1 }
                try run.push(table, rows)
                try run.query.endStep()
                if isSingleStep { continue }
                try #require(run.sink.net == reference.result(standing), "seed \(seed)")
                if random.chance(20) { run = try run.reopened(plan) }
            }
            try run.end()
            #expect(run.sink.net == reference.result(standing), "seed \(seed)")
            if isSingleStep { #expect(!run.sink.sawRetraction) }
        }
    }

    @Test func `of equal keys the first to come wins, and numbers follow arrival`() throws {
        let table = TestRelation("t", [.bigint, .bigint, .text])
        var sort = SortPlan([SortKey(.column(1, .bigint), isDescending: true)])
        sort.partition = [.column(0, .bigint)]
        sort.limit = .literal(.int(2), .bigint)
        sort.appendsRowNumber = true
        let run = try Run(
            Plan(.sort(table.plan, sort), table.plan.columns + [Field("n", .bigint)]),
            isSingleStep: true)
        for text in ["a", "b", "c"] {
            try run.push(table, [[.int(1), .int(5), .text(text)]])
        }
        try run.push(table, [[.int(1), .int(9), .text("d")]])
        try run.end()
        #expect(
            run.sink.rows == [
                [.int(1), .int(9), .text("d"), .int(1)], [.int(1), .int(5), .text("a"), .int(2)],
            ])
    }

    @Test func `ORDER BY with LIMIT leaves in order`() throws {
        var random = SeededGenerator(3)
        let table = TestRelation("t", Self.types)
        for limit in [10, 500] {
            let reference = TopReference(limit: limit, offset: 2, isPartitioned: false)
            let run = try Run(reference.plan(table.plan), isSingleStep: true)
            let numbers = (0..<1500).map { _ in random.below(100_000) }
            try run.push(table, numbers.map { [.int(1), .int($0)] })
            try run.end()
            let expected = numbers.sorted().dropFirst(2).prefix(limit)
            #expect(run.sink.rows.map { $0[1] } == expected.map { .int($0) })
        }
    }

    @Test func `a limit over changing rows gives the first to come of those that stand`() throws {
        let table = TestRelation("t", [.bigint], isAppendOnly: false)
        let run = try Run(
            Plan(
                .limit(table.plan, count: .literal(.int(2), .bigint), offset: nil),
                table.plan.columns))
        try run.push(table, [[.int(1)], [.int(2)], [.int(3)]])
        try run.query.endStep()
        #expect(run.sink.net == [[.int(1)]: 1, [.int(2)]: 1])
        try run.push(table, [[.int(1)]], weights: [-1])
        try run.query.endStep()
        #expect(run.sink.net == [[.int(2)]: 1, [.int(3)]: 1])
    }

    @Test(arguments: [Plan.SetOperation.intersect, .except], [true, false])
    func `set operations follow any changes of both sides`(
        _ operation: Plan.SetOperation, _ isAll: Bool
    ) throws {
        for seed in UInt64(1)...10 {
            for grows in [true, false] {
                try checkSetOperation(operation, isAll, grows, seed)
            }
        }
    }

    private func checkSetOperation(
        _ operation: Plan.SetOperation, _ isAll: Bool, _ grows: Bool, _ seed: UInt64
    ) throws {
        var random = SeededGenerator(seed)
        let sides = ["l", "r"].map { TestRelation($0, [.bigint], isAppendOnly: grows) }
        let plan = Plan(
            .setOperation(operation, all: isAll, sides[0].plan, sides[1].plan),
            sides[0].plan.columns)
        var run = try Run(plan)
        var standing: [[[Value]: Int64]] = [[:], [:]]
        for step in 0..<20 {
            for _ in 0..<random.below(4) {
                let side = random.below(2)
                var scratch = standing[side]
                var (rows, weights) = randomChanges([.bigint], &scratch, &random)
                if grows { weights = weights.map { abs($0) } }
                for (row, weight) in zip(rows, weights) {
                    standing[side][row, default: 0] += weight
                    if standing[side][row] == 0 { standing[side][row] = nil }
                }
                rows = rows.map { $0 }
                try run.push(sides[side], rows, weights: weights)
            }
            if step == 15 { try run.advance(sides[1], Watermark.end) }
            try run.query.endStep()
            var expected: [[Value]: Int64] = [:]
            for (row, a) in standing[0] {
                let b = standing[1][row] ?? 0
                let count: Int64 =
                    switch (operation, isAll) {
                    case (.intersect, true): min(a, b)
                    case (.intersect, false): b > 0 ? 1 : 0
                    case (.except, true): max(0, a - b)
                    case (.except, false): b > 0 ? 0 : 1
                    }
                if count > 0 { expected[row] = count }
            }
            try #require(run.sink.net == expected, "seed \(seed), step \(step)")
            if step < 15, random.chance(30) { run = try run.reopened(plan) }
            if step >= 15 { break }
        }
    }

    @Test(arguments: [1, 100], [true, false])
    func `partitions by time are freed as the watermark passes them`(
        _ limit: Int, _ isSingleStep: Bool
    ) throws {
        let table = TestRelation("t", [.timestamp, .bigint], isEndless: true)
        var input = table.plan
        input.facts.timeColumns = [0]
        var sort = SortPlan([SortKey(.column(1, .bigint))])
        sort.partition = [.column(0, .timestamp)]
        sort.limit = .literal(.int(limit), .bigint)
        let run = try Run(
            Plan(.sort(input, sort), input.columns), isSingleStep: isSingleStep)
        for time in 0..<50 {
            try run.push(table, [[.int(time), .int(2)], [.int(time), .int(1)]])
            try run.advance(table, Int64(time))
            try run.query.endStep()
        }
        #expect(run.sink.rows.count >= (limit == 1 ? 49 : 98))
        let top = try #require(run.query.operators.last)
        let small = try Run(Plan(.sort(input, sort), input.columns), isSingleStep: isSingleStep)
        try small.push(table, [[.int(0), .int(2)], [.int(0), .int(1)]])
        #expect(top.memory <= 2 * (small.query.operators.last?.memory ?? 0))
        try run.end()
        #expect(run.sink.net.count == (limit == 1 ? 50 : 100))
        #expect(!run.sink.sawRetraction)
    }

    @Test func `OVER partitions by time are freed as the watermark passes them`() throws {
        let table = TestRelation("t", [.timestamp, .bigint], isEndless: true)
        var input = table.plan
        input.facts.timeColumns = [0]
        let over = OverPlan(
            partition: [.column(0, .timestamp)], order: [SortKey(.column(1, .bigint))],
            calls: [OverCall(.rank, [], frame: OverCall.Frame(), type: .bigint)])
        let run = try Run(Plan(.over(input, over), input.columns + [Field("r", .bigint)]))
        var most = 0
        for time in 0..<200 {
            try run.push(table, [[.int(time), .int(2)], [.int(time), .int(1)]])
            try run.advance(table, Int64(time))
            try run.query.endStep()
            if time == 20 { most = run.query.memory }
        }
        #expect(run.query.memory == most)
        try run.end()
        #expect(run.sink.net.count == 400)
    }
}
