import Formats
import Testing

@testable import Aggregation

private struct AsofCase {
    var isStrict: Bool
    var isForward: Bool
    var kind: JoinPlan.Kind

    func plan(_ left: Plan, _ right: Plan) -> Plan {
        var join = JoinPlan(kind)
        join.leftKeys = [.column(0, .bigint)]
        join.rightKeys = [.column(0, .bigint)]
        join.time = .init(
            left: .column(1, .bigint), right: .column(1, .bigint), isStrict: isStrict,
            isForward: isForward)
        return Plan(.join(left, right, join), left.columns + right.columns)
    }

    func result(_ left: [[Value]: Int64], _ right: [[Value]: Int64]) -> [[Value]: Int64] {
        var net: [[Value]: Int64] = [:]
        func time(_ row: [Value]) -> Int64? {
            if case .integer(let time) = row[1] { return time }
            return nil
        }
        for (row, count) in left {
            let possible = right.keys.filter { other in
                guard !row[0].isNull, row[0] == other[0], let a = time(row), let b = time(other)
                else { return false }
                if a == b { return !isStrict }
                return isForward ? b > a : b < a
            }
            let sorted = possible.sorted { (time($0) ?? 0) < (time($1) ?? 0) }
            if let partner = isForward ? sorted.first : sorted.last {
                net[row + partner, default: 0] += count
            } else if kind == .asofLeft {
                net[row + [.null, .null], default: 0] += count
            }
        }
        return net
    }
}

private let cases = [true, false].flatMap { strict in
    [true, false].flatMap { forward in
        [JoinPlan.Kind.asof, .asofLeft].map {
            AsofCase(isStrict: strict, isForward: forward, kind: $0)
        }
    }
}

@Suite struct AsofTests {
    static let types: [DataType] = [.bigint, .bigint]

    @Test(arguments: cases.indices)
    func `under any changes each left row stands with the nearest right row`(_ index: Int) throws {
        for seed in UInt64(1)...6 {
            var random = SeededGenerator(seed)
            let sides = ["l", "r"].map { TestRelation($0, Self.types, isAppendOnly: false) }
            let plan = cases[index].plan(sides[0].plan, sides[1].plan)
            var run = try Run(plan)
            var standing: [[[Value]: Int64]] = [[:], [:]]
            for step in 0..<20 {
                for _ in 0..<random.below(4) {
                    let side = random.below(2)
                    if side == 1, step > 14 { continue }
                    let (rows, weights) = randomChanges(
                        Self.types, &standing[side], &random, values: 4)
                    try run.push(sides[side], rows, weights: weights)
                }
                if step == 14 { try run.advance(sides[1], Watermark.end) }
                try run.query.endStep()
                let expected = cases[index].result(standing[0], standing[1])
                try #require(run.sink.net == expected, "seed \(seed), step \(step)")
                if random.chance(30) { run = try run.reopened(plan) }
            }
        }
    }

    @Test(arguments: cases.indices, [[0, 1], [1, 0]])
    func `in one step each left row leaves once, whichever side ends first`(
        _ index: Int, _ order: [Int]
    ) throws {
        var random = SeededGenerator(5)
        let sides = ["l", "r"].map { TestRelation($0, Self.types) }
        let run = try Run(cases[index].plan(sides[0].plan, sides[1].plan), isSingleStep: true)
        var standing: [[[Value]: Int64]] = [[:], [:]]
        for side in order {
            let rows = (0..<40).map { _ in Self.types.map { randomValue($0, 8, &random) } }
            for row in rows { standing[side][row, default: 0] += 1 }
            try run.push(sides[side], rows)
            try run.advance(sides[side], Watermark.end)
        }
        try run.end()
        #expect(run.sink.net == cases[index].result(standing[0], standing[1]))
        #expect(!run.sink.sawRetraction)
    }

