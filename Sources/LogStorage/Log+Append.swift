import Bytes
import Platform
public import Records

/// Where batches went.
public struct AppendResult: Equatable, Sendable {
    /// Offset of the first record.
    public var baseOffset: Int64
    public var lastOffset: Int64
    /// Milliseconds, or -1 when the records keep their own timestamps.
    public var logAppendTime: Int64
    public var logStartOffset: Int64
    /// The log end after the append: what to give to `GroupCommit.commit(_:upTo:done:)`.
    public var endOffset: Int64
    /// The first batch was there already; the offsets are those it got then. It may not be synced
    /// yet, so an acks=all answer waits for `endOffset` as ever.
    public var isDuplicate: Bool
    /// The log should be synced soon even if nobody waits: call `GroupCommit.schedule(_:)`.
    public var needsSync: Bool
}

extension Log {
    /// Appends whole batches, checked by the caller, whose headers are given in order.
    ///
    /// Base offset and leader epoch (and LogAppendTime, if so configured) are written into `bytes`
    /// in place. If a later batch fails, the ones before it stay appended.
    public func append(
        _ bytes: UnsafeMutableRawBufferPointer, headers: [RecordBatchHeader],
        durability: Durability, nowMilliseconds: Int64
    ) throws(LogError) -> AppendResult {
        var moved = false
        var callback: (@Sendable () -> Void)?
        defer { if moved { callback?() } }
        return try lock.withLock { () throws(LogError) in
            try admit(bytes.count, headers, nowMilliseconds)
            let first = end
            defer {
                moved = appended(from: first, durability)
                if moved { callback = advanceCallback }
            }
            let duplicate = unsafe try write(bytes, headers, nowMilliseconds)
            return AppendResult(
                baseOffset: duplicate?.firstOffset ?? first,
                lastOffset: duplicate?.lastOffset ?? end - 1,
                logAppendTime: storedSettings.usesLogAppendTime ? nowMilliseconds : -1,
                logStartOffset: start, endOffset: end, isDuplicate: duplicate != nil,
                needsSync: !inUseIsDurable
                    || storedSettings.syncs && unsyncedBytes >= storedSettings.checkpointBytes)
        }
    }

    /// Refuses what cannot be taken before anything is written.
    private func admit(_ count: Int, _ headers: [RecordBatchHeader], _ now: Int64)
        throws(LogError)
    {
        if isClosed { throw .closed }
        if let failure { throw .readOnly(failure) }
        var total = 0
        for header in headers {
            let size = header.totalSize
            guard header.batchLength >= 49, header.lastOffsetDelta >= 0 else { throw .malformed }
            if size > Limits.batchBytesMax { throw .batchTooLarge(size) }
            total += size
        }
        guard total == count, total > 0 else { throw .malformed }
        // The reserve is for markers too: without them transactions hold readers back for good.
        if let space, headers.contains(where: { !$0.isControl }),
            !space.admits(count, nowMilliseconds: now)
        {
            throw .noSpace
        }
    }

    /// Moves the high watermark over what was appended from `first` on, or holds it there.
    private func appended(from first: Int64, _ durability: Durability) -> Bool {
        guard end > first else { return false }
        let waits = durability == .synced || !inUseIsDurable
        if waits, storedSettings.syncs, unsyncedFirst == nil { unsyncedFirst = first }
        return advanceWatermark()
    }

    /// A run of batches that is written by one call.
    private struct Chunk {
        var bytes: Range<Int>
        var headers: Range<Int>
        var nextOffset: Int64
        var hasProducer = false
    }

    /// Writes the batches in chunks; gives the first duplicate, if there is one.
    private func write(
        _ bytes: UnsafeMutableRawBufferPointer, _ headers: [RecordBatchHeader], _ now: Int64
    ) throws(LogError) -> ProducerState.Batch? {
        var chunk = Chunk(bytes: 0..<0, headers: 0..<0, nextOffset: end)
        var duplicate: ProducerState.Batch?
        for (number, header) in headers.enumerated() {
            let position = chunk.bytes.upperBound
            let size = header.totalSize
            if header.hasProducerID {
                // The check of a second batch needs the first one to be taken in.
                if chunk.hasProducer { unsafe try flush(&chunk, bytes, headers) }
                let verdict = states.check(header)
                if verdict != .append { unsafe try flush(&chunk, bytes, headers) }
                if case .refused(let error) = verdict { throw error }
                if case .duplicate(let batch) = verdict {
                    if number == 0 { duplicate = batch }
                    chunk.bytes = position + size..<position + size
                    chunk.headers = number + 1..<number + 1
                    continue
                }
                chunk.hasProducer = true
            }
            if chunk.bytes.count + size > Limits.writeBytesMax {
                unsafe try flush(&chunk, bytes, headers)
            }
            if needsRoll(chunk, header, now) {
                unsafe try flush(&chunk, bytes, headers)
                try roll()
            }
            let batch = unsafe UnsafeMutableRawBufferPointer(
                rebasing: bytes[position..<position + size])
            unsafe RecordBatchPatch.assign(
                batch, baseOffset: chunk.nextOffset, leaderEpoch: epochs.latest)
            if storedSettings.usesLogAppendTime {
                unsafe RecordBatchPatch.setLogAppendTime(batch, now)
            }
            chunk.nextOffset += Int64(header.lastOffsetDelta) + 1
            chunk.bytes = chunk.bytes.lowerBound..<position + size
            chunk.headers = chunk.headers.lowerBound..<number + 1
        }
        unsafe try flush(&chunk, bytes, headers)
        return duplicate
    }

