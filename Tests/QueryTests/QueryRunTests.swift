import Aggregation
import Formats
import Platform
import Query
import Testing

/// Keeps what it is given, for tests.
final class KeptOutput: ResultOutput {
    var rows: [[Value]] = []
    var steps = 0
    var flushes = 0
    var isClosed = false

    func begin(_ columns: [Field], isChangelog: Bool, key: [Int]?) {}
    func write(_ batch: Batch) {
        for row in 0..<batch.count {
            for _ in 0..<max(0, batch.weight(row)) { rows.append(batch.row(row)) }
        }
    }
    func endStep() { steps += 1 }
    func flush() { flushes += 1 }
    func end() {}
}

/// Hands rows on and notes the watermarks that come with them.
final class NotingOperator: Operator {
    var notes: [String] = []
    init() { super.init("noting") }
    override func push(_ batch: Batch, input: Int) throws(SQLError) {
        for row in 0..<batch.count {
            let mark = batch.watermarks.map { " after \($0[row])" } ?? ""
            notes.append("\(batch.row(row))\(mark)")
        }
        try emit(batch)
    }
    override func advance(_ watermark: Int64, input: Int) throws(SQLError) {
        notes.append(watermark == Watermark.end ? "end" : "\(watermark)")
        try emitWatermark(watermark)
    }
}

private func batch(_ times: [Int64]) -> Batch {
    Batch([Column.make(.timestamp, times.map { .integer($0) })], count: times.count)
}

private func run(_ batches: [Batch]) throws -> [String] {
    let output = KeptOutput()
    let sink = ResultSink(output)
    let entry = NotingOperator()
    entry.connect(to: sink, input: 0)
    let time = QueryRun.TimeOfRows(delay: 10) { $0.columns[0] }
    let input = QueryRun.Input(
        source: StoredBatches(batches), entry: entry, time: time, isEndless: false,
        estimatedRows: nil)
    let run = QueryRun(
        inputs: [input], operators: [entry], sink: sink, policy: .once, signal: SourceSignal(),
        stop: StopFlag(), clock: SystemClock())
    try run.run()
    #expect(output.steps == 1)
    return entry.notes
}

@Test func `only rows below their own partition's watermark are marked, wherever input is cut`()
    throws
{
    let times: [Int64] = [100, 95, 120, 109, 110, 90, 200]
    let late = ["[Formats.Value.integer(109)]", "[Formats.Value.integer(90)]"]
    for size in 1...times.count {
        let cuts = stride(from: 0, to: times.count, by: size).map {
            batch(Array(times[$0..<min($0 + size, times.count)]))
        }
        let notes = try run(cuts)
        // A mark below the row's time says nothing; one above it says that the row may be late.
        let rows = notes.filter { $0.hasPrefix("[") }
        #expect(rows.count == times.count)
        for note in rows {
            let parts = note.split(separator: " ")
            let isLate = parts.count == 3 && late.contains { note.hasPrefix($0) }
            if late.contains(where: { note.hasPrefix($0) }) { #expect(isLate, "\(size): \(note)") }
            if isLate { #expect(parts[2] == "110") }
        }
        #expect(notes.suffix(2) == ["190", "end"])
    }
}

@Test func `an infinite time moves no watermark`() throws {
    for cuts in [[[.max, 100, .min, 120, .max]], [[.min], [100], [.max, 120]]] as [[[Int64]]] {
        let notes = try run(cuts.map(batch))
        #expect(notes.suffix(2) == ["110", "end"])
        #expect(!notes.contains { $0.contains(" after \(Int64.max)") })
        #expect(notes.filter { $0 == "end" }.count == 1)
    }
}

/// Has read two batches to learn its columns, and nothing since.
private final class SampledSource: Source {
    private var batches = [batch([1, 2]), batch([3])]
    private var isCut = false

    func next() -> SourceEvent {
        guard batches.isEmpty else { return .batch(batches.removeFirst(), partition: 0) }
        return isCut ? .end : .idle
    }

    func close() {}
    var maySleep: Bool { true }

    func endWithWhatHasCome() -> Bool {
        isCut = true
        return true
    }
}

@Test func `rows that were read to learn the columns count, though the query is stopped then`()
    throws
{
    let output = KeptOutput()
    let sink = ResultSink(output)
    let entry = NotingOperator()
    entry.connect(to: sink, input: 0)
    let stop = StopFlag()
    stop.set()
    let input = QueryRun.Input(
        source: SampledSource(), entry: entry, time: nil, isEndless: true, estimatedRows: nil)
    let run = QueryRun(
        inputs: [input], operators: [entry], sink: sink, policy: .frequent,
        signal: SourceSignal(), stop: stop, clock: SystemClock())
    try run.run()
    #expect(output.rows.count == 3)
    #expect(entry.notes.filter { $0 == "end" }.count == 1)
}
