import Bytes
import Formats
import Testing

@testable import Aggregation

private let types: [DataType] = [.text, .timestamp, .bigint]

/// Rows of two partitions in the order in which they are read, each with what its partition's
/// watermark was before it.
private struct Stream {
    struct Row {
        var key: String
        var time: Int64
        var value: Int64
        var own: Int64
        /// Of the source behind it.
        var watermark: Int64
    }

    private(set) var rows: [Row] = []

    init(seed: UInt64, count: Int, delay: Int64) {
        var random = TestRandom(state: seed)
        var tops: [Int64] = [.min, .min]
        for index in 0..<count {
            let partition = Int.random(in: 0..<2, using: &random)
            let disorder = Int64.random(in: 0..<8, using: &random) == 0 ? 60 : delay
            let time = Int64(index) * 2 - Int64.random(in: 0...disorder, using: &random)
            let own = tops[partition] == .min ? Int64.min : tops[partition] - delay
            tops[partition] = max(tops[partition], time)
            let least = tops.min() ?? .min
            rows.append(
                Row(
                    key: "k\(Int.random(in: 0..<3, using: &random))", time: time,
                    value: Int64.random(in: 0..<50, using: &random), own: own,
                    watermark: least == .min ? .min : least - delay))
        }
    }

    /// Sends the rows in random batches and steps, the watermark as it stands after each batch or
    /// later; `reopen` gives the operators to go on with.
    func run(
        seed: UInt64, into entry: Operator, _ chain: [Operator], reopen: (() throws -> [Operator])?
    ) throws {
        var random = TestRandom(state: seed)
        var chain = chain
        var entry = entry
        var start = 0
        while start < rows.count {
            let end = min(rows.count, start + Int.random(in: 1...40, using: &random))
            let part = rows[start..<end]
            let isOnTime = part.allSatisfy { $0.time >= $0.own }
            let batch = makeBatch(
                types, part.map { [.text($0.key), .integer($0.time), .integer($0.value)] },
                watermarks: isOnTime ? nil : part.map(\.own))
            try entry.push(batch, input: 0)
            let watermark = rows[end - 1].watermark
            if Int.random(in: 0..<4, using: &random) > 0, watermark != .min {
                try entry.advance(watermark, input: 0)
            }
            if Int.random(in: 0..<4, using: &random) == 0 {
                for node in chain { try node.endStep() }
                if let reopen, Int.random(in: 0..<3, using: &random) == 0 {
                    let fresh = try reopen()
                    for (old, new) in zip(chain, fresh) { try move(old, new) }
                    (entry, chain) = (fresh[0], fresh)
                }
            }
            start = end
        }
        try entry.advance(Watermark.end, input: 0)
        for node in chain { try node.endStep() }
    }

    /// What comes out, by definition: (key, start, end) to count and sum.
    func expected(_ geometry: WindowGeometry) -> (table: [[Value]: Int64], late: Int) {
        var groups: [[Value]: Totals] = [:]
        var late = 0
        for row in rows {
            var isLate = true
            for end in row.time - 200...row.time + 200 {
                let start = geometry.start(end)
                let isWindow =
                    geometry.isCumulative
                    ? (end - geometry.offset) % geometry.slide == 0
                    : (start - geometry.offset) % geometry.slide == 0
                guard isWindow, start <= row.time, row.time < end, end > row.own else { continue }
                isLate = false
                let key = [Value.text(row.key), .integer(start), .integer(end)]
                let old = groups[key] ?? Totals()
                groups[key] = Totals(count: old.count + 1, sum: old.sum + row.value)
            }
            if isLate { late += 1 }
        }
        return (windowTable(groups), late)
    }

    func expectedSessions(gap: Int64) -> (table: [[Value]: Int64], late: Int) {
        struct Session {
            var start: Int64
            var last: Int64
            var count: Int64
            var sum: Int64
        }
        var open: [String: [Session]] = [:]
        var late = 0
        for row in rows {
            var new = Session(start: row.time, last: row.time, count: 1, sum: row.value)
            var rest: [Session] = []
            var hasMet = false
            for session in open[row.key] ?? [] {
                let meets =
                    row.time >= session.start - gap && row.time <= session.last + gap
                    && session.last + gap >= row.own
                if meets {
                    hasMet = true
                    new.start = min(new.start, session.start)
                    new.last = max(new.last, session.last)
                    new.count += session.count
                    new.sum += session.sum
                } else {
                    rest.append(session)
                }
            }
            if !hasMet, row.time + gap < row.own {
                late += 1
                continue
            }
            open[row.key] = rest + [new]
        }
        var groups: [[Value]: Totals] = [:]
        for (key, sessions) in open {
            for session in sessions {
                let name: [Value] = [
                    .text(key), .integer(session.start), .integer(session.last + gap),
                ]
                groups[name] = Totals(count: session.count, sum: session.sum)
            }
        }
        return (windowTable(groups), late)
    }
}

