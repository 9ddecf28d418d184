import Bytes
import Platform
import Records

@testable import LogStorage

/// What a start reads of a partition: one of its files is changed as the input says. The log opens
/// or says why not, gives what is whole, and takes a batch that is there after the next start.
///
/// The first byte chooses the file, the second whether the log was closed in order, whether what
/// follows is written over, into or instead of the file's bytes, and whether checksums are put
/// right after that: else nothing behind them would be reached.
func fuzzFiles(_ bytes: RawSpan) {
    guard bytes.byteCount > 4, bytes.byteCount < 1 << 16 else { return }
    var reader = ByteReader(bytes)
    let (chosen, how, place) = (Int(reader.uint8()), reader.uint8(), Int(reader.uint16()))
    let pristine = how & 1 == 0 ? PristineLog.closed : PristineLog.killed
    let path = pristine.paths[chosen % pristine.paths.count]
    let old = pristine.contents(path) ?? []
    let start = min(place, old.count)
    let new = reader.array(reader.remaining)
    let behind = how & 6 == 0 ? min(start + new.count, old.count) : how & 6 == 2 ? start : old.count
    var content = Array(old[..<start]) + new + old[behind...]
    if how & 8 == 0 { settle(path, &content) }
    let disk = pristine.killed()
    disk.setContents(path, content)
    _ = try? LogCheck.run(directory: PristineLog.directory, fileSystem: disk)
    guard let log = try? PristineLog.open(disk) else { return }
    readAll(log)
    guard let offset = try? PristineLog.append("afterwards", to: log) else { return }
    precondition(offset >= log.startOffset, "a batch is given a place before the log's start")
    guard (try? log.close()) != nil else { return }
    guard let again = try? PristineLog.open(disk) else {
        fatalError("a log that was closed in order does not open")
    }
    precondition(again.endOffset == offset + 1, "an acknowledged batch is gone")
    readAll(again)
}

/// Reads all that the log gives; what is damaged says how far.
private func readAll(_ log: Log) {
    var next = log.startOffset
    var rounds = 0
    while next < log.endOffset, rounds < 10_000 {
        rounds += 1
        do throws(LogError) {
            guard
                var slice = try log.read(
                    from: next, maxBytes: 1 << 20, upTo: log.endOffset, minOneBatch: true)
            else { return }
            if slice.isCold { slice = try log.load(slice) }
            _ = try slice.read()
            precondition(slice.nextOffset > next, "a read does not get on")
            next = slice.nextOffset
        } catch {
            guard case .corrupt(_, let last) = error else { return }
            // Past the largest offset there is nothing more.
            guard max(last, next) < Int64.max else { return }
            next = max(last, next) + 1
        }
    }
}

/// Puts the checksums right that a file of this kind has.
private func settle(_ path: String, _ content: inout [UInt8]) {
    if path.hasSuffix(".log") { return settleBatches(&content) }
    if path.hasSuffix(".index") { return settleEntries(&content) }
    if path.hasSuffix("checkpoint") {
        for slot in [0, Checkpoint.slotSize] where content.count >= slot + Mark.size {
            settleTail(&content, slot..<slot + Mark.size)
        }
    } else {
        settleTail(&content, content.indices)
    }
}

/// A checksum over all but itself, in the last four bytes.
private func settleTail(_ content: inout [UInt8], _ range: Range<Int>) {
    guard range.count >= 4 else { return }
    let end = range.upperBound - 4
    let sum = CRC32C.checksum(Array(content[range.lowerBound..<end]))
    content.replaceSubrange(
        end..<end + 4, with: [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: sum >> $0) })
}

private func settleBatches(_ content: inout [UInt8]) {
    var position = 0
    while position + RecordBatchHeader.size <= content.count,
        let header = RecordBatchHeader(
            content.span.bytes.extracting(position..<content.count)),
        header.totalSize >= RecordBatchHeader.size,
        position + header.totalSize <= content.count
    {
        let end = position + header.totalSize
        content[position..<end].withUnsafeMutableBytes { RecordBatchPatch.checksum($0) }
        position = end
    }
}

private func settleEntries(_ content: inout [UInt8]) {
    guard content.count >= IndexEntry.size else { return }
    settleTail(&content, 0..<IndexEntry.size)
    guard let identity = IndexIdentity(Array(content[..<IndexEntry.size])) else { return }
    for number in 0..<content.count / IndexEntry.size - 1 {
        let start = (number + 1) * IndexEntry.size
        let seed = identity.seed(number)
        let sum = content[start..<start + 36].withUnsafeBytes {
            CRC32C.checksum($0, continuing: seed)
        }
        content.replaceSubrange(
            start + 36..<start + 40,
            with: [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: sum >> $0) })
    }
}

/// A log of a few segments with producers and a transaction, made once.
private enum PristineLog {
    static let directory = "/log"
    static let closed = made(closing: true)
    static let killed = made(closing: false)

    static func open(_ disk: SimulatedFileSystem) throws(LogError) -> Log {
        var settings = LogSettings()
        settings.segmentBytes = 500
        settings.retentionMilliseconds = -1
        return try Log.open(
            directory: directory, fileSystem: disk, clock: SimulatedClock(), settings: settings
        ).0
    }

    private static func made(closing: Bool) -> SimulatedFileSystem {
        let disk = SimulatedFileSystem()
        do {
            let log = try open(disk)
            for number in 0..<8 {
                try append("value \(number)", to: log, producer: Int64(number % 2), number / 2)
                if number == 4 { try log.raiseLeaderEpoch() }
            }
            try log.synchronize()
            if closing { try log.close() }
        } catch {
            fatalError("the log to start from cannot be made: \(error)")
        }
        return closing ? disk : disk.killed()
    }

    @discardableResult
    static func append(
        _ value: String, to log: Log, producer: Int64 = -1, _ sequence: Int = -1
    ) throws(LogError) -> Int64 {
        var builder = RecordBatchBuilder()
        Array(value.utf8).withUnsafeBytes {
            builder.append(key: nil, value: $0, timestamp: 1_000)
        }
        var attributes = RecordBatchBuilder.Attributes()
        attributes.producerID = producer
        attributes.producerEpoch = producer < 0 ? -1 : 0
        attributes.baseSequence = Int32(sequence)
        attributes.transactional = producer == 1
        var batch = builder.finish(attributes)
        guard let header = RecordBatchHeader(batch.span.bytes) else { return -1 }
        let result: Result<AppendResult, LogError> = batch.withUnsafeMutableBytes { buffer in
            Result { () throws(LogError) in
                try log.append(
                    buffer, headers: [header], durability: .synced, nowMilliseconds: 1_000)
            }
        }
        return try result.get().baseOffset
    }
}
