import KafkaProtocol
import Platform

/// A Kafka-compatible cluster as its client sees it: the way to every broker, and who leads what.
///
/// All state belongs to `loop`'s thread. The public methods may be called from any task and move to
/// the loop themselves; producers, consumers and administration are built on one cluster and share
/// its connections. `connect` comes first.
public final class Cluster: @unchecked Sendable {
    /// Kinds of work that must not wait behind each other, as a broker answers in order: a fetch or
    /// a join waits for long.
    enum Purpose: Hashable {
        case general
        case fetch
        case group
    }

    private struct BrokerKey: Hashable {
        let endpoint: Endpoint
        let purpose: Purpose
    }

    public let configuration: ClientConfiguration
    public let loop: any EventLoop
    let environment: ClientEnvironment
    private var brokers: [BrokerKey: Broker] = [:]
    private(set) var isClosed = false

    var metadata = Metadata()
    /// Who named the addresses that the metadata has had: where one of them cannot be reached, it
    /// is mostly because its broker does not know how clients reach it.
    var advertisements: [Endpoint: Advertisement] = [:]
    /// The topics that producers and consumers of this client work with; refreshed together.
    var topicsInUse: Set<String> = []
    /// The topics that the last refresh reported as not there.
    var missingTopics: Set<String> = []
    var refresh = RefreshState()
    /// Where groups are kept, as far as it was asked for.
    var coordinators: [String: Endpoint] = [:]
    /// The same for transactional ids.
    var transactionCoordinators: [String: Endpoint] = [:]
    /// Called on the loop when leaders may have changed.
    var observers: [Int: @Sendable () -> Void] = [:]
    private var lastObserver = 0

    public init(
        _ configuration: ClientConfiguration, on loop: any EventLoop,
        connector: @escaping StreamConnector = { $0.connect($1, done: $2) }
    ) {
        self.configuration = configuration
        self.loop = loop
        environment = ClientEnvironment(
            loop: loop, configuration: configuration, connector: connector)
    }

    /// Makes the first contact and learns the brokers.
    ///
    /// A cluster that cannot be reached is an error at once, unless the configuration says for how
    /// long to try. The error names the first bootstrap address.
    public func connect() async throws(ClientError) {
        try await onLoop { [self] () async throws(ClientError) in
            let deadline =
                loop.clock.monotonicNanoseconds
                + configuration.retryFirstContactMilliseconds * 1_000_000
            while true {
                do throws(ClientError) {
                    return try await fetchMetadata([])
                } catch {
                    let now = loop.clock.monotonicNanoseconds
                    guard error.isRetriable, now < deadline, !isClosed else { throw error }
                    await loop.sleep(nanoseconds: configuration.backoffNanoseconds(attempt: 1))
                    if Task.isCancelled { throw .cancelled }
                }
            }
        }
    }

    /// Closes all connections. Producers and consumers are closed before.
    public func close() async {
        await run { [self] done in
            isClosed = true
            for broker in brokers.values { broker.close() }
            brokers = [:]
            done(())
        }
    }

    func addObserver(_ observer: @escaping @Sendable () -> Void) -> Int {
        lastObserver += 1
        observers[lastObserver] = observer
        return lastObserver
    }
}

// The way to a broker.
extension Cluster {
    func broker(at endpoint: Endpoint, for purpose: Purpose = .general) -> Broker {
        let key = BrokerKey(endpoint: endpoint, purpose: purpose)
        if let known = brokers[key] { return known }
        let isOwn = configuration.bootstrap.contains(endpoint)
        let broker = Broker(endpoint, environment, isOwn ? nil : advertisements[endpoint])
        if isClosed { broker.close() } else { brokers[key] = broker }
        return broker
    }

    /// The broker with an id; nil if the metadata does not name it.
    func broker(_ node: Int32, for purpose: Purpose = .general) -> Broker? {
        metadata.brokers[node].map {
            broker(at: endpoint(host: $0.host, port: $0.port), for: purpose)
        }
    }

    /// On a Unix socket every broker is reached through that socket.
    func endpoint(host: String, port: UInt16) -> Endpoint {
        if case .unix? = configuration.bootstrap.first { return configuration.bootstrap[0] }
        return .tcp(host: host, port: port)
    }

    /// Every broker that the metadata names.
    var knownBrokers: [Broker] {
        let endpoints = Set(metadata.brokers.values.map { endpoint(host: $0.host, port: $0.port) })
        return endpoints.map { broker(at: $0) }
    }

    /// The brokers that can answer what every broker can: connected ones, then the known, then
    /// those that the client was started with.
    var anyBrokers: [Broker] {
        var endpoints = metadata.brokers.values.sorted { $0.nodeID < $1.nodeID }
            .map { endpoint(host: $0.host, port: $0.port) }
        endpoints += configuration.bootstrap
        var seen: Set<Endpoint> = []
        let all = endpoints.filter { seen.insert($0).inserted }.map { broker(at: $0) }
        return all.filter { $0.ready != nil } + all.filter { $0.ready == nil }
    }
}

