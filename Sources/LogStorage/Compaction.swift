import Bytes
import Platform
import Records

/// One run of compaction over a log: reads what is new to learn the last offset of each key, then
/// writes the segments from the first on anew without what is older (Kafka's log cleaner).
///
/// Used by one thread, under the log's `compactionLock`. What it reads is sealed, so it does not
/// change.
struct Compaction {
    let log: Log
    let now: Int64
    let deleteRetentionMilliseconds: Int64
    let segmentBytes: Int
    /// The segments in reach, and where the one behind them begins.
    let segments: [Segment]
    let reachEnd: Int64
    /// Offsets below were compacted before; records from `mapEnd` on are not looked at.
    let dirtyStart: Int64
    var mapEnd: Int64
    var keys: KeyOffsets
    /// Aborted transactions, as the snapshot on the disk has them.
    let aborted: [Int64: [ClosedRange<Int64>]]
    /// The last word of each producer that is remembered.
    let lastWords: [Int64: LastWord]
    /// Producers with records of the transaction that the scan is in.
    var withRecords: Set<Int64> = []
    var result = CompactionResult()

    /// What must stay of a producer, so that its state can be found anew.
    struct LastWord {
        /// Of its last batch with records; nil if only a marker is left.
        var lastOffset: Int64?
        var epoch: Int16
    }

    init(_ log: Log, now: Int64, memoryBytes: Int, hash: SipHash) throws(LogError) {
        self.log = log
        self.now = now
        let (settings, reach, end, clean, states) = try log.lock.withLock { () throws(LogError) in
            if log.isClosed { throw .closed }
            let count = log.segmentsInReach(now)
            return (
                log.storedSettings, Array(log.segments[..<count]), log.segments[count].baseOffset,
                log.cleanEnd, log.states
            )
        }
        deleteRetentionMilliseconds = settings.deleteRetentionMilliseconds
        segmentBytes = settings.segmentBytesEffective
        segments = reach
        reachEnd = end
        dirtyStart = clean
        mapEnd = clean
        // As many keys as there are offsets, at most.
        let dirty = reach.reduce(Int64(0)) { sum, segment in
            sum + max(0, segment.nextOffset - max(clean, segment.baseOffset))
        }
        keys = KeyOffsets(keys: dirty, bytesMax: memoryBytes, hash: hash)
        aborted = Dictionary(grouping: states.aborted, by: \.producerID).mapValues { list in
            list.map { $0.firstOffset...$0.lastOffset }
        }
        lastWords = states.producers.mapValues { state in
            LastWord(lastOffset: state.batches.last?.lastOffset, epoch: state.producerEpoch)
        }
    }

    mutating func run() throws(LogError) -> CompactionResult {
        guard segments.contains(where: { $0.nextOffset > dirtyStart }) else { return result }
        try learn()
        result.keys = keys.count
        result.isPartial = mapEnd < reachEnd
        // From the oldest on: what a tombstone has deleted is gone before the tombstone is.
        for group in groups() {
            try compactWhatIsLeft(of: group)
        }
        let end = mapEnd
        result.cleanEnd = end
        log.lock.withLock { log.cleanEnd = max(log.cleanEnd, end) }
        if let error = log.writeMark(synchronizing: true) { throw .system(error) }
        return result
    }

    // MARK: Learning

    /// Reads the new part as far as its keys fit.
    private mutating func learn() throws(LogError) {
        for segment in segments where segment.nextOffset > dirtyStart {
            do throws(LogError) {
                guard try learn(segment) else { return }
            } catch {
                // What is deleted meanwhile need not be known.
                guard stillThere([segment]).isEmpty else { throw error }
            }
        }
        mapEnd = reachEnd
    }

    /// Takes the keys of a segment in; false if they do not fit.
    private mutating func learn(_ segment: Segment) throws(LogError) -> Bool {
        var scan = try SegmentScan(segment, log)
        while let header = try scan.next() {
            guard header.lastOffset >= dirtyStart else { continue }
            guard try learn(header, &scan) else { return false }
            mapEnd = header.lastOffset + 1
        }
        return true
    }

