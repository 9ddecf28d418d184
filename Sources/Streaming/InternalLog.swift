import Bytes
import LogStorage
import Platform
import Records

/// One record of an internal topic; without a value it is a tombstone.
public struct InternalRecord: Sendable, Equatable {
    public var key: [UInt8]
    public var value: [UInt8]?

    public init(key: [UInt8], value: [UInt8]?) {
        self.key = key
        self.value = value
    }
}

/// A single-partition log of the server's own, last record by key: its appends count as acks=all.
///
/// From time to time a new segment begins with a full snapshot and what is older is let go, so that
/// a start reads little. Called under its owner's lock.
final class InternalLog {
    let partition: Partition
    private let commits: GroupCommit
    private let clock: any Clock
    private var builder = RecordBatchBuilder()
    private var bytesSinceSnapshot: Int64 = 0
    private var snapshotBytes: Int64 = 0
    /// Offsets between which `load` met damage. From an absence nothing follows then, and no
    /// snapshot takes the place of what is damaged: a person may still mend it.
    private(set) var damaged: Range<Int64>?

    /// Bytes of records in one batch at most.
    private static let batchBytes = 256 * 1024

    init(_ partition: Partition, commits: GroupCommit, clock: any Clock) {
        self.partition = partition
        self.commits = commits
        self.clock = clock
    }

    /// Replays every record from the log's start whose bytes are as they were written. What is
    /// damaged is passed over and kept, see `damaged`: a server that does not start helps nobody.
    /// The header is that of the record's batch: of a transaction, or a marker's.
    func load(_ record: (InternalRecord, RecordBatchHeader) -> Void) throws(StreamingError) {
        var offset = partition.log.startOffset
        let end = partition.log.endOffset
        while offset < end {
            do throws(LogError) {
                guard let slice = try slice(from: offset, upTo: end) else { break }
                guard let next = replay(try slice.read(), record), next > offset else {
                    throw .corrupt(first: offset, last: slice.nextOffset - 1)
                }
                offset = next
                bytesSinceSnapshot += Int64(slice.count)
            } catch .corrupt(let first, let last) {
                damaged = min(first, damaged?.lowerBound ?? first)..<max(offset, last) + 1
                offset = max(offset, last) + 1
            } catch {
                throw StreamingError(error)
            }
        }
    }

    /// Whole batches whose checksums are right.
    private func slice(from offset: Int64, upTo end: Int64) throws(LogError) -> LogSlice? {
        let log = partition.log
        let found = try log.read(from: offset, maxBytes: 1 << 20, upTo: end, minOneBatch: true)
        return try found.map { slice throws(LogError) in try log.load(slice) }
    }

    /// Gives the offset behind the last record; nil if a batch is malformed.
    private func replay(
        _ bytes: [UInt8], _ record: (InternalRecord, RecordBatchHeader) -> Void
    ) -> Int64? {
        var start = 0
        var next: Int64?
        while start < bytes.count {
            let batch = unsafe bytes.span.bytes.extracting(start..<bytes.count)
            guard let header = RecordBatchHeader(batch), header.batchLength > 0,
                header.totalSize <= batch.byteCount
            else { return nil }
            let records = batch.extracting(RecordBatchHeader.size..<header.totalSize)
            var iterator = RecordIterator(header, records: records)
            while let view = iterator.next() {
                record(
                    InternalRecord(
                        key: view.key.map { records.extracting($0).copied() } ?? [],
                        value: view.value.map { records.extracting($0).copied() }), header)
            }
            if iterator.failed { return nil }
            next = header.lastOffset + 1
            start += header.totalSize
        }
        return next
    }

    /// Appends; durable once the log is synced up to its end. With a producer the records are part
    /// of its transaction.
    func write(
        _ records: [InternalRecord], in producer: TransactionalProducer? = nil
    ) throws(StreamingError) {
        let now = clock.wallMilliseconds
        for record in records {
            append(record, now)
            if builder.size >= Self.batchBytes { try flush(now, producer) }
        }
        if !builder.isEmpty { try flush(now, producer) }
    }

    /// Appends the marker that ends the producer's transaction in this log.
    func writeMarker(_ producer: TransactionalProducer, isCommitted: Bool) throws(StreamingError) {
        let now = clock.wallMilliseconds
        let batch = TransactionMarker.batch(producer, isCommitted: isCommitted, now: now)
        try append(batch, now)
    }

    private func append(_ record: InternalRecord, _ now: Int64) {
        unsafe record.key.withUnsafeBytes { key in
            if let value = record.value {
                unsafe value.withUnsafeBytes { value in
                    unsafe builder.append(key: key, value: value, timestamp: now)
                }
            } else {
                unsafe builder.append(key: key, value: nil, timestamp: now)
            }
        }
    }

    private func flush(_ now: Int64, _ producer: TransactionalProducer?) throws(StreamingError) {
        var attributes = RecordBatchBuilder.Attributes()
        if let producer {
            attributes.transactional = true
            attributes.producerID = producer.id
            attributes.producerEpoch = producer.epoch
        }
        try append(builder.finish(attributes), now)
    }

    private func append(_ bytes: [UInt8], _ now: Int64) throws(StreamingError) {
        var batch = bytes
        bytesSinceSnapshot += Int64(batch.count)
        guard let header = unsafe RecordBatchHeader(batch.span.bytes) else { return }
        do throws(LogError) {
            _ = try partition.log.append(
                &batch, headers: [header], durability: .synced, nowMilliseconds: now)
        } catch {
            throw StreamingError(error)
        }
    }

    /// A line about the damage, if there is any.
    var damageReport: String? {
        damaged.map {
            "\(partition.topicName): records between offsets \($0.lowerBound) and "
                + "\($0.upperBound - 1) are damaged and were passed over"
        }
    }

    /// True if so much was appended that the next start would read too much.
    var wantsSnapshot: Bool {
        damaged == nil && bytesSinceSnapshot > max(Limits.snapshotAfterBytes, 4 * snapshotBytes)
    }

    /// Begins a new segment with `records`, which say all that holds now. Gives the range of their
    /// offsets, for `forgetOlder`.
    func writeSnapshot(_ records: [InternalRecord]) throws(StreamingError) -> Range<Int64> {
        let log = partition.log
        do throws(LogError) {
            try log.beginSegment()
        } catch {
            throw StreamingError(error)
        }
        let first = log.endOffset
        bytesSinceSnapshot = 0
        try write(records)
        snapshotBytes = bytesSinceSnapshot
        bytesSinceSnapshot = 0
        return first..<log.endOffset
    }

    /// Lets go what is older than a snapshot, once that is durable.
    func forgetOlder(than snapshot: Range<Int64>) {
        let log = partition.log
        commits.commit(log, upTo: snapshot.upperBound) { result in
            // After a failure the older segments stay, which still say everything.
            if case .success = result { _ = try? log.deleteRecords(before: snapshot.lowerBound) }
        }
    }
}
