import KafkaProtocol
import Platform
import Testing

@testable import KafkaClient

@Suite struct ProducerTests {
    private let partition = TopicPartition("t", 0)

    /// Runs `body` with a client of a fake broker that keeps a log.
    private func withBroker(
        _ change: (inout ClientConfiguration) -> Void = { _ in },
        _ body: (FakeBroker, FakeLog, Cluster) async throws -> Void
    ) async throws {
        let loop = Loop()
        loop.start()
        defer { loop.stop() }
        let broker = FakeBroker(loop)
        let log = FakeLog()
        log.serve(on: broker)
        var configuration = ClientConfiguration(bootstrap: [await broker.start()])
        configuration.retryBackoffMilliseconds = 1
        configuration.deliveryTimeoutMilliseconds = 20_000
        change(&configuration)
        let cluster = Cluster(configuration, on: loop)
        try await cluster.connect()
        try await body(broker, log, cluster)
        await cluster.close()
    }

    private func send(
        _ count: Int, _ producer: Producer, flushingEach: Bool = false
    ) async throws -> Delivered {
        let delivered = Delivered()
        for number in 0..<count {
            try await producer.send(
                batch: batch(["\(number)", "more"]), records: 2, to: partition
            ) { delivered.add($1) }
            if flushingEach { await producer.flush() }
        }
        await producer.flush()
        return delivered
    }

    private func sequences(_ log: FakeLog) -> [Int32] { log.batches.map(\.baseSequence) }

    @Test func `batches are numbered and pass their checksums`() async throws {
        try await withBroker { _, log, cluster in
            let delivered = try await send(8, Producer(cluster))
            #expect(delivered.all == (0..<8).map { $0 * 2 })
            #expect(sequences(log) == (0..<8).map { $0 * 2 })
            #expect(log.damaged == 0)
        }
    }

    @Test(arguments: [ErrorCode.notEnoughReplicas, .notLeaderOrFollower, .requestTimedOut])
    func `what fails in flight is sent again in order`(code: ErrorCode) async throws {
        try await withBroker { _, log, cluster in
            log.faults = [.none, .error(code), .none, .error(code)]
            let delivered = try await send(12, Producer(cluster))
            #expect(delivered.failures == [])
            #expect(delivered.all == (0..<12).map { $0 * 2 })
            #expect(sequences(log) == (0..<12).map { $0 * 2 })
        }
    }

    @Test func `a connection lost after the append repeats nothing`() async throws {
        try await withBroker { _, log, cluster in
            log.faults = [.none, .appendThenDrop, .none, .drop]
            let delivered = try await send(10, Producer(cluster))
            #expect(delivered.failures == [])
            #expect(sequences(log) == (0..<10).map { $0 * 2 })
        }
    }

    @Test func `a new leader gets nothing before the old one has answered for all`() async throws {
        try await withBroker { old, log, cluster in
            let loop = try #require(cluster.loop as? Loop)
            let new = FakeBroker(loop)
            new.nodeID = 2
            log.serve(on: new)
            _ = await new.start()
            log.faults = Array(repeating: .appendSilently, count: 3)
            let producer = Producer(cluster)
            let delivered = Delivered()
            func send(_ numbers: Range<Int>) async throws {
                for number in numbers {
                    try await producer.send(
                        batch: batch(["\(number)", "more"]), records: 2, to: partition
                    ) { delivered.add($1) }
                }
            }
            try await send(0..<3)
            while await cluster.run({ done in done(log.batches.count) }) < 3 {
                await Task.yield()
            }
            await cluster.run { done in
                old.peers = [new]
                new.peers = [old]
                for broker in [old, new] {
                    broker.leader = 2
                    broker.leaderEpoch = 1
                }
                cluster.requestRefresh()
                done(())
            }
            _ = try await cluster.topic("t")
            try await send(3..<10)
            for _ in 0..<20 { _ = try await cluster.topic("t") }
            let early = await cluster.run { done in
                let early = new.requests.filter { $0.key == .produce }.count
                old.drop()
                done(early)
            }
            #expect(early == 0)
            await producer.flush()
            #expect(delivered.failures == [])
            #expect(sequences(log) == (0..<10).map { $0 * 2 })
            #expect(log.batches.allSatisfy { $0.epoch == 0 })
        }
    }

