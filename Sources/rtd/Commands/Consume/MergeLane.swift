import Bytes
import KafkaClient
import Records

/// The place of a record in a merged output.
struct MergeKey: Comparable, Sendable {
    let timestamp: Int64
    let rank: Int

    static func < (a: MergeKey, b: MergeKey) -> Bool {
        a.timestamp == b.timestamp ? a.rank < b.rank : a.timestamp < b.timestamp
    }
}

/// One partition of a merged output: the batches of it that wait, and the records of the first of
/// them that are not printed yet. On the task that prints.
final class MergeLane {
    let reading: PartitionReading
    private var waiting: [FetchedBatches] = []
    private(set) var waitingBytes = 0
    /// Fetching is held back because so much waits.
    var isPaused = false

    private var batchIndex = 0
    private var current: FetchedBatches.Batch?
    /// The current batch's records when it was compressed.
    private var plain: [UInt8]?
    private var records: [RecordView] = []
    private var next = 0

    init(_ reading: PartitionReading) { self.reading = reading }

    var head: RecordView? { next < records.count ? records[next] : nil }
    var key: MergeKey? { head.map(key(of:)) }

    func key(of record: RecordView) -> MergeKey {
        MergeKey(timestamp: record.timestamp, rank: reading.rank)
    }

    func removeHead() { next &+= 1 }

    func append(_ fetched: FetchedBatches) {
        waiting.append(fetched)
        waitingBytes += fetched.byteCount
    }

    /// Its records are used up and a batch of them waits.
    var needsBatch: Bool { head == nil && !waiting.isEmpty }

    /// Records of the batch that was looked at last.
    var batchRecordCount: Int32 { current?.header.recordCount ?? 0 }

    /// Takes the next batch that waits, or drops the fetch whose batches are used up.
    func loadBatch(checked: Bool) throws(ConsumeError) {
        records.removeAll(keepingCapacity: true)
        next = 0
        plain = nil
        current = nil
        let fetched = waiting[0]
        let end = reading.range.end ?? .max
        guard batchIndex < fetched.batches.count,
            fetched.batches[batchIndex].header.baseOffset < end
        else { return drop(fetched, end) }
        let batch = fetched.batches[batchIndex]
        batchIndex += 1
        current = batch
        plain = try fetched.withBytes(of: batch) { (bytes) throws(ConsumeError) in
            try fetched.decompressed(batch.header, bytes, checked: checked)
        }
        let from = max(reading.range.from, fetched.startOffset)
        let isSound = withRecords { header, section in
            var iterator = RecordIterator(header, records: section)
            while let record = iterator.next(), record.offset < end {
                if record.offset >= from { records.append(record) }
            }
            return !iterator.failed
        }
        if isSound == false { throw .malformed(batch.header, reading.id) }
    }

    private func drop(_ fetched: FetchedBatches, _ end: Int64) {
        reading.printed = max(reading.printed, min(fetched.nextOffset, end))
        waitingBytes -= fetched.byteCount
        batchIndex = 0
        // At once: it keeps the whole buffer that the answer was read into.
        waiting.removeFirst()
    }

    /// Calls `body` with the current batch's header and record section; nil without a batch.
    @discardableResult
    func withRecords<R>(_ body: (RecordBatchHeader, RawSpan) -> R) -> R? {
        guard let current else { return nil }
        if let plain { return body(current.header, plain.rawSpan) }
        return waiting[0].withBytes(of: current) { bytes in
            body(current.header, bytes.extracting(RecordBatchHeader.size..<bytes.byteCount))
        }
    }
}
