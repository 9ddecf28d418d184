import Formats
import Testing

@testable import Aggregation

/// a < b over integers, strict; for conditions that are no equality.
let lessThan = ScalarFunction("<", [.bigint, .bigint], .boolean) { arguments, context in
    let rows = (0..<context.count).map { row -> Value in
        if case .integer(let a) = arguments[0].value(row),
            case .integer(let b) = arguments[1].value(row)
        {
            return .boolean(a < b)
        }
        return .null
    }
    return Column.make(.boolean, rows)
}

/// What a join gives, by its definition: for each left row the right rows that match.
struct JoinReference {
    var kind: JoinPlan.Kind
    /// True, false or null (unknown).
    var matches: ([Value], [Value]) -> Bool?
    var leftWidth = 2
    var rightWidth = 2

    func result(_ left: [[Value]: Int64], _ right: [[Value]: Int64]) -> [[Value]: Int64] {
        var net: [[Value]: Int64] = [:]
        var rightMatched: Set<[Value]> = []
        for (a, m) in left {
            var known: Int64 = 0
            var unknown: Int64 = 0
            for (b, n) in right {
                switch matches(a, b) {
                case true?:
                    known += n
                    rightMatched.insert(b)
                    if emitsPairs { net[a + b, default: 0] += m * n }
                case nil: unknown += n
                case false?: break
                }
            }
            switch kind {
            case .semi: if known > 0 { net[a, default: 0] += m }
            case .anti: if known == 0 { net[a, default: 0] += m }
            case .mark:
                let mark: Value =
                    known > 0 ? .boolean(true) : unknown > 0 ? .null : .boolean(false)
                net[a + [mark], default: 0] += m
            case .left, .full, .single:
                if known == 0 {
                    net[a + Array(repeating: .null, count: rightWidth), default: 0] += m
                }
            default: break
            }
        }
        if kind == .right || kind == .full {
            for (b, n) in right where !rightMatched.contains(b) {
                net[Array(repeating: .null, count: leftWidth) + b, default: 0] += n
            }
        }
        return net
    }

    private var emitsPairs: Bool {
        switch kind {
        case .semi, .anti, .mark: false
        default: true
        }
    }
}

enum JoinCase: CaseIterable {
    case equal, condition, conditionOnly, cross, nullSafe, nullAware

    func apply(_ join: inout JoinPlan) {
        let key = Expression.column(0, .bigint)
        let less = Expression.call(
            lessThan, [.column(1, .bigint), .column(3, .bigint)], .boolean)
        switch self {
        case .equal: (join.leftKeys, join.rightKeys) = ([key], [key])
        case .condition:
            (join.leftKeys, join.rightKeys) = ([key], [key])
            join.condition = less
        case .conditionOnly: join.condition = less
        case .cross: break
        case .nullSafe:
            join.condition = .and([.not(.isDistinct(.column(2, .bigint), key)), less])
        case .nullAware:
            (join.leftKeys, join.rightKeys) = (
                [.column(1, .bigint), key], [.column(1, .bigint), key]
            )
            join.nullAwareKeys = 1
        }
    }

    func matches(_ a: [Value], _ b: [Value]) -> Bool? {
        func equal(_ x: Value, _ y: Value) -> Bool? { x.isNull || y.isNull ? nil : x == y }
        func less(_ x: Value, _ y: Value) -> Bool? {
            guard case .integer(let i) = x, case .integer(let j) = y else { return nil }
            return i < j
        }
        switch self {
        case .equal: return equal(a[0], b[0]) ?? false
        case .condition: return equal(a[0], b[0]) == true ? less(a[1], b[1]) : false
        case .conditionOnly: return less(a[1], b[1])
        case .cross: return true
        case .nullSafe: return a[0] == b[0] ? less(a[1], b[1]) : false
        case .nullAware: return equal(a[0], b[0]) == true ? equal(a[1], b[1]) : false
        }
    }
}

private let kinds: [JoinPlan.Kind] = [.inner, .left, .right, .full, .semi, .anti, .mark]

