import KafkaProtocol
import Platform
import Testing

@testable import KafkaClient

/// What a producer says to coordinators of both kinds: those that know KIP-98 only, and those at
/// level 2 of `transaction.version` (KIP-890).
@Suite struct ProducerTransactionTests {
    /// A client of a fake broker that keeps a log and is coordinator of everything.
    private struct Rig {
        let loop = Loop()
        let broker: FakeBroker
        let log = FakeLog()
        let cluster: Cluster
        let producer: Producer
        let delivered = Delivered()

        init(level: Int16) async throws {
            loop.start()
            broker = FakeBroker(loop)
            broker.topics["t"] = 2
            broker.features["transaction.version"] = level
            log.serve(on: broker)
            let endpoint = await broker.start()
            Self.coordinate(on: broker, endpoint)
            var configuration = ClientConfiguration(bootstrap: [endpoint])
            configuration.retryBackoffMilliseconds = 1
            cluster = Cluster(configuration, on: loop)
            try await cluster.connect()
            var settings = ProducerConfiguration()
            settings.transactionalID = "id"
            producer = Producer(cluster, settings)
            try await producer.initializeTransactions()
        }

        private static func coordinate(on broker: FakeBroker, _ endpoint: Endpoint) {
            guard case .tcp(let host, let port) = endpoint else { return }
            broker.on(FindCoordinatorRequest.self) { request, _ in
                .with {
                    $0.host = host
                    $0.port = Int32(port)
                    $0.coordinators = request.coordinatorKeys.map { key in
                        .with {
                            $0.key = key
                            $0.host = host
                            $0.port = Int32(port)
                        }
                    }
                }
            }
            broker.on(AddPartitionsToTxnRequest.self) { request, _ in
                .with {
                    $0.resultsByTopicV3AndBelow = request.v3AndBelowTopics.map { topic in
                        .with {
                            $0.name = topic.name
                            $0.resultsByPartition = topic.partitions.map { index in
                                .with { $0.partitionIndex = index }
                            }
                        }
                    }
                }
            }
            broker.on(AddOffsetsToTxnRequest.self) { _, _ in AddOffsetsToTxnResponse() }
            broker.on(TxnOffsetCommitRequest.self) { _, _ in TxnOffsetCommitResponse() }
            broker.on(EndTxnRequest.self) { request, header in
                .with {
                    $0.producerId = request.producerId
                    $0.producerEpoch = request.producerEpoch + (header.apiVersion >= 5 ? 1 : 0)
                }
            }
        }

        func transaction() async throws {
            for partition in Int32(0)...1 {
                try await producer.send(
                    batch: batch(["a", "b"]), records: 2, to: TopicPartition("t", partition)
                ) { [delivered] in delivered.add($1) }
            }
            try await producer.commitOffsets(
                [TopicPartition("in", 0): CommittedOffset(offset: 7)], of: "g")
            try await producer.endTransaction(isCommit: true)
        }

        /// The versions in which requests of an API came.
        func versions(of key: APIKey) async -> [Int16] {
            await cluster.run { [broker] done in
                done(broker.requests.filter { $0.key == key }.map(\.apiVersion))
            }
        }

        func close() async {
            await producer.close()
            await cluster.close()
            loop.stop()
        }
    }

    @Test func `a coordinator of KIP-98 is told of partitions and groups`() async throws {
        let rig = try await Rig(level: 1)
        for _ in 0..<2 { try await rig.transaction() }
        #expect(await rig.versions(of: .endTxn) == [4, 4])
        #expect(await rig.versions(of: .addOffsetsToTxn).count == 2)
        #expect(await rig.versions(of: .txnOffsetCommit) == [4, 4])
        #expect(await !rig.versions(of: .addPartitionsToTxn).isEmpty)
        #expect(await rig.versions(of: .produce).allSatisfy { $0 == 11 })
        #expect(rig.log.batches.map(\.epoch) == [0, 0, 0, 0])
        #expect(rig.log.batches.suffix(2).map(\.baseSequence) == [2, 2])
        #expect(rig.delivered.failures == [])
        await rig.close()
    }

    @Test func `with KIP-890 nothing is announced and each transaction has an epoch`() async throws
    {
        let rig = try await Rig(level: 2)
        for _ in 0..<3 { try await rig.transaction() }
        #expect(await rig.versions(of: .endTxn) == [5, 5, 5])
        #expect(await rig.versions(of: .addOffsetsToTxn).isEmpty)
        #expect(await rig.versions(of: .txnOffsetCommit) == [5, 5, 5])
        #expect(await rig.versions(of: .addPartitionsToTxn).isEmpty)
        #expect(await rig.versions(of: .produce).allSatisfy { $0 >= 12 })
        #expect(rig.log.batches.map(\.epoch) == [0, 0, 1, 1, 2, 2])
        #expect(rig.log.batches.allSatisfy { $0.baseSequence == 0 })
        #expect(rig.delivered.failures == [])
        await rig.close()
    }

    /// Another producer of the id has taken over: what was sent while the transaction was being
    /// ended fails at once, and closing waits for nothing.
    @Test func `what waits for an end that is refused fails with it`() async throws {
        let rig = try await Rig(level: 2)
        let producer = rig.producer
        let delivered = rig.delivered
        await rig.cluster.run { [broker = rig.broker, log = rig.log] done in
            broker.on(EndTxnRequest.self) { _, _ in
                log.faults = [.error(.invalidProducerEpoch)]
                Task {
                    try? await producer.send(
                        batch: batch(["late"]), records: 1, to: TopicPartition("t", 0)
                    ) { delivered.add($1) }
                }
                return .with { $0.errorCode = .producerFenced }
            }
            done(())
        }
        await #expect(throws: ClientError.self) { try await rig.transaction() }
        while rig.delivered.failures.isEmpty { await Task.yield() }
        await rig.close()
    }

    @Test func `a transaction waits for the end of the one before`() async throws {
        let rig = try await Rig(level: 2)
        rig.log.faults = [.error(.concurrentTransactions), .error(.concurrentTransactions)]
        try await rig.transaction()
        #expect(rig.log.batches.count == 2)
        #expect(rig.delivered.failures == [])
        await rig.close()
    }
}