private struct Totals {
    var count: Int64 = 0
    var sum: Int64 = 0
}

private func windowTable(_ groups: [[Value]: Totals]) -> [[Value]: Int64] {
    var table: [[Value]: Int64] = [:]
    for (key, totals) in groups {
        table[key + [.integer(totals.count), .numeric(Numeric(totals.sum))]] = 1
    }
    return table
}

/// GROUP BY c0, window_start, window_end with count(*) and sum(c2), over the window's columns.
private func windowedPlan(onClose: Bool = true) throws -> AggregatePlan {
    var plan = AggregatePlan(
        keys: [.column(0, .text), .column(3, .timestamp), .column(4, .timestamp)],
        calls: [try makeCall("count"), try makeCall("sum", [.column(2, .bigint)])])
    plan.window = .init(end: .column(4, .timestamp), emitsOnClose: onClose)
    return plan
}

private let windowTypes = types + [.timestamp, .timestamp, .timestamp]

private let kinds: [WindowAssignment.Kind] = [
    .tumble(size: 10, offset: 0), .tumble(size: 7, offset: 3), .hop(slide: 4, size: 12, offset: 0),
    .hop(slide: 4, size: 10, offset: 1), .hop(slide: 12, size: 5, offset: 0),
    .cumulate(step: 5, size: 15, offset: 2),
]

private func fused(_ geometry: WindowGeometry) throws -> WindowAggregateOperator {
    let plan = try windowedPlan()
    let split = try #require(WindowKey.split(plan.keys, width: 3))
    return try WindowAggregateOperator(
        plan, split, geometry, time: .column(1, .timestamp), type: .timestamp, input: types,
        isAppendOnly: true,
        settings: SessionSettings())
}

private func expanded(_ geometry: WindowGeometry, onClose: Bool) throws -> [Operator] {
    let window = WindowOperator(geometry, time: 1, type: .timestamp)
    let aggregate = try AggregateOperator(
        try windowedPlan(onClose: onClose),
        input: inputPlan(windowTypes, timeColumns: [1, 3, 4, 5]), isAppendOnly: true,
        settings: SessionSettings())
    window.connect(to: aggregate, input: 0)
    return [window, aggregate]
}

@Test(arguments: 0..<6)
func `windows hold the same rows however the input is cut, late ones left out`(
    index: Int
) throws {
    let geometry = try #require(WindowGeometry(kinds[index]))
    for seed in UInt64(1)...4 {
        let stream = Stream(seed: seed, count: 400, delay: 6)
        let (table, late) = stream.expected(geometry)
        for cut in UInt64(0)..<3 {
            let sink = NettingSink()
            func connected() throws -> [Operator] {
                let node = try fused(geometry)
                node.connect(to: sink, input: 0)
                return [node]
            }
            let node = try connected()
            try stream.run(seed: seed * 10 + cut, into: node[0], node, reopen: connected)
            #expect(sink.table == table, "seed \(seed), cut \(cut)")
            #expect(sink.changes.allSatisfy { $0.weight == 1 })
            let ends = sink.changes.map { $0.row[2].integer }
            #expect(ends == ends.sorted())
            for onClose in [true, false] {
                let sink = NettingSink()
                func connected() throws -> [Operator] {
                    let chain = try expanded(geometry, onClose: onClose)
                    chain[1].connect(to: sink, input: 0)
                    return chain
                }
                let chain = try connected()
                try stream.run(seed: seed * 10 + cut, into: chain[0], chain, reopen: connected)
                #expect(sink.table == table, "seed \(seed), cut \(cut), on close \(onClose)")
                if onClose { #expect(sink.changes.allSatisfy { $0.weight == 1 }) }
            }
        }
        let node = try fused(geometry)
        try stream.run(seed: 5, into: node, [node], reopen: nil)
        if geometry.slide <= geometry.size { #expect(node.lateRows == late, "seed \(seed)") }
        #expect(node.openGroups == 0)
    }
}

extension Value {
    fileprivate var integer: Int64 {
        if case .integer(let value) = self { return value }
        return -1
    }
}

@Test func `sessions hold the same rows however the input is cut, late ones left out`() throws {
    for seed in UInt64(1)...8 {
        let gap: Int64 = 3
        let stream = Stream(seed: seed, count: 300, delay: 6)
        let (table, late) = stream.expectedSessions(gap: gap)
        for cut in UInt64(0)..<3 {
            let sink = NettingSink()
            func connected() throws -> [Operator] {
                let plan = try windowedPlan()
                let split = try #require(WindowKey.split(plan.keys, width: 3))
                let node = try #require(
                    try SessionAggregateOperator(
                        plan, split, gap: gap, partition: [0], time: .column(1, .timestamp),
                        columns: types, type: .timestamp, settings: SessionSettings()))
                node.connect(to: sink, input: 0)
                return [node]
            }
            let node = try connected()
            try stream.run(seed: seed + cut, into: node[0], node, reopen: connected)
            #expect(sink.table == table, "seed \(seed), cut \(cut)")
            let rows = NettingSink()
            func written() throws -> [Operator] {
                let window = SessionWindowOperator(
                    gap: gap, partition: [0], time: 1, types: types, type: .timestamp)
                let aggregate = try AggregateOperator(
                    try windowedPlan(), input: inputPlan(windowTypes, timeColumns: [1, 3, 4, 5]),
                    isAppendOnly: true, settings: SessionSettings())
                window.connect(to: aggregate, input: 0)
                aggregate.connect(to: rows, input: 0)
                return [window, aggregate]
            }
            let chain = try written()
            try stream.run(seed: seed + cut, into: chain[0], chain, reopen: written)
            #expect(rows.table == table, "rows, seed \(seed), cut \(cut)")
            if let window = chain[0] as? SessionWindowOperator, cut == 0 { _ = window }
        }
        let plan = try windowedPlan()
        let split = try #require(WindowKey.split(plan.keys, width: 3))
        let node = try #require(
            try SessionAggregateOperator(
                plan, split, gap: gap, partition: [0], time: .column(1, .timestamp),
                columns: types, type: .timestamp, settings: SessionSettings()))
        try stream.run(seed: 5, into: node, [node], reopen: nil)
        #expect(node.lateRows == late)
        #expect(node.openGroups == 0)
    }
}

