import Bytes
import Formats
import KafkaClient
import Platform
import Records

/// What is printed and waits to be written to stdout, and how far that brings each partition.
///
/// Records are printed from the buffer that the answer was read into straight into the output
/// buffer, which is written when it is full and when no more data is there. On the task that
/// prints.
final class RecordOutput: @unchecked Sendable {
    private var buffer = OutputBuffer(capacity: ConsumeLimits.outputBytes * 2)
    private var printer: RecordPrinter
    /// `-u`: each record is written by itself.
    private let writesEach: Bool
    private let skipsDamaged: Bool
    /// Of `--exec`: takes the bytes in place of stdout.
    let transform: Transform?
    /// The partitions whose positions the written bytes carry on.
    var readings: [PartitionReading] = []
    /// Of `-c`.
    private(set) var countLeft: Int
    private(set) var recordCount = 0
    private(set) var byteCount = 0
    /// Records in batches that `--on-error skip` passed over.
    private(set) var skippedCount = 0

    init(
        _ options: RecordPrinter.Options, count: Int?, writesEach: Bool, skipsDamaged: Bool,
        _ transform: Transform?
    ) {
        self.transform = transform
        printer = RecordPrinter(options)
        countLeft = count ?? .max
        self.writesEach = writesEach
        self.skipsDamaged = skipsDamaged
    }

    var isComplete: Bool { countLeft == 0 }
    var isEmpty: Bool { buffer.isEmpty }

    /// Writes what waits. When that is done it counts as read.
    func flush() throws(ConsumeError) {
        if let transform { return try flush(through: transform) }
        if !buffer.isEmpty {
            do throws(SystemError) {
                try StandardOutput.write(buffer.bytes)
            } catch {
                buffer.removeAll()
                throw .output(error)
            }
            byteCount &+= buffer.count
            buffer.removeAll()
        }
        for reading in readings { reading.written = reading.printed }
    }

    /// The offsets go with the records.
    private func flush(through transform: Transform) throws(ConsumeError) {
        guard !buffer.isEmpty else { return }
        defer { buffer.removeAll() }
        var offsets: [TopicPartition: Int64] = [:]
        for reading in readings where reading.printed != reading.written {
            offsets[reading.id] = reading.printed
        }
        guard try transform.run(buffer.bytes, offsets) else { return }
        byteCount &+= buffer.count
        for reading in readings { reading.written = reading.printed }
    }

    /// Nothing more is there just now: what waits is written, but for a turn of `--exec` whose time
    /// has not come.
    func flushWhenQuiet() throws(ConsumeError) {
        if let transform, transform.nanosecondsLeft ?? 0 > 0 { return }
        try flush()
    }

    /// Forgets what waits: it is read again, by whoever the partitions are now.
    func drop() {
        buffer.removeAll()
        transform?.dropped()
    }

    private func flushIfFull() throws(ConsumeError) {
        let isFull =
            transform.map { $0.isFull(bytes: buffer.count) }
            ?? (buffer.count >= ConsumeLimits.outputBytes)
        if isFull { try flush() }
    }

    /// Counts records that were passed over.
    func skip(_ count: Int) { skippedCount &+= count }

    private func passed(_ count: Int) {
        recordCount &+= count
        transform?.added(count)
        countLeft &-= count
    }
}

// In the order in which they come.
extension RecordOutput {
    /// Prints what was fetched of a partition.
    func print(_ fetched: FetchedBatches, of reading: PartitionReading) throws(ConsumeError) {
        let end = reading.range.end ?? .max
        let from = max(reading.range.from, fetched.startOffset)
        for batch in fetched.batches {
            guard countLeft > 0 else { return }
            guard batch.header.baseOffset < end else { break }
            let bounds = RecordPrinter.Bounds(from: from, until: end, count: countLeft)
            try skippingDamage(batch.header) { () throws(ConsumeError) in
                try fetched.withRecords(of: batch, checked: skipsDamaged) {
                    (records) throws(ConsumeError) in
                    if writesEach {
                        try printEach(batch.header, records, bounds, reading)
                    } else {
                        try print(batch.header, records, bounds, reading)
                    }
                }
            }
            try flushIfFull()
        }
        if countLeft > 0 { reading.printed = min(fetched.nextOffset, end) }
    }

