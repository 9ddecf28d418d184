import Bytes
import Platform
import Records

extension LogRecovery {
    /// Reads a segment from the end of its index on, and completes the index.
    ///
    /// Below position `sealed.0` everything was durable (up to offset `sealed.1`, or -1 if
    /// unknown), so damage there is quarantined; beyond it the first bad batch ends the log. False
    /// if it was cut.
    mutating func scan(_ segment: Segment, size: Int, sealed: (position: Int, end: Int64))
        throws(LogError) -> Bool
    {
        let file = try system { () throws(SystemError) in try segment.openFile() }
        scanned[segment.baseOffset] = segment.size
        var scanner = BatchScanner(
            file, from: segment.size, end: size, expected: segment.nextOffset,
            epoch: segment.index.last?.leaderEpoch ?? 0,
            allowsGaps: allowsGap(at: segment.baseOffset))
        var isWhole = true
        loop: while true {
            if scanner.position < sealed.position { scanner.epochMax = epochMax }
            switch try scanner.next() {
            case .batch(let header, let position):
                let marker = scanner.withBatch(header, at: position) { bytes in
                    adopt(header, bytes, segment)
                    return TransactionMarker(header, batch: bytes)
                }
                postpone(header, marker)
                if scanner.position > sealed.position {
                    report.recoveredBytes += Int64(header.totalSize)
                }
                try checkChain(segment, sealed.position)
                if segment.index.unwritten > Limits.indexEntriesInMemory { try write(segment) }
            case .end:
                break loop
            case .bad(let damage, let position):
                if position < sealed.position {
                    if try skip(damage, position, segment, &scanner, size, sealed) { continue }
                }
                isWhole = position < sealed.position && sealed.end >= 0 && size <= sealed.position
                if !isWhole { try cut(segment, file, size) }
                break loop
            }
        }
        try settle(segment, file, sealed.position)
        return isWhole
    }

    /// Keeps what changes producers or epochs until the batches before it were replayed.
    private mutating func postpone(_ header: RecordBatchHeader, _ marker: TransactionMarker?) {
        guard header.baseOffset >= stateFrom else { return }
        let isNewEpoch = deferred.last?.0.partitionLeaderEpoch != header.partitionLeaderEpoch
        if header.hasProducerID || isNewEpoch { deferred.append((header, marker)) }
    }

    /// The highest epoch that a batch below the mark can have.
    private var epochMax: Int32 { hasMark ? max(mark.leaderEpoch, epochs.latest) : .max }

    private func write(_ segment: Segment) throws(LogError) {
        try system { () throws(SystemError) in try segment.index.write(keeping: 64) }
    }

    private mutating func adopt(_ header: RecordBatchHeader, _ bytes: RawSpan, _ segment: Segment) {
        let index = segment.index
        let base = segment.baseOffset
        index.append(
            IndexEntry(
                position: segment.size, size: header.totalSize,
                baseDelta: header.baseOffset - base, lastDelta: header.lastOffset - base,
                maxTimestamp: max(segment.maxTimestamp, header.maxTimestamp),
                leaderEpoch: header.partitionLeaderEpoch,
                attributes: header.attributes & Int16.max, damaged: index.last?.damaged ?? 0,
                chain: CRC32C.checksum(
                    bytes.extracting(0..<RecordBatchHeader.checksummedFrom),
                    continuing: index.chain)))
        segment.size += header.totalSize
        segment.nextOffset = header.lastOffset + 1
        segment.isDirty = true
    }

    /// At the mark the chain of headers must be what the mark says.
    private mutating func checkChain(_ segment: Segment, _ position: Int) throws(LogError) {
        guard hasMark, keepsChain, segment.baseOffset == mark.segmentBase, segment.size == position,
            segment.index.chain != mark.chain, segment.index.last?.damaged ?? 0 == 0
        else { return }
        report.findings.append(
            LogFinding(
                path: segment.path, position: position, offsets: nil,
                cause: BatchDamage.chain.rawValue))
    }

    /// Quarantines damaged bytes below the mark, up to where sound ones follow. False if none do.
    private mutating func skip(
        _ damage: BatchDamage, _ position: Int, _ segment: Segment,
        _ scanner: inout BatchScanner, _ size: Int, _ sealed: (position: Int, end: Int64)
    ) throws(LogError) -> Bool {
        let first = segment.nextOffset
        let limit = sealed.end >= 0 ? sealed.end : Int64.max
        scanner.expected = first + 1
        if try scanner.resynchronize(from: position + 1, limit: limit) {
            quarantine(segment, damage, upTo: scanner.position, scanner.expected)
            return true
        }
        guard sealed.end > first else { return false }
        let next = min(size, sealed.position)
        quarantine(segment, damage, upTo: next, sealed.end)
        scanner.move(to: next, expected: sealed.end)
        return size > sealed.position
    }

    private mutating func quarantine(
        _ segment: Segment, _ damage: BatchDamage, upTo position: Int, _ next: Int64
    ) {
        let range = segment.nextOffset..<next
        report.findings.append(
            LogFinding(
                path: segment.path, position: segment.size, offsets: range,
                cause: damage.rawValue))
        let index = segment.index
        index.append(
            IndexEntry(
                position: segment.size, size: position - segment.size,
                baseDelta: range.lowerBound - segment.baseOffset,
                lastDelta: range.upperBound - 1 - segment.baseOffset,
                maxTimestamp: segment.maxTimestamp,
                leaderEpoch: index.last?.leaderEpoch ?? 0, attributes: IndexEntry.quarantined,
                damaged: (index.last?.damaged ?? 0) &+ 1, chain: index.chain))
        segment.size = position
        segment.nextOffset = next
        segment.isDirty = true
    }

    private mutating func cut(_ segment: Segment, _ file: any File, _ size: Int) throws(LogError) {
        report.cutBytes += Int64(size - segment.size)
        segment.isDirty = true
        try system { () throws(SystemError) in try file.truncate(to: Int64(segment.size)) }
    }

    /// Writes what lies beyond the mark once more. After a failed sync the kernel takes pages for
    /// clean that are not on the disk: only a new write makes the next sync mean something.
    private func settle(_ segment: Segment, _ file: any File, _ position: Int) throws(LogError) {
        guard segment.size > position else { return }
        var done = max(0, position)
        while done < segment.size {
            let count = min(Limits.writeBytesMax, segment.size - done)
            try system { () throws(SystemError) in
                let bytes = try file.read(at: Int64(done), count: count)
                try file.write(at: Int64(done), bytes)
            }
            done += count
        }
        segment.isDirty = true
    }
}
