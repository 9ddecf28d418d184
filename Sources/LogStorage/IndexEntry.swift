import Bytes
import Records

/// One batch of a segment, as its index holds it: 40 bytes, big-endian, closed by a CRC-32C that
/// also covers the index's identity and the entry's number, so that moved or stale entries are
/// seen.
struct IndexEntry: Equatable, Sendable {
    static let size = 40

    /// Where the batch starts in the segment.
    var position: UInt32
    /// Bytes of the batch.
    var size: UInt32
    /// Offsets less the segment's base offset.
    var baseDelta: UInt32
    var lastDelta: UInt32
    /// The highest timestamp of this batch and all before it in the segment: lets a search bisect.
    var maxTimestamp: Int64
    var leaderEpoch: Int32
    /// Attributes of the batch, or `quarantined`.
    var attributes: Int16
    /// How many entries up to this one, included, stand for damaged bytes.
    var damaged: UInt16
    /// CRC-32C over the first 21 bytes of this batch and all before it: base offset, length, epoch
    /// and magic, which Kafka's own CRC leaves out, and that CRC.
    var chain: UInt32

    /// Attributes of an entry that stands for damaged bytes; no batch uses the sign bit.
    static let quarantined = Int16.min

    var end: Int { Int(position) + Int(size) }
    /// Behind the last offset; never before the first, whatever a file says.
    var endDelta: Int { max(Int(baseDelta), Int(lastDelta) + 1) }
    var isQuarantined: Bool { attributes == Self.quarantined }

    func encode(into target: UnsafeMutableRawBufferPointer, seed: UInt32) {
        unsafe target.storeBigEndian(position, at: 0)
        unsafe target.storeBigEndian(size, at: 4)
        unsafe target.storeBigEndian(baseDelta, at: 8)
        unsafe target.storeBigEndian(lastDelta, at: 12)
        unsafe target.storeBigEndian(maxTimestamp, at: 16)
        unsafe target.storeBigEndian(leaderEpoch, at: 24)
        unsafe target.storeBigEndian(attributes, at: 28)
        unsafe target.storeBigEndian(damaged, at: 30)
        unsafe target.storeBigEndian(chain, at: 32)
        let crc = unsafe CRC32C.checksum(
            UnsafeRawBufferPointer(rebasing: target[0..<36]), continuing: seed)
        unsafe target.storeBigEndian(crc, at: 36)
    }

    /// Nil if the checksum does not match.
    init?(_ bytes: RawSpan, seed: UInt32) {
        guard bytes.byteCount >= Self.size else { return nil }
        var reader = ByteReader(bytes)
        position = reader.uint32()
        size = reader.uint32()
        baseDelta = reader.uint32()
        lastDelta = reader.uint32()
        maxTimestamp = reader.int64()
        leaderEpoch = reader.int32()
        attributes = reader.int16()
        damaged = reader.uint16()
        chain = reader.uint32()
        let crc = CRC32C.checksum(bytes.extracting(0..<36), continuing: seed)
        guard reader.uint32() == crc else { return nil }
    }

    init(
        position: Int, size: Int, baseDelta: Int64, lastDelta: Int64, maxTimestamp: Int64,
        leaderEpoch: Int32, attributes: Int16, damaged: UInt16, chain: UInt32
    ) {
        // A segment holds no more, unless its file or its name is not ours: what does not fit is
        // found where it is read, and must not end the process here.
        self.position = UInt32(clamping: position)
        self.size = UInt32(clamping: size)
        self.baseDelta = UInt32(clamping: baseDelta)
        self.lastDelta = UInt32(clamping: lastDelta)
        self.maxTimestamp = maxTimestamp
        self.leaderEpoch = leaderEpoch
        self.attributes = attributes
        self.damaged = damaged
        self.chain = chain
    }
}

/// What identifies an index: its first 40 bytes.
struct IndexIdentity: Equatable, Sendable {
    static let magic: UInt64 = 0x7274_6469_6e64_7831  // "rtdindx1"

    /// Tells this file from any other that ever had its name.
    var fileID: UInt64
    var baseOffset: Int64
    var createdMilliseconds: Int64

    /// What the chain of header checksums starts from.
    var chainStart: UInt32 {
        var writer = ByteWriter(reserving: 16)
        writer.uint64(fileID)
        writer.int64(baseOffset)
        return CRC32C.checksum(writer.bytes)
    }

    /// What the checksum of entry `number` continues from.
    func seed(_ number: Int) -> UInt32 {
        UInt32(truncatingIfNeeded: fileID) ^ UInt32(truncatingIfNeeded: number)
    }

    func encoded() -> [UInt8] {
        var writer = ByteWriter(reserving: IndexEntry.size)
        writer.uint64(Self.magic)
        writer.uint64(fileID)
        writer.int64(baseOffset)
        writer.int64(createdMilliseconds)
        writer.uint32(0)
        writer.uint32(CRC32C.checksum(writer.bytes))
        return writer.bytes
    }

    init(fileID: UInt64, baseOffset: Int64, createdMilliseconds: Int64) {
        self.fileID = fileID
        self.baseOffset = baseOffset
        self.createdMilliseconds = createdMilliseconds
    }

    init?(_ bytes: [UInt8]) {
        guard bytes.count >= IndexEntry.size else { return nil }
        var reader = ByteReader(bytes.span)
        guard reader.uint64() == Self.magic else { return nil }
        fileID = reader.uint64()
        baseOffset = reader.int64()
        createdMilliseconds = reader.int64()
        guard reader.uint32() == 0, reader.uint32() == CRC32C.checksum(Array(bytes[..<36])) else {
            return nil
        }
    }
}
