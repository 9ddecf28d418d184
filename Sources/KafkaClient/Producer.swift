import KafkaProtocol
import Platform
import Synchronization

/// Delivers finished record batches, each to its partition, in order and once.
///
/// Idempotent by default: it numbers the batches, keeps up to five requests in flight to a broker,
/// puts the batches of several partitions into one request, and sends again what failed for reasons
/// that pass, in order, until `delivery.timeout.ms`. It does no work per record, and does not copy
/// the batches that it is handed without other owners.
///
/// `send` may be called on any thread; everything else happens on the cluster's loop, completions
/// included.
public final class Producer: @unchecked Sendable {
    /// Gets which of a batch's records it is about, all of them unless the broker found the batch
    /// too large and it was split, or has rejected some of them; and the first one's offset (-1 if
    /// the broker did not tell), or why they failed.
    public typealias Completion = @Sendable (Range<Int>, Result<Int64, ClientError>) -> Void

    /// How far an idempotent producer's id is.
    enum IdentityState {
        case none
        case requested
        /// What partitions begin with; its epoch is raised for one that has lost its numbers.
        case ready(ProducerIdentity)
    }

    public let configuration: ProducerConfiguration
    let cluster: Cluster
    private let memory: ProducerMemory
    /// Batches between `send` and their completion; counted on the thread that sends, so that a
    /// `flush` right behind it waits for them.
    private let outstanding = Atomic<Int>(0)

    // On the loop.
    var partitions: [TopicPartition: ProducerPartition] = [:]
    var senders: [Int32: ProducerSender] = [:]
    var identity: IdentityState
    var statistics = ProducerStatistics()
    var transaction = TransactionState()
    var transactionProtocol = TransactionProtocol.announced
    private var flushWaiters: [@Sendable (()) -> Void] = []
    private var ticking = false
    private var isClosed = false
    private var observer: Int?

    public init(_ cluster: Cluster, _ configuration: ProducerConfiguration = .init()) {
        self.cluster = cluster
        self.configuration = configuration
        memory = ProducerMemory(bytesMax: configuration.bufferBytesMax)
        identity = .none
    }

    /// Completions are called on it.
    public var loop: any EventLoop { cluster.loop }

    /// Queues a batch (magic 2, `records` records) for delivery; waits while the memory is full.
    ///
    /// Producer id, epoch, sequence and CRC are written into it here; hand the array over without
    /// keeping it, else it is copied. `done` is called on the loop, once for each record.
    public func send(
        batch: consuming [UInt8], records: Int, to partition: TopicPartition,
        done: @escaping Completion
    ) async throws(ClientError) {
        let bytes = batch
        if !memory.reserve(bytes.count) {
            let memory = memory
            let size = bytes.count
            await cluster.run { ready in memory.reserve(size) { ready(()) } }
        }
        enqueue(bytes, records, partition, done)
    }

    /// As `send`, for a thread of its own that may block, such as one that reads a file. Not for
    /// the loop's thread.
    public func sendBlocking(
        batch: consuming [UInt8], records: Int, to partition: TopicPartition,
        done: @escaping Completion
    ) {
        precondition(!loop.isCurrent, "the loop's thread must not wait for itself")
        let bytes = batch
        memory.reserveBlocking(bytes.count)
        enqueue(bytes, records, partition, done)
    }

    /// Waits until every batch that was sent so far has its completion called.
    public func flush() async {
        await cluster.run { [self] done in
            if outstanding.load(ordering: .relaxed) == 0 {
                done(())
            } else {
                flushWaiters.append(done)
            }
        }
    }

    /// Delivers what was sent, then ends. Later sends fail.
    public func close() async {
        await flush()
        await abort()
    }

    /// Ends at once; what was not acknowledged fails with `closed`.
    public func abort() async {
        await cluster.run { [self] done in
            isClosed = true
            for partition in partitions.values {
                for batch in partition.flying + partition.queue.removeAll() {
                    complete(batch, of: partition, .failure(.closed))
                }
                partition.flying = []
            }
            if let observer { cluster.observers[observer] = nil }
            done(())
        }
    }

