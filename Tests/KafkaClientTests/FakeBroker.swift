import Bytes
import Foundation
import KafkaClient
import KafkaProtocol
import Platform
import Records

/// A broker that answers as a test scripts it, over a real socket on the client's loop.
///
/// ApiVersions and Metadata are answered by default; `on` sets what the other requests get. All of
/// it happens on the loop.
final class FakeBroker: @unchecked Sendable {
    typealias Handler = (RequestFrame, RawSpan) -> [UInt8]?

    private let loop: Loop
    private var handlers: [APIKey: Handler] = [:]
    private var listener: (any Listener)?
    fileprivate var connections: [FakeConnection] = []
    private var current: FakeConnection?
    /// Every request that came, in order.
    private(set) var requests: [RequestHeader] = []
    private(set) var address: SocketAddress = .unix(path: "")
    /// What ApiVersions lists.
    var apis = MessageCatalog.requests.map { $0.api }
    /// The levels that ApiVersions says the cluster is at.
    var features: [String: Int16] = [:]
    /// Partition counts by topic, in Metadata.
    var topics: [String: Int32] = ["t": 1]
    var leaderEpoch: Int32 = 0
    /// Raised when the topics are deleted and made again: they have other ids then.
    var incarnation: UInt64 = 1
    /// The leader of all partitions.
    var leader: Int32 = 1
    var nodeID: Int32 = 1
    /// The other brokers of its cluster.
    var peers: [FakeBroker] = []
    /// The address in Metadata; nil for the real one.
    var advertised: (host: String, port: Int32)?

    init(_ loop: Loop) {
        self.loop = loop
        on(ApiVersionsRequest.self) { [unowned self] _, _ in
            .with {
                $0.finalizedFeatures = features.map { name, level in
                    .with {
                        $0.name = name
                        $0.maxVersionLevel = level
                        $0.minVersionLevel = level
                    }
                }
                $0.apiKeys = apis.map { api in
                    .with {
                        $0.apiKey = api.key.rawValue
                        $0.minVersion = api.versions.lowerBound
                        $0.maxVersion = api.versions.upperBound
                    }
                }
            }
        }
        on(MetadataRequest.self) { [unowned self] request, _ in metadata(request) }
        on(InitProducerIdRequest.self) { request, _ in
            .with {
                $0.producerId = 7
                $0.producerEpoch = request.producerEpoch + 1
            }
        }
    }

    /// Listens, and gives the endpoint.
    func start(_ wanted: SocketAddress = .ipv4(host: "127.0.0.1", port: 0)) async -> Endpoint {
        await withCheckedContinuation { continuation in
            loop.post { [self] in
                do throws(SystemError) {
                    let opened = try loop.listen(wanted) { [self] stream in
                        connections.append(FakeConnection(stream, self, loop))
                    }
                    listener = opened
                    address = opened.address
                    continuation.resume(returning: endpoint)
                } catch {
                    continuation.resume(returning: .unix(path: "\(error)"))
                }
            }
        }
    }

    private var endpoint: Endpoint {
        switch address {
        case .unix(let path): .unix(path: path)
        case .ipv4(let host, let port), .ipv6(let host, let port): .tcp(host: host, port: port)
        }
    }

    /// Sets the answers to a kind of request; nil sends none.
    func on<R: KafkaRequest>(_ type: R.Type, _ answer: @escaping (R, RequestHeader) -> R.Response?)
    {
        onFrame(R.api.key) { frame, bytes in
            guard let request = try? frame.decode(R.self, from: bytes),
                let response = answer(request, frame.header)
            else { return nil }
            return encodeResponse(
                response, api: R.api, version: frame.header.apiVersion,
                correlationID: frame.header.correlationId
            ).bytes
        }
    }

    /// Sets the bytes that answer a kind of request.
    func onFrame(_ key: APIKey, _ handler: @escaping Handler) { handlers[key] = handler }

    /// Ends all connections; the listener stays.
    func drop() {
        for connection in connections { connection.stream.close() }
        connections = []
    }

    /// For a handler that gives nil: sends the answer later, on the connection of its request.
    func deferred() -> ([UInt8]) -> Void {
        let connection = current
        return { connection?.send($0) }
    }

    fileprivate func answer(_ bytes: RawSpan, to connection: FakeConnection) -> [UInt8]? {
        current = connection
        defer { current = nil }
        guard let frame = try? RequestFrame(bytes), let key = frame.header.key else { return nil }
        requests.append(frame.header)
        return handlers[key]?(frame, bytes)
    }

    func id(of topic: String) -> Records.UUID {
        Records.UUID(high: incarnation, low: UInt64(topic.utf8.first ?? 0))
    }

    private func metadata(_ request: MetadataRequest) -> MetadataResponse {
        let names = request.topics?.compactMap(\.name) ?? topics.keys.sorted()
        return .with {
            $0.clusterId = "fake"
            $0.controllerId = 1
            $0.brokers = ([self] + peers).map { broker in
                .with {
                    $0.nodeId = broker.nodeID
                    $0.host = broker.advertised?.host ?? broker.address.host ?? "nowhere.invalid"
                    $0.port = broker.advertised?.port ?? Int32(broker.address.port ?? 1)
                }
            }
            $0.topics = names.map { name in
                .with {
                    $0.name = name
                    $0.topicId = id(of: name)
                    $0.errorCode = topics[name] == nil ? .unknownTopicOrPartition : .none
                    $0.partitions = (0..<(topics[name] ?? 0)).map { index in
                        .with {
                            $0.partitionIndex = index
                            $0.leaderId = leader
                            $0.leaderEpoch = leaderEpoch
                        }
                    }
                }
            }
        }
    }
}

/// One connection to a fake broker.
private final class FakeConnection: StreamHandler, @unchecked Sendable {
    let stream: any Platform.Stream
    private unowned let broker: FakeBroker
    private var incoming: [UInt8] = []
    private var outgoing: [UInt8] = []

    init(_ stream: any Platform.Stream, _ broker: FakeBroker, _ loop: Loop) {
        self.stream = stream
        self.broker = broker
        stream.start(on: loop, handler: self)
    }

    func streamReady(readable: Bool, writable: Bool) {
        var room = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let result = room.withUnsafeMutableBytes { stream.read(into: $0) }
            guard case .moved(let count) = result else {
                if result != .wouldBlock { stream.close() }
                break
            }
            incoming += room[..<count]
        }
        answer()
        write()
    }

    func send(_ bytes: [UInt8]) {
        outgoing += bytes
        write()
    }

    private func answer() {
        var start = 0
        while case .frame(let range)? = try? FrameSplitter().next(
            in: incoming.span.bytes, from: start)
        {
            let frame = broker.answer(incoming.span.bytes.extracting(range), to: self)
            outgoing += frame ?? []
            start = range.upperBound
        }
        incoming.removeFirst(start)
    }

    private func write() {
        while !outgoing.isEmpty {
            guard case .moved(let count) = outgoing.withUnsafeBytes({ stream.write($0) }) else {
                return
            }
            outgoing.removeFirst(count)
        }
    }
}
