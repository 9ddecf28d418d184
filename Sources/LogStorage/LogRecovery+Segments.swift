import Bytes
import Platform
import Records

extension LogRecovery {
    /// Opens all segments: those below the mark by their index, the others by reading them.
    mutating func openSegments(_ found: [Int64]) throws(LogError) {
        let bases = try withoutLeftovers(found)
        if hasMark, let first = bases.first, first > mark.startOffset,
            !allowsGap(at: mark.startOffset)
        {
            report.findings.append(
                LogFinding(
                    path: directory, position: nil, offsets: mark.startOffset..<first,
                    cause: BatchDamage.missing.rawValue))
        }
        for (number, base) in bases.enumerated() {
            let next = number + 1 < bases.count ? bases[number + 1] : nil
            let isSealed = hasMark ? base < mark.segmentBase : next != nil
            if isSealed {
                // Below the mark the end is known: where the next segment begins.
                try openSealed(
                    base, end: min(next ?? mark.segmentBase, hasMark ? mark.segmentBase : .max))
            } else if try !openUnsealed(base, bases[(number + 1)...]) {
                break
            }
        }
        try closeGapBelowMark()
    }

    /// Removes what an interrupted deletion or a failed roll has left: segments that end below the
    /// log start, of which any may already be gone, and empty ones that others follow.
    private mutating func withoutLeftovers(_ found: [Int64]) throws(LogError) -> [Int64] {
        var bases = found
        if hasMark {
            while bases.count > 1, bases[1] <= mark.startOffset {
                try remove(bases.removeFirst())
            }
        }
        var kept: [Int64] = []
        for base in bases {
            if base != bases.last, !hasMark || base != mark.segmentBase, try openFile(base).1 == 0 {
                try remove(base)
            } else {
                kept.append(base)
            }
        }
        return kept
    }

    /// After damage the log must go on at or behind the mark: offsets are never given twice.
    private mutating func closeGapBelowMark() throws(LogError) {
        let end = segments.last?.nextOffset
        guard segments.isEmpty || hasMark && (end ?? 0) < mark.durableEnd else { return }
        let from = max(end ?? mark.startOffset, mark.startOffset)
        if from < mark.durableEnd {
            report.findings.append(
                LogFinding(
                    path: directory, position: nil, offsets: from..<mark.durableEnd,
                    cause: BatchDamage.missing.rawValue))
        }
        if let last = segments.last, last.size == 0 {
            segments.removeLast()
            try remove(last.baseOffset)
        }
        let segment = try system { () throws(SystemError) in
            try Segment.create(
                in: directory, baseOffset: mark.durableEnd, clock: clock, fileSystem: fileSystem)
        }
        segment.isDirty = true
        segments.append(segment)
        directoryChanged = true
    }

    /// Opens a segment that everything behind it follows; its index is believed if its end fits.
    private mutating func openSealed(_ base: Int64, end: Int64) throws(LogError) {
        let (file, size) = try openFile(base)
        let name = path(Segment.name(base) + ".index")
        let identity: IndexIdentity
        if let (index, found) = try openIndex(name, base) {
            identity = found
            if let index, let last = index.last, last.end <= size,
                base + Int64(last.lastDelta) + 1 == end || allowsGap(at: base)
            {
                let segment = Segment(
                    baseOffset: base, path: path(Segment.name(base) + ".log"), index: index,
                    size: last.end, nextOffset: base + Int64(last.lastDelta) + 1, file: nil,
                    fileSystem: fileSystem)
                index.releaseFile()
                segment.verified = 0..<0
                scanned[base] = last.end
                return segments.append(segment)
            }
        } else {
            identity = Segment.newIdentity(base, directory, clock)
        }
        let index = try newIndex(name, identity)
        let segment = makeSegment(base, index, file)
        report.rebuiltIndexes.append(base)
        _ = try scan(segment, size: size, sealed: (size, end))
        if segment.nextOffset < end, !allowsGap(at: base) {
            report.findings.append(
                LogFinding(
                    path: segment.path, position: size, offsets: segment.nextOffset..<end,
                    cause: BatchDamage.missing.rawValue))
        }
        segments.append(segment)
    }

    private func openFile(_ base: Int64) throws(LogError) -> (any File, Int) {
        try system { () throws(SystemError) in
            let file = try fileSystem.open(path(Segment.name(base) + ".log"))
            return (file, Int(try file.size()))
        }
    }

    private func makeSegment(_ base: Int64, _ index: SegmentIndex, _ file: any File) -> Segment {
        let segment = Segment(
            baseOffset: base, path: path(Segment.name(base) + ".log"), index: index,
            size: index.last?.end ?? 0,
            nextOffset: index.last.map { base + Int64($0.lastDelta) + 1 } ?? base, file: file,
            fileSystem: fileSystem)
        segment.verified = segment.size..<segment.size
        return segment
    }

    private mutating func newIndex(_ name: String, _ identity: IndexIdentity) throws(LogError)
        -> SegmentIndex
    {
        directoryChanged = true
        return try system { () throws(SystemError) in
            try SegmentIndex.create(path: name, identity: identity, fileSystem: fileSystem)
        }
    }

