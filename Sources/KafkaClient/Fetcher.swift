import KafkaProtocol
import Platform
import Records

/// The fetches of one consumer to one broker: one in flight, in a session. On the loop.
final class Fetcher: @unchecked Sendable {
    private let node: Int32
    private unowned let consumer: Consumer
    private var session = FetchSession()
    private var isBusy = false
    private var failures = 0
    /// The connection that the session belongs to.
    private weak var connection: Connection?

    init(_ node: Int32, _ consumer: Consumer) {
        self.node = node
        self.consumer = consumer
    }

    private var cluster: Cluster { consumer.cluster }

    /// Asks for `wanted` unless a request is in flight; its answer leads to the next.
    func fetch(_ wanted: [TopicPartition: FetchSession.Wanted]) {
        guard !isBusy else { return }
        guard let broker = cluster.broker(node, for: .fetch) else {
            return cluster.requestRefresh()
        }
        isBusy = true
        let owner = consumer
        broker.connection { [self] result in
            // The consumer is kept for as long as its fetcher is called back.
            withExtendedLifetime(owner) {
                switch result {
                case .failure(let error): failed(Set(wanted.keys), error)
                case .success(let connection): send(wanted, over: connection)
                }
            }
        }
    }

    private func send(
        _ wanted: [TopicPartition: FetchSession.Wanted], over connection: Connection
    ) {
        let hasIDs = wanted.values.allSatisfy { $0.topicID != .zero }
        guard
            let version = connection.version(of: FetchRequest.api, atMost: hasIDs ? .max : 12)
        else {
            isBusy = false
            return consumer.fail(connection.unsupported(FetchRequest.api))
        }
        if self.connection !== connection { session.reset() }
        self.connection = connection
        let settings = consumer.configuration
        var request = FetchRequest()
        request.maxWaitMs = settings.fetchWaitMaxMilliseconds
        request.minBytes = settings.fetchBytesMin
        request.maxBytes = settings.fetchBytesMax
        request.isolationLevel = settings.isolation.rawValue
        session.prepare(
            &request, wanted, version: version, partitionBytesMax: settings.partitionBytesMax)
        let timeout =
            cluster.configuration.requestTimeoutMilliseconds
            + Int64(settings.fetchWaitMaxMilliseconds)
        let owner = consumer
        let generation = consumer.generation
        connection.fetch(request, version: version, timeoutMilliseconds: timeout) {
            [self] result in
            withExtendedLifetime(owner) {
                switch result {
                case .failure(let error): failed(Set(wanted.keys), error)
                case .success(let (response, frame)):
                    answered(response, frame, wanted, isCurrent: generation == consumer.generation)
                }
            }
        }
    }

    private func answered(
        _ response: FetchResponse, _ frame: Frame, _ wanted: [TopicPartition: FetchSession.Wanted],
        isCurrent: Bool
    ) {
        switch response.errorCode {
        case .none: session.answered(response)
        case .fetchSessionIdNotFound, .invalidFetchSessionEpoch:
            session.reset()
            isBusy = false
            return consumer.pump()
        default:
            let error = ClientError.refused(api: .fetch, response.errorCode, detail: nil)
            session.reset()
            return failed(Set(wanted.keys), error)
        }
        failures = 0
        isBusy = false
        if isCurrent {
            let names = Dictionary(
                wanted.map { ($0.value.topicID, $0.key.topic) },
                uniquingKeysWith: { first, _ in first })
            for topic in response.responses {
                let name = topic.topicId == .zero ? topic.topic : names[topic.topicId]
                guard let name else {
                    // Not asked for: what the broker remembers is not what it was told.
                    session.reset()
                    continue
                }
                for partition in topic.partitions {
                    consumer.received(
                        partition, of: TopicPartition(name, partition.partitionIndex), frame,
                        wanted)
                }
            }
        }
        consumer.pump()
    }

    /// No answer came: all partitions that were asked for wait, and new metadata may tell more.
    private func failed(_ wanted: Set<TopicPartition>, _ error: ClientError) {
        isBusy = false
        session.reset()
        failures += 1
        guard error.isRetriable else {
            return error == .closed ? () : consumer.fail(error)
        }
        cluster.requestRefresh()
        for id in wanted { consumer.suspend(id, error) }
    }
}
