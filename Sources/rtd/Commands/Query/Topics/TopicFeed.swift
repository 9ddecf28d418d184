import KafkaClient
import Platform
import Query
import Records

/// The batches of a topic for a query's thread: one request for more is always under way on the
/// cluster's loop, so that taking never waits.
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

        /// What was fetched is read a second time soon, so a few answers in turn should fit into
        /// the processor's cache.
        fileprivate var configuration: ConsumerConfiguration {
            var configuration = ConsumerConfiguration()
            configuration.isolation = .readCommitted
            configuration.partitionBytesMax = self == .all ? 1 << 20 : 256 << 10
            configuration.prefetchBytesMax = self == .all ? 4 << 20 : 1
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