    /// The index file as it is: its identity, and the index itself if its last entry is sound. Nil
    /// if not even the identity is.
    private func openIndex(_ name: String, _ base: Int64) throws(LogError) -> (
        SegmentIndex?, IndexIdentity
    )? {
        guard fileSystem.exists(name) else { return nil }
        let file = try system { () throws(SystemError) in try fileSystem.open(name) }
        let (head, size) = try system { () throws(SystemError) in
            (try file.read(at: 0, count: IndexEntry.size), Int(try file.size()))
        }
        guard let identity = IndexIdentity(head), identity.baseOffset == base else { return nil }
        let count = size / IndexEntry.size - 1
        guard count > 0, size % IndexEntry.size == 0 else { return (nil, identity) }
        let stored = StoredEntries(file: file, count: count, identity: identity)
        guard let last = try stored.entries(count - 1..<count)?.first else {
            return (nil, identity)
        }
        let index = SegmentIndex(
            path: name, identity: identity, count: count, last: last, file: file,
            fileSystem: fileSystem)
        return (index, identity)
    }

    /// Opens the segment of the mark or one beyond it: what its index is known to hold is believed,
    /// the rest is read. False if the log ends in it.
    private mutating func openUnsealed(_ base: Int64, _ later: ArraySlice<Int64>) throws(LogError)
        -> Bool
    {
        let holdsMark = hasMark && base == mark.segmentBase
        if hasMark, !holdsMark {
            // Beyond the mark a gap is a tail that was lost.
            let end = max(segments.last?.nextOffset ?? 0, mark.durableEnd)
            if base != end {
                try dropTail([base] + Array(later))
                return false
            }
            try closeGapBeforeBeyond(base)
        }
        let (file, size) = try openFile(base)
        let name = path(Segment.name(base) + ".index")
        let index: SegmentIndex
        if holdsMark, let trusted = try trustedIndex(name, base, size) {
            index = trusted
        } else {
            let known = try openIndex(name, base)?.1
            if known == nil { keepsChain = false }
            let identity = known ?? Segment.newIdentity(base, directory, clock)
            index = try newIndex(name, identity)
            if holdsMark ? mark.indexSynced > 0 : !hasMark { report.rebuiltIndexes.append(base) }
        }
        let segment = makeSegment(base, index, file)
        let sealed: (Int, Int64) =
            holdsMark ? (Int(mark.position), mark.durableEnd) : hasMark ? (0, base) : (size, -1)
        let isWhole = try scan(segment, size: size, sealed: sealed)
        segments.append(segment)
        if !isWhole { try dropTail(Array(later)) }
        return isWhole
    }

    /// A segment beyond the mark follows where bytes below the mark are missing: that is no cut.
    private mutating func closeGapBeforeBeyond(_ base: Int64) throws(LogError) {
        guard let last = segments.last, last.nextOffset < base else { return }
        report.findings.append(
            LogFinding(
                path: last.path, position: last.size, offsets: last.nextOffset..<base,
                cause: BatchDamage.missing.rawValue))
    }

    private mutating func dropTail(_ bases: [Int64]) throws(LogError) {
        for base in bases {
            report.cutBytes += Int64(try openFile(base).1)
            try remove(base)
        }
    }

    /// The index of the mark's segment as far as its entries are sound and chain up to the mark;
    /// nil if the entries that were synced are not.
    private func trustedIndex(_ name: String, _ base: Int64, _ size: Int) throws(LogError)
        -> SegmentIndex?
    {
        guard fileSystem.exists(name) else { return nil }
        let file = try system { () throws(SystemError) in try fileSystem.open(name) }
        let head = try system { () throws(SystemError) in
            try file.read(at: 0, count: IndexEntry.size)
        }
        guard let identity = IndexIdentity(head), identity.baseOffset == base else { return nil }
        let stored = StoredEntries(file: file, count: Int(mark.entryCount), identity: identity)
        var count = Int(mark.indexSynced)
        var last: IndexEntry?
        var unsynced: [IndexEntry] = []
        if count > 0 {
            guard let entry = try stored.entries(count - 1..<count)?.first, entry.end <= size
            else { return nil }
            last = entry
        }
        while count < Int(mark.entryCount) {
            guard let entry = try stored.entries(count..<count + 1)?.first, entry.end <= size,
                Int(entry.position) == last?.end ?? 0, entry.end <= Int(mark.position),
                Int64(entry.baseDelta) == last.map({ Int64($0.lastDelta) + 1 }) ?? 0
                    || allowsGap(at: base)
            else { break }
            last = entry
            unsynced.append(entry)
            count += 1
        }
        let synced = count - unsynced.count
        let index = SegmentIndex(
            path: name, identity: identity, count: synced,
            last: synced > 0 ? try stored.entries(synced - 1..<synced)?.first : nil, file: file,
            fileSystem: fileSystem)
        // They are written once more: a failed sync may have left them in the page cache only.
        for entry in unsynced { index.append(entry) }
        return index
    }
}
