import Formats
import Testing

@testable import Aggregation

/// Runs in memory, of which a test can count how many were made.
private final class MemorySpillStore: SpillStore {
    private(set) var count = 0

    func makeRun() -> any SpillRun {
        count += 1
        return Bytes()
    }

    private final class Bytes: SpillRun {
        var bytes: [UInt8] = []

        func append(_ more: RawSpan) {
            more.withUnsafeBytes { bytes += Array($0) }
        }

        func read(_ offset: Int, _ count: Int) -> [UInt8] {
            Array(bytes[min(offset, bytes.count)..<min(offset + count, bytes.count)])
        }
    }
}

@Suite struct SpillTests {
    static let types: [DataType] = [.bigint, .text]

    private func rows(_ count: Int, _ random: inout SeededGenerator) -> [[Value]] {
        (0..<count).map { _ in Self.types.map { randomValue($0, 300, &random) } }
    }

    private func run(
        _ plan: Plan, _ feeds: [(TestRelation, [[Value]])], spilling: Bool,
        memoryMax: Int = 100_000
    ) throws -> (rows: [[Value]], runs: Int) {
        var compiler = PlanCompiler(settings: SessionSettings())
        compiler.isSingleStep = true
        let store = MemorySpillStore()
        if spilling { compiler.spillStore = store }
        compiler.memoryMax = memoryMax
        let sink = CollectingSink()
        let query = try compiler.compile(plan, into: sink)
        for (relation, rows) in feeds {
            for input in query.inputs where input.relation === relation {
                for start in stride(from: 0, to: rows.count, by: 200) {
                    let part = Array(rows[start..<min(start + 200, rows.count)])
                    try input.entry.push(makeBatch(Self.types, part), input: 0)
                }
                try input.entry.advance(Watermark.end, input: 0)
            }
        }
        #expect(sink.watermark == Watermark.end)
        return (sink.rows, store.count)
    }

    @Test(arguments: [0, 1])
    func `a sort that does not fit gives the same rows in the same order`(_ key: Int) throws {
        var random = SeededGenerator(11)
        let table = TestRelation("t", Self.types)
        for isDescending in [true, false] {
            let sort = SortPlan([
                SortKey(.column(key, Self.types[key]), isDescending: isDescending)
            ])
            let plan = Plan(.sort(table.plan, sort), table.plan.columns)
            let feed = [(table, rows(6000, &random))]
            let spilled = try run(plan, feed, spilling: true)
            #expect(spilled.runs > 1)
            #expect(spilled.rows == (try run(plan, feed, spilling: false)).rows)
        }
    }

    @Test(arguments: [JoinPlan.Kind.inner, .left, .right, .full])
    func `a join that does not fit gives the same rows`(_ kind: JoinPlan.Kind) throws {
        var random = SeededGenerator(12)
        let sides = ["l", "r"].map { TestRelation($0, Self.types) }
        var join = JoinPlan(kind)
        join.leftKeys = [.column(0, .bigint)]
        join.rightKeys = [.column(0, .bigint)]
        let plan = Plan(
            .join(sides[0].plan, sides[1].plan, join),
            sides[0].plan.columns + sides[1].plan.columns)
        let inputs = [rows(3000, &random), rows(100, &random)]
        for order in [[0, 1], [1, 0]] {
            let feed = order.map { (sides[$0], inputs[$0]) }
            let spilled = try run(plan, feed, spilling: true)
            #expect((spilled.runs > 1) == (order == [0, 1]))
            let expected = try run(plan, feed, spilling: false).rows
            #expect(
                spilled.rows.map { "\($0)" }.sorted() == expected.map { "\($0)" }.sorted())
        }
    }

    @Test func `more runs than are merged at once keep the order`() throws {
        var random = SeededGenerator(13)
        let table = TestRelation("t", Self.types)
        let sort = SortPlan([SortKey(.column(0, .bigint)), SortKey(.column(1, .text))])
        let plan = Plan(.sort(table.plan, sort), table.plan.columns)
        let feed = [(table, rows(30_000, &random))]
        let spilled = try run(plan, feed, spilling: true, memoryMax: 1)
        #expect(spilled.runs > 65)
        #expect(spilled.rows == (try run(plan, feed, spilling: false)).rows)
    }

    @Test func `a part of a join that does not fit either is parted again`() throws {
        let sides = ["l", "r"].map { TestRelation($0, Self.types) }
        var join = JoinPlan(.inner)
        join.leftKeys = [.column(0, .bigint)]
        join.rightKeys = [.column(0, .bigint)]
        let plan = Plan(
            .join(sides[0].plan, sides[1].plan, join),
            sides[0].plan.columns + sides[1].plan.columns)
        let numbers = (0..<20_000).map { [Value.int($0), .text("row \($0)")] }
        let feed = [(sides[0], numbers), (sides[1], Array(numbers.reversed()))]
        let spilled = try run(plan, feed, spilling: true, memoryMax: 60_000)
        #expect(spilled.runs > 64)
        let expected = try run(plan, feed, spilling: false).rows
        #expect(spilled.rows.map { "\($0)" }.sorted() == expected.map { "\($0)" }.sorted())
    }

    private func aggregate(
        _ table: TestRelation, keys: [Int], sets: [[Int]]? = nil
    ) throws -> Plan {
        let count = try FunctionRegistry.aggregate("count", [], isStar: true)
        let most = try FunctionRegistry.aggregate("max", [.text], isStar: false)
        let list = try FunctionRegistry.aggregate("array_agg", [.text], isStar: false)
        let text = Expression.column(1, .text)
        var aggregate = AggregatePlan(
            keys: keys.map { .column($0, Self.types[$0]) },
            calls: [
                AggregateCall(count, [], type: .bigint), AggregateCall(most, [text], type: .text),
                AggregateCall(list, [text], type: .array(.text)),
                AggregateCall(count, [], isDistinct: false, type: .bigint),
            ])
        aggregate.groupingSets = sets
        var columns = keys.map { Field("k\($0)", Self.types[$0]) }
        columns += aggregate.calls.enumerated().map { Field("c\($0.offset)", $0.element.type) }
        if sets != nil { columns.append(Field("g", .integer)) }
        return Plan(.aggregate(table.plan, aggregate), columns)
    }

    @Test(arguments: [[0], [1], [0, 1]])
    func `an aggregation that does not fit gives the same groups`(_ keys: [Int]) throws {
        var random = SeededGenerator(14)
        let table = TestRelation("t", Self.types)
        let input = (0..<30_000).map { _ in Self.types.map { randomValue($0, 9000, &random) } }
        let plan = try aggregate(table, keys: keys)
        let spilled = try run(plan, [(table, input)], spilling: true, memoryMax: 150_000)
        #expect(spilled.runs >= 32)
        let expected = try run(plan, [(table, input)], spilling: false).rows
        #expect(spilled.rows.map { "\($0)" }.sorted() == expected.map { "\($0)" }.sorted())
    }

    @Test func `grouping sets that do not fit give the same groups, and the total once`() throws {
        var random = SeededGenerator(15)
        let table = TestRelation("t", Self.types)
        let input = (0..<20_000).map { _ in Self.types.map { randomValue($0, 9000, &random) } }
        let plan = try aggregate(table, keys: [0, 1], sets: [[0, 1], [1], []])
        let spilled = try run(plan, [(table, input)], spilling: true, memoryMax: 150_000)
        #expect(spilled.runs >= 64)
        let expected = try run(plan, [(table, input)], spilling: false).rows
        #expect(spilled.rows.map { "\($0)" }.sorted() == expected.map { "\($0)" }.sorted())
    }
}
