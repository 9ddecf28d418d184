import Bytes
import Platform
import Records

/// A log's state as recovery leaves it.
struct RecoveredLog {
    var directory: String
    var fileSystem: any FileSystem
    var clock: any Clock
    var space: SpaceGuard?
    var settings: LogSettings
    var segments: [Segment]
    var start: Int64
    var end: Int64
    var epochs: LeaderEpochs
    var states: ProducerStates
    var durable: Log.DurablePoint
    var checkpoint: Checkpoint
    var stateChange: Int64?
    var inUseIsDurable: Bool
    var gapsEnd: Int64
    var cleanEnd: Int64
}

/// Opens a log's directory: reads what lies beyond the mark, cuts a torn tail there, and
/// quarantines damage below it. Used once, by the thread that opens.
struct LogRecovery {
    let directory: String
    let fileSystem: any FileSystem
    let clock: any Clock
    let settings: LogSettings
    let space: SpaceGuard?

    var report = RecoveryReport()
    var segments: [Segment] = []
    var mark = Mark()
    /// False if both slots of the checkpoint are lost: then all bytes count as durable, but for a
    /// tail behind which nothing sound follows.
    var hasMark = false
    var epochs = LeaderEpochs()
    var states = ProducerStates()
    var stateChange: Int64?
    /// Batches from here on are not in `states` yet.
    var stateFrom: Int64 = 0
    /// Names may not be durable: the directory is synced before the next mark is written.
    var directoryChanged = false
    /// The index of the mark's segment has its old identity, so the chain must come out as the mark
    /// says.
    var keepsChain = true

    init(
        directory: String, fileSystem: any FileSystem, clock: any Clock, settings: LogSettings,
        space: SpaceGuard?
    ) {
        self.directory = directory
        self.fileSystem = fileSystem
        self.clock = clock
        self.settings = settings
        self.space = space
    }

    mutating func run() throws(LogError) -> RecoveredLog {
        try finishSwaps()
        let bases = try segmentBases()
        let loaded = try Checkpoint.load(path("checkpoint"), fileSystem: fileSystem)
        if let found = loaded.mark {
            mark = found
            hasMark = true
            // The mark that a log is made with is written before its directory is synced, so it
            // does not tell that the names of its files are durable. Every later one does.
            directoryChanged = found.sequence == 0
        } else if try isNew(bases) {
            return try create()
        } else {
            report.findings.append(
                LogFinding(
                    path: path("checkpoint"), position: nil, offsets: nil,
                    cause: "both slots are missing or damaged"))
        }
        report.isUnclean = !mark.isClean
        try loadSnapshot()
        try openSegments(bases)
        try removeSegmentsBelowStart()
        try replayStates()
        if hasMark, mark.leaderEpoch >= epochs.latest {
            epochs.begin(mark.leaderEpoch, at: mark.leaderEpochStart)
        }
        return try finish(loaded.checkpoint)
    }

    /// Whether compaction may have left a gap at `offset`.
    func allowsGap(at offset: Int64) -> Bool {
        hasMark ? offset < mark.gapsEnd : settings.isCompacted
    }

    func path(_ name: String) -> String { directory + "/" + name }

    private func segmentBases() throws(LogError) -> [Int64] {
        try system { () throws(SystemError) in
            try fileSystem.makeDirectories(directory, isDurable: false)
            let names = try fileSystem.list(directory)
            for name in names where name.hasSuffix(".tmp") { try fileSystem.remove(path(name)) }
            return names.filter { $0.hasSuffix(".log") && $0.utf8.count == 24 }
                .compactMap { Int64($0.dropLast(4)) }.sorted()
        }
    }

    /// Whether nothing was ever stored here: a creation that did not come to its end leaves this.
    private func isNew(_ bases: [Int64]) throws(LogError) -> Bool {
        if fileSystem.exists(path("snapshot")) { return false }
        return try system { () throws(SystemError) in
            for base in bases {
                let file = try fileSystem.openReadOnly(path(Segment.name(base) + ".log"))
                defer { file.close() }
                if try file.size() > 0 { return false }
            }
            return true
        }
    }

    private mutating func create() throws(LogError) -> RecoveredLog {
        // Of a log that is never synced nothing else would say that it was in use.
        mark.isClean = settings.syncs
        epochs.begin(0, at: 0)
        let checkpoint = try system { () throws(SystemError) in
            for name in try fileSystem.list(directory) { try fileSystem.remove(path(name)) }
            let segment = try Segment.create(
                in: directory, baseOffset: 0, clock: clock, fileSystem: fileSystem)
            segments = [segment]
            mark.chain = segment.index.chain
            try segment.index.openFile().synchronize()
            let checkpoint = try Checkpoint(
                creating: path("checkpoint"), mark: mark, fileSystem: fileSystem)
            try fileSystem.syncDirectory(directory)
            return checkpoint
        }
        return recovered(checkpoint, inUseIsDurable: !mark.isClean)
    }

