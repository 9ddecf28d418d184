import Formats
import KafkaClient
import Platform
import Query
import Records

/// INSERT INTO topic: each row becomes a record with a JSON value; `_key` is its key. Rows count as
/// written when the cluster has acknowledged them.
final class TopicOutput: ResultOutput {
    private let topic: String
    private let partitionCount: Int32
    private let thread: ClusterThread
    private let producer: Producer
    private let outcome = DeliveryOutcome()
    private var keyColumn: Int?
    private var text: RowText?
    private var sticky = 0
    /// The batch of each partition that is being filled.
    private let open: [OpenBatch]
    private let clock = SystemClock()

    private static let batchBytesMax = 512 * 1024

    let isClosed = false

    init(_ topic: Metadata.Topic, _ thread: ClusterThread) {
        self.topic = topic.name
        partitionCount = Int32(topic.partitions.count)
        self.thread = thread
        producer = Producer(thread.connection.cluster)
        open = topic.partitions.map { _ in OpenBatch() }
    }

    func begin(_ columns: [Field], isChangelog: Bool, key: [Int]?) throws(SQLError) {
        guard !isChangelog else {
            throw SQLError(
                "changes cannot be written to a topic yet", .featureNotSupported,
                hint: "Leave EMIT CHANGES out, or pipe --format debezium into rtd produce.")
        }
        keyColumn = columns.firstIndex { $0.name == "_key" }
        let names = columns.indices.filter { $0 != keyColumn }.map { columns[$0].name }
        text = RowText(.json, names: RowText.distinct(names))
    }

    func write(_ batch: Batch) throws(SQLError) {
        if let failure = outcome.failure { throw failure }
        guard let text else { return }
        let values = batch.replacing(
            batch.columns.indices.filter { $0 != keyColumn }.map { batch.columns[$0] })
        var buffer = OutputBuffer(capacity: 1024)
        for row in 0..<batch.count {
            buffer.removeAll()
            let key = keyColumn.flatMap { RowText.text(batch.columns[$0], row) }
            buffer.append(utf8: key ?? "")
            let keyRange = key == nil ? nil : 0..<buffer.count
            let start = buffer.count
            text.append(values.slice(row..<row + 1), into: &buffer)
            // Without the newline.
            add(key: keyRange, value: start..<buffer.count - 1, in: buffer.bytes)
        }
    }

    private func add(key: Range<Int>?, value: Range<Int>, in bytes: RawSpan) {
        let index =
            key.map {
                Int(Partitioner.partition(key: bytes.extracting($0), partitions: partitionCount))
            } ?? sticky
        let size = RecordBatchBuilder.sizeMax(key: key?.count ?? 0, value: value.count)
        if !open[index].isEmpty, open[index].size + size > Self.batchBytesMax { send(index) }
        open[index].append(
            key: key, value: value, in: bytes, timestamp: clock.wallMilliseconds)
    }

    /// A batch leaves; rows without a key go on to the next partition.
    private func send(_ index: Int) {
        let batch = open[index]
        guard !batch.isEmpty else { return }
        let records = batch.count
        let outcome = outcome
        let topic = topic
        producer.sendBlocking(
            batch: batch.finish(), records: records, to: TopicPartition(topic, Int32(index))
        ) { _, result in
            if case .failure(let error) = result {
                outcome.fail(
                    SQLError("cannot write to topic \"\(topic)\": \(error)", .inputOutputError))
            }
        }
        if index == sticky { sticky = (sticky + 1) % open.count }
    }

    private func sendAll() {
        for index in open.indices { send(index) }
    }

    func endStep() throws(SQLError) {}

    func flush() throws(SQLError) { sendAll() }

    /// What is saved behind these records says that they were written, so they must be there.
    func mark() throws(SQLError) -> OutputMark? {
        sendAll()
        let producer = producer
        thread.call { () async in await producer.flush() }
        if let failure = outcome.failure { throw failure }
        return nil
    }

    func end() throws(SQLError) {
        sendAll()
        let producer = producer
        thread.call { () async in
            await producer.flush()
            await producer.close()
        }
        if let failure = outcome.failure { throw failure }
    }
}

/// The first delivery that failed; set on the cluster's loop.
private final class DeliveryOutcome: @unchecked Sendable {
    private let lock = Lock()
    private var first: SQLError?

    var failure: SQLError? { lock.withLock { first } }

    func fail(_ error: SQLError) { lock.withLock { first = first ?? error } }
}

/// The builder of one partition's next batch.
private final class OpenBatch {
    private var builder = RecordBatchBuilder(capacity: 64 * 1024)

    var isEmpty: Bool { builder.isEmpty }
    var size: Int { builder.size }
    var count: Int { Int(builder.count) }

    func append(key: Range<Int>?, value: Range<Int>, in bytes: RawSpan, timestamp: Int64) {
        builder.append(key: key, value: value, in: bytes, timestamp: timestamp)
    }

    func finish() -> [UInt8] {
        var attributes = RecordBatchBuilder.Attributes()
        // The producer writes its number and the checksum.
        attributes.hasChecksum = false
        defer { builder.removeAll() }
        return builder.finish(attributes)
    }
}
