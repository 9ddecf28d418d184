import KafkaClient
import Platform
import Records
import Streaming
import Testing

@testable import Service

/// A server on real sockets with its files in memory, and clients of it.
private final class MemoryServer {
    let endpoint: Endpoint
    private let loop = Loop()
    private let server: KafkaServer

    init() throws {
        let fileSystem = MemoryFileSystem(bytesMax: 1 << 30)
        try fileSystem.makeDirectories("/data")
        let workers = WorkerThreads(threadsMax: 4)
        var environment = Broker.Environment(
            directory: "/data", fileSystem: fileSystem, clock: SystemClock(),
            random: SystemRandom(), workers: workers, clusterID: UUID(high: 1, low: 1), nodeID: 1,
            settings: try BrokerSettings(), report: { _ in })
        environment.memoryBytes = 64 << 20
        server = KafkaServer(
            broker: try Broker(environment), loops: [loop], workers: workers,
            options: KafkaServer.Options(
                advertise: nil, tracer: nil,
                users: try UserStore(fileSystem, path: "/data/users", random: SystemRandom()),
                report: { _ in }))
        let address = try server.listen(.ipv4(host: "127.0.0.1", port: 0))
        endpoint = try #require(Endpoint("\(address)"))
        loop.start()
    }

    func stop() {
        server.closeAll()
        loop.stop()
    }

    /// A client on a loop of its own.
    func client() async throws -> (Cluster, Loop) {
        let loop = Loop()
        loop.start()
        let cluster = Cluster(ClientConfiguration(bootstrap: [endpoint]), on: loop)
        try await cluster.connect()
        return (cluster, loop)
    }
}

@Suite struct GroupHandoverTests {
    /// The next event of a kind that is asked for; batches in between are passed over.
    private func assigned(_ consumer: GroupConsumer) async throws -> [TopicPartition: Int64] {
        while let event = try await consumer.next(timeoutMilliseconds: 60_000) {
            if case .assigned(let partitions) = event { return partitions }
        }
        return [:]
    }

    @Test func `members share a topic, and who leaves hands over`() async throws {
        let server = try MemoryServer()
        let (one, firstLoop) = try await server.client()
        let (two, secondLoop) = try await server.client()
        try await one.createTopics([KafkaClient.NewTopic("t", partitions: 4)])
        var group = GroupConfiguration(groupID: "g")
        group.sessionTimeoutMilliseconds = 60_000
        group.heartbeatMilliseconds = 50
        let first = GroupConsumer(one, group: group, topics: ["t"])
        #expect(try await assigned(first).count == 4)
        let second = GroupConsumer(two, group: group, topics: ["t"])
        async let joined = assigned(second)
        let kept = try await assigned(first)
        let given = try await joined
        #expect(kept.count == 2 && given.count == 2)
        #expect(Set(kept.keys).isDisjoint(with: given.keys))
        await second.close()
        #expect(try await assigned(first).count == 4)
        await first.close()
        await one.close()
        await two.close()
        firstLoop.stop()
        secondLoop.stop()
        server.stop()
    }

    @Test func `a member goes on where its group has committed`() async throws {
        let server = try MemoryServer()
        let (cluster, loop) = try await server.client()
        try await cluster.createTopics([KafkaClient.NewTopic("t", partitions: 1)])
        var group = GroupConfiguration(groupID: "g")
        group.heartbeatMilliseconds = 50
        let first = GroupConsumer(cluster, group: group, topics: ["t"])
        _ = try await assigned(first)
        try await first.commit([TopicPartition("t", 0): 0])
        await first.close()
        let offsets = try await cluster.committedOffsets(of: "g", in: [TopicPartition("t", 0)])
        #expect(offsets[TopicPartition("t", 0)]?.offset == 0)
        let second = GroupConsumer(cluster, group: group, topics: ["t"])
        #expect(try await assigned(second) == [TopicPartition("t", 0): 0])
        await second.close()
        await cluster.close()
        loop.stop()
        server.stop()
    }
}
