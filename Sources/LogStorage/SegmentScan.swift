import Bytes
import Platform
import Records

/// Reads a sealed segment for compaction: batch by batch, each checked against its checksum and all
/// of them against the chain of the index. Damage ends it with an error: what is not read right is
/// not written anew.
struct SegmentScan: ~Copyable {
    private let segment: Segment
    private let log: Log
    private var scanner: BatchScanner
    private var chain: UInt32
    private let chainEnd: UInt32
    /// The batch that `next` has given.
    private var header: RecordBatchHeader?
    private var position = 0
    /// Its records, if they were compressed and have been asked for.
    private var plain: [UInt8]?

    init(_ segment: Segment, _ log: Log) throws(LogError) {
        self.segment = segment
        self.log = log
        let (file, identity, end) = try log.lock.withLock { () throws(LogError) in
            let file = try system { () throws(SystemError) in try log.file(of: segment) }
            return (file, segment.index.identity, segment.index.chain)
        }
        chain = identity.chainStart
        chainEnd = end
        scanner = BatchScanner(
            file, from: 0, end: segment.size, expected: segment.baseOffset, allowsGaps: true)
    }

    /// The next batch; nil at the end. Throws `.closed` once the log is.
    mutating func next() throws(LogError) -> RecordBatchHeader? {
        if log.lock.withLock({ log.isClosed }) { throw .closed }
        let expected = scanner.expected
        plain = nil
        switch try scanner.next() {
        case .batch(let found, let place):
            header = found
            position = place
            chain = scanner.withBatch(found, at: place) { bytes in
                CRC32C.checksum(
                    bytes.extracting(0..<RecordBatchHeader.checksummedFrom), continuing: chain)
            }
            return found
        case .bad:
            throw .corrupt(first: expected, last: max(expected, segment.nextOffset - 1))
        case .end:
            guard chain == chainEnd else {
                throw .corrupt(first: segment.baseOffset, last: segment.nextOffset - 1)
            }
            return nil
        }
    }

    /// The bytes of the batch as they are stored.
    func withBatch<R>(_ body: (RawSpan) throws(LogError) -> R) throws(LogError) -> R {
        guard let header else { throw .closed }
        return try scanner.withBatch(header, at: position, body)
    }

    /// The batch's plain records.
    mutating func withRecords<R>(_ body: (RawSpan) throws(LogError) -> R) throws(LogError) -> R {
        guard let header else { throw .closed }
        if header.codec != CompressionCodec.none, plain == nil, header.recordCount > 0 {
            plain = try scanner.withBatch(header, at: position) {
                (bytes) throws(LogError) -> [UInt8]? in
                do throws(RecordBatchError) {
                    return try header.decompressedRecords(bytes, limit: Limits.batchBytesMax)
                } catch {
                    throw .corrupt(first: header.baseOffset, last: header.lastOffset)
                }
            }
        }
        if let plain { return unsafe try body(plain.span.bytes) }
        return try scanner.withBatch(header, at: position) { (bytes) throws(LogError) in
            try body(bytes.extracting(RecordBatchHeader.size..<header.totalSize))
        }
    }
}
