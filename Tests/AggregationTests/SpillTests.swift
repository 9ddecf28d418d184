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
        _ plan: Plan, _ feeds: [(TestRelation, [[Value]])], spilling: Bool
    ) throws -> (rows: [[Value]], runs: Int) {
        var compiler = PlanCompiler(settings: SessionSettings())
        compiler.isSingleStep = true
        let store = MemorySpillStore()
        if spilling { compiler.spillStore = store }
        compiler.memoryMax = 100_000
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
}
