import KafkaClient
import Testing

@Suite(.enabled(if: MockCluster.python != nil), .serialized)
struct MockClusterTests {
    /// Sends `count` batches of ten records to each partition and waits for them.
    private func produce(
        _ count: Int, to topic: String, partitions: Int32, with producer: Producer,
        during: (Int) throws -> Void = { _ in }
    ) async throws -> [Delivered] {
        let delivered = (0..<partitions).map { _ in Delivered() }
        for round in 0..<count {
            try during(round)
            for partition in 0..<partitions {
                let values = (0..<10).map { "\(partition)/\(round * 10 + $0)" }
                let seen = delivered[Int(partition)]
                try await producer.send(
                    batch: batch(values), records: 10, to: TopicPartition(topic, partition)
                ) { seen.add($1) }
            }
        }
        await producer.flush()
        return delivered
    }

    /// Reads from the start until each partition has `count` records.
    private func consume(
        _ count: Int, from topic: String, partitions: Int32, of cluster: Cluster
    ) async throws -> [[String]] {
        let consumer = Consumer(cluster)
        try await consumer.assign(
            Dictionary(
                uniqueKeysWithValues: (0..<partitions).map {
                    (TopicPartition(topic, $0), .earliest)
                }))
        var all = [[String]](repeating: [], count: Int(partitions))
        while all.contains(where: { $0.count < count }) {
            let fetched = try #require(try await consumer.next(timeoutMilliseconds: 20_000))
            all[Int(fetched.partition.partition)] += values(fetched)
        }
        await consumer.close()
        return all
    }

    private func expected(_ count: Int, _ partition: Int) -> [String] {
        (0..<count).map { "\(partition)/\($0)" }
    }

