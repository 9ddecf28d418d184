import Bytes
import KafkaProtocol
import Records

/// Record batches of one partition, as they came: still in the buffer that the answer was read
/// into.
///
/// The buffer is kept as long as this value; drop it when the records are processed.
public struct FetchedBatches: Sendable {
    /// A batch and where it lies.
    public struct Batch: Sendable {
        public let header: RecordBatchHeader
        let range: Range<Int>
    }

    public let partition: TopicPartition
    /// Without control batches and, when only committed records are read, without aborted ones.
    /// May be empty, when only such batches were passed.
    public internal(set) var batches: [Batch] = []
    /// The offset that was asked for: the first batch may begin with older records, to be skipped.
    public let startOffset: Int64
    /// The offset to read on from when these are done; the one to commit.
    public internal(set) var nextOffset: Int64
    public let highWatermark: Int64
    /// Behind the last record that belongs to no open transaction.
    public let lastStableOffset: Int64
    public let logStartOffset: Int64
    /// Of all batches that were passed.
    var epochs = ReadEpochs()
    let buffer: FrameBuffer
    /// Bytes of the answer that this is.
    public let byteCount: Int

    /// Calls `body` with the bytes of a batch, header included, in place.
    public func withBytes<R, E: Error>(
        of batch: Batch, _ body: (RawSpan) throws(E) -> R
    ) throws(E) -> R {
        let bytes = buffer.bytes
        return unsafe try body(bytes.span.bytes.extracting(batch.range))
    }
}

/// Cuts the payload of one partition's answer into batches.
struct BatchCutter {
    let partition: TopicPartition
    let buffer: FrameBuffer
    /// The payload, in the buffer.
    let payload: Range<Int>
    let checksChecksums: Bool
    /// Transactions that were aborted, by their first offset; nil if everything is read.
    var aborted: [FetchResponse.AbortedTransaction]?
    private var aborting: Set<Int64> = []
    /// The leader epoch of the last batch.
    private(set) var lastEpoch: Int32 = -1

    init(
        partition: TopicPartition, buffer: FrameBuffer, payload: Range<Int>, checksChecksums: Bool,
        aborted: [FetchResponse.AbortedTransaction]?
    ) {
        self.partition = partition
        self.buffer = buffer
        self.payload = payload
        self.checksChecksums = checksChecksums
        self.aborted = aborted?.sorted { $0.firstOffset < $1.firstOffset }
    }

    /// Fills in the whole batches from `fetched.startOffset` on, and where to read on. The last
    /// batch may be cut off: it is left for the next fetch.
    mutating func cut(into fetched: inout FetchedBatches) throws(ClientError) {
        let bytes = buffer.bytes
        let span = unsafe bytes.span.bytes
        var position = payload.lowerBound
        while position < payload.upperBound {
            let rest = span.extracting(position..<payload.upperBound)
            guard let header = RecordBatchHeader(rest) else { return }
            guard header.magic == 2 else {
                throw .partition(
                    partition, .unsupportedForMessageFormat,
                    detail: "offset \(header.baseOffset) has the old message format \(header.magic)"
                )
            }
            guard header.totalSize >= RecordBatchHeader.size, header.recordCount >= 0,
                header.lastOffsetDelta >= 0
            else { throw .corrupt(partition, offset: header.baseOffset) }
            guard header.totalSize <= rest.byteCount else { return }
            let batch = rest.extracting(0..<header.totalSize)
            let range = position..<position + header.totalSize
            position = range.upperBound
            guard header.lastOffset >= fetched.startOffset else { continue }
            try check(header, batch)
            if isVisible(header, batch) {
                fetched.batches.append(FetchedBatches.Batch(header: header, range: range))
            }
            fetched.nextOffset = max(fetched.nextOffset, header.lastOffset &+ 1)
            lastEpoch = header.partitionLeaderEpoch
            fetched.epochs.note(lastEpoch, from: header.baseOffset)
        }
    }

    private func check(_ header: RecordBatchHeader, _ batch: RawSpan) throws(ClientError) {
        guard checksChecksums else { return }
        let body = batch.extracting(RecordBatchHeader.checksummedFrom..<batch.byteCount)
        guard CRC32C.checksum(body) == header.checksum else {
            throw .corrupt(partition, offset: header.baseOffset)
        }
    }

    /// Follows the markers of aborted transactions (KIP-98).
    private mutating func isVisible(_ header: RecordBatchHeader, _ batch: RawSpan) -> Bool {
        while let first = aborted?.first, first.firstOffset <= header.lastOffset {
            aborting.insert(first.producerId)
            aborted?.removeFirst()
        }
        guard !header.isControl else {
            if isAbortMarker(header, batch) { aborting.remove(header.producerID) }
            return false
        }
        return !(header.isTransactional && aborting.contains(header.producerID))
    }

    /// A control record's key is a version and a type, both int16; type 0 aborts.
    private func isAbortMarker(_ header: RecordBatchHeader, _ batch: RawSpan) -> Bool {
        let records = batch.extracting(RecordBatchHeader.size..<batch.byteCount)
        var iterator = RecordIterator(header, records: records)
        guard let key = iterator.next()?.key else { return false }
        var reader = ByteReader(records.extracting(key))
        _ = reader.int16()
        return reader.int16() == 0 && !reader.failed
    }
}
