import Platform

/// The files of one log that a round of group commit syncs, and what is durable afterwards.
struct SyncJob: Sendable {
    let log: Log
    /// In the order in which they are synced.
    let files: [any File]
    let syncsDirectory: Bool
    let sealed: [Segment]
    let point: Log.DurablePoint
    /// Producers and epochs as they are at `point.end`, if they are to be written out.
    let snapshot: StateSnapshot?
    /// Bytes that this sync covers.
    let bytes: Int64

    /// Syncs; called on a worker, without any lock.
    func perform() -> SystemError? {
        do throws(SystemError) {
            for file in files { try file.synchronize() }
            if syncsDirectory { try log.fileSystem.syncDirectory(log.directory) }
            return nil
        } catch {
            return error
        }
    }
}

extension Log {
    /// Begins a sync of all that was appended so far. Waits for one that is under way.
    /// Nil if the log can no longer be synced.
    func beginSync(takingSnapshot forced: Bool = false) -> SyncJob? {
        lock.withLock {
            while isSyncing { lock.wait(syncEnded) }
            guard failure == nil else { return nil }
            do throws(SystemError) {
                return try makeJob(forced)
            } catch {
                failure = "\(error)"
                return nil
            }
        }
    }

    private func makeJob(_ takesSnapshot: Bool) throws(SystemError) -> SyncJob {
        var files: [any File] = []
        for segment in sealedDirty {
            if segment.index.unwritten > 0 { try segment.index.write(keeping: 0) }
            files.append(try segment.openFile())
            files.append(try segment.index.openFile())
        }
        if active.isDirty { files.append(try active.openFile()) }
        let isDue =
            stateChange != nil && !isSnapshotting
            && (takesSnapshot || !sealedDirty.isEmpty
                || bytesSinceSnapshot >= storedSettings.checkpointBytes)
        if isDue {
            isSnapshotting = true
            stateChangeAfterSnapshot = nil
            bytesSinceSnapshot = 0
        }
        let job = SyncJob(
            log: self, files: files, syncsDirectory: directoryDirty, sealed: sealedDirty,
            point: DurablePoint(
                segmentBase: active.baseOffset, position: active.size,
                entryCount: active.index.count, chain: active.index.chain, end: end),
            snapshot: isDue ? snapshot() : nil, bytes: unsyncedBytes)
        isSyncing = true
        sealedDirty = []
        active.isDirty = false
        directoryDirty = false
        unsyncedBytes = 0
        syncingFirst = unsyncedFirst
        unsyncedFirst = nil
        return job
    }

    private func snapshot() -> StateSnapshot {
        var snapshot = StateSnapshot()
        snapshot.offset = end
        snapshot.epochs = epochs
        snapshot.states = states
        return snapshot
    }

    /// Takes the result of a sync in: durable end, mark, high watermark. Gives what waiters get,
    /// and what is to be called since the high watermark moved.
    func endSync(_ job: SyncJob, _ error: SystemError?) -> (
        Result<Void, LogError>, advanced: (@Sendable () -> Void)?
    ) {
        if let error {
            fail("\(error)")
            return (.failure(.readOnly("\(error)")), nil)
        }
        let marksInUse: Bool = lock.withLock {
            durable = job.point
            for segment in job.sealed {
                segment.index.synced = segment.index.written
                // Appends may have come in between only to the active one.
                segment.isDirty = false
            }
            return !inUseIsDurable
        }
        // Without room for it the mark before holds: it says less, and what lies beyond it counts
        // as long as its checksums do.
        if let error = writeMark(synchronizing: marksInUse), marksInUse || !error.isNoSpace {
            fail("\(error)")
            return (.failure(.readOnly("\(error)")), nil)
        }
        return lock.withLock {
            if marksInUse { inUseIsDurable = true }
            syncingFirst = nil
            isSyncing = false
            syncEnded.broadcast()
            return (.success(()), advanceWatermark() ? advanceCallback : nil)
        }
    }

    /// From now on nothing is appended, acknowledged or shown that was not before.
    private func fail(_ cause: String) {
        lock.withLock {
            if failure == nil { failure = cause }
            isSyncing = false
            syncEnded.broadcast()
        }
    }

    /// Writes where the log is durable, and syncs that if asked to.
    func writeMark(synchronizing: Bool, clean: Bool = false) -> SystemError? {
        checkpointLock.withLock {
            let mark = lock.withLock { currentMark(clean: clean) }
            do throws(SystemError) {
                try checkpoint.write(mark)
                if synchronizing { try checkpoint.synchronize() }
                return nil
            } catch {
                return error
            }
        }
    }

