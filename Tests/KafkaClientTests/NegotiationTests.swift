import Foundation
import KafkaProtocol
import Platform
import Testing

@testable import KafkaClient

@Suite struct NegotiationTests {
    private func withBroker(
        at address: SocketAddress = .ipv4(host: "127.0.0.1", port: 0),
        _ script: (FakeBroker) -> Void, _ body: (FakeBroker, Cluster) async throws -> Void
    ) async throws {
        let loop = Loop()
        loop.start()
        defer { loop.stop() }
        let broker = FakeBroker(loop)
        script(broker)
        let cluster = Cluster(
            ClientConfiguration(bootstrap: [await broker.start(address)]), on: loop)
        try await body(broker, cluster)
        await cluster.close()
    }

    /// Answers ApiVersions above `newest` with error 35 in version 0, listing `range` or nothing.
    private func limit(_ broker: FakeBroker, newest: Int16, tellsRange: Bool) {
        broker.onFrame(.apiVersions) { frame, _ in
            var response = ApiVersionsResponse()
            let known = frame.header.apiVersion <= newest
            response.errorCode = known ? .none : .unsupportedVersion
            let apis = known ? MessageCatalog.requests.map { $0.api } : [ApiVersionsRequest.api]
            if known || tellsRange {
                response.apiKeys = apis.map { api in
                    .with {
                        $0.apiKey = api.key.rawValue
                        $0.minVersion = 0
                        $0.maxVersion = api.key == .apiVersions ? newest : api.versions.upperBound
                    }
                }
            }
            return encodeResponse(
                response, api: ApiVersionsRequest.api,
                version: known ? frame.header.apiVersion : 0,
                correlationID: frame.header.correlationId
            ).bytes
        }
    }

    @Test(arguments: [
        (Int16(3), true, [Int16(4), 3]), (2, true, [4, 2]), (0, true, [4, 0]), (2, false, [4, 0]),
    ])
    func `an older broker's own range is used, else version 0`(
        newest: Int16, tellsRange: Bool, asked: [Int16]
    ) async throws {
        try await withBroker {
            limit($0, newest: newest, tellsRange: tellsRange)
        } _: {
            broker, cluster in
            try await cluster.connect()
            let versions = broker.requests.filter { $0.key == .apiVersions }.map(\.apiVersion)
            #expect(versions == asked)
            #expect(try await cluster.topic("t").partitions.count == 1)
        }
    }

    @Test func `what is not Kafka is said to be so`() async throws {
        try await withBroker { broker in
            broker.onFrame(.apiVersions) { _, _ in Array("HTTP/1.1 400 Bad Request".utf8) }
        } _: { _, cluster in
            do throws(ClientError) {
                try await cluster.connect()
                Issue.record("it connected")
            } catch {
                #expect("\(error)".contains("does not speak Kafka's protocol"))
            }
        }
    }

    @Test func `on a Unix socket every broker is reached through it`() async throws {
        let path = NSTemporaryDirectory() + "rtd-client-\(UInt32.random(in: 0 ... .max))"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await withBroker(at: .unix(path: path)) { broker in
            broker.advertised = ("nowhere.invalid", 9)
            broker.on(ListOffsetsRequest.self) { request, _ in
                .with {
                    $0.topics = request.topics.map { topic in
                        .with {
                            $0.name = topic.name
                            $0.partitions = [.with { $0.offset = 42 }]
                        }
                    }
                }
            }
        } _: { _, cluster in
            try await cluster.connect()
            let end = try await cluster.listOffsets([TopicPartition("t", 0): .latest])
            #expect(end == [TopicPartition("t", 0): 42])
        }
    }

    @Test func `an unknown topic is an error at once`() async throws {
        try await withBroker { _ in
        } _: { _, cluster in
            try await cluster.connect()
            await #expect(throws: ClientError.unknownTopic("x")) {
                _ = try await cluster.topic("x")
            }
        }
    }

    @Test(arguments: [
        ("h:1", Endpoint.tcp(host: "h", port: 1)), (":2", .tcp(host: "127.0.0.1", port: 2)),
        ("h", .tcp(host: "h", port: 9_092)), ("[::1]:3", .tcp(host: "::1", port: 3)),
        ("::1", .tcp(host: "::1", port: 9_092)), ("/run/s", .unix(path: "/run/s")),
    ])
    func `an endpoint is read as people write it`(text: String, endpoint: Endpoint) {
        #expect(Endpoint(text) == endpoint)
    }

    @Test(arguments: ["h:x", "h:70000", "[::1"])
    func `what is no endpoint is none`(text: String) {
        #expect(Endpoint(text) == nil)
    }
}
