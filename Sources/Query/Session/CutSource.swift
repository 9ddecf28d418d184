import Aggregation
import Formats
import Platform

/// The rows of another source in other batches: each is cut at places drawn by a seed. For
/// `--verify`, as no result may depend on how the input was cut.
final class CutSource: Source {
    private let inner: any Source
    private var numbers: SeededRandom?
    private var pieces: [SourceEvent] = []

    /// Without a seed nothing is cut.
    init(_ inner: any Source, seed: UInt64?) {
        self.inner = inner
        numbers = seed.map { SeededRandom(seed: $0) }
    }

    var partitionCount: Int { inner.partitionCount }
    var skippedCount: Int { inner.skippedCount }
    var maySleep: Bool { inner.maySleep }
    var memory: Int { inner.memory }
    /// Where any record is a boundary, it is one between pieces too.
    var isAtBoundary: Bool { pieces.isEmpty ? inner.isAtBoundary : !inner.hasTransactions }
    var hasTransactions: Bool { inner.hasTransactions }
    func passBoundary() { if pieces.isEmpty { inner.passBoundary() } }
    /// It lives on in the next run, so it need not say where it is.
    var position: [UInt8]? { isAtBoundary || pieces.isEmpty ? [] : nil }

    func close() { inner.close() }
    func endWithWhatHasCome() -> Bool { inner.endWithWhatHasCome() }

    func next() throws(SQLError) -> SourceEvent {
        if !pieces.isEmpty { return pieces.removeFirst() }
        let event = try inner.next()
        guard case .batch(let batch, let partition) = event, numbers != nil else { return event }
        var start = 0
        while start < batch.count {
            let end = min(batch.count, start + size(batch.count))
            pieces.append(.batch(batch.slice(start..<end), partition: partition))
            start = end
        }
        return pieces.isEmpty ? event : pieces.removeFirst()
    }

    /// Mostly small pieces, now and then a large one.
    private func size(_ count: Int) -> Int {
        guard let kind = numbers?.below(4) else { return count }
        let limit = kind == 0 ? count : kind == 1 ? 64 : 8
        return 1 + (numbers?.below(max(1, min(limit, count))) ?? 0)
    }
}