    private func print(
        _ header: RecordBatchHeader, _ records: RawSpan, _ bounds: RecordPrinter.Bounds,
        _ reading: PartitionReading
    ) throws(ConsumeError) {
        do throws(RecordTextError) {
            let printed = try printer.print(
                header, records: records, of: reading.source, bounds, into: &buffer)
            passed(printed.count)
            reading.printed = printed.nextOffset
        } catch {
            throw .damaged(reading.id, reason: error.description)
        }
    }

    private func printEach(
        _ header: RecordBatchHeader, _ records: RawSpan, _ bounds: RecordPrinter.Bounds,
        _ reading: PartitionReading
    ) throws(ConsumeError) {
        var iterator = RecordIterator(header, records: records)
        while countLeft > 0, let record = iterator.next(), record.offset < bounds.until {
            guard record.offset >= bounds.from else { continue }
            printer.print(record, in: records, header, of: reading.source, into: &buffer)
            passed(1)
            reading.printed = record.offset &+ 1
            try flush()
        }
        if iterator.failed { throw .malformed(header, reading.id) }
    }

    private func skippingDamage(
        _ header: RecordBatchHeader, _ body: () throws(ConsumeError) -> Void
    ) throws(ConsumeError) {
        do throws(ConsumeError) {
            try body()
        } catch {
            guard error.isDamage, skipsDamaged else { throw error }
            skippedCount &+= Int(max(0, header.recordCount))
        }
    }
}

// Merged.
extension RecordOutput {
    /// Loads the next batch of a lane that has used up its records.
    func advance(_ lane: MergeLane) throws(ConsumeError) {
        while lane.needsBatch {
            do throws(ConsumeError) {
                try lane.loadBatch(checked: skipsDamaged)
            } catch {
                guard error.isDamage, skipsDamaged else { throw error }
                skippedCount &+= Int(max(0, lane.batchRecordCount))
            }
        }
    }

    /// Prints the records of a lane that come before those of all others, whose first is `bound`.
    func print(_ lane: MergeLane, before bound: MergeKey?) throws(ConsumeError) {
        lane.withRecords { header, records in
            while countLeft > 0, let record = lane.head, buffer.count < ConsumeLimits.outputBytes {
                if let bound, bound < lane.key(of: record) { break }
                printer.print(record, in: records, header, of: lane.reading.source, into: &buffer)
                passed(1)
                lane.reading.printed = record.offset &+ 1
                lane.removeHead()
                if writesEach { break }
            }
        }
        if writesEach { try flush() } else { try flushIfFull() }
    }
}

extension FetchedBatches {
    /// Calls `body` with the record section of a batch: in place, or decompressed.
    /// `checked` compares the checksum, which the client then has not done.
    func withRecords<R>(
        of batch: Batch, checked: Bool, _ body: (RawSpan) throws(ConsumeError) -> R
    ) throws(ConsumeError) -> R {
        try withBytes(of: batch) { (bytes) throws(ConsumeError) in
            if let plain = try decompressed(batch.header, bytes, checked: checked) {
                return try body(plain.rawSpan)
            }
            return try body(bytes.extracting(RecordBatchHeader.size..<bytes.byteCount))
        }
    }

    /// The records of a compressed batch; nil when they are plain already.
    func decompressed(
        _ header: RecordBatchHeader, _ bytes: RawSpan, checked: Bool
    ) throws(ConsumeError) -> [UInt8]? {
        if checked {
            let body = bytes.extracting(RecordBatchHeader.checksummedFrom..<bytes.byteCount)
            guard CRC32C.checksum(body) == header.checksum else {
                throw .client(.corrupt(partition, offset: header.baseOffset))
            }
        }
        do throws(RecordBatchError) {
            return try header.decompressedRecords(bytes, limit: ConsumeLimits.batchBytesMax)
        } catch {
            throw .malformed(header, partition)
        }
    }
}

extension ConsumeError {
    /// A batch cannot be read; those behind it may be.
    var isDamage: Bool {
        switch self {
        case .damaged, .client(.corrupt): true
        default: false
        }
    }

    static func malformed(_ header: RecordBatchHeader, _ id: TopicPartition) -> ConsumeError {
        let error = RecordTextError.malformedBatch(baseOffset: header.baseOffset)
        return .damaged(id, reason: error.description)
    }
}
