import Formats
import Testing

@testable import Aggregation

/// How many rows were added to states.
private final class Added: @unchecked Sendable {
    var count = 0
}

/// sum of integers that counts what it is given.
private final class CountedSum: Accumulator {
    private var sums: [Int64] = []
    private let added: Added

    init(_ added: Added) {
        self.added = added
        super.init(.bigint)
    }

    override func grow(to count: Int) { while sums.count < count { sums.append(0) } }

    override func update(
        _ arguments: [Column], groups: UnsafePointer<Int32>, weights: UnsafePointer<Int64>?,
        count: Int
    ) throws(SQLError) {
        added.count += count
        for row in 0..<count {
            guard case .integer(let value) = arguments[0].value(row) else { continue }
            sums[Int(groups[row])] += value
        }
    }

    override func merge(_ source: Int32, into target: Int32) throws(SQLError) {
        sums[Int(target)] += sums[Int(source)]
    }

    override func reset(_ group: Int32) { sums[Int(group)] = 0 }

    override func results(_ groups: [Int32]) throws(SQLError) -> Column {
        Column.make(.bigint, groups.map { .integer(sums[Int($0)]) })
    }
}

private func literal(_ value: Int) -> Expression { .literal(.int(value), .bigint) }

/// Window functions over rows that come and go, step by step.
@Suite struct OverChangesTests {
    /// Partition, key, value.
    private static let types: [DataType] = [.bigint, .bigint, .bigint]
    private static let value = Expression.column(2, .bigint)

    private static func plan(_ input: Plan, _ order: [Int], _ calls: [OverCall]) -> Plan {
        let over = OverPlan(
            partition: [.column(0, .bigint)], order: order.map { SortKey(.column($0, .bigint)) },
            calls: calls)
        return Plan(
            .over(input, over),
            input.columns + calls.enumerated().map { Field("o\($0.offset)", $0.element.type) })
    }

    private static func aggregate(
        _ name: String, _ frame: OverCall.Frame, filter: Expression? = nil
    ) throws -> OverCall {
        let function = try AggregateRegistry.resolve(name, [.bigint], isStar: false)
        return OverCall(
            .aggregate(function), [value], filter: filter, frame: frame, type: function.result)
    }

    /// Over rows of equal keys these do not depend on their order of arrival.
    private static func byPeers() throws -> [OverCall] {
        let plain = OverCall.Frame()
        return [
            OverCall(.rank, [], frame: plain, type: .bigint),
            OverCall(.denseRank, [], frame: plain, type: .bigint),
            try aggregate("sum", plain), try aggregate("max", plain),
            try aggregate(
                "count", plain, filter: .call(lessThan, [value, literal(6)], .boolean)),
            try aggregate("sum", .init(.range, .preceding(literal(3)), .currentRow)),
            try aggregate("sum", .init(.groups, .preceding(literal(2)), .currentRow)),
        ]
    }

    /// These look at rows one by one, so that equal keys must be equal rows.
    private static func byRows() throws -> [OverCall] {
        let plain = OverCall.Frame()
        return [
            OverCall(.rowNumber, [], frame: plain, type: .bigint),
            OverCall(.lag, [value], frame: plain, type: .bigint),
            OverCall(.lag, [value, literal(3), literal(-1)], frame: plain, type: .bigint),
            try aggregate("sum", .init(.rows, .unboundedPreceding, .currentRow)),
            try aggregate("min", .init(.rows, .preceding(literal(4)), .currentRow)),
        ]
    }

    private static func ahead() throws -> [OverCall] {
        let plain = OverCall.Frame()
        return [
            OverCall(.lead, [value, literal(2)], frame: plain, type: .bigint),
            OverCall(.denseRank, [], frame: plain, type: .bigint),
            try aggregate("sum", .init(.rows, .unboundedPreceding, .following(literal(1)))),
            try aggregate("count", .init(.rows, .currentRow, .following(literal(3)))),
        ]
    }

    private static func whole() throws -> [OverCall] {
        [
            OverCall(.firstValue, [value], frame: OverCall.Frame(), type: .bigint),
            OverCall(.cumeDist, [], frame: OverCall.Frame(), type: .double),
            try aggregate("sum", .init(.rows, .unboundedPreceding, .currentRow)),
        ]
    }

    @Test(arguments: 0..<4, UInt64(1)...2)
    func `after each step results are those of the rows that stand`(
        _ kind: Int, _ seed: UInt64
    ) throws {
        let table = TestRelation("t", Self.types, isAppendOnly: false)
        let calls =
            try [Self.byPeers(), Self.byRows(), Self.ahead(), Self.whole()][kind]
        let plan = Self.plan(table.plan, kind == 0 ? [1] : [1, 2], calls)
        var run = try Run(plan)
        var random = SeededGenerator(seed &* 31 &+ UInt64(kind))
        var standing: [[Value]: Int64] = [:]
        var clock = 0
        for step in 0..<24 {
            var rows: [[Value]] = []
            var weights: [Int64] = []
            for _ in 0..<(step % 8 == 0 ? 300 : 1 + random.below(6)) {
                if random.chance(15), let row = standing.keys.randomElement(using: &random) {
                    rows.append(row)
                    weights.append(-1)
                    standing[row, default: 0] -= 1
                    if standing[row] == 0 { standing[row] = nil }
                    continue
                }
                clock += random.below(2)
                // Mostly behind all others, now and then among them.
                let key = random.chance(10) ? random.below(clock + 1) : clock
                let row: [Value] = [
                    .int(random.chance(80) ? 0 : 1), random.chance(3) ? .null : .int(key),
                    randomValue(.bigint, 12, &random),
                ]
                rows.append(row)
                weights.append(1)
                standing[row, default: 0] += 1
            }
            try run.push(table, rows, weights: weights)
            try run.query.endStep()
            let once = try Run(plan, isSingleStep: true)
            let list = Array(standing)
            for start in stride(from: 0, to: list.count, by: 500) {
                let part = list[start..<min(start + 500, list.count)]
                try once.push(table, part.map(\.key), weights: part.map(\.value))
            }
            try once.end()
            try #require(run.sink.net == once.sink.net, "step \(step)")
            if random.chance(15) { run = try run.reopened(plan) }
        }
    }

    @Test func `a row behind all others is added once, not all of its partition`() throws {
        let added = Added()
        let function = AggregateFunction("sum", [.bigint], .bigint) { _, _ in CountedSum(added) }
        for (frame, order) in [
            (OverCall.Frame(), [1]), (.init(.rows, .unboundedPreceding, .currentRow), [1]),
        ] {
            let table = TestRelation("t", Self.types)
            let call = OverCall(.aggregate(function), [Self.value], frame: frame, type: .bigint)
            let run = try Run(Self.plan(table.plan, order, [call]))
            added.count = 0
            for row in 0..<2_000 {
                try run.push(table, [[.int(1), .int(row), .int(1)]])
                try run.query.endStep()
            }
            #expect(run.sink.net.count == 2_000)
            #expect(run.sink.net[[.int(1), .int(1_999), .int(1), .int(2_000)]] == 1)
            #expect(!run.sink.sawRetraction)
            #expect(added.count <= 3 * 2_000, "\(added.count) rows were added up")
        }
    }
}