    private func needsRoll(_ chunk: Chunk, _ header: RecordBatchHeader, _ now: Int64) -> Bool {
        let active = self.active
        let size = active.size + chunk.bytes.count
        guard size > 0 else { return false }
        let last = chunk.nextOffset - active.baseOffset + Int64(header.lastOffsetDelta)
        return size + header.totalSize > storedSettings.segmentBytesEffective
            || last > Int64(Int32.max)
            || now - active.createdMilliseconds > segmentMilliseconds
    }

    /// Writes a chunk and takes its batches in; the chunk is then empty.
    private func flush(
        _ chunk: inout Chunk, _ bytes: UnsafeMutableRawBufferPointer,
        _ headers: [RecordBatchHeader]
    ) throws(LogError) {
        guard !chunk.bytes.isEmpty else { return }
        let source = unsafe UnsafeRawBufferPointer(
            UnsafeMutableRawBufferPointer(rebasing: bytes[chunk.bytes]))
        unsafe try writeThrough(source)
        var position = 0
        for number in chunk.headers {
            let header = headers[number]
            let size = header.totalSize
            unsafe takeIn(
                header, UnsafeRawBufferPointer(rebasing: source[position..<position + size]))
            position += size
        }
        let count = Int64(source.count)
        unsyncedBytes += count
        bytesSinceSnapshot += count
        bytesSinceCheckpoint += count
        chunk = Chunk(
            bytes: chunk.bytes.upperBound..<chunk.bytes.upperBound,
            headers: chunk.headers.upperBound..<chunk.headers.upperBound, nextOffset: end)
        writeIndex()
    }

    /// Writes at the end of the active segment; on failure the log is as before, or read-only.
    private func writeThrough(_ source: UnsafeRawBufferPointer) throws(LogError) {
        let active = self.active
        do throws(SystemError) {
            let file = try active.openFile()
            active.isDirty = true
            var done = 0
            while done < source.count {
                let next = min(source.count, done + Limits.writeBytesMax)
                unsafe try file.write(
                    at: Int64(active.size + done),
                    UnsafeRawBufferPointer(rebasing: source[done..<next]))
                done = next
            }
        } catch {
            // What was written of it lies behind the end: the next append writes over it.
            let file = try? active.openFile()
            try? file?.truncate(to: Int64(active.size))
            if error.isNoSpace { throw .noSpace }
            failure = "\(error)"
            throw .readOnly("\(error)")
        }
    }

    /// Takes a batch in that lies at the end of the active segment, with its offsets assigned.
    private func takeIn(_ header: RecordBatchHeader, _ batch: UnsafeRawBufferPointer) {
        let active = self.active
        let timestamp =
            unsafe storedSettings.usesLogAppendTime
            ? Int64(bigEndian: batch.loadUnaligned(fromByteOffset: 35, as: Int64.self))
            : header.maxTimestamp
        let lastOffset = end + Int64(header.lastOffsetDelta)
        let head = unsafe UnsafeRawBufferPointer(
            rebasing: batch[0..<RecordBatchHeader.checksummedFrom])
        unsafe active.index.append(
            IndexEntry(
                position: active.size, size: batch.count, baseDelta: end - active.baseOffset,
                lastDelta: lastOffset - active.baseOffset,
                maxTimestamp: max(active.maxTimestamp, timestamp),
                leaderEpoch: epochs.latest, attributes: header.attributes & Int16.max,
                damaged: active.index.last?.damaged ?? 0,
                chain: CRC32C.checksum(head, continuing: active.index.chain)))
        if header.hasProducerID {
            let span = unsafe RawSpan(_unsafeBytes: batch)
            states.update(
                header, baseOffset: end, marker: TransactionMarker(header, batch: span))
            noteStateChange(at: end)
        }
        active.markVerified(active.size..<active.size + batch.count)
        active.size += batch.count
        end = lastOffset + 1
        active.nextOffset = end
    }

    func noteStateChange(at offset: Int64) {
        if stateChange == nil { stateChange = offset }
        if isSnapshotting, stateChangeAfterSnapshot == nil { stateChangeAfterSnapshot = offset }
    }

    /// Writes index entries out in blocks. The index can be rebuilt, so a failure is no error until
    /// too many wait.
    private func writeIndex() {
        let index = active.index
        guard index.unwritten >= Limits.indexEntriesUnwritten else { return }
        do throws(SystemError) {
            try index.write()
        } catch {
            if index.unwritten > Limits.indexEntriesInMemory * 16 { failure = "\(error)" }
        }
    }

    /// Seals the active segment and begins another at the log's end. Under the lock.
    func roll() throws(LogError) {
        let sealed = active
        do throws(SystemError) {
            try sealed.index.write(keeping: 0)
            let next = try Segment.create(
                in: directory, baseOffset: end, clock: clock, fileSystem: fileSystem)
            next.logPosition = sealed.logPosition + Int64(sealed.size)
            sealed.isDirty = true
            sealedDirty.append(sealed)
            segments.append(next)
            directoryDirty = true
            rolledSinceCheckpoint = true
        } catch {
            // Half of a new segment must not stay where the next one is looked for.
            if end > sealed.baseOffset {
                try? fileSystem.remove(directory + "/" + Segment.name(end) + ".log")
            }
            throw error.isNoSpace ? .noSpace : .system(error)
        }
    }
}
