import Formats
import Testing

@testable import Aggregation

/// sum of integers whose nulls are left out; takes rows back. A test's own, so that frames are
/// tested apart from the aggregates.
private final class TestSum: Accumulator {
    var sums: [Int64] = []
    var counts: [Int64] = []

    override func grow(to count: Int) {
        while sums.count < count {
            sums.append(0)
            counts.append(0)
        }
    }

    override func update(
        _ arguments: [Column], groups: UnsafePointer<Int32>, weights: UnsafePointer<Int64>?,
        count: Int
    ) throws(SQLError) {
        for row in 0..<count {
            guard case .integer(let value) = arguments[0].value(row) else { continue }
            sums[Int(groups[row])] += value * (weights?[row] ?? 1)
            counts[Int(groups[row])] += weights?[row] ?? 1
        }
    }

    override func merge(_ source: Int32, into target: Int32) throws(SQLError) {
        sums[Int(target)] += sums[Int(source)]
        counts[Int(target)] += counts[Int(source)]
    }

    override func reset(_ group: Int32) {
        sums[Int(group)] = 0
        counts[Int(group)] = 0
    }

    override func results(_ groups: [Int32]) throws(SQLError) -> Column {
        Column.make(
            .bigint,
            groups.map { counts[Int($0)] == 0 ? .null : .integer(sums[Int($0)]) })
    }
}

/// Named "sum", it takes the paths of functions whose states merge; else those of all others.
private func testSum(_ name: String) -> AggregateFunction {
    AggregateFunction(name, [.bigint], .bigint) { _, _ in TestSum(.bigint) }
}

/// A frame by its definition, row by row.
private struct FrameReference {
    var frame: OverCall.Frame

    private func offset(_ expression: Expression) -> Int {
        if case .literal(.integer(let value), _) = expression { return Int(value) }
        return 0
    }

    /// Keys of the partition in order; -1 stands for null, which is last. The rows in the frame of
    /// row `row`.
    func rows(_ keys: [Int], _ row: Int) -> [Int] {
        func group(_ row: Int) -> Int { Set(keys[...row]).count }
        func lies(_ other: Int, _ bound: OverCall.Frame.Bound, isStart: Bool) -> Bool {
            var distance = 0
            switch bound {
            case .unboundedPreceding: return isStart
            case .unboundedFollowing: return !isStart
            case .preceding(let by): distance = -offset(by)
            case .following(let by): distance = offset(by)
            case .currentRow: break
            }
            let limit: Int
            let place: Int
            switch frame.unit {
            case .rows: (place, limit) = (other, row + distance)
            case .groups: (place, limit) = (group(other), group(row) + distance)
            case .range:
                let isNull = (keys[other] < 0, keys[row] < 0)
                if isNull.0 || isNull.1 {
                    if isNull.0, isNull.1 { return true }
                    return isNull.0 ? isStart : !isStart
                }
                (place, limit) = (keys[other], keys[row] + distance)
            }
            return isStart ? place >= limit : place <= limit
        }
        return keys.indices.filter { other in
            guard lies(other, frame.start, isStart: true), lies(other, frame.end, isStart: false)
            else { return false }
            let isPeer = keys[other] == keys[row]
            return switch frame.exclusion {
            case .none: true
            case .currentRow: other != row
            case .group: !isPeer
            case .ties: !isPeer || other == row
            }
        }
    }
}

private func literal(_ value: Int) -> Expression { .literal(.int(value), .bigint) }

private let bounds: [(OverCall.Frame.Bound, OverCall.Frame.Bound)] = [
    (.unboundedPreceding, .currentRow), (.unboundedPreceding, .unboundedFollowing),
    (.preceding(literal(2)), .currentRow), (.preceding(literal(2)), .following(literal(1))),
    (.currentRow, .unboundedFollowing), (.following(literal(1)), .following(literal(3))),
    (.preceding(literal(3)), .preceding(literal(1))), (.currentRow, .currentRow),
    (.preceding(literal(40)), .following(literal(30))),
]

@Suite struct OverTests {
    /// Partition, key, value.
    static let types: [DataType] = [.bigint, .bigint, .bigint]

    private static func plan(_ input: Plan, _ calls: [OverCall]) -> Plan {
        let over = OverPlan(
            partition: [.column(0, .bigint)], order: [SortKey(.column(1, .bigint))], calls: calls)
        return Plan(
            .over(input, over),
            input.columns + calls.enumerated().map { Field("o\($0.offset)", $0.element.type) })
    }

    private static func sums(_ frame: OverCall.Frame) -> [OverCall] {
        ["sum", "test"].map {
            OverCall(
                .aggregate(testSum($0)), [.column(2, .bigint)], frame: frame, type: .bigint)
        } + [
            OverCall(.firstValue, [.column(2, .bigint)], frame: frame, type: .bigint),
            OverCall(.lastValue, [.column(2, .bigint)], frame: frame, type: .bigint),
            OverCall(.nthValue, [.column(2, .bigint), literal(2)], frame: frame, type: .bigint),
        ]
    }