@Test func `a row exactly the gap after the last one joins its session`() throws {
    let stream = [(0, 0), (10, 0), (21, 10)].map { time, own in
        [Value.text("a"), .integer(Int64(time)), .integer(1)]
    }
    let window = SessionWindowOperator(
        gap: 10, partition: [0], time: 1, types: types, type: .timestamp)
    let sink = NettingSink()
    window.connect(to: sink, input: 0)
    try window.push(makeBatch(types, stream), input: 0)
    try window.advance(20, input: 0)
    #expect(sink.changes.isEmpty)
    try window.advance(21, input: 0)
    #expect(sink.changes.map { $0.row[4] } == [.integer(20), .integer(20)])
}

@Test func `late rows change windows that have left as long as they are asked to`() throws {
    var plan = try windowedPlan()
    plan.lateRows = .update(20)
    let node = try AggregateOperator(
        plan, input: inputPlan(windowTypes, timeColumns: [1, 3, 4, 5]), isAppendOnly: true,
        settings: SessionSettings())
    let sink = NettingSink()
    node.connect(to: sink, input: 0)
    func row(_ time: Int64) -> [Value] {
        let start = time / 10 * 10
        return [
            .text("a"), .integer(time), .integer(1), .integer(start), .integer(start + 10),
            .integer(start + 9),
        ]
    }
    try node.push(makeBatch(windowTypes, [row(1), row(2), row(15)]), input: 0)
    try node.advance(12, input: 0)
    try node.endStep()
    #expect(sink.changes.map { $0.row[3] } == [.integer(2)])
    try node.push(makeBatch(windowTypes, [row(3)], watermarks: [12]), input: 0)
    try node.endStep()
    #expect(sink.changes.map(\.weight) == [1, -1, 1])
    #expect(sink.changes.map { $0.row[3] } == [.integer(2), .integer(2), .integer(3)])
    try node.advance(31, input: 0)
    try node.endStep()
    try node.push(makeBatch(windowTypes, [row(4)], watermarks: [31]), input: 0)
    try node.endStep()
    #expect(node.lateRows == 1)
    try node.advance(Watermark.end, input: 0)
    #expect(sink.table.count == 2)
    #expect(node.openGroups == 0)
}

@Test func `windows by the clock hold the rows that came in their time`() throws {
    let geometry = try #require(WindowGeometry(.tumble(size: 10, offset: 0)))
    let window = WindowProcessingTimeOperator(
        geometry, type: .timestamptz, settings: SessionSettings(now: 3))
    let aggregate = try AggregateOperator(
        try windowedPlan(), input: inputPlan(windowTypes, timeColumns: [3, 4, 5]),
        isAppendOnly: true, settings: SessionSettings())
    let sink = NettingSink()
    window.connect(to: aggregate, input: 0)
    aggregate.connect(to: sink, input: 0)
    let rows = makeBatch(types, [[.text("a"), .integer(1000), .integer(1)]], watermarks: [2000])
    try window.push(rows, input: 0)
    try window.advanceTime(to: 9)
    try window.push(rows, input: 0)
    #expect(sink.changes.isEmpty)
    try window.advanceTime(to: 10)
    #expect(sink.changes.map { $0.row[3] } == [.integer(2)])
    try window.push(rows, input: 0)
    try window.advance(Watermark.end, input: 0)
    #expect(sink.changes.map { $0.row[2] } == [.integer(10), .integer(20)])
}
