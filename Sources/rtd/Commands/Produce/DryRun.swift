import Bytes
import Formats
import Platform
import Records

/// `--dry-run`: prints the records as JSON lines and sends nothing; no cluster is asked.
enum DryRun {
    static func run(_ settings: ProduceSettings, _ options: ProduceOptions) -> Int32 {
        let delivery = Delivery(skipsBadRecords: settings.skipsBadRecords)
        do throws(SystemError) {
            var reader = RecordReader(settings, delivery, try StopSignal())
            var sink = PrintingSink(settings, options, delivery)
            var parsing = settings.parserForInput
            parsing.recordBytesMax = settings.recordBytesMax ?? RecordTextLimits.recordBytesMax
            return status(reader.run(parsing, into: &sink), delivery.state)
        } catch {
            StandardError.write(line: "rtd: \(error)")
            return 1
        }
    }

    private static func status(_ end: ReadingEnd, _ state: Delivery.State) -> Int32 {
        if let error = state.outputError {
            guard !error.isBrokenPipe else { return 0 }
            StandardError.write(line: "rtd: \(error)")
            return 1
        }
        switch end {
        case .failed(let message):
            StandardError.write(line: "rtd: \(message)")
            return 1
        case .bad(let message):
            StandardError.write(line: "rtd: \(message) (--on-error skip goes on)")
            return 1
        case .timedOut: return 4
        case .finished, .stopped, .halted: break
        }
        guard let message = state.skipMessage else { return 0 }
        StandardError.write(line: "rtd: \(message)")
        return 3
    }
}

/// Prints each record with its partition, where that can be told without a cluster.
private struct PrintingSink: ProduceSink, ~Copyable {
    private static let flushBytes = 64 << 10

    private let settings: ProduceSettings
    private let delivery: Delivery
    private let topic: String
    /// `--partitions`, nil if not given.
    private let partitions: Int32?
    private var builder = RecordBatchBuilder()
    private var buffer = OutputBuffer()
    private(set) var count = 0
    private(set) var isHalted = false
    private var wall: Int64 = 0

    init(_ settings: ProduceSettings, _ options: ProduceOptions, _ delivery: Delivery) {
        self.settings = settings
        self.delivery = delivery
        topic = settings.topic
        partitions = options.partitions.map { Int32(clamping: $0) }
    }

    var isFull: Bool { count >= settings.countMax }

    mutating func began(input: String) {}

    mutating func chunkBegan(bytes: Int) { wall = SystemClock().wallMilliseconds }

    mutating func append(_ record: ParsedRecord, in bytes: RawSpan) throws(RecordTextError) {
        guard !isFull, !isHalted else { throw .usage("") }
        if let named = record.partition, let partitions, named < 0 || named >= partitions {
            let reason = "there is no partition \(named), the topic has \(partitions)"
            throw .invalid(record.place, reason: reason)
        }
        var scratch = OutputBuffer(capacity: 256)
        let record = settings.completed(record, bytes, &scratch)
        if scratch.isEmpty { print(record, bytes) } else { print(record, scratch.bytes) }
        count += 1
        if buffer.count > Self.flushBytes { flush() }
    }

    private mutating func print(_ record: ParsedRecord, _ bytes: RawSpan) {
        builder.append(
            key: record.key, value: record.value, in: bytes, timestamp: record.timestamp ?? wall,
            headers: record.headers)
        let batch = builder.finish()
        guard let header = RecordBatchHeader(batch.rawSpan) else { return }
        let records = batch.rawSpan.extracting(RecordBatchHeader.size..<batch.count)
        var iterator = RecordIterator(header, records: records)
        guard let view = iterator.next() else { return }
        buffer.append("{\"topic\":")
        buffer.append(jsonString: topic)
        if let partition = partition(record, bytes) {
            buffer.append(",\"partition\":")
            buffer.append(decimal: Int64(partition))
        }
        buffer.append(",")
        buffer.append(jsonMembers: view, in: records, nestsValues: false)
    }

    private func partition(_ record: ParsedRecord, _ bytes: RawSpan) -> Int32? {
        if let named = record.partition { return named }
        if let wanted = settings.partition { return wanted < 0 ? nil : wanted }
        guard let partitions, let key = record.key else { return partitions == 1 ? 0 : nil }
        return KeyPartitioner(choice: settings.partitioner)
            .partition(key: bytes.extracting(key), partitions: partitions)
    }

    mutating func chunkEnded() { flush() }

    func flushDelay() -> Int64? { nil }

    mutating func flush() {
        writeOutput(buffer.bytes, delivery)
        buffer.removeAll()
        isHalted = !delivery.goesOn
    }
}
