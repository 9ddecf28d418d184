import Bytes
import Platform
import Records

/// What a run of compaction has done.
public struct CompactionResult: Sendable, Equatable {
    /// Bytes of the segments read, and of those that took their place.
    public var bytesBefore: Int64 = 0
    public var bytesAfter: Int64 = 0
    public var recordsBefore: Int64 = 0
    public var recordsAfter: Int64 = 0
    public var segmentsBefore = 0
    public var segmentsAfter = 0
    /// Offsets below this one hold one record of each key.
    public var cleanEnd: Int64 = 0
    /// Keys that the run knew at once.
    public var keys = 0
    /// Not all of it fit into the memory given: another run goes on.
    public var isPartial = false
}

/// How much of a log is to be compacted.
public struct CompactionNeed: Sendable, Equatable {
    /// The part of the bytes in reach that is new, 0 to 1.
    public var dirtyRatio: Double
    public var dirtyBytes: Int64
    /// min.cleanable.dirty.ratio or max.compaction.lag.ms asks for a run.
    public var isDue: Bool
}

extension Log {
    /// What compaction would find now; rolls a segment that is older than its time first. Nil if
    /// the topic is not compacted or a run has failed in a way that only a restart mends. Blocks.
    public func compactionNeed(nowMilliseconds now: Int64) throws(LogError) -> CompactionNeed? {
        guard try sealOld(now) else { return nil }
        return need(now)
    }

    /// Rolls a segment whose time is over, and syncs what nobody else would. False if nothing is to
    /// be compacted here.
    private func sealOld(_ now: Int64) throws(LogError) -> Bool {
        let (isWanted, syncs) = try lock.withLock { () throws(LogError) in
            guard storedSettings.isCompacted, !isClosed, failure == nil, compactionFailure == nil
            else { return (false, false) }
            let isOld =
                active.size > 0 && now - active.createdMilliseconds > segmentMilliseconds
            if isOld { try roll() }
            return (
                true, isOld || !storedSettings.syncs && durable.segmentBase != active.baseOffset
            )
        }
        if syncs { try synchronize() }
        return isWanted
    }

    private func need(_ now: Int64) -> CompactionNeed {
        lock.withLock {
            let reach = segmentsInReach(now)
            let dirty = segments[..<reach].filter { $0.nextOffset > cleanEnd && $0.size > 0 }
            let dirtyBytes = dirty.reduce(0) { $0 + Int64($1.size) }
            let total = segments[..<reach].reduce(0) { $0 + Int64($1.size) }
            guard dirtyBytes > 0, let oldest = dirty.first else {
                return CompactionNeed(dirtyRatio: 0, dirtyBytes: 0, isDue: false)
            }
            let ratio = Double(dirtyBytes) / Double(max(1, total))
            let lag = now - oldest.createdMilliseconds
            return CompactionNeed(
                dirtyRatio: ratio, dirtyBytes: dirtyBytes,
                isDue: ratio > storedSettings.minCleanableDirtyRatio
                    || lag > storedSettings.maxCompactionLagMilliseconds)
        }
    }

    /// Why compaction of this log has ended until the next start; nil if it has not.
    public var compactionFailureReason: String? { lock.withLock { compactionFailure } }

    /// Keeps the last record of each key in all sealed segments in reach, with `memoryBytes` for
    /// the keys; `hashKey` is secret. Readers, appends and deletions go on beside it. Blocks for
    /// as long as it takes; one thread at a time.
    public func compact(
        nowMilliseconds now: Int64, memoryBytes: Int, hashKey: (UInt64, UInt64)
    ) throws(LogError) -> CompactionResult {
        try compactionLock.withLock { () throws(LogError) in
            if let compactionFailure = compactionFailureReason {
                throw .readOnly(compactionFailure)
            }
            try prepareCompaction()
            var compaction = try Compaction(
                self, now: now, memoryBytes: memoryBytes, hash: SipHash(key: hashKey))
            return try compaction.run()
        }
    }

    /// How long a segment is written to.
    var segmentMilliseconds: Int64 {
        storedSettings.isCompacted
            ? min(
                storedSettings.segmentMilliseconds, storedSettings.maxCompactionLagMilliseconds)
            : storedSettings.segmentMilliseconds
    }

    /// How many segments, from the first on, may be compacted: sealed, durable, decided, described
    /// by the snapshot, and older than min.compaction.lag.ms. Under the lock.
    func segmentsInReach(_ now: Int64) -> Int {
        let stable = min(
            watermark, states.firstUnstableOffset(highWatermark: watermark) ?? watermark)
        let limit = min(stable, durable.end, stateChange ?? durable.end)
        let lag = storedSettings.minCompactionLagMilliseconds
        var count = 0
        while count + 1 < segments.count {
            let segment = segments[count]
            guard segments[count + 1].baseOffset <= limit,
                segments[count + 1].baseOffset <= durable.segmentBase
            else { break }
            let newest =
                segment.maxTimestamp >= 0 ? segment.maxTimestamp : segment.createdMilliseconds
            if lag > 0, segment.nextOffset > cleanEnd, newest > now - lag { break }
            count += 1
        }
        return count
    }

    /// Forgets aborted transactions whose records a former run has taken away, and makes that
    /// durable, before this one may take their markers: an entry without a marker would hide what
    /// the producer committed later. It happens one run later, so that nobody still sends the
    /// records.
    private func prepareCompaction() throws(LogError) {
        let (isSealedUnsynced, needsSnapshot) = try lock.withLock { () throws(LogError) in
            if isClosed { throw .closed }
            if let failure { throw .readOnly(failure) }
            let hasForgotten = states.forgetAborted(before: cleanEnd)
            if hasForgotten || !states.producers.isEmpty { noteStateChange(at: end) }
            // Also what a run before has forgotten and could not write.
            return (durable.segmentBase != active.baseOffset, stateChange != nil)
        }
        if needsSnapshot {
            try writeSnapshot()
        } else if isSealedUnsynced {
            try synchronize()
        }
    }

    /// Syncs the log and writes out producers and aborted transactions as they are. Blocks.
    private func writeSnapshot() throws(LogError) {
        // One that another thread is writing is let finish.
        maintenanceLock.withLock {}
        guard let job = beginSync(takingSnapshot: true) else {
            throw .readOnly(failureReason ?? "the log is closed")
        }
        let (result, advanced) = endSync(job, job.perform())
        advanced?()
        if case .failure(let error) = result { throw error }
        // Another thread is about to write an older one: the next run will find it done.
        guard let snapshot = job.snapshot else { throw .busy }
        let error = maintenanceLock.withLock { () -> SystemError? in
            do throws(SystemError) {
                try replaceSnapshot(snapshot)
            } catch {
                return error
            }
            return writeMark(synchronizing: true)
        }
        if let error { throw error.isNoSpace ? .noSpace : .system(error) }
    }
}