    @Test(arguments: [OverCall.Frame.Unit.rows, .range, .groups], bounds.indices)
    func `aggregates and values of frames are those of the frame's rows`(
        _ unit: OverCall.Frame.Unit, _ index: Int
    ) throws {
        for exclusion: OverCall.Frame.Exclusion in [.none, .currentRow, .group, .ties] {
            let frame = OverCall.Frame(
                unit, bounds[index].0, bounds[index].1, exclusion: exclusion)
            var random = SeededGenerator(UInt64(index + 1))
            let table = TestRelation("t", Self.types)
            let run = try Run(Self.plan(table.plan, Self.sums(frame)), isSingleStep: true)
            var rows: [[Value]] = []
            for partition in 0..<3 {
                for _ in 0..<(partition == 0 ? 150 : 9) {
                    rows.append([
                        .int(partition), randomValue(.bigint, 30, &random),
                        randomValue(.bigint, 50, &random),
                    ])
                }
            }
            try run.push(table, rows)
            try run.end()
            let reference = FrameReference(frame: frame)
            var expected: [[Value]] = []
            for partition in 0..<3 {
                let members = rows.filter { $0[0] == .int(partition) }.enumerated().sorted {
                    (key($0.element), $0.offset) < (key($1.element), $1.offset)
                }.map(\.element)
                let keys = members.map { $0[1].isNull ? -1 : key($0) }
                for (row, values) in members.enumerated() {
                    let inside = reference.rows(keys, row).map { members[$0][2] }
                    let numbers = inside.compactMap { value -> Int64? in
                        if case .integer(let number) = value { return number }
                        return nil
                    }
                    let sum: Value =
                        numbers.isEmpty ? .null : .integer(numbers.reduce(0, +))
                    expected.append(
                        values + [
                            sum, sum, inside.first ?? .null, inside.last ?? .null,
                            inside.count > 1 ? inside[1] : .null,
                        ])
                }
            }
            #expect(run.sink.rows == expected, "\(unit) \(exclusion)")
        }
    }

    private func key(_ row: [Value]) -> Int {
        if case .integer(let number) = row[1] { return Int(number) }
        return .max
    }

    @Test func `ranks, shares, buckets and neighbours are PostgreSQL's`() throws {
        let table = TestRelation("t", Self.types)
        let frame = OverCall.Frame()
        let value = Expression.column(2, .bigint)
        let calls = [
            OverCall(.rowNumber, [], frame: frame, type: .bigint),
            OverCall(.rank, [], frame: frame, type: .bigint),
            OverCall(.denseRank, [], frame: frame, type: .bigint),
            OverCall(.percentRank, [], frame: frame, type: .double),
            OverCall(.cumeDist, [], frame: frame, type: .double),
            OverCall(.ntile, [.literal(.int(3), .integer)], frame: frame, type: .integer),
            OverCall(.lag, [value], frame: frame, type: .bigint),
            OverCall(.lead, [value, literal(2), literal(-1)], frame: frame, type: .bigint),
        ]
        let run = try Run(Self.plan(table.plan, calls), isSingleStep: true)
        try run.push(
            table, [10, 20, 20, 30, 40].enumerated().map { [.int(1), .int($1), .int($0)] })
        try run.end()
        func check(_ index: Int, _ values: [Value]) {
            #expect(run.sink.rows.map { $0[3 + index] } == values)
        }
        check(0, [1, 2, 3, 4, 5].map { .int($0) })
        check(1, [1, 2, 2, 4, 5].map { .int($0) })
        check(2, [1, 2, 2, 3, 4].map { .int($0) })
        check(3, [0, 0.25, 0.25, 0.75, 1].map { .double($0) })
        check(4, [0.2, 0.6, 0.6, 0.8, 1].map { .double($0) })
        check(5, [1, 1, 2, 2, 3].map { .int($0) })
        check(6, [.null, .int(0), .int(1), .int(2), .int(3)])
        check(7, [2, 3, 4, -1, -1].map { .int($0) })
    }

    @Test(arguments: UInt64(1)...12)
    func `window functions under any changes are those of the rows that stand`(
        _ seed: UInt64
    ) throws {
        let frame = OverCall.Frame(.range, .preceding(literal(1)), .currentRow)
        let calls = [
            OverCall(
                .aggregate(testSum("sum")), [.column(2, .bigint)], frame: frame, type: .bigint),
            OverCall(.rank, [], frame: frame, type: .bigint),
        ]
        try checkChanges(seed, types: Self.types, { Self.plan($0, calls) }) { rows in
            var net: [[Value]: Int64] = [:]
            for (_, members) in Dictionary(grouping: rows, by: { $0.key[0] }) {
                for (row, count) in members {
                    let inside = members.filter { other in
                        let distance = key(row) - (key(other.key) == .max ? 0 : key(other.key))
                        if row[1].isNull || other.key[1].isNull {
                            return row[1].isNull && other.key[1].isNull
                        }
                        return distance >= 0 && distance <= 1
                    }
                    var sum: Int64?
                    for (other, count) in inside {
                        if case .integer(let number) = other[2] {
                            sum = (sum ?? 0) + number * count
                        }
                    }
                    let rank = members.filter { key($0.key) < key(row) }.map(\.value).reduce(0, +)
                    let result: [Value] = [sum.map { .integer($0) } ?? .null, .integer(rank + 1)]
                    net[row + result, default: 0] += count
                }
            }
            return net
        }
    }

    @Test func `a negative frame offset and a bucket count of zero are PostgreSQL's errors`() {
        let table = TestRelation("t", Self.types)
        let negative = OverCall.Frame(.rows, .preceding(literal(-1)), .currentRow)
        var error = #expect(throws: SQLError.self) {
            _ = try Run(Self.plan(table.plan, Self.sums(negative)))
        }
        #expect(error?.message == "frame starting offset must not be negative")
        error = #expect(throws: SQLError.self) {
            let call = OverCall(.ntile, [literal(0)], frame: OverCall.Frame(), type: .bigint)
            let run = try Run(Self.plan(table.plan, [call]), isSingleStep: true)
            try run.push(table, [[.int(1), .int(1), .int(1)]])
            try run.end()
        }
        #expect(error?.message == "argument of ntile must be greater than zero")
    }
}
