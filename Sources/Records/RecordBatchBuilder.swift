import Bytes

/// Builds one record batch, magic 2, in a buffer of its own; used by producers and by the server's
/// internal topics, by one thread at a time.
///
/// Records are appended by copying key and value once. `finish` writes the header, compresses if
/// asked to, and gives the bytes; the builder is then empty and keeps its buffer.
@safe public struct RecordBatchBuilder: ~Copyable {
    private var storage: UnsafeMutableRawPointer
    private var capacity: Int
    private var end = RecordBatchHeader.size
    public private(set) var count: Int32 = 0
    private var baseTimestamp: Int64 = 0
    private var maxTimestamp: Int64 = 0

    /// Room for `capacity` bytes at first; it grows as needed.
    public init(capacity: Int = 16 * 1024) {
        self.capacity = max(capacity, 2 * RecordBatchHeader.size)
        unsafe storage = UnsafeMutableRawPointer.allocate(byteCount: self.capacity, alignment: 16)
    }

    deinit { unsafe storage.deallocate() }

    public var isEmpty: Bool { count == 0 }
    /// Bytes of the batch so far, header included, before compression.
    public var size: Int { end }

    /// The most bytes that a record with these lengths can take.
    @inlinable
    public static func sizeMax(key: Int, value: Int, headers: Int = 0) -> Int {
        key &+ value &+ headers &+ 41
    }

    /// Appends one record. `key` and `value` that are nil are null. `timestamp` is in milliseconds.
    /// `headers` come encoded by `encode(headers:)`.
    public mutating func append(
        key: UnsafeRawBufferPointer?, value: UnsafeRawBufferPointer?, timestamp: Int64,
        headers: EncodedHeaders = .none
    ) {
        unsafe headers.bytes.withUnsafeBytes { encoded in
            unsafe put(
                key: key, value: value, timestamp: timestamp, headerCount: headers.count, encoded)
        }
    }

    /// Appends a record whose key and value lie in `bytes`; nil stands for null.
    public mutating func append(
        key: Range<Int>?, value: Range<Int>?, in bytes: RawSpan, timestamp: Int64,
        headers: EncodedHeaders
    ) {
        Self.check(key, value, bytes)
        unsafe bytes.withUnsafeBytes { all in
            unsafe append(
                key: key.map { unsafe UnsafeRawBufferPointer(rebasing: all[$0]) },
                value: unsafe value.map { unsafe UnsafeRawBufferPointer(rebasing: all[$0]) },
                timestamp: timestamp, headers: headers)
        }
    }

    /// The same for a record without headers; touches no reference count.
    public mutating func append(
        key: Range<Int>?, value: Range<Int>?, in bytes: RawSpan, timestamp: Int64
    ) {
        Self.check(key, value, bytes)
        let none = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
        unsafe bytes.withUnsafeBytes { all in
            unsafe put(
                key: key.map { unsafe UnsafeRawBufferPointer(rebasing: all[$0]) },
                value: unsafe value.map { unsafe UnsafeRawBufferPointer(rebasing: all[$0]) },
                timestamp: timestamp, headerCount: 0, none)
        }
    }

    @inline(__always)
    private static func check(_ key: Range<Int>?, _ value: Range<Int>?, _ bytes: RawSpan) {
        precondition(
            (key?.upperBound ?? 0) <= bytes.byteCount && (value?.upperBound ?? 0) <= bytes.byteCount
                && (key?.lowerBound ?? 0) >= 0 && (value?.lowerBound ?? 0) >= 0,
            "key and value lie in the bytes")
    }

    @inline(__always)
    private mutating func put(
        key: UnsafeRawBufferPointer?, value: UnsafeRawBufferPointer?, timestamp: Int64,
        headerCount: Int, _ headers: UnsafeRawBufferPointer
    ) {
        let room = unsafe Self.sizeMax(
            key: key?.count ?? 0, value: value?.count ?? 0, headers: headers.count)
        if end &+ room > capacity { grow(room) }
        if count == 0 {
            baseTimestamp = timestamp
            maxTimestamp = timestamp
        } else if timestamp > maxTimestamp {
            maxTimestamp = timestamp
        }
        let delta = timestamp &- baseTimestamp
        let keySize = unsafe Self.fieldSize(key?.count)
        let valueSize = unsafe Self.fieldSize(value?.count)
        let length =
            1 &+ ByteWriter.varlongSize(delta) &+ ByteWriter.varlongSize(Int64(count)) &+ keySize
            &+ valueSize &+ ByteWriter.varlongSize(Int64(headerCount)) &+ headers.count
        put(Int64(length))
        unsafe storage.storeBytes(of: 0, toByteOffset: end, as: UInt8.self)
        end &+= 1
        put(delta)
        put(Int64(count))
        unsafe put(field: key)
        unsafe put(field: value)
        put(Int64(headerCount))
        unsafe put(raw: headers)
        count &+= 1
    }

