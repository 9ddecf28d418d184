import KafkaClient
import Platform
import Query
import Records

/// The batches of a topic for a query's thread: one request for more is always under way on the
/// cluster's loop, so that taking never waits. Partitions that a topic gets while it is followed
/// are read from their start: that there are some is told by their records.
final class TopicFeed: @unchecked Sendable {
    private let consumer: Consumer
    private let thread: ClusterThread
    private let signal: SourceSignal
    private let lock = Lock()
    private var ready: Result<FetchedBatches, ClientError>?
    private var isClosed = false

    /// What is read ahead.
    enum Amount {
        /// The first records only.
        case sample
        case all
        /// And what will ever come, in partitions that are new too.
        case endless

        /// What was fetched is read a second time soon, so a few answers in turn should fit into
        /// the processor's cache.
        fileprivate var configuration: ConsumerConfiguration {
            var configuration = ConsumerConfiguration()
            configuration.isolation = .readCommitted
            configuration.partitionBytesMax = self == .sample ? 256 << 10 : 1 << 20
            configuration.prefetchBytesMax = self == .sample ? 1 : 4 << 20
            return configuration
        }
    }

    /// Blocks until the leaders have said where reading starts. `ends`: where each partition ends.
    init(
        _ thread: ClusterThread, _ starts: [TopicPartition: Int64],
        ends: [TopicPartition: Int64]?, _ signal: SourceSignal, _ amount: Amount = .all
    ) throws(ClientError) {
        self.thread = thread
        self.signal = signal
        let consumer = Consumer(thread.connection.cluster, amount.configuration)
        self.consumer = consumer
        let positions = starts.mapValues { StartPosition.offset($0) }
        try thread.call { () async throws(ClientError) in
            _ = try await consumer.assign(positions)
        }
        if let ends { consumer.stop(at: ends) }
        ask()
        if amount == .endless { lookForPartitions(Set(starts.keys)) }
    }

    /// Reads these partitions too. Blocks for a moment.
    func add(_ partitions: [TopicPartition]) throws(ClientError) {
        let (consumer, cluster) = (consumer, thread.connection.cluster)
        try thread.call { () async throws(ClientError) in
            await consumer.add(try await cluster.starts(of: partitions))
        }
    }

    /// What has come, nil if nothing has yet.
    func take() throws(ClientError) -> FetchedBatches? {
        let taken = lock.withLock { () -> Result<FetchedBatches, ClientError>? in
            defer { ready = nil }
            return ready
        }
        guard let taken else { return nil }
        let batches = try taken.get()
        ask()
        return batches
    }

    func close() {
        lock.withLock { isClosed = true }
        let consumer = consumer
        thread.call { () async in await consumer.close() }
    }

    /// Now and then asks for the partitions of the topics. What cannot be told now can be later.
    private func lookForPartitions(_ known: Set<TopicPartition>) {
        let connection = thread.connection
        let age = connection.properties.metadataAgeMax?.millisecondsClamped ?? .max
        let pause = max(1, min(age, ConsumeLimits.discoveryMilliseconds)) * 1_000_000
        Task(executorPreference: connection.loop) { [self] in
            var known = known
            while true {
                await connection.loop.sleep(nanoseconds: pause)
                if lock.withLock({ isClosed }) { return }
                for name in Set(known.map(\.topic)) {
                    guard let topic = try? await connection.cluster.topic(name) else { continue }
                    let added = topic.partitions.map { TopicPartition(name, $0.index) }
                        .filter { !known.contains($0) }
                    guard !added.isEmpty,
                        let starts = try? await connection.cluster.starts(of: added)
                    else { continue }
                    known.formUnion(added)
                    await consumer.add(starts)
                }
            }
        }
    }

    private func ask() {
        Task(executorPreference: thread.connection.loop) { [self] in
            let result: Result<FetchedBatches, ClientError>
            do throws(ClientError) {
                guard let batches = try await consumer.next() else { return ask() }
                result = .success(batches)
            } catch {
                result = .failure(error)
            }
            let isWanted = lock.withLock { () -> Bool in
                if !isClosed { ready = result }
                return !isClosed
            }
            if isWanted { signal.signal() }
        }
    }
}

extension Cluster {
    /// The first offsets that partitions have.
    fileprivate func starts(
        of partitions: [TopicPartition]
    ) async throws(ClientError) -> [TopicPartition: Int64] {
        let earliest = Dictionary(
            uniqueKeysWithValues: partitions.map { ($0, OffsetQuery.earliest) })
        return try await listOffsets(earliest, isolation: .readCommitted)
    }
}
