import Bytes
import Platform
import Records

/// A segment that compaction writes beside those whose place it takes, with its index, under names
/// that a start removes. Used by the thread that compacts.
final class CompactedSegment {
    let baseOffset: Int64
    /// Path of both files without what follows the first dot: `<base>-<end>`.
    let stem: String
    /// Path of both files once they are in place.
    private let target: String
    private let fileSystem: any FileSystem
    private let file: any File
    private let index: SegmentIndex
    private(set) var size = 0
    private(set) var records: Int64 = 0
    private var nextOffset: Int64
    private var maxTimestamp: Int64 = -1
    /// Batches that are not written yet, and bytes that are not synced.
    private var buffer: [UInt8] = []
    private var unsynced = 0

    /// For the segments from `first` on that end at offset `end`.
    init(replacing first: Segment, end: Int64, _ log: Log) throws(LogError) {
        baseOffset = first.baseOffset
        nextOffset = first.baseOffset
        fileSystem = log.fileSystem
        target = log.directory + "/" + Segment.name(first.baseOffset)
        stem = target + "-" + Segment.name(end)
        var identity = Segment.newIdentity(first.baseOffset, log.directory, log.clock)
        identity.createdMilliseconds = first.createdMilliseconds
        let (stem, fileSystem) = (stem, fileSystem)
        (file, index) = try system { () throws(SystemError) in
            let name = stem + ".log.tmp"
            if fileSystem.exists(name) { try fileSystem.remove(name) }
            let file = try fileSystem.create(name)
            do throws(SystemError) {
                return (
                    file,
                    try SegmentIndex.create(
                        path: stem + ".index", identity: identity, fileSystem: fileSystem,
                        asTemporary: true)
                )
            } catch {
                try? fileSystem.remove(name)
                throw error
            }
        }
    }

    /// Adds a batch that was made anew.
    func append(_ batch: [UInt8]) throws(LogError) {
        let span = unsafe batch.span.bytes
        guard let header = RecordBatchHeader(span) else { return }
        try append(header, span)
    }

    /// Adds a batch.
    func append(_ header: RecordBatchHeader, _ batch: RawSpan) throws(LogError) {
        maxTimestamp = max(maxTimestamp, header.maxTimestamp)
        index.append(
            IndexEntry(
                position: size, size: batch.byteCount, baseDelta: header.baseOffset - baseOffset,
                lastDelta: header.lastOffset - baseOffset, maxTimestamp: maxTimestamp,
                leaderEpoch: header.partitionLeaderEpoch,
                attributes: header.attributes & Int16.max, damaged: 0,
                chain: CRC32C.checksum(
                    batch.extracting(0..<RecordBatchHeader.checksummedFrom),
                    continuing: index.chain)))
        unsafe batch.withUnsafeBytes { unsafe buffer.append(contentsOf: $0) }
        size += batch.byteCount
        records += Int64(header.recordCount)
        nextOffset = header.lastOffset + 1
        if buffer.count >= Limits.writeBytesMax { try flush() }
    }

    private func flush() throws(LogError) {
        guard !buffer.isEmpty else { return }
        try system { () throws(SystemError) in
            try file.write(at: Int64(size - buffer.count), buffer)
            unsynced += buffer.count
            buffer.removeAll(keepingCapacity: true)
            // A little at a time, so that the syncs of producers do not wait for all of it.
            if unsynced >= Limits.compactionSyncBytes {
                try file.synchronize()
                unsynced = 0
            }
            if index.unwritten >= Limits.indexEntriesUnwritten { try index.write(keeping: 0) }
        }
    }

    /// Writes and syncs what is left; the files are whole then.
    func finish() throws(LogError) {
        try flush()
        try system { () throws(SystemError) in
            try file.synchronize()
            try index.write(keeping: 0)
            try index.openFile().synchronize()
        }
    }

    /// Removes the files; what cannot be removed now is removed by the next start.
    func discard() {
        for suffix in [".log.tmp", ".index.tmp"] where fileSystem.exists(stem + suffix) {
            try? fileSystem.remove(stem + suffix)
        }
    }

    /// The segment as the log holds it, once the files are in place. Nil if it is empty.
    func segment() throws(SystemError) -> Segment? {
        guard size > 0 else { return nil }
        let placed = SegmentIndex(
            path: target + ".index", identity: index.identity, count: index.count, last: index.last,
            file: try index.openFile(), fileSystem: fileSystem)
        let segment = Segment(
            baseOffset: baseOffset, path: target + ".log", index: placed, size: size,
            nextOffset: nextOffset, file: file, fileSystem: fileSystem)
        segment.markVerified(0..<size)
        return segment
    }
}