    @Test func `what is produced to several brokers is consumed in order`() async throws {
        let mock = try MockCluster()
        try mock.run("topic t 6 1")
        let client = TestClient(mock.bootstrap)
        try await client.cluster.connect()
        let producer = Producer(client.cluster)
        let delivered = try await produce(20, to: "t", partitions: 6, with: producer)
        for partition in delivered {
            #expect(partition.failures == [])
            #expect(partition.all == (0..<20).map { $0 * 10 })
        }
        let read = try await consume(200, from: "t", partitions: 6, of: client.cluster)
        for partition in 0..<6 { #expect(read[partition] == expected(200, partition)) }
        await producer.close()
        await client.end()
    }

    /// No leader comes back to a broker: the mock, which does not check sequence numbers, would
    /// take there what was sent behind something that it has refused.
    @Test func `leaders that move lose, repeat and reorder nothing`() async throws {
        let mock = try MockCluster()
        try mock.run("topic t 3 3")
        for partition in 0..<3 { try mock.run("leader t \(partition) 1") }
        let client = TestClient(mock.bootstrap)
        try await client.cluster.connect()
        let producer = Producer(client.cluster)
        let delivered = try await produce(40, to: "t", partitions: 3, with: producer) { round in
            if round == 5 { try mock.run("leader t 0 2") }
            if round == 20 { try mock.run("leader t 1 3") }
            if round == 30 { try mock.run("leader t 0 3") }
        }
        for partition in delivered { #expect(partition.failures == []) }
        let read = try await consume(400, from: "t", partitions: 3, of: client.cluster)
        for partition in 0..<3 { #expect(read[partition] == expected(400, partition)) }
        await client.end()
    }

    @Test(arguments: [1, 5])
    func `errors that pass lose and repeat nothing`(inFlight: Int) async throws {
        let mock = try MockCluster()
        try mock.run("topic t 3 3")
        let client = TestClient(mock.bootstrap)
        try await client.cluster.connect()
        var settings = ProducerConfiguration()
        settings.requestsInFlightMax = inFlight
        let producer = Producer(client.cluster, settings)
        let delivered = try await produce(40, to: "t", partitions: 3, with: producer) { round in
            if round == 10 { try mock.run("errors 0 6 7 19") }
        }
        for partition in delivered { #expect(partition.failures == []) }
        let read = try await consume(400, from: "t", partitions: 3, of: client.cluster)
        for partition in 0..<3 {
            // What is in flight behind a refused batch a broker refuses too, by its sequence
            // number; the mock takes it.
            if inFlight == 1 {
                #expect(read[partition] == expected(400, partition))
            } else {
                #expect(read[partition].sorted() == expected(400, partition).sorted())
            }
        }
        await client.end()
    }

    @Test func `a broker that goes down and comes back delays, no more`() async throws {
        let mock = try MockCluster()
        try mock.run("topic t 3 1")
        for partition in 0..<3 { try mock.run("leader t \(partition) \(partition + 1)") }
        let client = TestClient(mock.bootstrap)
        try await client.cluster.connect()
        let producer = Producer(client.cluster)
        let delivered = try await produce(20, to: "t", partitions: 3, with: producer) { round in
            if round == 5 { try mock.run("down 2") }
            if round == 15 { try mock.run("up 2") }
        }
        for partition in delivered { #expect(partition.failures == []) }
        let read = try await consume(200, from: "t", partitions: 3, of: client.cluster)
        for partition in 0..<3 { #expect(read[partition] == expected(200, partition)) }
        await client.end()
    }

    @Test func `a batch that is too large arrives in parts`() async throws {
        let mock = try MockCluster()
        try mock.run("topic t 1 1")
        let client = TestClient(mock.bootstrap)
        try await client.cluster.connect()
        let producer = Producer(client.cluster)
        try mock.run("errors 0 10")
        let delivered = try await produce(3, to: "t", partitions: 1, with: producer)
        #expect(delivered[0].failures == [])
        // In another order: the mock takes what was sent behind something that it has refused.
        let read = try await consume(30, from: "t", partitions: 1, of: client.cluster)
        #expect(read[0].count == 30 && Set(read[0]) == Set(expected(30, 0)))
        await client.end()
    }

    @Test func `offsets are found by place, and a lost one is reset`() async throws {
        let mock = try MockCluster()
        try mock.run("topic t 1 1")
        let client = TestClient(mock.bootstrap)
        try await client.cluster.connect()
        let producer = Producer(client.cluster)
        _ = try await produce(5, to: "t", partitions: 1, with: producer)
        let partition = TopicPartition("t", 0)
        #expect(try await client.cluster.listOffsets([partition: .latest]) == [partition: 50])
        let consumer = Consumer(client.cluster)
        #expect(try await consumer.assign([partition: .beforeEnd(7)]) == [partition: 43])
        let last = try #require(try await consumer.next(timeoutMilliseconds: 20_000))
        #expect(values(last).first == "0/43")
        try mock.run("delete-records t 0 20")
        try await consumer.assign([partition: .offset(3)])
        let reset = try #require(try await consumer.next(timeoutMilliseconds: 20_000))
        #expect(values(reset).first == "0/20")
        var strict = ConsumerConfiguration()
        strict.outOfRange = .fail
        let other = Consumer(client.cluster, strict)
        try await other.assign([partition: .offset(3)])
        await #expect(throws: ClientError.self) {
            try await other.next(timeoutMilliseconds: 20_000)
        }
        await client.end()
    }

    @Test func `a cluster that refuses is an error at once`() async throws {
        let client = TestClient([.tcp(host: "127.0.0.1", port: 1)])
        await #expect(
            throws: ClientError.unreachable(
                address: "127.0.0.1:1", reason: "Connection refused")
        ) { try await client.cluster.connect() }
        await client.end()
    }

    /// The mock rebalances a second before the session's end at the latest, not when all have
    /// joined.
    private func quickGroup() -> GroupConfiguration {
        var group = GroupConfiguration(groupID: "g")
        group.sessionTimeoutMilliseconds = 1_200
        group.heartbeatMilliseconds = 50
        return group
    }

    /// Reads as a member until `enough` says so, commits what it read, and leaves.
    private func read(
        as consumer: GroupConsumer, until enough: ([String]) -> Bool
    ) async throws -> [String] {
        var all: [String] = []
        var offsets: [TopicPartition: Int64] = [:]
        while !enough(all) {
            guard let event = try await consumer.next(timeoutMilliseconds: 20_000) else { break }
            switch event {
            case .assigned: offsets = [:]
            case .batches(let fetched):
                all += values(fetched)
                offsets[fetched.partition] = fetched.nextOffset
            case .revoked(_, let lost):
                if !lost { try await consumer.commit(offsets) }
            }
        }
        try await consumer.commit(offsets)
        return all
    }

    @Test func `a group goes on where it has committed`() async throws {
        let mock = try MockCluster()
        try mock.run("topic t 2 1")
        let client = TestClient(mock.bootstrap)
        try await client.cluster.connect()
        let producer = Producer(client.cluster)
        _ = try await produce(3, to: "t", partitions: 2, with: producer)
        let group = quickGroup()
        let first = GroupConsumer(client.cluster, group: group, topics: ["t"])
        #expect(try await read(as: first) { $0.count >= 60 }.count == 60)
        await first.close()
        let committed = try await client.cluster.committedOffsets(
            of: "g", in: [TopicPartition("t", 0), TopicPartition("t", 1)])
        #expect(committed.values.map(\.offset) == [30, 30])
        _ = try await produce(1, to: "t", partitions: 2, with: producer)
        let second = GroupConsumer(client.cluster, group: group, topics: ["t"])
        #expect(try await read(as: second) { $0.count >= 20 }.count == 20)
        await second.close()
        await client.end()
    }
}