    @inline(__always)
    private static func fieldSize(_ count: Int?) -> Int {
        guard let count else { return 1 }
        return ByteWriter.varlongSize(Int64(count)) &+ count
    }

    @inline(__always)
    private mutating func put(field: UnsafeRawBufferPointer?) {
        guard let field = unsafe field else { return put(-1) }
        put(Int64(field.count))
        unsafe put(raw: field)
    }

    @inline(__always)
    private mutating func put(raw bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress, bytes.count > 0 else { return }
        unsafe (storage + end).copyMemory(from: base, byteCount: bytes.count)
        end &+= bytes.count
    }

    @inline(__always)
    private mutating func put(_ value: Int64) {
        var rest = UInt64(bitPattern: (value &<< 1) ^ (value &>> 63))
        while rest >= 0x80 {
            unsafe storage.storeBytes(
                of: UInt8(truncatingIfNeeded: rest) | 0x80, toByteOffset: end, as: UInt8.self)
            end &+= 1
            rest &>>= 7
        }
        unsafe storage.storeBytes(
            of: UInt8(truncatingIfNeeded: rest), toByteOffset: end, as: UInt8.self)
        end &+= 1
    }

    private mutating func grow(_ room: Int) {
        let larger = max(capacity &* 2, end &+ room)
        let moved = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 16)
        unsafe moved.copyMemory(from: storage, byteCount: end)
        unsafe storage.deallocate()
        unsafe storage = moved
        capacity = larger
    }

    /// What the header says besides the records.
    public struct Attributes: Sendable {
        public var codec: CompressionCodec = .none
        /// Nil for the codec's default.
        public var compressionLevel: Int?
        public var producerID: Int64 = -1
        public var producerEpoch: Int16 = -1
        public var baseSequence: Int32 = -1
        public var transactional = false
        public var control = false
        /// False leaves the CRC to `RecordBatchPatch.setProducer`, which computes it anew anyway.
        public var hasChecksum = true
        public init() {}
    }

    /// Closes the batch and gives its bytes with base offset 0 and leader epoch -1; the builder is
    /// empty afterwards. Compressed bytes are used even when they are longer, as asked for.
    public mutating func finish(_ attributes: Attributes = Attributes()) -> [UInt8] {
        precondition(count > 0, "a batch holds at least one record")
        defer { removeAll() }
        let plain = unsafe UnsafeRawBufferPointer(
            start: storage + RecordBatchHeader.size, count: end - RecordBatchHeader.size)
        var packed: [UInt8] = []
        var size = end
        if attributes.codec != .none {
            packed = unsafe attributes.codec.compress(plain, level: attributes.compressionLevel)
            size = RecordBatchHeader.size + packed.count
        }
        let total = size
        return unsafe [UInt8](unsafeUninitializedCapacity: total) { buffer, initialized in
            let target = UnsafeMutableRawBufferPointer(buffer)
            if attributes.codec == .none {
                unsafe target.copyMemory(from: UnsafeRawBufferPointer(start: storage, count: end))
            } else {
                unsafe UnsafeMutableRawBufferPointer(rebasing: target[RecordBatchHeader.size...])
                    .copyBytes(from: packed)
            }
            unsafe writeHeader(target, attributes)
            initialized = total
        }
    }

    private func writeHeader(_ target: UnsafeMutableRawBufferPointer, _ attributes: Attributes) {
        let bits =
            Int16(attributes.codec.rawValue) | (attributes.transactional ? 0x10 : 0)
            | (attributes.control ? 0x20 : 0)
        unsafe target.storeBigEndian(Int64(0), at: 0)
        unsafe target.storeBigEndian(Int32(target.count - RecordBatchHeader.lengthOverhead), at: 8)
        unsafe target.storeBigEndian(Int32(-1), at: 12)
        unsafe target.storeBigEndian(Int8(2), at: 16)
        unsafe target.storeBigEndian(bits, at: 21)
        unsafe target.storeBigEndian(count - 1, at: 23)
        unsafe target.storeBigEndian(baseTimestamp, at: 27)
        unsafe target.storeBigEndian(maxTimestamp, at: 35)
        unsafe target.storeBigEndian(attributes.producerID, at: 43)
        unsafe target.storeBigEndian(attributes.producerEpoch, at: 51)
        unsafe target.storeBigEndian(attributes.baseSequence, at: 53)
        unsafe target.storeBigEndian(count, at: 57)
        if attributes.hasChecksum { unsafe RecordBatchPatch.checksum(target) }
    }

    /// Forgets what was appended.
    public mutating func removeAll() {
        end = RecordBatchHeader.size
        count = 0
    }
}