    private mutating func loadSnapshot() throws(LogError) {
        stateFrom = mark.stateOffset
        guard fileSystem.exists(path("snapshot")) else {
            return stateFrom = hasMark ? mark.stateOffset : 0
        }
        let bytes = try system { () throws(SystemError) in
            try fileSystem.readAll(path("snapshot"), limit: Limits.snapshotBytesMax)
        }
        guard let snapshot = StateSnapshot(bytes) else {
            report.findings.append(
                LogFinding(
                    path: path("snapshot"), position: nil, offsets: nil,
                    cause: "the snapshot of producers is damaged; rebuilt from the batches"))
            stateFrom = 0
            stateChange = 0
            return
        }
        epochs = snapshot.epochs
        states = snapshot.states
        stateFrom = max(mark.stateOffset, snapshot.offset)
        // What is read here may be a name in the page cache only: the process ended, or the sync
        // failed, between the rename and the sync of the directory. The next mark rests on this
        // snapshot; if a power cut then brings the older one back, all that lies between the two
        // is missing from it. A clean mark that reaches the snapshot was written behind that sync.
        if report.isUnclean || snapshot.offset > mark.stateOffset { directoryChanged = true }
    }

    /// Reads the batches whose producers and epochs are not known yet and that the scan did not
    /// read.
    private mutating func replayStates() throws(LogError) {
        if let first = segments.first, first.baseOffset > stateFrom {
            // Batches that changed producers behind the snapshot were deleted with their segment.
            // To forget a producer costs the check of its next batch; an old state would refuse
            // it, and an old transaction that a marker among them ended would hold back readers for
            // good. Until a new snapshot is written the next start has to do the same.
            states.forgetProducers()
            stateChange = stateFrom
        }
        var pending: [(Segment, Int)] = []
        for segment in segments
        where segment.nextOffset > stateFrom && scanned[segment.baseOffset] != 0 {
            pending.append((segment, scanned[segment.baseOffset] ?? segment.size))
        }
        guard !pending.isEmpty else { return applyDeferred() }
        for (segment, end) in pending where segment.baseOffset < Int64.max {
            try replay(segment, upTo: end)
        }
        applyDeferred()
    }

    private mutating func replay(_ segment: Segment, upTo end: Int) throws(LogError) {
        let file = try system { () throws(SystemError) in try segment.openFile() }
        let from = try firstPosition(of: segment)
        guard from < end else { return }
        var scanner = BatchScanner(
            file, from: from, end: end, expected: segment.baseOffset, allowsGaps: true)
        loop: while true {
            switch try scanner.next() {
            case .batch(let header, let position):
                let marker = scanner.withBatch(header, at: position) {
                    TransactionMarker(header, batch: $0)
                }
                take(header, marker)
            case .end:
                break loop
            case .bad(_, let position):
                // Damage in the middle is found, and reported, by reads; states go on behind it.
                guard try scanner.resynchronize(from: position + 1) else { break loop }
            }
        }
    }

    /// Where the batches from `stateFrom` on begin.
    private func firstPosition(of segment: Segment) throws(LogError) -> Int {
        guard stateFrom > segment.baseOffset else { return 0 }
        let delta = stateFrom - segment.baseOffset
        let index = segment.index
        let stored = try system { () throws(SystemError) in try index.stored() }
        guard let hit = try stored.first(where: { Int64($0.lastDelta) >= delta }) else { return 0 }
        let entry = hit.entry ?? index.tail.first
        return entry.map { Int($0.position) } ?? segment.size
    }

    /// States that the scan beyond the mark has met, to be applied behind those of older batches.
    var deferred: [(RecordBatchHeader, TransactionMarker?)] = []
    /// From which position on a segment was scanned already.
    var scanned: [Int64: Int] = [:]

    private mutating func applyDeferred() {
        for (header, marker) in deferred { take(header, marker) }
        deferred = []
    }

    private mutating func take(_ header: RecordBatchHeader, _ marker: TransactionMarker?) {
        guard header.baseOffset >= stateFrom else { return }
        let isNewEpoch = epochs.entries.isEmpty || header.partitionLeaderEpoch > epochs.latest
        if isNewEpoch { epochs.begin(header.partitionLeaderEpoch, at: header.baseOffset) }
        if header.hasProducerID {
            states.update(header, baseOffset: header.baseOffset, marker: marker)
        }
        if stateChange == nil, isNewEpoch && header.partitionLeaderEpoch > 0 || header.hasProducerID
        {
            stateChange = header.baseOffset
        }
    }