    /// Takes the keys of a batch in; false if they do not fit.
    private mutating func learn(_ header: RecordBatchHeader, _ scan: inout SegmentScan)
        throws(LogError) -> Bool
    {
        guard !header.isControl, header.recordCount > 0, !isAborted(header) else { return true }
        let isFirst = keys.count == 0
        return try scan.withRecords { records throws(LogError) in
            var iterator = RecordIterator(header, records: records)
            while let record = iterator.next() {
                guard let key = record.key, record.offset >= dirtyStart else { continue }
                while !keys.put(records.extracting(key), record.offset) {
                    // One batch must fit, or no run would ever come past it.
                    guard isFirst else { return false }
                    keys.grow()
                }
            }
            if iterator.failed { throw scanDamage(header) }
            return true
        }
    }

    /// Whether the records belong to a transaction that was aborted.
    func isAborted(_ header: RecordBatchHeader) -> Bool {
        guard header.isTransactional, let ranges = aborted[header.producerID] else { return false }
        return ranges.contains { $0.contains(header.baseOffset) }
    }

    // MARK: Groups

    /// Segments that become one.
    struct Group {
        var segments: [Segment]
        /// Where the segment behind them begins.
        var end: Int64
    }

    /// Neighbours whose bytes fit into one segment together, up to where keys are known.
    private func groups() -> [Group] {
        var groups: [Group] = []
        var bytes = 0
        for (number, segment) in segments.enumerated() where segment.baseOffset < mapEnd {
            let end = number + 1 < segments.count ? segments[number + 1].baseOffset : reachEnd
            if let last = groups.last, let first = last.segments.first,
                bytes + segment.size <= segmentBytes, end - first.baseOffset <= Int64(Int32.max)
            {
                groups[groups.count - 1].segments.append(segment)
                groups[groups.count - 1].end = end
                bytes += segment.size
            } else {
                groups.append(Group(segments: [segment], end: end))
                bytes = segment.size
            }
        }
        return groups
    }

    /// Retention and DeleteRecords go on meanwhile. What they leave of a group is cleaned alone:
    /// nothing below `cleanEnd` may be as it was, since the next run forgets which of the
    /// transactions there were aborted.
    private mutating func compactWhatIsLeft(of whole: Group) throws(LogError) {
        var group = whole
        let before = result
        while true {
            var failure = LogError.busy
            do throws(LogError) {
                if try compact(group) { return }
            } catch {
                failure = error
            }
            result = before
            let left = stillThere(group.segments)
            guard left.count < group.segments.count, log.compactionFailureReason == nil else {
                throw failure
            }
            if left.isEmpty { return }
            group.segments = left
        }
    }

    private func stillThere(_ some: [Segment]) -> [Segment] {
        log.lock.withLock { some.filter { one in log.segments.contains { $0 === one } } }
    }

    /// Writes the segments of a group as one, and puts it in their place; false if they are not all
    /// there any more.
    private mutating func compact(_ group: Group) throws(LogError) -> Bool {
        guard let first = group.segments.first else { return true }
        try log.checkRoom(for: group)
        let target = try CompactedSegment(replacing: first, end: group.end, log)
        var isChanged = group.segments.count > 1
        do throws(LogError) {
            for segment in group.segments {
                var scan = try SegmentScan(segment, log)
                while let header = try scan.next() {
                    result.recordsBefore += Int64(header.recordCount)
                    switch try outcome(header, &scan) {
                    case .keep:
                        try scan.withBatch { bytes throws(LogError) in
                            try target.append(header, bytes)
                        }
                    case .drop: isChanged = true
                    case .replace(let bytes):
                        isChanged = true
                        try target.append(bytes)
                    }
                }
                result.bytesBefore += Int64(segment.size)
            }
            guard isChanged else {
                result.bytesAfter += Int64(target.size)
                result.recordsAfter += target.records
                result.segmentsBefore += 1
                result.segmentsAfter += 1
                target.discard()
                return true
            }
            try target.finish()
        } catch {
            target.discard()
            throw error
        }
        guard try log.swap(group, for: target) else {
            target.discard()
            return false
        }
        result.bytesAfter += Int64(target.size)
        result.recordsAfter += target.records
        result.segmentsBefore += group.segments.count
        result.segmentsAfter += target.size > 0 ? 1 : 0
        return true
    }

    /// Where a batch is that passed its checksum and still cannot be read.
    func scanDamage(_ header: RecordBatchHeader) -> LogError {
        .corrupt(first: header.baseOffset, last: header.lastOffset)
    }
}
