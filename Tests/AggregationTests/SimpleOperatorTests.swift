import Formats
import Testing

@testable import Aggregation

@Suite struct SimpleOperatorTests {
    let table = TestRelation("t", [.bigint, .text])

    func rows(_ numbers: [Int]) -> [[Value]] { numbers.map { [.int($0), .text("row \($0 % 3)")] } }

    @Test func `values leave at the start, and the query has then ended`() throws {
        let plan = Plan(
            .values([
                [.literal(.int(1), .bigint), .literal(.text("a"), .text)],
                [.literal(.null, .bigint), .literal(.text("b"), .text)],
            ]), [Field("x", .bigint), Field("y", .text)])
        let run = try Run(plan)
        #expect(run.sink.rows == [[.int(1), .text("a")], [.null, .text("b")]])
        #expect(run.sink.watermark == Watermark.end)
    }

    @Test func `a limit lets the first rows behind the offset pass and wants no more`() throws {
        let plan = Plan(
            .limit(
                table.plan, count: .literal(.int(3), .bigint), offset: .literal(.int(2), .bigint)),
            table.plan.columns)
        let run = try Run(plan)
        try run.push(table, rows([1, 2, 3]))
        #expect(run.query.inputs[0].entry.wantsMore)
        try run.push(table, rows([4, 5, 6]))
        #expect(!run.query.inputs[0].entry.wantsMore)
        #expect(run.sink.rows == rows([3, 4, 5]))
    }