// Asking.
extension Cluster {
    /// Runs an operation on the loop's thread, from any task.
    func onLoop<T: Sendable>(
        _ operation: @Sendable () async throws(ClientError) -> T
    ) async throws(ClientError) -> T {
        try await withTaskExecutorPreference(loop, operation: operation)
    }

    /// Starts work on the loop and waits for its completion.
    func run<T: Sendable>(
        _ start: @escaping @Sendable (@escaping @Sendable (T) -> Void) -> Void
    ) async -> T {
        await withCheckedContinuation { continuation in
            if loop.isCurrent { return start { continuation.resume(returning: $0) } }
            loop.post { start { continuation.resume(returning: $0) } }
        }
    }

    /// Sends one request to one broker and waits for the answer.
    func ask<R: KafkaRequest>(
        _ request: R, of broker: Broker, atMost limit: Int16 = .max,
        timeoutMilliseconds: Int64? = nil
    ) async throws(ClientError) -> R.Response {
        let timeout = timeoutMilliseconds ?? configuration.requestTimeoutMilliseconds
        let answer = OneAnswer<R.Response>()
        let result: Result<R.Response, ClientError> = await withTaskCancellationHandler {
            await run { done in
                answer.begin(done)
                broker.connection { found in
                    switch found {
                    case .failure(let error): answer.end(.failure(error))
                    case .success(let connection):
                        guard let version = connection.version(of: R.api, atMost: limit) else {
                            return answer.end(.failure(connection.unsupported(R.api)))
                        }
                        connection.send(
                            request, version: version, timeoutMilliseconds: timeout,
                            done: answer.end)
                    }
                }
            }
        } onCancel: {
            loop.post { answer.end(.failure(.cancelled)) }
        }
        return try result.get()
    }

    /// As `ask`, with the frame that the answer came in, where its batches lie.
    func askKeepingFrame<R: KafkaRequest>(
        _ request: R, of broker: Broker, timeoutMilliseconds timeout: Int64
    ) async throws(ClientError) -> (R.Response, Frame) {
        let answer = OneAnswer<(R.Response, Frame)>()
        let result: Result<(R.Response, Frame), ClientError> = await withTaskCancellationHandler {
            await run { done in
                answer.begin(done)
                broker.connection { found in
                    switch found {
                    case .failure(let error): answer.end(.failure(error))
                    case .success(let connection):
                        guard let version = connection.version(of: R.api) else {
                            return answer.end(.failure(connection.unsupported(R.api)))
                        }
                        connection.fetch(
                            request, version: version, timeoutMilliseconds: timeout,
                            done: answer.end)
                    }
                }
            }
        } onCancel: {
            loop.post { answer.end(.failure(.cancelled)) }
        }
        return try result.get()
    }

    /// Sends a request to whichever broker answers first in turn; the error is the first one.
    func askAny<R: KafkaRequest>(_ request: R) async throws(ClientError) -> R.Response {
        try await askOneOfAll(request).response
    }

    /// As `askAny`, with where the answer came from.
    func askOneOfAll<R: KafkaRequest>(
        _ request: R
    ) async throws(ClientError) -> (response: R.Response, source: Endpoint) {
        var first: ClientError?
        for broker in anyBrokers {
            do throws(ClientError) {
                return (try await ask(request, of: broker), broker.endpoint)
            } catch {
                guard error.isRetriable else { throw error }
                first = first ?? error
            }
        }
        throw first ?? .closed
    }

    /// Does something again, with pauses, as long as it fails with what may pass; at most for
    /// `delivery.timeout.ms`. The metadata is refreshed in between.
    func retrying<T: Sendable>(
        forMilliseconds limit: Int64? = nil,
        _ operation: @Sendable () async throws(ClientError) -> T
    ) async throws(ClientError) -> T {
        let limit = limit ?? configuration.deliveryTimeoutMilliseconds
        let deadline = loop.clock.monotonicNanoseconds + limit * 1_000_000
        var attempt = 0
        while true {
            do throws(ClientError) {
                return try await operation()
            } catch {
                attempt += 1
                let pause = configuration.backoffNanoseconds(attempt: attempt, after: error)
                guard error.isRetriable, !isClosed,
                    loop.clock.monotonicNanoseconds + pause < deadline
                else { throw error }
                environment.log("\(error); trying again")
                await loop.sleep(nanoseconds: pause)
                if Task.isCancelled { throw .cancelled }
                await refreshTopicsInUse()
            }
        }
    }
}

/// The completion of one request, called once: by the answer or by a cancellation, on the loop.
private final class OneAnswer<Response: Sendable>: @unchecked Sendable {
    typealias Completion = @Sendable (Result<Response, ClientError>) -> Void

    private var completion: Completion?
    private var result: Result<Response, ClientError>?

    func begin(_ done: @escaping Completion) {
        if let result { done(result) } else { completion = done }
    }

    func end(_ result: Result<Response, ClientError>) {
        guard self.result == nil else { return }
        self.result = result
        completion?(result)
        completion = nil
    }
}
