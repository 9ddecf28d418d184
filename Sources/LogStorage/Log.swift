import Platform

/// The log of one partition: append-only, checksummed, recoverable.
///
/// Any thread may call it. One lock guards its state; it is held for the assignment of offsets and
/// one write of at most 1 MiB, never for a sync. Syncs are driven by `GroupCommit`. A directory is
/// opened by one `Log` at a time.
public final class Log: @unchecked Sendable {
    public let directory: String
    let fileSystem: any FileSystem
    let clock: any Clock
    let space: SpaceGuard?

    /// Guards all that follows. Taken after `checkpointLock`, never before it.
    let lock = Lock()
    var storedSettings: LogSettings
    /// Ascending; the last one is written to.
    var segments: [Segment]
    var start: Int64
    var end: Int64
    var watermark: Int64
    var epochs: LeaderEpochs
    var states: ProducerStates
    /// Where the last sync has come to.
    var durable: DurablePoint
    /// First acks=all batch that the sync under way does not cover; holds the high watermark back.
    var unsyncedFirst: Int64?
    /// First acks=all batch that the sync under way covers.
    var syncingFirst: Int64?
    /// Sealed segments with bytes that were not synced.
    var sealedDirty: [Segment] = []
    /// Files were created or removed since the directory was synced.
    var directoryDirty = false
    var isSyncing = false
    let syncEnded = Condition()
    /// Why nothing is taken any more, after a failed sync or write.
    var failure: String?
    var isClosed = false
    /// The checkpoint on disk says that the log is in use. Until then nothing unsynced may be read:
    /// the next start would not know that it can have been lost.
    var inUseIsDurable = false
    /// First batch behind the snapshot that changed producers or epochs.
    var stateChange: Int64?
    /// The same, for the snapshot being written.
    var stateChangeAfterSnapshot: Int64?
    var isSnapshotting = false
    var bytesSinceSnapshot: Int64 = 0
    var bytesSinceCheckpoint: Int64 = 0
    var unsyncedBytes: Int64 = 0
    var rolledSinceCheckpoint = false
    var lastCheckpoint: Int64
    /// Damage found by reads, beside that which indexes record.
    var quarantined: [Range<Int64>] = []
    /// Sealed segments whose descriptors are open, oldest use first.
    var openSealed: [Segment] = []
    /// Segments whose index was found damaged by reads, and rebuilt.
    var rebuiltIndexes: [Int64] = []
    var advanceCallback: (@Sendable () -> Void)?
    /// Offsets below may have gaps, which compaction has left.
    var gapsEnd: Int64
    /// Offsets below hold one record of each key.
    var cleanEnd: Int64
    /// Why nothing is compacted until the next start.
    var compactionFailure: String?

    /// Guards the file `checkpoint` and the order in which marks are written.
    let checkpointLock = Lock()
    /// Lets one thread at a time write out index and snapshot; taken before the other two.
    let maintenanceLock = Lock()
    /// Held for a run of compaction; taken before all others.
    let compactionLock = Lock()
    /// Lets one thread at a time take away or replace segment files; taken before those above but
    /// for `compactionLock`.
    let structureLock = Lock()
    let checkpoint: Checkpoint

    /// A place up to which everything is durable.
    struct DurablePoint: Equatable, Sendable {
        var segmentBase: Int64
        var position: Int
        var entryCount: Int
        var chain: UInt32
        var end: Int64
    }

    init(_ recovered: RecoveredLog) {
        directory = recovered.directory
        fileSystem = recovered.fileSystem
        clock = recovered.clock
        space = recovered.space
        storedSettings = recovered.settings
        segments = recovered.segments
        start = recovered.start
        end = recovered.end
        watermark = recovered.end
        epochs = recovered.epochs
        states = recovered.states
        durable = recovered.durable
        checkpoint = recovered.checkpoint
        stateChange = recovered.stateChange
        inUseIsDurable = recovered.inUseIsDurable
        gapsEnd = recovered.gapsEnd
        cleanEnd = recovered.cleanEnd
        lastCheckpoint = recovered.clock.monotonicNanoseconds
        var position: Int64 = 0
        for segment in segments {
            segment.logPosition = position
            position += Int64(segment.size)
        }
    }

