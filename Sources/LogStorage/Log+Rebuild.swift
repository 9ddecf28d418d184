import Platform

extension Log {
    /// Rebuilds the index of a segment whose file was found damaged by a read. Rare, so it holds
    /// the lock. Damaged batches met on the way are quarantined.
    func rebuildIndex(of segment: Segment?) throws(LogError) {
        guard let segment else { return }
        try structureLock.withLock { () throws(LogError) in
            // Meanwhile compaction may have put another in its place.
            let isThere = lock.withLock { segments.contains { $0 === segment } }
            if isThere { try replaceIndex(of: segment) }
        }
    }

    private func replaceIndex(of segment: Segment) throws(LogError) {
        try lock.withLock { () throws(LogError) in
            let index = try rebuilt(segment)
            try system { () throws(SystemError) in
                try index.write(keeping: segment === active ? Limits.indexEntriesInMemory : 0)
                try index.openFile().synchronize()
                try fileSystem.rename(index.path + ".tmp", to: index.path)
                try fileSystem.syncDirectory(directory)
            }
            index.synced = index.count
            segment.index = index
            rebuiltIndexes.append(segment.baseOffset)
            guard segment.baseOffset == durable.segmentBase else { return }
            let (position, end) = (durable.position, try stored(index))
            guard let hit = try end.first(where: { $0.end > position }) else { return }
            durable.entryCount = hit.number
            durable.chain =
                try hit.number > 0
                ? end.entries(hit.number - 1..<hit.number)?.first?.chain ?? 0
                : index.identity.chainStart
        }
    }

    private func stored(_ index: SegmentIndex) throws(LogError) -> StoredEntries {
        try system { () throws(SystemError) in
            StoredEntries(
                file: try index.openFile(), count: index.written, identity: index.identity)
        }
    }

    private func rebuilt(_ segment: Segment) throws(LogError) -> SegmentIndex {
        let old = segment.index
        let index = try system { () throws(SystemError) in
            try SegmentIndex.create(
                path: old.path, identity: old.identity, fileSystem: fileSystem, asTemporary: true)
        }
        let file = try system { () throws(SystemError) in try segment.openFile() }
        let copy = Segment(
            baseOffset: segment.baseOffset, path: segment.path, index: index, size: 0,
            nextOffset: segment.baseOffset, file: file, fileSystem: fileSystem)
        var recovery = LogRecovery(
            directory: directory, fileSystem: fileSystem, clock: clock, settings: storedSettings,
            space: nil)
        recovery.stateFrom = .max
        recovery.hasMark = true
        recovery.mark.gapsEnd = gapsEnd
        _ = try recovery.scan(
            copy, size: segment.size, sealed: (segment.size, segment.nextOffset))
        return index
    }
}