    private mutating func removeSegmentsBelowStart() throws(LogError) {
        while segments.count > 1, segments[0].nextOffset <= mark.startOffset,
            segments[1].baseOffset <= mark.startOffset
        {
            let segment = segments.removeFirst()
            try remove(segment.baseOffset)
        }
    }

    mutating func remove(_ base: Int64) throws(LogError) {
        directoryChanged = true
        try system { () throws(SystemError) in
            for suffix in [".log", ".index"] {
                let name = path(Segment.name(base) + suffix)
                if fileSystem.exists(name) { try fileSystem.remove(name) }
            }
        }
    }

    /// Makes what was found durable and writes the mark that says so.
    private mutating func finish(_ found: Checkpoint?) throws(LogError) -> RecoveredLog {
        for segment in segments where segment.isDirty || segment.index.synced < segment.index.count
        {
            try system { () throws(SystemError) in
                try segment.index.write(keeping: segment === segments.last ? 64 : 0)
                let index = try segment.index.openFile()
                try index.truncate(to: Int64((segment.index.count + 1) * IndexEntry.size))
                try segment.openFile().synchronize()
                try index.synchronize()
            }
            segment.index.synced = segment.index.count
            segment.isDirty = false
            if segment !== segments.last { segment.releaseFiles() }
        }
        if directoryChanged {
            try system { () throws(SystemError) in try fileSystem.syncDirectory(directory) }
        }
        if epochs.entries.isEmpty { epochs.begin(0, at: mark.startOffset) }
        let end = segments.last?.nextOffset ?? 0
        // After a power cut records may be gone that were read: only a new epoch tells clients.
        if report.isUnclean {
            let epoch = epochs.next
            epochs.begin(epoch, at: end)
            report.raisedEpoch = epoch
            stateChange = min(stateChange ?? end, end)
        }
        let start = max(mark.startOffset, hasMark ? 0 : segments.first?.baseOffset ?? 0)
        mark.startOffset = min(start, end)
        return try mark(found, end)
    }

    private mutating func mark(_ found: Checkpoint?, _ end: Int64) throws(LogError)
        -> RecoveredLog
    {
        guard let active = segments.last else { throw .closed }
        let isChanged =
            report.isUnclean || !settings.syncs || mark.durableEnd != end
            || mark.position != active.size || mark.segmentBase != active.baseOffset
        mark.isClean = !isChanged
        // Without the old mark nobody knows where gaps may be.
        if !hasMark, settings.isCompacted { mark.gapsEnd = active.baseOffset }
        mark.segmentBase = active.baseOffset
        mark.position = Int64(active.size)
        mark.entryCount = Int64(active.index.count)
        mark.indexSynced = mark.entryCount
        mark.chain = active.index.chain
        mark.durableEnd = end
        mark.leaderEpoch = epochs.latest
        mark.leaderEpochStart = epochs.entries.last?.startOffset ?? 0
        mark.stateOffset = min(stateChange ?? end, end)
        let next = mark
        let checkpoint = try system { () throws(SystemError) in
            guard let found else {
                if fileSystem.exists(path("checkpoint")) {
                    try fileSystem.remove(path("checkpoint"))
                }
                let made = try Checkpoint(
                    creating: path("checkpoint"), mark: next, fileSystem: fileSystem)
                try fileSystem.syncDirectory(directory)
                return made
            }
            if isChanged {
                try found.settle()
                try found.write(next)
                try found.synchronize()
            }
            return found
        }
        return recovered(checkpoint, inUseIsDurable: isChanged)
    }

    private func recovered(_ checkpoint: Checkpoint, inUseIsDurable: Bool) -> RecoveredLog {
        RecoveredLog(
            directory: directory, fileSystem: fileSystem, clock: clock, space: space,
            settings: settings, segments: segments, start: mark.startOffset,
            end: mark.durableEnd, epochs: epochs, states: states,
            durable: Log.DurablePoint(
                segmentBase: mark.segmentBase, position: Int(mark.position),
                entryCount: Int(mark.entryCount), chain: mark.chain, end: mark.durableEnd),
            checkpoint: checkpoint, stateChange: stateChange, inUseIsDurable: inUseIsDurable,
            gapsEnd: mark.gapsEnd, cleanEnd: mark.isCompacted ? mark.gapsEnd : 0)
    }
}

extension Log {
    /// Opens the log in `directory`, or makes one. Reads only what lies beyond the durable mark,
    /// but for indexes that have to be rebuilt. The parent directory is not synced.
    public static func open(
        directory: String, fileSystem: any FileSystem, clock: any Clock,
        settings: LogSettings = LogSettings(), space: SpaceGuard? = nil
    ) throws(LogError) -> (Log, RecoveryReport) {
        var recovery = LogRecovery(
            directory: directory, fileSystem: fileSystem, clock: clock, settings: settings,
            space: space)
        let recovered = try recovery.run()
        return (Log(recovered), recovery.report)
    }
}
