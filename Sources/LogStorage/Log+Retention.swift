import Platform

extension Log {
    /// Begins a new leader epoch at the log's end and makes it durable. Blocks.
    @discardableResult
    public func raiseLeaderEpoch() throws(LogError) -> Int32 {
        let epoch = try lock.withLock { () throws(LogError) in
            if isClosed { throw .closed }
            let epoch = epochs.next
            epochs.begin(epoch, at: end)
            noteStateChange(at: end)
            return epoch
        }
        if let error = writeMark(synchronizing: true) { throw .system(error) }
        return epoch
    }

    /// DeleteRecords: raises the log start to `offset` (-1: the high watermark), durably, and
    /// removes the segments below it. Gives the new start. Blocks.
    @discardableResult
    public func deleteRecords(before offset: Int64) throws(LogError) -> Int64 {
        let (target, stop) = try lock.withLock { () throws(LogError) in
            if isClosed { throw .closed }
            let target = offset == -1 ? watermark : offset
            guard target >= 0, target <= watermark else {
                throw .offsetOutOfRange(start: start, end: watermark)
            }
            return (max(start, target), durable.end)
        }
        if target > stop { try synchronize() }
        try raiseStart(to: target)
        return target
    }

    /// Removes the segments that retention.ms or retention.bytes no longer keep, oldest first, and
    /// forgets silent producers. Gives how many segments went. Blocks.
    @discardableResult
    public func applyRetention(nowMilliseconds now: Int64) throws(LogError) -> Int {
        let (target, stop, count) = try lock.withLock { () throws(LogError) in
            if isClosed { throw .closed }
            if states.expire(now: now, after: storedSettings.producerExpirationMilliseconds) {
                noteStateChange(at: end)
            }
            return try expired(now)
        }
        guard count > 0 else { return 0 }
        if target > stop { try synchronize() }
        try raiseStart(to: target)
        return count
    }

    /// When the oldest segment was begun, in milliseconds; nil if it is the one written to.
    public var oldestSealedMilliseconds: Int64? {
        lock.withLock { segments.count > 1 ? segments[0].createdMilliseconds : nil }
    }

    /// Removes the oldest segment whatever retention says, but never the one written to; false if
    /// there is none. For logs in memory that must stay within a size. Blocks.
    public func removeOldestSegment() throws(LogError) -> Bool {
        let (target, stop) = lock.withLock {
            (
                segments.count > 1 && segments[0].nextOffset <= watermark
                    ? segments[1].baseOffset : -1,
                durable.end
            )
        }
        guard target >= 0 else { return false }
        if target > stop { try synchronize() }
        try raiseStart(to: target)
        return true
    }

    /// Where the log begins without its expired segments. Rolls the last one if it is expired too.
    private func expired(_ now: Int64) throws(LogError) -> (Int64, stop: Int64, count: Int) {
        var total = segments.reduce(0) { $0 + Int64($1.size) }
        var count = 0
        for segment in segments {
            guard segment.nextOffset <= watermark, segment.size > 0, isExpired(segment, now, total)
            else { break }
            total -= Int64(segment.size)
            count += 1
        }
        if count == segments.count { try roll() }
        return (segments[count].baseOffset, durable.end, count)
    }

    private func isExpired(_ segment: Segment, _ now: Int64, _ total: Int64) -> Bool {
        let newest = segment.maxTimestamp >= 0 ? segment.maxTimestamp : segment.createdMilliseconds
        if storedSettings.retentionMilliseconds >= 0,
            now - newest > storedSettings.retentionMilliseconds
        {
            return true
        }
        return storedSettings.retentionBytes >= 0
            && total - Int64(segment.size) >= storedSettings.retentionBytes
    }

    /// Syncs all that was appended, as a round of group commit does. Blocks.
    public func synchronize() throws(LogError) {
        guard let job = beginSync() else { throw .readOnly(failureReason ?? "the log is closed") }
        let (result, advanced) = endSync(job, job.perform())
        advanced?()
        if case .failure(let error) = result { throw error }
        maintain(job)
    }

    /// The mark is durable before a file goes, so a start never misses what it expects.
    private func raiseStart(to target: Int64) throws(LogError) {
        try structureLock.withLock { () throws(LogError) in try removeSegments(below: target) }
    }

    private func removeSegments(below target: Int64) throws(LogError) {
        let removed: [Segment] = try lock.withLock { () throws(LogError) in
            // What producers said may be in these segments only: no snapshot can be written now.
            if let failure { throw .readOnly(failure) }
            start = max(start, target)
            epochs.removeBefore(start)
            states.removeBefore(start)
            // The names of these may be those of the segment that took their place.
            guard compactionFailure == nil else { return [] }
            var removed: [Segment] = []
            while segments.count > 1, segments[0].nextOffset <= start,
                segments[1].baseOffset <= start
            {
                removed.append(segments.removeFirst())
            }
            sealedDirty.removeAll { dirty in removed.contains { $0 === dirty } }
            openSealed.removeAll { open in removed.contains { $0 === open } }
            quarantined.removeAll { $0.upperBound <= start }
            return removed
        }
        if let error = writeMark(synchronizing: true) { throw .system(error) }
        for segment in removed {
            try system { () throws(SystemError) in
                try fileSystem.remove(segment.path)
                try fileSystem.remove(segment.index.path)
            }
            lock.withLock { directoryDirty = true }
        }
    }
}

extension Log {
    /// Seals the active segment, unless it is empty, so that the next batch begins a new one.
    public func beginSegment() throws(LogError) {
        try lock.withLock { () throws(LogError) in
            if isClosed { throw .closed }
            if let failure { throw .readOnly(failure) }
            if active.size > 0 { try roll() }
        }
    }
}