private let types: [DataType] = [.bigint, .bigint]

private func plan(
    _ left: TestRelation, _ right: TestRelation, _ kind: JoinPlan.Kind, _ form: JoinCase
) -> Plan {
    var join = JoinPlan(kind)
    form.apply(&join)
    var columns = left.plan.columns
    switch kind {
    case .semi, .anti: break
    case .mark: columns.append(Field("mark", .boolean))
    default: columns += right.plan.columns
    }
    return Plan(.join(left.plan, right.plan, join), columns)
}

@Suite struct JoinTests {
    @Test(arguments: kinds, JoinCase.allCases)
    func `a join under any changes of both sides is the join of what stands`(
        _ kind: JoinPlan.Kind, _ form: JoinCase
    ) throws {
        if form == .nullAware, kind != .mark { return }
        for seed in UInt64(1)...6 {
            var random = SeededGenerator(seed)
            let sides = ["l", "r"].map { TestRelation($0, types, isAppendOnly: false) }
            let plan = plan(sides[0], sides[1], kind, form)
            let reference = JoinReference(kind: kind, matches: form.matches)
            var run = try Run(plan)
            var standing: [[[Value]: Int64]] = [[:], [:]]
            var hasEnded = [false, false]
            for step in 0..<20 {
                for _ in 0..<random.below(4) {
                    let side = random.below(2)
                    if hasEnded[side] { continue }
                    let (rows, weights) = randomChanges(types, &standing[side], &random, values: 4)
                    try run.push(sides[side], rows, weights: weights)
                }
                if step > 12, random.chance(20) {
                    let side = random.below(2)
                    hasEnded[side] = true
                    try run.advance(sides[side], Watermark.end)
                }
                try run.query.endStep()
                let expected = reference.result(standing[0], standing[1])
                try #require(run.sink.net == expected, "seed \(seed), step \(step)")
                if random.chance(30) { run = try run.reopened(plan) }
            }
            try run.end()
            #expect(run.sink.net == reference.result(standing[0], standing[1]), "seed \(seed)")
            #expect(run.sink.watermark == Watermark.end)
        }
    }

    @Test(arguments: kinds, JoinCase.allCases)
    func `in one step a join of growing inputs gives each row once, whichever side ends first`(
        _ kind: JoinPlan.Kind, _ form: JoinCase
    ) throws {
        if form == .nullAware, kind != .mark { return }
        for seed in UInt64(1)...6 {
            var random = SeededGenerator(seed)
            let sides = ["l", "r"].map { TestRelation($0, types) }
            let run = try Run(plan(sides[0], sides[1], kind, form), isSingleStep: true)
            #expect(run.query.isAppendOnly)
            var standing: [[[Value]: Int64]] = [[:], [:]]
            let first = random.below(2)
            for round in 0..<12 {
                let side = seed % 3 == 0 ? random.below(2) : round < 6 ? first : 1 - first
                if round >= 6, side == first { continue }
                if round == 6 { try run.advance(sides[first], Watermark.end) }
                let rows = (0..<(1 + random.below(6))).map { _ in
                    types.map { randomValue($0, 4, &random) }
                }
                for row in rows { standing[side][row, default: 0] += 1 }
                try run.push(sides[side], rows)
            }
            try run.end()
            let reference = JoinReference(kind: kind, matches: form.matches)
            #expect(run.sink.net == reference.result(standing[0], standing[1]), "seed \(seed)")
            #expect(!run.sink.sawRetraction)
        }
    }