    @Test func `an answer after an abort completes nothing a second time`() async throws {
        try await withBroker { broker, log, cluster in
            log.faults = [.none, .appendSilently, .appendSilently]
            let producer = Producer(cluster)
            let delivered = Delivered()
            for number in 0..<3 {
                try await producer.send(
                    batch: batch(["\(number)"]), records: 1, to: partition
                ) { delivered.add($1) }
            }
            while await cluster.run({ done in done(log.batches.count) }) < 3 {
                await Task.yield()
            }
            await producer.abort()
            await cluster.run { done in
                broker.drop()
                done(())
            }
            for _ in 0..<20 { _ = try await cluster.topic("t") }
            #expect(delivered.all.count + delivered.failures.count == 3)
            #expect(delivered.failures.allSatisfy { $0 == .closed })
        }
    }

    @Test func `a refused batch fails alone and leaves no gap`() async throws {
        try await withBroker { _, log, cluster in
            log.faults = [.none, .error(.invalidRecord)]
            let delivered = try await send(6, Producer(cluster))
            #expect(delivered.failures.map(\.code) == [.invalidRecord])
            #expect(delivered.all.count == 5)
            #expect(sequences(log) == [0] + (0..<4).map { $0 * 2 })
            #expect(log.batches.map(\.epoch) == [0, 1, 1, 1, 1])
        }
    }

    @Test func `a broker that forgot the producer makes it start a new epoch`() async throws {
        try await withBroker { _, log, cluster in
            log.faults = [.none, .none, .error(.unknownProducerId)]
            let delivered = try await send(4, Producer(cluster), flushingEach: true)
            #expect(delivered.failures == [])
            #expect(log.batches.map(\.epoch) == [0, 0, 1, 1])
            #expect(sequences(log) == [0, 2, 0, 2])
        }
    }

    @Test func `without idempotence batches keep the producer id that they came with`() async throws
    {
        try await withBroker { _, log, cluster in
            var settings = ProducerConfiguration()
            settings.acks = .leader
            let delivered = try await send(3, Producer(cluster, settings))
            #expect(delivered.all == [0, 2, 4])
            #expect(log.batches.allSatisfy { $0.producerID == -1 })
        }
    }

    @Test func `acks 0 completes without an answer`() async throws {
        try await withBroker { _, log, cluster in
            var settings = ProducerConfiguration()
            settings.acks = .none
            let producer = Producer(cluster, settings)
            let delivered = try await send(3, producer)
            #expect(delivered.all == [-1, -1, -1])
            // Asking on the same connection comes after what was written to it.
            _ = try await cluster.topic("t")
            #expect(log.batches.count == 3)
        }
    }

    @Test func `a topic that never comes ends in an error that names it`() async throws {
        try await withBroker({ $0.deliveryTimeoutMilliseconds = 200 }) { _, _, cluster in
            let producer = Producer(cluster)
            let delivered = Delivered()
            // The broker's answer may take longer than a record is kept.
            await #expect(throws: ClientError.self) { _ = try await cluster.topic("nosuch") }
            try await producer.send(
                batch: batch(["x"]), records: 1, to: TopicPartition("nosuch", 0)
            ) { delivered.add($1) }
            await producer.flush()
            let error = try #require(delivered.failures.first)
            #expect("\(error)".contains("topic \"nosuch\" does not exist"))
        }
    }

    @Test func `a full buffer makes senders wait, and completions let them go on`() async throws {
        try await withBroker { _, log, cluster in
            var settings = ProducerConfiguration()
            settings.bufferBytesMax = 100
            let producer = Producer(cluster, settings)
            let delivered = try await send(20, producer)
            #expect(delivered.all.count == 20)
            #expect(await producer.currentStatistics().recordsDelivered == 40)
        }
    }

    @Test func `a broker without Produce is told by name`() async throws {
        try await withBroker { broker, _, cluster in
            _ = broker
            let producer = Producer(cluster)
            _ = try await cluster.topic("t")
            await cluster.run { done in
                broker.apis.removeAll { $0.key == .produce }
                broker.drop()
                done(())
            }
            let delivered = try await send(1, producer)
            #expect(
                delivered.failures.map { "\($0)" }.first?.contains("does not support Produce")
                    == true)
        }
    }
}