    @Test func `a negative limit or offset is PostgreSQL's error`() {
        for (limit, offset, message) in [
            (-1, 0, "LIMIT must not be negative"), (1, -1, "OFFSET must not be negative"),
        ] {
            let plan = Plan(
                .limit(
                    table.plan, count: .literal(.int(limit), .bigint),
                    offset: .literal(.int(offset), .bigint)), table.plan.columns)
            do {
                _ = try Run(plan)
                Issue.record("no error")
            } catch { #expect((error as? SQLError)?.message == message) }
        }
    }

    @Test func `the watermark of a union is the least of its inputs'`() throws {
        let other = TestRelation("u", [.bigint, .text])
        let run = try Run(Plan(.union([table.plan, other.plan]), table.plan.columns))
        try run.advance(table, 10)
        #expect(run.sink.watermark == Watermark.none)
        try run.advance(other, 7)
        #expect(run.sink.watermark == 7)
        try run.advance(other, Watermark.end)
        #expect(run.sink.watermark == 10)
    }

    @Test func `rows that come by the clock hold the watermark back until they come`() throws {
        let type = DataType.timestamptz
        let table = TestRelation("t", [type], isEndless: true)
        let function = try FunctionRegistry.scalar("<=", [type, type])
        var plan = Plan(
            .filter(table.plan, .call(function, [.column(0, type), .now(type)], .boolean)),
            table.plan.columns)
        plan.facts.timeColumns = [0]
        let run = try Run(plan)
        let now = SessionSettings().now
        func rows(_ times: Int64...) -> [[Value]] { times.map { [.integer(now + $0)] } }
        try run.push(table, rows(-5, 10, 20))
        try run.advance(table, now + 15)
        #expect(run.sink.rows == rows(-5))
        #expect(run.sink.watermark == now + 10)
        try run.query.advanceTime(to: now + 12)
        #expect(run.sink.rows == rows(-5, 10))
        #expect(run.sink.watermark == now + 15)
        try run.push(table, rows(30))
        try run.advance(table, now + 40)
        #expect(run.sink.watermark == now + 20)
        try run.query.advanceTime(to: now + 30)
        #expect(run.sink.rows == rows(-5, 10, 20, 30))
        #expect(run.sink.watermark == now + 40)
    }

    @Test(arguments: UInt64(1)...5)
    func `what is random about a row stays until the row is taken back`(_ seed: UInt64) throws {
        let types: [DataType] = [.bigint, .text]
        let table = TestRelation("t", types, isAppendOnly: false)
        let random = try FunctionRegistry.scalar("random", [])
        let plan = Plan(
            .project(table.plan, [.column(0, .bigint), .call(random, [], .double)]),
            [Field("a", .bigint), Field("r", .double)])
        var numbers = SeededGenerator(seed)
        var run = try Run(plan)
        var standing: [[Value]: Int64] = [:]
        for step in 0..<30 {
            let (rows, weights) = randomChanges(types, &standing, &numbers)
            try run.push(table, rows, weights: weights)
            try run.query.endStep()
            var counts: [Value: Int64] = [:]
            for (row, count) in run.sink.net { counts[row[0], default: 0] += count }
            var expected: [Value: Int64] = [:]
            for (row, count) in standing { expected[row[0], default: 0] += count }
            try #require(run.sink.net.values.allSatisfy { $0 > 0 }, "step \(step)")
            try #require(counts == expected.filter { $0.value != 0 }, "step \(step)")
            if numbers.chance(30) { run = try run.reopened(plan) }
        }
    }

    @Test func `a shared plan runs once and feeds all that read it`() throws {
        let shared = Plan(
            .shared(SharedPlan(id: 1, name: "w", plan: table.plan)), table.plan.columns)
        let run = try Run(Plan(.union([shared, shared]), table.plan.columns))
        #expect(run.query.inputs.count == 1)
        try run.push(table, rows([1]))
        #expect(run.sink.rows == rows([1, 1]))
    }

    @Test func `rows are sorted by keys of all directions, equal ones as they came`() throws {
        let keys = [
            SortKey(.column(1, .text), isDescending: true),
            SortKey(.column(0, .bigint), nullsFirst: true),
        ]
        let run = try Run(Plan(.sort(table.plan, SortPlan(keys)), table.plan.columns))
        let input: [[Value]] = [
            [.int(5), .text("a")], [.null, .text("a")], [.int(3), .text("bbbbbbbbbbbbbbbb")],
            [.int(2), .text("bbbbbbbbbbbbbbbb")], [.int(7), .null],
        ]
        try run.push(table, input)
        #expect(run.sink.rows.isEmpty)
        try run.end()
        #expect(run.sink.rows == [input[4], input[3], input[2], input[1], input[0]])
    }

    @Test(arguments: 1...20)
    func `distinct rows under any changes are the rows that stand`(_ seed: UInt64) throws {
        try checkChanges(seed) {
            Plan(.distinct($0), $0.columns)
        } expected: { rows in
            rows.mapValues { _ in 1 }
        }
    }

    @Test func `a distinct row of a growing input leaves at once, and once`() throws {
        let run = try Run(Plan(.distinct(table.plan), table.plan.columns))
        try run.push(table, rows([1, 2, 1, 3]))
        #expect(run.sink.rows == rows([1, 2, 3]))
        try run.push(table, rows([3, 4]))
        try run.end()
        #expect(run.sink.rows == rows([1, 2, 3, 4]))
    }
}

/// Random changes of one relation in random batches and steps: after every step the result is what
/// `expected` makes of the rows that stand; a third of the steps end with the state written and
/// read.
func checkChanges(
    _ seed: UInt64, steps: Int = 25, types: [DataType] = [.bigint, .text],
    _ make: (Plan) -> Plan, expected: ([[Value]: Int64]) -> [[Value]: Int64]
) throws {
    var random = SeededGenerator(seed)
    let relation = TestRelation("t", types, isAppendOnly: false)
    let plan = make(relation.plan)
    var run = try Run(plan)
    var standing: [[Value]: Int64] = [:]
    for step in 0..<steps {
        for _ in 0..<random.below(4) {
            let (rows, weights) = randomChanges(types, &standing, &random)
            try run.push(relation, rows, weights: weights)
        }
        try run.query.endStep()
        #expect(run.sink.net == expected(standing), "seed \(seed), step \(step)")
        if random.chance(30) { run = try run.reopened(plan) }
    }
    try run.end()
    #expect(run.sink.net == expected(standing), "seed \(seed), at the end")
}

/// A batch that inserts some rows and takes back some that stand.
func randomChanges(
    _ types: [DataType], _ standing: inout [[Value]: Int64], _ random: inout SeededGenerator,
    values: Int = 6
) -> ([[Value]], [Int64]) {
    var rows: [[Value]] = []
    var weights: [Int64] = []
    for _ in 0..<(1 + random.below(8)) {
        let old = standing.keys.sorted { "\($0)" < "\($1)" }
        if random.chance(40), !old.isEmpty {
            let row = old[random.below(old.count)]
            let weight = 1 + random.below(Int(standing[row] ?? 1))
            rows.append(row)
            weights.append(Int64(-weight))
        } else {
            rows.append(types.map { randomValue($0, values, &random) })
            weights.append(Int64(1 + random.below(2)))
        }
        guard let row = rows.last, let weight = weights.last else { continue }
        standing[row, default: 0] += weight
        if standing[row] == 0 { standing[row] = nil }
    }
    return (rows, weights)
}

func randomValue(_ type: DataType, _ values: Int, _ random: inout SeededGenerator) -> Value {
    if random.chance(10) { return .null }
    let number = random.below(values)
    return switch type.layout {
    case .integer: .int(number)
    case .double: .double(Double(number) / 2)
    case .numeric: .numeric(.finite(Int128(number), scale: 1))
    case .boolean: .boolean(number % 2 == 0)
    default: .text("text number \(number)")
    }
}
