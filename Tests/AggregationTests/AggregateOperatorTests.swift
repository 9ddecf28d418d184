import Bytes
import Formats
import Testing

@testable import Aggregation

private let types: [DataType] = [.text, .bigint, .double, .anyNumeric, .text, .boolean, .interval]

private func randomRow(_ random: inout TestRandom) -> [Value] {
    types.enumerated().map { index, type in
        switch type {
        case .double:
            // NaN and infinities are rare, so that sums come back from them.
            switch Int.random(in: 0..<40, using: &random) {
            case 0: return .double(.nan)
            case 1: return .double(.infinity)
            case 2: return .null
            default: return .double(Double(Int.random(in: -400...400, using: &random)) / 4)
            }
        default: return randomValue(type, &random, few: index == 0 ? 6 : 12)
        }
    }
}

private func calls() throws -> [AggregateCall] {
    let v = Aggregation.Expression.column(1, .bigint)
    let d = Aggregation.Expression.column(2, .double)
    let n = Aggregation.Expression.column(3, .anyNumeric)
    let t = Aggregation.Expression.column(4, .text)
    let b = Aggregation.Expression.column(5, .boolean)
    let i = Aggregation.Expression.column(6, .interval)
    let half = Aggregation.Expression.literal(.double(0.5), .double)
    let comma = Aggregation.Expression.literal(.text(","), .text)
    return [
        try makeCall("count"), try makeCall("count", [v]), try makeCall("count", filter: b),
        try makeCall("sum", [v]), try makeCall("avg", [v]), try makeCall("sum", [v], filter: b),
        try makeCall("sum", [d]), try makeCall("avg", [d]), try makeCall("sum", [n]),
        try makeCall("avg", [n]), try makeCall("sum", [i]), try makeCall("min", [v]),
        try makeCall("max", [v]), try makeCall("max", [d]), try makeCall("min", [t]),
        try makeCall("max", [n]), try makeCall("count", [v], distinct: true),
        try makeCall("count", [v], distinct: true, filter: b),
        try makeCall("sum", [v], distinct: true), try makeCall("bool_and", [b]),
        try makeCall("bool_or", [b]), try makeCall("bit_and", [v]), try makeCall("bit_or", [v]),
        try makeCall("bit_xor", [v]), try makeCall("stddev", [v]), try makeCall("var_pop", [d]),
        try makeCall("corr", [d, .cast(v, .double, isTry: false)]),
        try makeCall("string_agg", [t, comma], order: [SortKey(t)]),
        try makeCall("string_agg", [t, comma], distinct: true, order: [SortKey(t)]),
        try makeCall("array_agg", [v], order: [SortKey(v, isDescending: true)]),
        try makeCall("mode", within: [SortKey(v)]),
        try makeCall("percentile_cont", [half], within: [SortKey(d)]),
        try makeCall("percentile_disc", [half], within: [SortKey(v)]),
        try makeCall("median", [.cast(v, .double, isTry: false)]),
        try makeCall("arg_min", [v, v]),
    ]
}

private func makeOperator(
    _ keys: [Aggregation.Expression], sets: [[Int]]?, appendOnly: Bool
) throws -> (AggregateOperator, NettingSink) {
    var plan = AggregatePlan(keys: keys, calls: try calls())
    plan.groupingSets = sets
    let node = try AggregateOperator(
        plan, input: inputPlan(types), isAppendOnly: appendOnly, settings: SessionSettings())
    let sink = NettingSink()
    node.connect(to: sink, input: 0)
    return (node, sink)
}

private let keyed: [[Aggregation.Expression]] = [
    [], [.column(0, .text)], [.column(0, .text), .column(5, .boolean)],
]

@Test(arguments: keyed, [nil, [[0], []], [[]]] as [[[Int]]?])
func `after each step of inserts and retractions the groups are those of the rows that stand`(
    keys: [Aggregation.Expression], sets: [[Int]]?
) throws {
    let sets = keys.isEmpty ? nil : sets
    var random = TestRandom(state: UInt64(keys.count) + 99)
    var (node, sink) = try makeOperator(keys, sets: sets, appendOnly: false)
    var standing: [[Value]] = []
    for step in 0..<15 {
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            var rows: [[Value]] = []
            var weights: [Int64] = []
            for _ in 0..<Int.random(in: 1...40, using: &random) {
                let leaves = Int.random(in: 0..<10, using: &random) < (step % 8 > 4 ? 8 : 3)
                if leaves, !standing.isEmpty {
                    let index = Int.random(in: 0..<standing.count, using: &random)
                    rows.append(standing.remove(at: index))
                    weights.append(-1)
                } else {
                    rows.append(randomRow(&random))
                    weights.append(1)
                    standing.append(rows[rows.count - 1])
                }
            }
            try node.push(makeBatch(types, rows, weights: weights), input: 0)
        }
        try node.endStep()
        let (model, expected) = try makeOperator(keys, sets: sets, appendOnly: true)
        for start in stride(from: 0, to: standing.count, by: 100) {
            let part = Array(standing[start..<min(start + 100, standing.count)])
            try model.push(makeBatch(types, part), input: 0)
        }
        try model.endStep()
        #expect(sink.table == expected.table, "step \(step)")
        let (wrong, right) = (
            sink.table.keys.filter { expected.table[$0] == nil },
            expected.table.keys.filter { sink.table[$0] == nil }
        )
        for (a, b) in zip(wrong, right).prefix(3) {
            for (index, (x, y)) in zip(a, b).enumerated() where x != y { print(index, x, y) }
        }
        if sink.table != expected.table { return }
        if step % 5 == 4 {
            let (other, _) = try makeOperator(keys, sets: sets, appendOnly: false)
            try move(node, other)
            other.connect(to: sink, input: 0)
            node = other
        }
    }
}

@Test func `rows that do not change do not leave again`() throws {
    let keys = [Aggregation.Expression.column(0, .bigint)]
    let plan = AggregatePlan(keys: keys, calls: [try makeCall("max", [.column(1, .bigint)])])
    let types: [DataType] = [.bigint, .bigint]
    let node = try AggregateOperator(
        plan, input: inputPlan(types), isAppendOnly: true, settings: SessionSettings())
    let sink = NettingSink()
    node.connect(to: sink, input: 0)
    try node.push(
        makeBatch(types, [[.integer(1), .integer(5)], [.integer(2), .integer(5)]]), input: 0)
    try node.endStep()
    sink.forget()
    try node.push(
        makeBatch(types, [[.integer(1), .integer(3)], [.integer(2), .integer(9)]]), input: 0)
    try node.endStep()
    #expect(sink.changes.map(\.weight) == [-1, 1])
    #expect(sink.changes.map(\.row) == [[.integer(2), .integer(5)], [.integer(2), .integer(9)]])
}

@Test func `without keys there is one row for no rows`() throws {
    let (node, sink) = try makeOperator([], sets: nil, appendOnly: true)
    try node.advance(Watermark.end, input: 0)
    #expect(sink.changes.count == 1)
    #expect(sink.changes.first?.row.first == .integer(0))
    #expect(sink.watermark == Watermark.end)
}
