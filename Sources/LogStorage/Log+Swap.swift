import Platform

// How a compacted segment takes the place of those it was made of. Four renames, the directory
// synced after each: the new log, then the new index get the names `<base>-<end>.{log,index}.swap`
// (from then on a start goes on with it, see `SegmentSwaps`), then the log and last the index get
// their own names. A crash finds either the old segments whole or all of the new one.
extension Log {
    /// Puts `target` in the place of the group; false if some of that is gone meanwhile. Blocks.
    func swap(_ group: Compaction.Group, for target: CompactedSegment) throws(LogError) -> Bool {
        try structureLock.withLock { () throws(LogError) in
            guard try pin(group) else { return false }
            // From here on a start must expect gaps.
            if let error = writeMark(synchronizing: true) {
                throw error.isNoSpace ? .noSpace : .system(error)
            }
            let stem = target.stem
            try system { () throws(SystemError) in
                try fileSystem.rename(stem + ".log.tmp", to: stem + ".log.swap")
            }
            do throws(SystemError) {
                try place(group, target)
                let segment = try target.segment()
                lock.withLock { replace(group, with: segment) }
            } catch {
                // Which names the disk has now only a start can tell.
                lock.withLock { compactionFailure = "\(error)" }
                throw .system(error)
            }
            if target.size == 0 { removeEmpty(target) }
            return true
        }
    }

    /// Holds the files of the group open, since their names will be others' soon.
    private func pin(_ group: Compaction.Group) throws(LogError) -> Bool {
        try lock.withLock { () throws(LogError) in
            if isClosed { throw .closed }
            if let failure { throw .readOnly(failure) }
            guard let place = place(of: group) else { return false }
            for segment in segments[place..<place + group.segments.count] {
                try system { () throws(SystemError) in try segment.pin() }
            }
            gapsEnd = max(gapsEnd, group.end)
            return true
        }
    }

    /// Where the group is, if all of it is there. Under the lock.
    private func place(of group: Compaction.Group) -> Int? {
        guard let place = segments.firstIndex(where: { $0 === group.segments.first }),
            place + group.segments.count < segments.count
        else { return nil }
        let found = segments[place..<place + group.segments.count]
        return zip(found, group.segments).allSatisfy { $0 === $1 } ? place : nil
    }

    private func place(_ group: Compaction.Group, _ target: CompactedSegment) throws(SystemError) {
        let stem = target.stem
        try syncNames()
        try fileSystem.rename(stem + ".index.tmp", to: stem + ".index.swap")
        try syncNames()
        for segment in group.segments.dropFirst() {
            try fileSystem.remove(segment.path)
            try fileSystem.remove(segment.index.path)
        }
        let name = directory + "/" + Segment.name(target.baseOffset)
        try fileSystem.rename(stem + ".log.swap", to: name + ".log")
        try syncNames()
        try fileSystem.rename(stem + ".index.swap", to: name + ".index")
        try syncNames()
    }

    /// Syncs the directory. After a failure names that others have made may be lost as well.
    private func syncNames() throws(SystemError) {
        do throws(SystemError) {
            try fileSystem.syncDirectory(directory)
        } catch {
            lock.withLock { if failure == nil { failure = "\(error)" } }
            throw error
        }
    }

    /// Under the lock.
    private func replace(_ group: Compaction.Group, with segment: Segment?) {
        guard let place = place(of: group) else { return }
        segment?.logPosition = segments[place].logPosition
        segments.replaceSubrange(
            place..<place + group.segments.count, with: segment.map { [$0] } ?? [])
        openSealed.removeAll { open in group.segments.contains { $0 === open } }
        segment?.releaseFiles()
    }

    /// Nothing is left of the group; a start would remove the files too.
    private func removeEmpty(_ target: CompactedSegment) {
        let name = directory + "/" + Segment.name(target.baseOffset)
        try? fileSystem.remove(name + ".log")
        try? fileSystem.remove(name + ".index")
        lock.withLock { directoryDirty = true }
    }

    /// Refuses to begin a group that the disk has no room for beside it.
    func checkRoom(for group: Compaction.Group) throws(LogError) {
        let size = group.segments.reduce(Int64(0)) { $0 + Int64($1.size) }
        guard let space = try? fileSystem.space(directory) else { return }
        // A log in memory may have less in all than a disk should keep free.
        let reserve = min(Limits.compactionFreeBytesMin, space.total / 16)
        if space.free < size + reserve { throw .noSpace }
    }
}