/// Headers encoded once for the records that share them.
public struct EncodedHeaders: Sendable {
    public static let none = EncodedHeaders([])
    public let count: Int
    public let bytes: [UInt8]

    public init(_ headers: [RecordHeader]) {
        var writer = ByteWriter()
        for header in headers {
            let key = Array(header.key.utf8)
            writer.varint(Int32(key.count))
            writer.append(key)
            if let value = header.value {
                writer.varint(Int32(value.count))
                writer.append(value)
            } else {
                writer.varint(-1)
            }
        }
        count = headers.count
        bytes = writer.bytes
    }

    /// `encoded` holds `count` headers as a record does: length, name, length or -1, value.
    public init(count: Int, encoded: [UInt8]) {
        self.count = count
        self.bytes = encoded
    }
}

extension UnsafeMutableRawBufferPointer {
    /// Writes `value` at `offset`, big-endian; the caller has checked the bounds.
    @inlinable
    public func storeBigEndian<T: FixedWidthInteger & BitwiseCopyable>(_ value: T, at offset: Int) {
        unsafe storeBytes(of: value.bigEndian, toByteOffset: offset, as: T.self)
    }
}

/// The only writes that a batch from outside ever sees.
public enum RecordBatchPatch {
    /// Sets base offset and leader epoch, which the CRC does not cover.
    public static func assign(
        _ batch: UnsafeMutableRawBufferPointer, baseOffset: Int64, leaderEpoch: Int32
    ) {
        unsafe batch.storeBigEndian(baseOffset, at: 0)
        unsafe batch.storeBigEndian(leaderEpoch, at: 12)
    }

    /// Sets LogAppendTime: its attribute bit, the max timestamp (milliseconds) and the CRC.
    public static func setLogAppendTime(_ batch: UnsafeMutableRawBufferPointer, _ timestamp: Int64)
    {
        let attributes = unsafe Int16(
            bigEndian: batch.loadUnaligned(fromByteOffset: 21, as: Int16.self))
        unsafe batch.storeBigEndian(attributes | 0x08, at: 21)
        unsafe batch.storeBigEndian(timestamp, at: 35)
        unsafe checksum(batch)
    }

    /// Sets what makes a producer idempotent, and the CRC; before the batch is first sent.
    public static func setProducer(
        _ batch: inout [UInt8], id: Int64, epoch: Int16, baseSequence: Int32
    ) {
        precondition(batch.count >= RecordBatchHeader.size, "a batch holds at least its header")
        unsafe batch.withUnsafeMutableBytes { bytes in
            unsafe bytes.storeBigEndian(id, at: 43)
            unsafe bytes.storeBigEndian(epoch, at: 51)
            unsafe bytes.storeBigEndian(baseSequence, at: 53)
            unsafe checksum(bytes)
        }
    }

    /// Computes the CRC of a whole batch and stores it.
    public static func checksum(_ batch: UnsafeMutableRawBufferPointer) {
        let body = unsafe UnsafeRawBufferPointer(
            rebasing: batch[RecordBatchHeader.checksummedFrom...])
        unsafe batch.storeBigEndian(CRC32C.checksum(body), at: 17)
    }
}
