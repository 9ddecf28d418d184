import Bytes
import Platform
import Records

extension Log {
    /// Whole batches from the one that holds `offset` on, all below `limit`, at most `maxBytes` of
    /// them but at least one if `minOneBatch`. Nil if there is nothing to read yet. Does not read
    /// the batches.
    ///
    /// Throws `.offsetOutOfRange`, or `.corrupt` with the damaged offsets when `offset` is one of
    /// them.
    public func read(
        from offset: Int64, maxBytes: Int, upTo limit: Int64, minOneBatch: Bool
    ) throws(LogError) -> LogSlice? {
        for _ in 0..<2 {
            var search = Search(
                offset: offset, maxBytes: maxBytes, limit: limit, minOneBatch: minOneBatch)
            let stored = try lock.withLock { () throws(LogError) in
                try locate(&search)
            }
            let isFound = if let stored { try search.bisect(stored) } else { true }
            if isFound && search.isPlausible { return try slice(search) }
            try rebuildIndex(of: search.segment)
        }
        throw .corrupt(first: offset, last: offset)
    }

    /// A read under way: what was asked for, then what was found.
    struct Search {
        let offset: Int64
        let maxBytes: Int
        let limit: Int64
        let minOneBatch: Bool
        var segment: Segment?
        /// Bytes of the segment.
        var segmentBytes = 0
        var file: (any File)?
        /// Where the next segment begins, or the log ends.
        var segmentEnd: Int64 = 0
        /// The first and the last batch, and the one behind the stored ones.
        var first: IndexEntry?
        var last: IndexEntry?
        var following: IndexEntry?
        /// The damaged entry at which the run ends.
        var damaged: IndexEntry?

        init(offset: Int64, maxBytes: Int, limit: Int64, minOneBatch: Bool) {
            self.offset = offset
            self.maxBytes = maxBytes
            self.limit = limit
            self.minOneBatch = minOneBatch
        }
    }

    /// Finds the segment, and the batches if they are in memory; else gives where to look for them.
    private func locate(_ search: inout Search) throws(LogError) -> StoredEntries? {
        if isClosed { throw .closed }
        let offset = search.offset
        guard offset >= start, offset <= end else {
            throw .offsetOutOfRange(start: start, end: end)
        }
        guard offset < min(end, search.limit) else { return nil }
        var number = segments.lastIndex { $0.baseOffset <= offset } ?? 0
        if segments[number].baseOffset > offset, offset >= gapsEnd {
            throw .corrupt(first: offset, last: segments[number].baseOffset - 1)
        }
        while segments[number].nextOffset <= offset, number + 1 < segments.count {
            // Offsets that a segment's end lost, or that compaction has removed.
            guard offset < gapsEnd else {
                throw .corrupt(first: offset, last: segments[number + 1].baseOffset - 1)
            }
            number += 1
        }
        let segment = segments[number]
        search.segment = segment
        search.segmentBytes = segment.size
        search.segmentEnd =
            number + 1 < segments.count ? segments[number + 1].baseOffset : end
        if let range = quarantined.first(where: { $0.contains(offset) }) {
            throw .corrupt(first: range.lowerBound, last: range.upperBound - 1)
        }
        do throws(SystemError) {
            search.file = try file(of: segment)
            let index = segment.index
            let delta = offset - segment.baseOffset
            if let head = index.tail.first {
                if delta >= Int64(head.baseDelta) || index.tailStart == 0 {
                    search.find(inTailOf: index, baseOffset: segment.baseOffset)
                    return nil
                }
                search.following = head
            }
            return try index.stored()
        } catch {
            throw .system(error)
        }
    }

    /// Makes the slice of what a search has found; checks what must not be skipped.
    private func slice(_ search: Search) throws(LogError) -> LogSlice? {
        guard let segment = search.segment, let file = search.file else { return nil }
        guard let first = search.first else { return nil }
        let base = segment.baseOffset
        let firstOffset = base + Int64(first.baseDelta)
        return try lock.withLock { () throws(LogError) in
            if first.isQuarantined {
                throw .corrupt(first: firstOffset, last: base + Int64(first.lastDelta))
            }
            if firstOffset > search.offset, search.offset >= gapsEnd {
                throw .corrupt(first: search.offset, last: firstOffset - 1)
            }
            guard let last = search.last else { return nil }
            let position = Int(first.position)
            let behind = end(of: segment) - Int64(position)
            let isVerified =
                segment.verified.lowerBound <= position && segment.verified.upperBound >= last.end
            return LogSlice(
                file: file, position: Int64(position), count: last.end - position,
                baseOffset: firstOffset, nextOffset: base + Int64(last.lastDelta) + 1,
                isCold: !isVerified || behind > storedSettings.recentWindowBytes,
                segment: segment, isVerified: isVerified)
        }
    }

