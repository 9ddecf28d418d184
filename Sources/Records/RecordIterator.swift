import Bytes

/// One record seen inside the bytes of its batch; the ranges index the span that was iterated.
public struct RecordView: Sendable {
    public var offset: Int64
    /// Milliseconds since the epoch.
    public var timestamp: Int64
    /// Nil for a null key.
    public var key: Range<Int>?
    /// Nil for a null value (a tombstone).
    public var value: Range<Int>?
    /// The encoded headers, behind their count.
    public var headers: Range<Int>
    public var headerCount: Int

    @inlinable
    init(
        offset: Int64, timestamp: Int64, key: Range<Int>?, value: Range<Int>?, headers: Range<Int>,
        headerCount: Int
    ) {
        self.offset = offset
        self.timestamp = timestamp
        self.key = key
        self.value = value
        self.headers = headers
        self.headerCount = headerCount
    }
}

/// Walks the records of one batch whose record section is plain (not compressed) bytes.
///
/// A malformed record ends the walk; `failed` then tells.
public struct RecordIterator: ~Escapable {
    @usableFromInline var reader: ByteReader
    @usableFromInline let header: RecordBatchHeader
    @usableFromInline var left: Int

    /// `records` is what follows the 61 bytes of `header`, decompressed if it was compressed.
    @inlinable
    @_lifetime(copy records)
    public init(_ header: RecordBatchHeader, records: RawSpan) {
        self.header = header
        self.reader = ByteReader(records)
        self.left = Int(header.recordCount)
    }

    /// True if the walk ended at a malformed record.
    @inlinable public var failed: Bool { reader.failed }

    @inlinable
    @_lifetime(self: copy self)
    public mutating func next() -> RecordView? {
        guard left > 0 else { return nil }
        left &-= 1
        let length = Int(reader.varint())
        let start = reader.position
        guard length >= 6, length <= reader.remaining else {
            reader.fail()
            return nil
        }
        _ = reader.int8()
        let timestamp = header.baseTimestamp &+ reader.varlong()
        let offset = header.baseOffset &+ Int64(reader.varint())
        let key = field()
        let value = field()
        let headerCount = Int(reader.varint())
        let end = start &+ length
        let headers = reader.position
        guard !reader.failed, headers <= end, headerCount >= 0,
            headerCount <= (end &- headers) / 2, reader.take(end &- headers) != nil
        else {
            reader.fail()
            return nil
        }
        return RecordView(
            offset: offset,
            timestamp: header.usesLogAppendTime ? header.maxTimestamp : timestamp,
            key: key, value: value, headers: headers..<end, headerCount: headerCount)
    }

    @inlinable
    @_lifetime(self: copy self)
    mutating func field() -> Range<Int>? {
        let length = Int(reader.varint())
        guard length >= 0 else {
            if length < -1 { reader.fail() }
            return nil
        }
        guard let start = reader.take(length) else { return nil }
        return start..<start &+ length
    }
}

/// A header of a record: a name and bytes, or null.
public struct RecordHeader: Sendable, Equatable {
    public var key: String
    /// Nil for a null value.
    public var value: [UInt8]?

    public init(key: String, value: [UInt8]?) {
        self.key = key
        self.value = value
    }

    /// Decodes the headers of `record` out of the span it was seen in; nil if they are malformed.
    public static func decode(_ record: RecordView, in records: RawSpan) -> [RecordHeader]? {
        var reader = ByteReader(records.extracting(record.headers))
        var headers: [RecordHeader] = []
        headers.reserveCapacity(record.headerCount)
        for _ in 0..<record.headerCount {
            let key = reader.string(Int(reader.varint()))
            let length = reader.varint()
            let value = length < 0 ? nil : reader.array(Int(length))
            headers.append(RecordHeader(key: key, value: value))
        }
        return reader.failed || reader.remaining != 0 ? nil : headers
    }
}

extension RecordBatchHeader {
    /// The record section of the batch at the start of `batch`, decompressed to at most `limit`
    /// bytes. Nil if it is not compressed: then it is the batch from byte 61 on, in place.
    public func decompressedRecords(_ batch: RawSpan, limit: Int) throws(RecordBatchError)
        -> [UInt8]?
    {
        guard let codec else { throw .invalid("an unknown compression codec") }
        guard codec != .none else { return nil }
        guard batchLength >= Self.size - Self.lengthOverhead, totalSize <= batch.byteCount else {
            throw .truncated
        }
        let section = batch.extracting(Self.size..<totalSize)
        do throws(CompressionError) {
            return try unsafe section.withUnsafeBytes {
                (bytes) throws(CompressionError) -> [UInt8] in
                try unsafe codec.decompress(bytes, limit: limit)
            }
        } catch {
            throw .decompression(error)
        }
    }
}
