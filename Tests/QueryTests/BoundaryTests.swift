import Aggregation
import Formats
import Platform
import Query
import Testing

/// Rows of transactions: those of one belong together.
private final class Transactions: Source {
    private var rest: [(value: Int64, isLast: Bool)]
    private(set) var isAtBoundary = true
    /// Since the driver was told last that all are at a boundary.
    var mayBegin = true

    init(_ sizes: [Int]) {
        var value: Int64 = 0
        rest = sizes.flatMap { size in
            (1...size).map { number in
                value += 1
                return (value, number == size)
            }
        }
    }

    func next() -> SourceEvent {
        guard let row = rest.first else { return .end }
        if isAtBoundary, !mayBegin { return .idle }
        rest.removeFirst()
        isAtBoundary = row.isLast
        mayBegin = false
        return .batch(
            Batch([Column.make(.bigint, [.integer(row.value)])], count: 1), partition: 0)
    }

    func passBoundary() { mayBegin = true }
    func close() {}
}

/// Notes which rows each step has.
private final class Steps: ResultOutput {
    var steps: [[Value]] = [[]]
    let isClosed = false
    func begin(_ columns: [Field], isChangelog: Bool, key: [Int]?) {}
    func write(_ batch: Batch) {
        for row in 0..<batch.count { steps[steps.count - 1].append(batch.columns[0].value(row)) }
    }
    func endStep() { steps.append([]) }
    func flush() {}
    func end() {}
}

@Test func `a step ends only where all sources are between two transactions`() throws {
    let output = Steps()
    let sink = ResultSink(output)
    let sizes = [[3, 1, 2], [1, 4, 1]]
    let inputs = sizes.map { sizes in
        QueryRun.Input(
            source: Transactions(sizes), entry: sink, time: nil, isEndless: true,
            estimatedRows: nil)
    }
    let run = QueryRun(
        inputs: inputs, operators: [sink], sink: sink, policy: .everyBatch, signal: SourceSignal(),
        stop: StopFlag(), clock: SystemClock())
    try run.run()
    let whole = sizes.map { sizes in
        var last = 0
        return sizes.map { size -> ClosedRange<Int> in
            defer { last += size }
            return last + 1...last + size
        }
    }
    // Numbers of both sources overlap: a step has all or nothing of each transaction.
    for step in output.steps where !step.isEmpty {
        var counts: [Int: Int] = [:]
        for case .integer(let value) in step { counts[Int(value), default: 0] += 1 }
        let expected = whole.flatMap { $0 }.filter { range in
            range.allSatisfy { counts[$0] ?? 0 > 0 }
        }
        var found: [Int: Int] = [:]
        for range in expected { for value in range { found[value, default: 0] += 1 } }
        for (value, count) in counts { #expect(count <= found[value] ?? 0, "\(value) in \(step)") }
    }
    #expect(output.steps.joined().count == sizes.joined().reduce(0, +))
}
