import Aggregation
import Formats
import Platform
import Testing

@testable import Query

/// Batches of which several belong together.
private final class BoundSource: Source {
    private let inner: StoredBatches
    let hasTransactions = true
    init(_ inner: StoredBatches) { self.inner = inner }
    func next() throws(SQLError) -> SourceEvent { try inner.next() }
    func close() { inner.close() }
}

@Suite struct ReadingOrderTests {
    private static func batches(_ name: Int64, _ count: Int64) -> StoredBatches {
        StoredBatches(
            (0..<count).map { number in
                Batch(
                    [
                        Column.make(.bigint, [.integer(name)]),
                        Column.make(.timestamp, [.integer(number)]),
                    ], count: 1)
            })
    }

    /// Which inputs the rows came from, in their order; those of `timed` have a watermark.
    private static func order(_ counts: [Int64], timed: Set<Int>) throws -> [Int64] {
        let output = KeptOutput()
        let sink = ResultSink(output)
        var inputs: [QueryRun.Input] = []
        for (index, count) in counts.enumerated() {
            let entry = NotingOperator()
            entry.connect(to: sink, input: 0)
            let time = QueryRun.TimeOfRows(delay: 0) { $0.columns[1] }
            inputs.append(
                QueryRun.Input(
                    source: batches(Int64(index), count), entry: entry,
                    time: timed.contains(index) ? time : nil, isEndless: true,
                    estimatedRows: nil))
        }
        let run = QueryRun(
            inputs: inputs, operators: inputs.map(\.entry), sink: sink, policy: .everyBatch,
            signal: SourceSignal(), stop: StopFlag(), clock: SystemClock())
        try run.run()
        return output.rows.compactMap { row in
            if case .integer(let name) = row[0] { name } else { nil }
        }
    }

    @Test func `no input waits for another to have nothing`() throws {
        for timed: Set<Int> in [[], [0], [1], [0, 1]] {
            let order = try ReadingOrderTests.order([50, 3], timed: timed)
            #expect(order.count == 53)
            #expect((order.lastIndex(of: 1) ?? 53) < 9, "\(timed): \(order.prefix(12))")
            let other = try ReadingOrderTests.order([3, 50], timed: timed)
            #expect((other.lastIndex(of: 0) ?? 53) < 9, "\(timed): \(other.prefix(12))")
        }
    }

    /// After how many rows of a batch of 2,000 a step may end.
    private static func boundaries(_ source: any Source) throws -> [Int] {
        let cut = CutSource(source, seed: 18)
        var rows = 0
        var found: [Int] = []
        while case .batch(let batch, _) = try cut.next() {
            rows += batch.count
            if cut.isAtBoundary { found.append(rows) }
            #expect(cut.isAtBoundary == (cut.position != nil))
        }
        return found
    }

    @Test func `a verified query ends steps inside the batches of its sources`() throws {
        let numbers = (0..<2_000).map { Value.integer($0) }
        let whole = [Batch([Column.make(.bigint, numbers)], count: numbers.count)]
        #expect(try ReadingOrderTests.boundaries(StoredBatches(whole)).count > 3)
        let bound = BoundSource(StoredBatches(whole))
        #expect(try ReadingOrderTests.boundaries(bound) == [2_000])
    }
}