    @Test func `a row leaves when the right side's watermark has passed its time`() throws {
        let sides = ["l", "r"].map { TestRelation($0, [.bigint, .timestamp], isEndless: true) }
        var plans = sides.map(\.plan)
        for index in 0...1 { plans[index].facts.timeColumns = [1] }
        var join = JoinPlan(.asof)
        join.leftKeys = [.column(0, .bigint)]
        join.rightKeys = [.column(0, .bigint)]
        join.time = .init(
            left: .column(1, .timestamp), right: .column(1, .timestamp), isStrict: false,
            isForward: false)
        let run = try Run(
            Plan(.join(plans[0], plans[1], join), plans[0].columns + plans[1].columns))
        #expect(run.query.isAppendOnly)
        try run.push(sides[0], [[.int(1), .int(100)]])
        try run.push(sides[1], [[.int(1), .int(50)]])
        try run.advance(sides[1], 100)
        try run.query.endStep()
        #expect(run.sink.rows.isEmpty)
        try run.push(sides[1], [[.int(1), .int(100)]])
        try run.advance(sides[1], 101)
        #expect(run.sink.rows == [[.int(1), .int(100), .int(1), .int(100)]])
    }

    @Test(arguments: cases.indices)
    func `a partner is the nearest one, and no row is late, however time passes`(
        _ index: Int
    ) throws {
        let types: [DataType] = [.bigint, .timestamp]
        for seed in UInt64(1)...8 {
            var random = SeededGenerator(seed)
            let sides = ["l", "r"].map { TestRelation($0, types, isEndless: true) }
            var plans = sides.map(\.plan)
            for side in 0...1 { plans[side].facts.timeColumns = [1] }
            var plan = cases[index].plan(plans[0], plans[1])
            guard case .join(_, _, var join) = plan.node else { return }
            join.time = .init(
                left: .column(1, .timestamp), right: .column(1, .timestamp),
                isStrict: cases[index].isStrict, isForward: cases[index].isForward)
            plan = Plan(.join(plans[0], plans[1], join), plan.columns)
            var run = try Run(plan)
            var standing: [[[Value]: Int64]] = [[:], [:]]
            var tops: [Int64] = [0, 0]
            for step in 0..<60 {
                let side = random.below(2)
                let row: [Value] = [
                    .int(random.below(3)), .integer(tops[side] + Int64(random.below(6))),
                ]
                standing[side][row, default: 0] += 1
                let (before, seen) = (run.sink.watermark, run.sink.rows.count)
                try run.push(sides[side], [row])
                if random.chance(60) {
                    tops[side] += Int64(random.below(8))
                    try run.advance(sides[side], tops[side])
                }
                if random.chance(40) { try run.query.endStep() }
                for row in run.sink.rows[seen...] {
                    guard case .integer(let time) = row[1] else { continue }
                    #expect(time >= before, "seed \(seed), step \(step)")
                }
                if random.chance(10) {
                    try run.query.endStep()
                    run = try run.reopened(plan)
                }
            }
            for side in [0, 1] { try run.advance(sides[side], Watermark.end) }
            try run.query.endStep()
            #expect(run.sink.net == cases[index].result(standing[0], standing[1]), "seed \(seed)")
            #expect(!run.sink.sawRetraction)
        }
    }

    @Test func `a forward join waits for the partner and holds the watermark back`() throws {
        let sides = ["l", "r"].map { TestRelation($0, [.bigint, .timestamp], isEndless: true) }
        var plans = sides.map(\.plan)
        for index in 0...1 { plans[index].facts.timeColumns = [1] }
        var join = JoinPlan(.asofLeft)
        join.leftKeys = [.column(0, .bigint)]
        join.rightKeys = [.column(0, .bigint)]
        join.time = .init(
            left: .column(1, .timestamp), right: .column(1, .timestamp), isStrict: false,
            isForward: true)
        let run = try Run(
            Plan(.join(plans[0], plans[1], join), plans[0].columns + plans[1].columns))
        try run.push(sides[0], [[.int(1), .int(100)], [.int(2), .int(130)]])
        try run.advance(sides[0], 200)
        try run.advance(sides[1], 150)
        #expect(run.sink.rows.isEmpty)
        #expect(run.sink.watermark == 100)
        try run.push(sides[1], [[.int(1), .int(170)], [.int(1), .int(160)]])
        try run.advance(sides[1], 165)
        #expect(run.sink.rows.isEmpty)
        try run.advance(sides[1], 171)
        #expect(run.sink.rows == [[.int(1), .int(100), .int(1), .int(160)]])
        #expect(run.sink.watermark == 130)
        try run.advance(sides[1], Watermark.end)
        #expect(run.sink.rows.count == 2)
        #expect(run.sink.rows.last == [.int(2), .int(130), .null, .null])
        #expect(run.sink.watermark == 200)
    }
}
