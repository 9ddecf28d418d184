import Bytes
import KafkaProtocol
import Platform
import Records
import Testing

@testable import KafkaClient

/// Batches that a topic finds too large, after its max.message.bytes was lowered.
@Suite struct ProducerSplitTests {
    private struct Rig {
        let loop = Loop(clock: SystemClock())
        let broker: FakeBroker
        let log = FakeLog()
        let cluster: Cluster
        let delivered = Delivered()

        init() async throws {
            loop.start()
            broker = FakeBroker(loop)
            log.serve(on: broker)
            var configuration = ClientConfiguration(bootstrap: [await broker.start()])
            configuration.retryBackoffMilliseconds = 1
            cluster = Cluster(configuration, on: loop)
            try await cluster.connect()
        }

        func send(_ values: [String], _ producer: Producer, codec: CompressionCodec = .none)
            async throws
        {
            var attributes = RecordBatchBuilder.Attributes()
            attributes.codec = codec
            var builder = RecordBatchBuilder()
            for value in values {
                Array(value.utf8).withUnsafeBytes { bytes in
                    builder.append(
                        key: bytes, value: bytes, timestamp: 1_000,
                        headers: EncodedHeaders([RecordHeader(key: "h", value: [1])]))
                }
            }
            let delivered = delivered
            try await producer.send(
                batch: builder.finish(attributes), records: values.count,
                to: TopicPartition("t", 0)
            ) { delivered.add($0, $1) }
        }

        func close() async {
            await cluster.close()
            loop.stop()
        }
    }

    /// Values that no codec makes much smaller.
    private func values(_ count: Int, of size: Int = 100) -> [String] {
        var random = SeededRandom(seed: 7)
        return (0..<count).map { _ in
            String(decoding: (0..<size).map { _ in UInt8(33 + random.below(90)) }, as: UTF8.self)
        }
    }

    @Test(arguments: CompressionCodec.allCases, [true, false])
    func `they go on in parts, in order, each record once`(
        codec: CompressionCodec, isIdempotent: Bool
    ) async throws {
        let rig = try await Rig()
        rig.log.batchBytesMax = 1_000
        var settings = ProducerConfiguration()
        settings.isIdempotent = isIdempotent
        let producer = Producer(rig.cluster, settings)
        for _ in 0..<3 {
            try await rig.send(values(16), producer, codec: codec)
            if !isIdempotent { await producer.flush() }
        }
        await producer.flush()
        #expect(rig.delivered.failures == [])
        #expect(rig.log.damaged == 0)
        #expect(rig.log.batches.reduce(0) { $0 + $1.records } == 48)
        #expect(rig.delivered.records.reduce(0) { $0 + $1.count } == 48)
        #expect(rig.delivered.records.first?.lowerBound == 0)
        if isIdempotent {
            var next: Int32 = 0
            for batch in rig.log.batches {
                #expect(batch.baseSequence == next && batch.epoch == 0)
                next += batch.records
            }
        }
        let statistics = await producer.currentStatistics()
        #expect(statistics.recordsDelivered == 48 && statistics.batchesSplit >= 3)
        await rig.close()
    }

    @Test func `a record that is too large by itself fails alone`() async throws {
        let rig = try await Rig()
        rig.log.batchBytesMax = 1_000
        let producer = Producer(rig.cluster)
        var all = values(8)
        all[5] = values(1, of: 2_000)[0]
        try await rig.send(all, producer)
        try await rig.send(values(2), producer)
        await producer.flush()
        #expect(rig.delivered.failures.map(\.code) == [.messageTooLarge])
        #expect(rig.log.batches.reduce(0) { $0 + $1.records } == 9)
        #expect(await producer.currentStatistics().recordsFailed == 1)
        await rig.close()
    }

    @Test func `a batch behind one that is split is not appended twice`() async throws {
        let rig = try await Rig()
        let producer = Producer(rig.cluster)
        // The broker knows no producer yet, so it takes the second batch; its answer gets lost.
        await rig.cluster.run { [broker = rig.broker, cluster = rig.cluster] done in
            broker.leader = -1
            cluster.use("t")
            cluster.requestRefresh()
            done(())
        }
        try await rig.send(values(4), producer)
        try await rig.send(values(2), producer)
        rig.log.faults = [.error(.messageTooLarge), .appendSilently]
        await rig.cluster.run { [broker = rig.broker, cluster = rig.cluster] done in
            broker.leader = 1
            cluster.requestRefresh()
            done(())
        }
        while await rig.cluster.run({ [log = rig.log] done in done(log.batches.count) }) < 1 {
            await Task.yield()
        }
        await rig.cluster.run { [broker = rig.broker] done in
            broker.drop()
            done(())
        }
        await producer.flush()
        #expect(rig.delivered.failures == [])
        #expect(rig.log.batches.reduce(0) { $0 + $1.records } == 6)
        #expect(rig.log.batches.first?.baseSequence == 4)
        await rig.close()
    }
}