    /// What was done so far.
    public func currentStatistics() async -> ProducerStatistics {
        await cluster.run { [self] done in done(statistics) }
    }

    private func enqueue(
        _ bytes: consuming [UInt8], _ records: Int, _ id: TopicPartition,
        _ done: @escaping Completion
    ) {
        expect(1)
        let timeout = cluster.configuration.deliveryTimeoutMilliseconds * 1_000_000
        let batch = ProducerBatch(
            bytes: bytes, records: RecordRanges(0..<records),
            deadline: loop.clock.monotonicNanoseconds + timeout, done: done)
        if loop.isCurrent { return accept(batch, id) }
        loop.post { [self] in accept(batch, id) }
    }

    private func accept(_ batch: ProducerBatch, _ id: TopicPartition) {
        let partition = partition(id)
        guard !isClosed else { return complete(batch, of: partition, .failure(.closed)) }
        partition.add(batch)
        schedule(partition)
        guard !ticking else { return }
        ticking = true
        tick()
    }

    private func partition(_ id: TopicPartition) -> ProducerPartition {
        if let known = partitions[id] { return known }
        let partition = ProducerPartition(
            id, isCautious: configuration.resendsRest && configuration.usesIdempotence)
        partitions[id] = partition
        cluster.use(id.topic)
        if observer == nil {
            observer = cluster.addObserver { [weak self] in self?.leadersChanged() }
        }
        return partition
    }

    /// That many batches more are to be completed.
    func expect(_ count: Int) { outstanding.add(count, ordering: .relaxed) }

    /// Ends a batch's way, and gives its memory back.
    func complete(
        _ batch: ProducerBatch, of partition: ProducerPartition,
        _ result: Result<Int64, ClientError>
    ) {
        // After an abort answers may still come.
        guard !batch.isCompleted else { return }
        batch.isCompleted = true
        switch result {
        case .success:
            statistics.batchesDelivered += 1
            statistics.recordsDelivered += batch.records.count
            statistics.bytesDelivered += batch.size
        case .failure:
            statistics.batchesFailed += 1
            statistics.recordsFailed += batch.records.count
        }
        batch.bytes = []
        batch.report(result)
        memory.release(batch.reserved)
        guard outstanding.subtract(1, ordering: .relaxed).newValue == 0 else { return }
        let waiters = flushWaiters
        flushWaiters = []
        for waiter in waiters { waiter(()) }
    }

    /// Gives up batches whose time is over, and wakes partitions whose pause is.
    private func tick() {
        guard outstanding.load(ordering: .relaxed) > 0, !isClosed else {
            ticking = false
            return
        }
        let now = loop.clock.monotonicNanoseconds
        for partition in partitions.values where !partition.queue.isEmpty {
            expire(partition, now)
            schedule(partition)
        }
        loop.after(Int64(Limits.producerTickMilliseconds) * 1_000_000) { [self] in tick() }
    }

    private func expire(_ partition: ProducerPartition, _ now: Int64) {
        guard partition.flying.isEmpty else { return }
        var lostTrack = false
        while let batch = partition.queue.first, batch.deadline <= now {
            _ = partition.queue.popFirst()
            lostTrack = lostTrack || batch.wasSent
            let cause = batch.lastError.map { "\($0)" } ?? missing(partition)
            let error = ClientError.undelivered(
                partition.id, milliseconds: cluster.configuration.deliveryTimeoutMilliseconds,
                cause: cause)
            complete(batch, of: partition, .failure(error))
        }
        if lostTrack { noteGap(partition) }
    }

    private func missing(_ partition: ProducerPartition) -> String {
        if cluster.missingTopics.contains(partition.id.topic) {
            return "\(ClientError.unknownTopic(partition.id.topic))"
        }
        return "the partition has no leader"
    }
}
