import Bytes
import Platform

/// What a log knows to be durable: the durable-up-to mark, and what else has constant size.
struct Mark: Equatable, Sendable {
    static let magic: UInt32 = 0x7274_646d  // "rtdm"
    /// 2 for a log that compaction has left gaps in.
    static let versionMax: UInt16 = 2
    static let size = 100

    /// Counts the marks written; the highest valid one holds.
    var sequence: UInt64 = 0
    /// The log was closed in order: nothing that was read can be missing.
    var isClean = false
    /// The segment the mark lies in, and how many of its bytes and index entries are durable.
    var segmentBase: Int64 = 0
    var position: Int64 = 0
    var entryCount: Int64 = 0
    /// The header checksum of the segment at `position`.
    var chain: UInt32 = 0
    /// Entries of its index file that are known to be synced; at most `entryCount`.
    var indexSynced: Int64 = 0
    var durableEnd: Int64 = 0
    var startOffset: Int64 = 0
    var leaderEpoch: Int32 = 0
    var leaderEpochStart: Int64 = 0
    /// Offsets below may have gaps; 0 for a log that was never compacted.
    var gapsEnd: Int64 = 0
    /// All below `gapsEnd` was compacted, with one record of each key.
    var isCompacted = false
    /// The snapshot is true up to here: no batch between its offset and this one changes state.
    var stateOffset: Int64 = 0

    func encoded() -> [UInt8] {
        var writer = ByteWriter(reserving: Self.size)
        writer.uint32(Self.magic)
        writer.uint16(gapsEnd > 0 ? 2 : 1)
        writer.uint16((isClean ? 1 : 0) | (isCompacted ? 2 : 0))
        writer.uint64(sequence)
        writer.int64(segmentBase)
        writer.int64(position)
        writer.int64(entryCount)
        writer.int64(indexSynced)
        writer.int64(durableEnd)
        writer.int64(startOffset)
        writer.int64(leaderEpochStart)
        writer.int64(stateOffset)
        writer.int32(leaderEpoch)
        writer.uint32(chain)
        writer.int64(gapsEnd)
        writer.uint32(CRC32C.checksum(writer.bytes))
        return writer.bytes
    }

    init() {}

    /// Nil if damaged. The version is checked after the checksum, so a newer one is not taken for
    /// damage.
    init?(_ bytes: [UInt8], path: String) throws(LogError) {
        guard bytes.count >= Self.size else { return nil }
        let sum = CRC32C.checksum(Array(bytes[..<(Self.size - 4)]))
        var reader = ByteReader(bytes.span)
        guard reader.uint32() == Self.magic else { return nil }
        let version = reader.uint16()
        let flags = reader.uint16()
        isClean = flags & 1 != 0
        isCompacted = flags & 2 != 0
        sequence = reader.uint64()
        segmentBase = reader.int64()
        position = reader.int64()
        entryCount = reader.int64()
        indexSynced = reader.int64()
        durableEnd = reader.int64()
        startOffset = reader.int64()
        leaderEpochStart = reader.int64()
        stateOffset = reader.int64()
        leaderEpoch = reader.int32()
        chain = reader.uint32()
        gapsEnd = reader.int64()
        guard reader.uint32() == sum else { return nil }
        guard version <= Self.versionMax else { throw .newerFormat(path) }
        guard isPlausible else { return nil }
    }

    /// A mark that a log can have: a file of something else may have a checksum that is right.
    private var isPlausible: Bool {
        segmentBase >= 0 && startOffset >= 0 && startOffset <= durableEnd && stateOffset >= 0
            && leaderEpoch >= 0
            && (0...Int64(Limits.segmentBytesMax)).contains(position)
            && (0...position).contains(entryCount) && (0...entryCount).contains(indexSynced)
            && durableEnd >= segmentBase && durableEnd - segmentBase <= Int64(UInt32.max)
            && gapsEnd >= 0 && gapsEnd <= durableEnd
    }
}

/// The file `checkpoint`: two slots for the mark, 512 bytes apart.
///
/// Between two syncs all marks go to the one slot that is not known to be durable, so a torn write
/// can never take the last durable mark away. Called under the log's checkpoint lock.
final class Checkpoint: @unchecked Sendable {
    static let slotSize = 512
    private let file: any File
    private(set) var mark: Mark
    /// The slot that marks are written to now.
    private var slot: Int

    /// Creates the file with the same mark in both slots and syncs it; the caller syncs the
    /// directory.
    init(creating path: String, mark: Mark, fileSystem: any FileSystem) throws(SystemError) {
        file = try fileSystem.create(path)
        self.mark = mark
        slot = 1
        var bytes = mark.encoded()
        bytes += [UInt8](repeating: 0, count: Self.slotSize - bytes.count)
        try file.write(at: 0, bytes + bytes)
        try file.synchronize()
    }

    private init(file: any File, mark: Mark, slot: Int) {
        self.file = file
        self.mark = mark
        self.slot = slot
    }

    /// What a checkpoint file was found to hold.
    struct Loaded {
        var checkpoint: Checkpoint?
        var mark: Mark?
        /// A slot is damaged. One may be, after a power cut; two may not.
        var damagedSlots = 0
    }

    static func load(_ path: String, fileSystem: any FileSystem, readOnly: Bool = false)
        throws(LogError) -> Loaded
    {
        guard fileSystem.exists(path) else { return Loaded(damagedSlots: 2) }
        let file = try system { () throws(SystemError) in
            readOnly ? try fileSystem.openReadOnly(path) : try fileSystem.open(path)
        }
        var best: (mark: Mark, slot: Int)?
        var damaged = 0
        for slot in 0..<2 {
            let bytes = try system { () throws(SystemError) in
                try file.read(at: Int64(slot * slotSize), count: slotSize)
            }
            // The padding belongs to the slot: what lies there is damage too.
            guard bytes.count == slotSize, bytes[Mark.size...].allSatisfy({ $0 == 0 }),
                let mark = try Mark(bytes, path: path)
            else {
                damaged += 1
                continue
            }
            if best.map({ $0.mark.sequence < mark.sequence }) ?? true { best = (mark, slot) }
        }
        guard let best else { return Loaded(damagedSlots: damaged) }
        // Nobody knows which slot is durable: the one not read from is the one to write first.
        let checkpoint = Checkpoint(file: file, mark: best.mark, slot: 1 - best.slot)
        return Loaded(checkpoint: checkpoint, mark: best.mark, damagedSlots: damaged)
    }

    /// Writes a mark without syncing it.
    func write(_ next: Mark) throws(SystemError) {
        mark = next
        mark.sequence += 1
        var bytes = mark.encoded()
        bytes += [UInt8](repeating: 0, count: Self.slotSize - bytes.count)
        try file.write(at: Int64(slot * Self.slotSize), bytes)
    }

    /// Makes the mark written last durable; the next goes to the other slot.
    func synchronize() throws(SystemError) {
        try file.synchronize()
        slot = 1 - slot
    }

    /// Makes the mark that was loaded durable where it lies, before the other slot is written: it
    /// may have been read from the page cache only.
    func settle() throws(SystemError) {
        var bytes = mark.encoded()
        bytes += [UInt8](repeating: 0, count: Self.slotSize - bytes.count)
        try file.write(at: Int64((1 - slot) * Self.slotSize), bytes)
        try file.synchronize()
    }

    func close() { file.close() }
}