    private func currentMark(clean: Bool) -> Mark {
        var mark = checkpoint.mark
        mark.isClean = clean
        mark.segmentBase = durable.segmentBase
        mark.position = Int64(durable.position)
        mark.entryCount = Int64(durable.entryCount)
        mark.chain = durable.chain
        mark.durableEnd = durable.end
        mark.startOffset = start
        let segment = self.segment(for: durable.segmentBase)
        let synced = segment.baseOffset == durable.segmentBase ? segment.index.synced : 0
        mark.indexSynced = Int64(min(synced, durable.entryCount))
        if let epoch = epochs.entries.last {
            mark.leaderEpoch = epoch.epoch
            mark.leaderEpochStart = epoch.startOffset
        }
        mark.stateOffset = min(stateChange ?? durable.end, durable.end)
        mark.gapsEnd = gapsEnd
        mark.isCompacted = gapsEnd > 0 && cleanEnd >= gapsEnd
        return mark
    }

    /// Writes out and syncs index, snapshot and mark when it is time to; called on a worker after
    /// the waiters of a round were answered.
    func maintain(_ job: SyncJob, force: Bool = false) {
        let now = clock.monotonicNanoseconds
        let isDue = lock.withLock {
            force || job.snapshot != nil || rolledSinceCheckpoint
                || bytesSinceCheckpoint >= storedSettings.checkpointBytes
                || now - lastCheckpoint >= Limits.checkpointNanoseconds
        }
        guard isDue else { return }
        let error = maintenanceLock.withLock { writeOut(job.snapshot, now) }
        if let error, !error.isNoSpace { fail("\(error)") }
    }

    private func writeOut(_ snapshot: StateSnapshot?, _ now: Int64) -> SystemError? {
        do throws(SystemError) {
            try synchronizeIndex(now)
            if let snapshot { try replaceSnapshot(snapshot) }
        } catch {
            // Both can be rebuilt; they stay due. A snapshot that is not written is not under way.
            if snapshot != nil { lock.withLock { isSnapshotting = false } }
            if !error.isNoSpace { return error }
        }
        return writeMark(synchronizing: true)
    }

    private func synchronizeIndex(_ now: Int64) throws(SystemError) {
        let (index, file, written) = try lock.withLock { () throws(SystemError) in
            rolledSinceCheckpoint = false
            bytesSinceCheckpoint = 0
            lastCheckpoint = now
            try active.index.write()
            return (active.index, try active.index.openFile(), active.index.written)
        }
        try file.synchronize()
        lock.withLock { index.synced = max(index.synced, written) }
    }

    func replaceSnapshot(_ snapshot: StateSnapshot) throws(SystemError) {
        do throws(SystemError) {
            try fileSystem.replace(directory + "/snapshot", with: snapshot.encoded())
        } catch {
            lock.withLock { isSnapshotting = false }
            throw error
        }
        lock.withLock {
            stateChange = stateChangeAfterSnapshot
            isSnapshotting = false
        }
    }

    /// Syncs everything, writes a clean mark and lets the files go. Blocks. Slices stay readable.
    public func close() throws(LogError) {
        let wasOpen = lock.withLock {
            defer { isClosed = true }
            return !isClosed
        }
        guard wasOpen else { return }
        // A run of compaction sees that the log is closed, and ends.
        compactionLock.withLock {}
        guard !isAsOpened else { return releaseAll() }
        guard let job = beginSync(takingSnapshot: true) else {
            releaseAll()
            throw .readOnly(failureReason ?? "")
        }
        let (result, advanced) = endSync(job, job.perform())
        advanced?()
        defer { releaseAll() }
        if case .failure(let failure) = result { throw failure }
        maintain(job, force: true)
        if let failure = failureReason { throw .readOnly(failure) }
        // In both slots, so that a check can tell damage to either.
        for _ in 0..<2 {
            if let error = writeMark(synchronizing: true, clean: true) {
                fail("\(error)")
                throw .system(error)
            }
        }
    }

    /// Nothing was written since the log was opened: the mark that it was closed with still holds.
    private var isAsOpened: Bool {
        checkpointLock.withLock {
            lock.withLock {
                checkpoint.mark.isClean && failure == nil && end == checkpoint.mark.durableEnd
                    && start == checkpoint.mark.startOffset && !isSyncing && !active.isDirty
                    && sealedDirty.isEmpty && !directoryDirty && active.index.unwritten == 0
            }
        }
    }

    /// Lets the log go without syncing it, for a partition that is deleted: waiters and later calls
    /// fail. Waits for what is being written, so that nothing more comes into its directory.
    public func discard() {
        lock.withLock {
            isClosed = true
            if failure == nil { failure = "the log was deleted" }
        }
        compactionLock.withLock {}
        lock.withLock { while isSyncing { lock.wait(syncEnded) } }
        maintenanceLock.withLock {}
        releaseAll()
    }

    private func releaseAll() {
        lock.withLock {
            for segment in segments { segment.releaseFiles() }
        }
    }
}
