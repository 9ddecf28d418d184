import KafkaProtocol
import Platform
import Testing

@testable import KafkaClient

/// A producer whose numbers are lost in one partition appends no batch twice, there or elsewhere.
@Suite struct ProducerEpochTests {
    /// The system's clock, which a test can move on.
    private final class MovableClock: Clock, @unchecked Sendable {
        private let system = SystemClock()
        private let lock = Lock()
        private var ahead: Int64 = 0

        var monotonicNanoseconds: Int64 { system.monotonicNanoseconds + lock.withLock { ahead } }
        var wallMilliseconds: Int64 { system.wallMilliseconds }

        func advance(seconds: Int64) { lock.withLock { ahead += seconds * 1_000_000_000 } }
    }

    /// A client of a fake broker that keeps a log of two partitions.
    private struct Rig {
        let clock = MovableClock()
        let loop: Loop
        let broker: FakeBroker
        let log = FakeLog()
        let cluster: Cluster
        let delivered = Delivered()

        init() async throws {
            loop = Loop(clock: clock)
            loop.start()
            broker = FakeBroker(loop)
            broker.topics["t"] = 2
            log.serve(on: broker)
            var configuration = ClientConfiguration(bootstrap: [await broker.start()])
            configuration.retryBackoffMilliseconds = 1
            configuration.deliveryTimeoutMilliseconds = 20_000
            cluster = Cluster(configuration, on: loop)
            try await cluster.connect()
        }

        func send(_ producer: Producer, partition: Int32 = 0) async throws {
            try await producer.send(
                batch: batch(["a", "b"]), records: 2, to: TopicPartition("t", partition)
            ) { [delivered] in delivered.add($1) }
        }

        func wait(until isTrue: @escaping @Sendable () -> Bool) async {
            while await !cluster.run({ done in done(isTrue()) }) { await Task.yield() }
        }

        func change(_ body: @escaping @Sendable () -> Void) async {
            await cluster.run { done in
                body()
                done(())
            }
        }

        func epochs(of partition: Int32) -> [Int16] {
            log.batches.filter { $0.partition == partition }.map(\.epoch)
        }

        func close() async {
            await cluster.close()
            loop.stop()
        }
    }

    @Test func `lost numbers in one partition renumber nothing in another`() async throws {
        let rig = try await Rig()
        var settings = ProducerConfiguration()
        // A request a batch.
        settings.requestBytesMax = 1
        let producer = Producer(rig.cluster, settings)
        for partition in Int32(0)...1 { try await rig.send(producer, partition: partition) }
        await producer.flush()
        // Partition 1's batch is appended, its answer is lost; meanwhile 0 loses its numbers.
        rig.log.faults = [.appendSilently, .error(.unknownProducerId)]
        try await rig.send(producer, partition: 1)
        await rig.wait { [log = rig.log] in log.batches.count == 3 }
        try await rig.send(producer, partition: 0)
        await rig.wait { [log = rig.log] in log.faults.isEmpty }
        while await producer.currentStatistics().batchesRetried == 0 { await Task.yield() }
        await rig.change { [broker = rig.broker] in broker.drop() }
        await producer.flush()
        for partition in Int32(0)...1 { try await rig.send(producer, partition: partition) }
        await producer.flush()
        #expect(rig.delivered.failures == [])
        #expect(rig.epochs(of: 0) == [0, 1, 1])
        #expect(rig.epochs(of: 1) == [0, 0, 0])
        await rig.close()
    }

    @Test(arguments: [true, false])
    func `a batch behind one that was given up is appended once`(wereAppended: Bool) async throws {
        let rig = try await Rig()
        let producer = Producer(rig.cluster)
        try await rig.send(producer)
        await producer.flush()
        rig.log.faults = Array(repeating: wereAppended ? .appendSilently : .ignore, count: 2)
        try await rig.send(producer)
        await rig.wait { [log = rig.log] in log.faults.count == 1 }
        rig.clock.advance(seconds: 15)
        try await rig.send(producer)
        await rig.wait { [log = rig.log] in log.faults.isEmpty }
        // Nobody leads, so that nothing is sent again before the first batch's time is over.
        await rig.change { [broker = rig.broker, cluster = rig.cluster] in
            broker.leader = -1
            broker.drop()
            cluster.requestRefresh()
        }
        rig.clock.advance(seconds: 6)
        await rig.wait { [delivered = rig.delivered] in delivered.failures.count == 1 }
        await rig.change { [broker = rig.broker, cluster = rig.cluster] in
            broker.leader = 1
            cluster.requestRefresh()
        }
        await producer.flush()
        try await rig.send(producer)
        await producer.flush()
        #expect(rig.delivered.failures.count == 1)
        #expect(rig.log.batches.map(\.baseSequence) == (wereAppended ? [0, 2, 4, 6] : [0, 0, 2]))
        #expect(rig.epochs(of: 0) == (wereAppended ? [0, 0, 0, 0] : [0, 1, 1]))
        await rig.close()
    }

    @Test func `a batch behind a refused one is not appended twice`() async throws {
        let rig = try await Rig()
        let producer = Producer(rig.cluster)
        // Both wait for a leader, so both are in flight when the first is refused. The broker knows
        // no producer yet, so it takes the second one.
        await rig.change { [broker = rig.broker, cluster = rig.cluster] in
            broker.leader = -1
            cluster.use("t")
            cluster.requestRefresh()
        }
        for _ in 0..<2 { try await rig.send(producer) }
        rig.log.faults = [.error(.invalidRecord), .appendSilently]
        await rig.change { [broker = rig.broker, cluster = rig.cluster] in
            broker.leader = 1
            cluster.requestRefresh()
        }
        await rig.wait { [delivered = rig.delivered, log = rig.log] in
            delivered.failures.count == 1 && log.batches.count == 1
        }
        await rig.change { [broker = rig.broker] in broker.drop() }
        await producer.flush()
        try await rig.send(producer)
        await producer.flush()
        #expect(rig.delivered.failures.map(\.code) == [.invalidRecord])
        #expect(rig.log.batches.map(\.baseSequence) == [2, 4])
        await rig.close()
    }

    @Test func `after the highest epoch comes a new id`() async throws {
        let rig = try await Rig()
        var ids = Int64(7)
        rig.broker.on(InitProducerIdRequest.self) { _, _ in
            defer { ids += 1 }
            return .with {
                $0.producerId = ids
                $0.producerEpoch = ids == 7 ? Int16.max : 0
            }
        }
        let producer = Producer(rig.cluster)
        rig.log.faults = [.none, .error(.outOfOrderSequenceNumber)]
        for _ in 0..<3 {
            try await rig.send(producer)
            await producer.flush()
        }
        #expect(rig.delivered.failures == [])
        #expect(rig.log.batches.map(\.producerID) == [7, 8, 8])
        #expect(rig.epochs(of: 0) == [Int16.max, 0, 0])
        await rig.close()
    }
}