    /// Bytes from the start of a segment to the end of the log.
    private func end(of segment: Segment) -> Int64 {
        active.logPosition + Int64(active.size) - segment.logPosition
    }

    /// Reads a cold slice in and checks what this process has not checked yet; blocks, so it is
    /// called on a worker. Gives the part in front of the first damaged batch; throws if that is
    /// the first one, which is then quarantined.
    public func load(_ slice: LogSlice) throws(LogError) -> LogSlice {
        do throws(LogError) {
            return try checked(slice)
        } catch {
            // The slice keeps the segment's file, but not the index that it is checked by: what
            // was deleted meanwhile is not damaged.
            let (start, end, isClosed) = lock.withLock { (self.start, self.end, self.isClosed) }
            if isClosed { throw .closed }
            throw slice.nextOffset <= start ? .offsetOutOfRange(start: start, end: end) : error
        }
    }

    private func checked(_ slice: LogSlice) throws(LogError) -> LogSlice {
        slice.file.advise(.willNeed, at: slice.position, count: Int64(slice.count))
        if slice.isVerified {
            try slice.readIn()
            return slice
        }
        let bytes = try slice.read()
        let gapsEnd = lock.withLock { self.gapsEnd }
        var position = 0
        var expected = slice.baseOffset
        while position < bytes.count {
            let rest = unsafe bytes.span.bytes.extracting(position..<bytes.count)
            guard let header = RecordBatchHeader(rest), header.magic == 2,
                header.batchLength >= 49, header.totalSize <= rest.byteCount,
                header.baseOffset == expected
                    || header.baseOffset > expected && expected < gapsEnd,
                header.lastOffsetDelta >= 0, header.lastOffset < slice.nextOffset,
                CRC32C.checksum(
                    rest.extracting(RecordBatchHeader.checksummedFrom..<header.totalSize))
                    == header.checksum
            else { break }
            guard try isChained(header, rest, slice.segment, Int(slice.position) + position) else {
                break
            }
            position += header.totalSize
            expected = header.lastOffset + 1
        }
        let start = Int(slice.position)
        lock.withLock {
            if position > 0 { slice.segment.markVerified(start..<start + position) }
        }
        if position == bytes.count { return slice }
        let damaged = try quarantine(in: slice.segment, at: start + position)
        guard position > 0 else {
            throw .corrupt(first: damaged.lowerBound, last: damaged.upperBound - 1)
        }
        return LogSlice(
            file: slice.file, position: slice.position, count: position,
            baseOffset: slice.baseOffset, nextOffset: expected, isCold: false,
            segment: slice.segment, isVerified: true)
    }

    /// Whether the index has a batch here whose chained checksum its header gives.
    private func isChained(
        _ header: RecordBatchHeader, _ bytes: RawSpan, _ segment: Segment, _ position: Int
    ) throws(LogError) -> Bool {
        guard let (before, entry) = try entries(of: segment, at: position) else { return false }
        let chain = CRC32C.checksum(
            bytes.extracting(0..<RecordBatchHeader.checksummedFrom), continuing: before)
        return Int(entry.position) == position && Int(entry.size) == header.totalSize
            && entry.chain == chain
            && segment.baseOffset + Int64(entry.baseDelta) == header.baseOffset
            && segment.baseOffset + Int64(entry.lastDelta) == header.lastOffset
    }