    var active: Segment { segments[segments.count - 1] }

    /// The log start offset: records below it were deleted.
    public var startOffset: Int64 { lock.withLock { start } }
    /// The log end offset: what the next record gets.
    public var endOffset: Int64 { lock.withLock { end } }
    /// Everything below survives a power cut.
    public var durableEnd: Int64 { lock.withLock { durable.end } }
    /// Everything below may be read: acks=all batches once synced, others once appended, in order.
    public var highWatermark: Int64 { lock.withLock { watermark } }
    /// Everything below is decided: no open transaction starts below it, and it is below the high
    /// watermark.
    public var lastStableOffset: Int64 {
        lock.withLock {
            // Records of an open transaction may have been deleted: the log begins no earlier.
            max(
                start,
                min(watermark, states.firstUnstableOffset(highWatermark: watermark) ?? watermark))
        }
    }
    /// The epoch that is written into batches.
    public var leaderEpoch: Int32 { lock.withLock { epochs.latest } }
    public var settings: LogSettings { lock.withLock { storedSettings } }
    /// Bytes of all segments.
    public var sizeInBytes: Int64 { lock.withLock { segments.reduce(0) { $0 + Int64($1.size) } } }
    public var segmentCount: Int { lock.withLock { segments.count } }
    /// Why the log is read-only, if it is.
    public var failureReason: String? { lock.withLock { failure } }
    /// Ranges of offsets found damaged by reads since the log was opened.
    public var damagedRanges: [Range<Int64>] { lock.withLock { quarantined } }

    /// Takes a changed topic configuration.
    public func update(_ settings: LogSettings) {
        let advanced = lock.withLock {
            storedSettings = settings
            // No sync will come to let readers see these.
            if !settings.syncs { unsyncedFirst = nil }
            return advanceWatermark() ? advanceCallback : nil
        }
        advanced?()
    }

    /// Called, outside of the lock and on the thread that did it, whenever the high watermark has
    /// moved.
    public func onAdvance(_ callback: (@Sendable () -> Void)?) {
        lock.withLock { advanceCallback = callback }
    }

    /// OffsetForLeaderEpoch: the largest epoch not above `epoch` and where it ended; nil if
    /// unknown.
    public func epochEnd(for epoch: Int32) -> (epoch: Int32, endOffset: Int64)? {
        lock.withLock { epochs.end(of: epoch, logEnd: end) }
    }

    /// The leader epoch that the record at `offset` was written in.
    public func epoch(at offset: Int64) -> Int32 {
        lock.withLock { epochs.epoch(at: offset) }
    }

    public func producerState(_ id: Int64) -> ProducerState? {
        lock.withLock { states.producers[id] }
    }

    /// All producers that are remembered, for DescribeProducers.
    public var producerStates: [Int64: ProducerState] { lock.withLock { states.producers } }

    /// Aborted transactions with records in `range`.
    public func abortedTransactions(in range: Range<Int64>) -> [AbortedTransaction] {
        lock.withLock { states.aborted(in: range) }
    }

    /// Raises the high watermark as far as it may; true if it moved. Under the lock.
    func advanceWatermark() -> Bool {
        let reached = syncingFirst ?? unsyncedFirst ?? end
        guard reached > watermark, failure == nil else { return false }
        watermark = reached
        return true
    }

    /// The segment that holds `offset`, or would. Under the lock.
    func segment(for offset: Int64) -> Segment {
        var low = 0
        var high = segments.count
        while low < high {
            let middle = (low + high) / 2
            if segments[middle].baseOffset <= offset { low = middle + 1 } else { high = middle }
        }
        return segments[max(0, low - 1)]
    }

    /// The file of a segment; only a few sealed ones stay open. Under the lock.
    func file(of segment: Segment) throws(SystemError) -> any File {
        if segment !== active, openSealed.last !== segment {
            openSealed.removeAll { $0 === segment }
            openSealed.append(segment)
            if openSealed.count > Limits.openSealedSegments {
                let oldest = openSealed.removeFirst()
                if !oldest.isDirty { oldest.releaseFiles() }
            }
        }
        return try segment.openFile()
    }
}
