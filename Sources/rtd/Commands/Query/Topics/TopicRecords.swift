import Formats
import KafkaClient
import Platform
import Records

/// Records on their way to a topic: a batch for each partition is filled and sent.
final class TopicRecords {
    private let topic: String
    private let thread: ClusterThread
    private let transaction: TopicTransaction?
    /// Without a transaction.
    private let ownProducer: Producer
    private let outcome = DeliveryOutcome()
    private let open: [OpenBatch]
    /// Where records without a key go until their batch is sent.
    private var sticky = 0

    private static let batchBytesMax = 512 * 1024

    init(
        _ topic: Metadata.Topic, _ thread: ClusterThread, within transaction: TopicTransaction?
    ) {
        self.topic = topic.name
        self.thread = thread
        self.transaction = transaction
        ownProducer = Producer(thread.connection.cluster)
        open = topic.partitions.map { _ in OpenBatch() }
    }

    private var producer: Producer { transaction?.producer ?? ownProducer }

    /// Throws the first failure of a delivery.
    func check() throws(SQLError) {
        if let failure = outcome.failure { throw failure }
    }

    /// nil as value: a tombstone. Without a partition it is that of the key, if there is one.
    func add(
        key: Range<Int>?, value: Range<Int>?, in bytes: RawSpan, timestamp: Int64,
        headers: EncodedHeaders? = nil, partition: Int? = nil
    ) {
        let count = Int32(open.count)
        let index =
            partition
            ?? key.map { Int(Partitioner.partition(key: bytes.extracting($0), partitions: count)) }
            ?? sticky
        let size = RecordBatchBuilder.sizeMax(
            key: key?.count ?? 0, value: value?.count ?? 0, headers: headers?.bytes.count ?? 0)
        if !open[index].isEmpty, open[index].size + size > Self.batchBytesMax { send(index) }
        open[index].append(
            key: key, value: value, in: bytes, timestamp: timestamp, headers: headers)
    }

    var partitionCount: Int { open.count }

    /// A batch leaves; rows without a key go on to the next partition.
    private func send(_ index: Int) {
        let batch = open[index]
        guard !batch.isEmpty else { return }
        let records = batch.count
        let outcome = outcome
        let topic = topic
        let name = producer.configuration.transactionalID
        producer.sendBlocking(
            batch: batch.finish(isTransactional: name != nil), records: records,
            to: TopicPartition(topic, Int32(index))
        ) { _, result in
            if case .failure(let error) = result {
                let fenced = name.flatMap { TopicTransaction.failure(error, $0) }
                outcome.fail(
                    fenced
                        ?? SQLError(
                            "cannot write to topic \"\(topic)\": \(error)", .inputOutputError))
            }
        }
        if index == sticky { sticky = (sticky + 1) % open.count }
    }

    func sendAll() {
        for index in open.indices { send(index) }
    }

    /// Returns when all so far has been acknowledged or has failed.
    func settle() {
        sendAll()
        let producer = producer
        thread.call { () async in await producer.flush() }
    }

    /// The same, after the last record; a transaction is ended by who began it.
    func end() {
        guard transaction == nil else { return settle() }
        sendAll()
        let producer = producer
        thread.call { () async in
            await producer.flush()
            await producer.close()
        }
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

    func append(
        key: Range<Int>?, value: Range<Int>?, in bytes: RawSpan, timestamp: Int64,
        headers: EncodedHeaders?
    ) {
        if let headers {
            builder.append(
                key: key, value: value, in: bytes, timestamp: timestamp, headers: headers)
        } else {
            builder.append(key: key, value: value, in: bytes, timestamp: timestamp)
        }
    }

    func finish(isTransactional: Bool) -> [UInt8] {
        var attributes = RecordBatchBuilder.Attributes()
        attributes.transactional = isTransactional
        // The producer writes its number and the checksum.
        attributes.hasChecksum = false
        defer { builder.removeAll() }
        return builder.finish(attributes)
    }
}