    @Test func `a chain of joins on one key keeps each row once and gives all combinations`() throws
    {
        for seed in UInt64(1)...12 {
            var random = SeededGenerator(seed)
            let sides = ["a", "b", "c"].map { TestRelation($0, types) }
            var inner = JoinPlan(.inner)
            inner.leftKeys = [.column(0, .bigint)]
            inner.rightKeys = [.column(0, .bigint)]
            var outer = inner
            outer.leftKeys = [.column(seed % 2 == 0 ? 0 : 2, .bigint)]
            let pairs = Plan(
                .join(sides[0].plan, sides[1].plan, inner),
                sides[0].plan.columns + sides[1].plan.columns)
            let plan = Plan(
                .join(pairs, sides[2].plan, outer), pairs.columns + sides[2].plan.columns)
            var run = try Run(plan)
            #expect(run.query.operators.last is SharedKeyJoinOperator)
            var standing: [[[Value]]] = [[], [], []]
            var hasEnded = [false, false, false]
            for step in 0..<15 {
                let side = random.below(3)
                if !hasEnded[side] {
                    let rows = (0..<random.below(8)).map { _ in
                        types.map { randomValue($0, 4, &random) }
                    }
                    standing[side] += rows
                    if !rows.isEmpty { try run.push(sides[side], rows) }
                }
                if step > 8, random.chance(30), !hasEnded[side] {
                    hasEnded[side] = true
                    try run.advance(sides[side], Watermark.end)
                }
                try run.query.endStep()
                if random.chance(30) { run = try run.reopened(plan) }
            }
            try run.end()
            var expected: [[Value]: Int64] = [:]
            for a in standing[0] where !a[0].isNull {
                for b in standing[1] where b[0] == a[0] {
                    for c in standing[2] where c[0] == a[0] { expected[a + b + c, default: 0] += 1 }
                }
            }
            #expect(run.sink.net == expected, "seed \(seed)")
            #expect(!run.sink.sawRetraction)
            #expect(run.sink.watermark == Watermark.end)
        }
    }

    @Test func `a scalar subquery with two rows is PostgreSQL's error`() throws {
        let sides = ["l", "r"].map { TestRelation($0, types) }
        for order in [[0, 1], [1, 0]] {
            let run = try Run(plan(sides[0], sides[1], .single, .equal), isSingleStep: true)
            let error = #expect(throws: SQLError.self) {
                for side in order {
                    let rows = [[Value.int(1), .int(1)], [.int(1), .int(2)]]
                    try run.push(sides[side], side == 0 ? [rows[0]] : rows)
                    try run.advance(sides[side], Watermark.end)
                }
            }
            #expect(error?.state == .cardinalityViolation)
        }
    }

    @Test func `an interval join frees rows by time and keeps its watermark behind them`() throws {
        let sides = ["l", "r"].map { TestRelation($0, [.bigint, .timestamp], isEndless: true) }
        var join = JoinPlan(.left)
        join.leftKeys = [.column(0, .bigint)]
        join.rightKeys = [.column(0, .bigint)]
        // Left rows wait for right ones of up to 10 later: the bound is the time of the right.
        join.bounds = [
            .init(keepsLeft: true, expression: .column(1, .timestamp)),
            .init(keepsLeft: false, expression: .column(1, .timestamp)),
        ]
        var plans = sides.map(\.plan)
        for index in 0...1 { plans[index].facts.timeColumns = [1] }
        let run = try Run(
            Plan(.join(plans[0], plans[1], join), plans[0].columns + plans[1].columns))
        #expect(run.query.isAppendOnly)
        try run.push(sides[0], [[.int(1), .int(100)], [.int(2), .int(200)]])
        try run.push(sides[1], [[.int(1), .int(100)]])
        try run.query.endStep()
        #expect(run.sink.rows == [[.int(1), .int(100), .int(1), .int(100)]])
        try run.advance(sides[1], 150)
        try run.advance(sides[0], 160)
        #expect(run.sink.watermark == 150)
        let join0 = try #require(run.query.operators.last as? JoinOperator)
        #expect(join0.sides[0].store.liveCount == 1)
        #expect(join0.sides[1].store.liveCount == 0)
        #expect(run.sink.rows.count == 1)
        try run.advance(sides[1], 201)
        #expect(run.sink.rows.last == [.int(2), .int(200), .null, .null])
        #expect(join0.sides[0].store.liveCount == 0)
        #expect(join0.table.count == 0)
    }
}