    /// The entry of the batch at `position`, and the chained checksum in front of it.
    private func entries(of segment: Segment, at position: Int) throws(LogError) -> (
        before: UInt32, IndexEntry
    )? {
        let index = segment.index
        let (found, stored): ((UInt32, IndexEntry)?, StoredEntries?) =
            try lock.withLock { () throws(LogError) in
                let place = index.firstInTail { Int($0.position) >= position }
                if place > 0, place < index.tail.count {
                    return ((index.tail[place - 1].chain, index.tail[place]), nil)
                }
                if place < index.tail.count, index.tailStart == 0 {
                    return ((index.identity.chainStart, index.tail[place]), nil)
                }
                return (nil, try system { () throws(SystemError) in try index.stored() })
            }
        if let found { return found }
        guard let stored, let hit = try stored.first(where: { Int($0.position) >= position })
        else { return nil }
        let before =
            hit.number == 0
            ? index.identity.chainStart
            : try stored.entries(hit.number - 1..<hit.number)?.first?.chain
        let entry = hit.entry ?? lock.withLock { index.tail.first }
        guard let before, let entry else { return nil }
        return (before, entry)
    }

    /// Notes that the batch at `position` is damaged; gives its offsets as the index has them.
    private func quarantine(in segment: Segment, at position: Int) throws(LogError) -> Range<Int64>
    {
        let entry = try entries(of: segment, at: position)?.1
        return lock.withLock {
            let base = segment.baseOffset
            let range =
                entry.map { base + Int64($0.baseDelta)..<base + Int64($0.endDelta) }
                ?? base..<max(base, segment.nextOffset)
            if quarantined.count < Limits.quarantinedRangesMax {
                quarantined.append(range)
            } else if let last = quarantined.popLast() {
                quarantined.append(
                    min(
                        last.lowerBound, range.lowerBound)..<max(
                            last.upperBound, range.upperBound))
            }
            return range
        }
    }
}

extension Log.Search {
    /// Finds both ends among the entries in memory.
    mutating func find(inTailOf index: SegmentIndex, baseOffset: Int64) {
        let delta = offset - baseOffset
        let place = index.firstInTail { Int64($0.lastDelta) >= delta }
        guard place < index.tail.count else { return }
        let head = index.tail[place]
        first = head
        let (endMax, limitDelta) = bounds(head, baseOffset)
        var behind = index.firstInTail {
            $0.end > endMax || Int64($0.lastDelta) >= limitDelta
                || $0.damaged != head.damaged
        }
        if behind <= place { behind = takesFirst(head, limitDelta) ? place + 1 : place }
        if behind > place { last = index.tail[behind - 1] }
    }

    /// Finds both ends in the index file; false if the file is damaged.
    mutating func bisect(_ stored: StoredEntries) throws(LogError) -> Bool {
        guard let segment else { return true }
        let delta = offset - segment.baseOffset
        guard let hit = try stored.first(where: { Int64($0.lastDelta) >= delta }) else {
            return false
        }
        guard let head = hit.entry ?? following else { return true }
        first = head
        let (endMax, limitDelta) = bounds(head, segment.baseOffset)
        let search = try stored.first(from: hit.number) {
            $0.end > endMax || Int64($0.lastDelta) >= limitDelta || $0.damaged != head.damaged
        }
        guard let behind = search?.number else { return false }
        if behind > hit.number {
            guard let entry = try stored.entries(behind - 1..<behind)?.first else { return false }
            last = entry
        } else if takesFirst(head, limitDelta) {
            last = head
        }
        return true
    }

    /// The entries found can be those of a segment: an index that lies in spite of its checksums is
    /// no better than a damaged one.
    var isPlausible: Bool {
        guard let segment, let first else { return true }
        guard Int64(first.lastDelta) >= offset - segment.baseOffset,
            first.lastDelta >= first.baseDelta
        else { return false }
        guard let last else { return true }
        return last.position >= first.position && last.end > Int(first.position)
            && last.end <= segmentBytes && last.lastDelta >= first.lastDelta
    }

    private func bounds(_ head: IndexEntry, _ baseOffset: Int64) -> (end: Int, limit: Int64) {
        (Int(head.position) + max(0, maxBytes), limit - baseOffset)
    }

    /// Whether the first batch is taken although it is larger than what was asked for.
    private func takesFirst(_ head: IndexEntry, _ limitDelta: Int64) -> Bool {
        Int64(head.lastDelta) < limitDelta
            && (minOneBatch || head.end - Int(head.position) <= maxBytes)
    }
}
