import Bytes

/// The header of a record batch, magic 2 (KIP-98), read where it lies.
///
/// Layout, big-endian: base offset 8, length 4 (of what follows it), leader epoch 4, magic 1,
/// CRC-32C 4 (of all that follows it), attributes 2, last offset delta 4, base timestamp 8, max
/// timestamp 8, producer id 8, producer epoch 2, base sequence 4, record count 4; then the records.
public struct RecordBatchHeader: Sendable, Equatable {
    /// Bytes of the header, up to the first record.
    public static let size = 61
    /// Bytes of base offset and length, which `batchLength` does not count.
    public static let lengthOverhead = 12
    /// The CRC covers everything from here on.
    public static let checksummedFrom = 21

    public var baseOffset: Int64
    public var batchLength: Int32
    public var partitionLeaderEpoch: Int32
    public var magic: Int8
    public var checksum: UInt32
    public var attributes: Int16
    public var lastOffsetDelta: Int32
    /// Milliseconds since the epoch, as the other timestamps.
    public var baseTimestamp: Int64
    public var maxTimestamp: Int64
    public var producerID: Int64
    public var producerEpoch: Int16
    public var baseSequence: Int32
    public var recordCount: Int32

    /// Reads the header at the start of `bytes`; nil if they are fewer than 61.
    public init?(_ bytes: RawSpan) {
        guard bytes.byteCount >= Self.size else { return nil }
        var reader = ByteReader(bytes)
        baseOffset = reader.int64()
        batchLength = reader.int32()
        partitionLeaderEpoch = reader.int32()
        magic = reader.int8()
        checksum = reader.uint32()
        attributes = reader.int16()
        lastOffsetDelta = reader.int32()
        baseTimestamp = reader.int64()
        maxTimestamp = reader.int64()
        producerID = reader.int64()
        producerEpoch = reader.int16()
        baseSequence = reader.int32()
        recordCount = reader.int32()
    }

    /// Bytes of the whole batch on the wire and on disk; not checked against anything.
    public var totalSize: Int { Int(batchLength) + Self.lengthOverhead }
    /// The offset of the batch's last record; wraps on hostile input.
    public var lastOffset: Int64 { baseOffset &+ Int64(lastOffsetDelta) }
    /// The sequence number of the last record; wraps to 0 after Int32.max as KIP-98 says.
    public var lastSequence: Int32 {
        guard baseSequence >= 0 else { return baseSequence }
        return (baseSequence &+ lastOffsetDelta) & Int32.max
    }
    /// Nil for a codec that does not exist.
    public var codec: CompressionCodec? { CompressionCodec(rawValue: UInt8(attributes & 0x07)) }
    /// True if max timestamp is the time of the append and holds for all records.
    public var usesLogAppendTime: Bool { attributes & 0x08 != 0 }
    public var isTransactional: Bool { attributes & 0x10 != 0 }
    public var isControl: Bool { attributes & 0x20 != 0 }
    public var hasProducerID: Bool { producerID >= 0 }
}

/// Why a batch is refused.
public enum RecordBatchError: Error, Equatable, Sendable {
    /// Shorter than its header, or its length disagrees with the bytes there are.
    case truncated
    case unsupportedMagic(Int8)
    case checksumMismatch(stored: UInt32, computed: UInt32)
    /// A count, delta, length or timestamp that contradicts another; the text says which.
    case invalid(String)
    case decompression(CompressionError)
}

/// Checks on batches that come from outside.
public enum RecordBatchCheck {
    /// Checks the first batch of `bytes`: length, magic, CRC, count and, if it is not compressed,
    /// that the lengths of its records chain to its end. Gives its header.
    public static func validate(_ bytes: RawSpan) throws(RecordBatchError) -> RecordBatchHeader {
        guard let header = RecordBatchHeader(bytes) else { throw .truncated }
        guard header.magic == 2 else { throw .unsupportedMagic(header.magic) }
        guard header.batchLength >= RecordBatchHeader.size - RecordBatchHeader.lengthOverhead,
            header.totalSize <= bytes.byteCount
        else { throw .truncated }
        let body = bytes.extracting(RecordBatchHeader.checksummedFrom..<header.totalSize)
        let computed = CRC32C.checksum(body)
        guard computed == header.checksum else {
            throw .checksumMismatch(stored: header.checksum, computed: computed)
        }
        guard header.recordCount > 0 else { throw .invalid("a batch has no records") }
        guard header.lastOffsetDelta == header.recordCount - 1 else {
            throw .invalid("the last offset delta does not match the record count")
        }
        guard header.codec != nil else { throw .invalid("an unknown compression codec") }
        if header.codec == CompressionCodec.none {
            try walk(bytes.extracting(0..<header.totalSize), count: Int(header.recordCount))
        }
        return header
    }

    /// Follows the record lengths of an uncompressed batch to its end.
    private static func walk(_ batch: RawSpan, count: Int) throws(RecordBatchError) {
        var reader = ByteReader(batch.extracting(RecordBatchHeader.size..<batch.byteCount))
        // The smallest record takes 7 bytes: a length and six fields of one byte.
        guard reader.remaining / 7 >= count else {
            throw .invalid("fewer bytes than the record count needs")
        }
        for _ in 0..<count {
            let length = reader.varint()
            guard length >= 6, reader.take(Int(length)) != nil else {
                throw .invalid("a record's length passes the end of its batch")
            }
        }
        guard reader.remaining == 0, !reader.failed else {
            throw .invalid("bytes behind the last record")
        }
    }
}
