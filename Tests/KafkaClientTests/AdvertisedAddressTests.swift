import KafkaProtocol
import Platform
import Testing

@testable import KafkaClient

@Suite struct AdvertisedAddressTests {
    private let partition = TopicPartition("t", 0)
    /// Nobody listens at 127.0.0.1:1.
    private let refused = (host: "127.0.0.1", port: Int32(1))

    /// A cluster whose broker names `advertised` for itself, in contact, and what it tells people.
    private func withCluster(
        _ advertised: (host: String, port: Int32)?, _ loop: Loop = Loop(),
        deliveryMilliseconds: Int64 = 120_000,
        _ body: (FakeBroker, Cluster, Endpoint, AsyncStream<String>) async throws -> Void
    ) async throws {
        loop.start()
        defer { loop.stop() }
        let broker = FakeBroker(loop)
        broker.advertised = advertised
        let bootstrap = await broker.start()
        let (warnings, told) = AsyncStream<String>.makeStream()
        var configuration = ClientConfiguration(bootstrap: [bootstrap])
        configuration.deliveryTimeoutMilliseconds = deliveryMilliseconds
        configuration.warn = { told.yield($0) }
        let cluster = Cluster(configuration, on: loop)
        try await cluster.connect()
        try await body(broker, cluster, bootstrap, warnings)
        await cluster.close()
    }

    /// The first thing that people are told while an offset is asked for.
    private func warning(
        _ cluster: Cluster, _ warnings: AsyncStream<String>
    ) async -> String? {
        let asking = Task { try? await cluster.listOffsets([partition: .earliest]) }
        let line = await warnings.first { _ in true }
        asking.cancel()
        _ = await asking.value
        return line
    }

    private func hint(_ bootstrap: Endpoint) -> String {
        "; \(bootstrap) names this address for broker 1 "
            + "(its advertised.listeners; rtd serve --advertise)"
    }

    @Test func `an advertised address that refuses is told of, with who names it`() async throws {
        try await withCluster(refused) { _, cluster, bootstrap, warnings in
            #expect(
                await warning(cluster, warnings) == "cannot reach 127.0.0.1:1: Connection refused"
                    + hint(bootstrap) + "; still trying")
        }
    }

    @Test func `a silent advertised address is told of while it is waited for`() async throws {
        let loop = Loop()
        let silent = FakeBroker(loop)
        silent.on(ApiVersionsRequest.self) { _, _ in nil }
        // Its loop starts with the cluster's; until then the listener is only promised.
        let starting = Task { await silent.start() }
        try await withCluster(nil, loop) { broker, cluster, bootstrap, warnings in
            guard case .tcp(let host, let port) = await starting.value else { return }
            loop.post { broker.advertised = (host, Int32(port)) }
            try await cluster.connect()
            #expect(
                await warning(cluster, warnings) == "cannot reach \(host):\(port): no answer yet"
                    + hint(bootstrap) + "; still trying")
        }
    }

    @Test func `the error at the end says the same`() async throws {
        try await withCluster(refused, deliveryMilliseconds: 1) { _, cluster, bootstrap, _ in
            let error = await #expect(throws: ClientError.self) {
                _ = try await cluster.listOffsets([partition: .earliest])
            }
            #expect(
                error
                    == .unreachable(
                        address: "127.0.0.1:1", reason: "Connection refused" + hint(bootstrap)))
        }
    }

    @Test func `what any broker can tell is asked of one that is reached`() async throws {
        try await withCluster(refused) { broker, cluster, _, _ in
            broker.on(DescribeConfigsRequest.self) { _, _ in
                .with { $0.results = [.with { $0.configs = [.with { $0.name = "c" }] }] }
            }
            let configs = try await cluster.describeConfigs(.topic("t"))
            #expect(configs.map(\.name) == ["c"])
        }
    }

    @Test func `an address that was given is not blamed on the cluster`() async throws {
        let loop = Loop()
        loop.start()
        defer { loop.stop() }
        let given = Endpoint.tcp(host: "127.0.0.1", port: 1)
        let cluster = Cluster(ClientConfiguration(bootstrap: [given]), on: loop)
        let error = await #expect(throws: ClientError.self) { try await cluster.connect() }
        #expect(error?.description == "cannot reach 127.0.0.1:1: Connection refused")
        await cluster.close()
    }
}
