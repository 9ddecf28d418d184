import Bytes
import KafkaProtocol
import Platform
import Records
import Testing

@testable import KafkaClient

/// Batches of which the broker does not take some records (KIP-467).
@Suite struct ProducerRejectionTests {
    /// What was told of the records, by their values.
    private final class Outcome: @unchecked Sendable {
        private let lock = Lock()
        private var offsets: [String: Int64] = [:]
        private var errors: [String: ClientError] = [:]

        var delivered: [String: Int64] { lock.withLock { offsets } }
        var failed: [String: ClientError] { lock.withLock { errors } }

        func add(_ values: [String], _ range: Range<Int>, _ result: Result<Int64, ClientError>) {
            lock.withLock {
                for (place, index) in range.enumerated() {
                    let value = values[index]
                    #expect(offsets[value] == nil && errors[value] == nil, "told twice")
                    switch result {
                    case .success(let base): offsets[value] = base + Int64(place)
                    case .failure(let error): errors[value] = error
                    }
                }
            }
        }
    }

    private struct Rig {
        let loop = Loop(clock: SystemClock())
        let broker: FakeBroker
        let log = FakeLog()
        let cluster: Cluster
        let outcome = Outcome()

        init() async throws {
            loop.start()
            broker = FakeBroker(loop)
            log.serve(on: broker)
            var configuration = ClientConfiguration(bootstrap: [await broker.start()])
            configuration.retryBackoffMilliseconds = 1
            cluster = Cluster(configuration, on: loop)
            try await cluster.connect()
        }

        func send(_ values: [String], _ producer: Producer, _ codec: CompressionCodec = .none)
            async throws
        {
            var attributes = RecordBatchBuilder.Attributes()
            attributes.codec = codec
            var builder = RecordBatchBuilder()
            for value in values {
                Array(value.utf8).withUnsafeBytes {
                    builder.append(
                        key: nil, value: $0, timestamp: 1_000,
                        headers: EncodedHeaders([RecordHeader(key: "h", value: [1])]))
                }
            }
            let outcome = outcome
            try await producer.send(
                batch: builder.finish(attributes), records: values.count,
                to: TopicPartition("t", 0)
            ) { outcome.add(values, $0, $1) }
        }

        func close() async {
            await cluster.close()
            loop.stop()
        }
    }

    private func names(_ count: Int, from first: Int) -> [String] {
        (first..<first + count).map { "r\($0)" }
    }

    @Test(arguments: [CompressionCodec.none, .lz4])
    func `the others go on without them, in order, with numbers in a row`(
        codec: CompressionCodec
    ) async throws {
        let rig = try await Rig()
        rig.log.rejectedValues = ["r0", "r3", "r4", "r12", "r37", "r38", "r39"]
        var settings = ProducerConfiguration()
        settings.resendsRest = true
        let producer = Producer(rig.cluster, settings)
        for first in stride(from: 0, to: 40, by: 4) {
            try await rig.send(names(4, from: first), producer, codec)
        }
        await producer.flush()
        let good = names(40, from: 0).filter { !rig.log.rejectedValues.contains($0) }
        #expect(rig.log.batches.flatMap(\.values) == good)
        #expect(rig.log.damaged == 0)
        #expect(Set(rig.outcome.failed.keys) == rig.log.rejectedValues)
        #expect(rig.outcome.failed["r3"]?.code == .invalidRecord)
        #expect("\(rig.outcome.failed["r12"] as ClientError?)".contains("no r12"))
        for (offset, value) in good.enumerated() {
            #expect(rig.outcome.delivered[value] == Int64(offset), "\(value)")
        }
        var next: Int32 = 0
        for batch in rig.log.batches {
            #expect(batch.baseSequence == next && batch.epoch == 0)
            next += batch.records
        }
        let statistics = await producer.currentStatistics()
        #expect(statistics.recordsDelivered == good.count && statistics.recordsFailed == 7)
        await rig.close()
    }

    @Test func `without that the whole batch fails, and what comes later is delivered`()
        async throws
    {
        let rig = try await Rig()
        rig.log.rejectedValues = ["r1"]
        let producer = Producer(rig.cluster)
        try await rig.send(names(3, from: 0), producer)
        await producer.flush()
        try await rig.send(names(3, from: 3), producer)
        await producer.flush()
        #expect(rig.log.batches.flatMap(\.values) == names(3, from: 3))
        #expect(rig.outcome.failed["r1"]?.code == .invalidRecord)
        #expect(rig.outcome.failed["r0"] == .batchRejected(TopicPartition("t", 0)))
        #expect(rig.outcome.failed.count == 3)
        await rig.close()
    }

    @Test func `a rest whose answer gets lost is not appended twice`() async throws {
        let rig = try await Rig()
        rig.log.rejectedValues = ["r1"]
        rig.log.faults = [.none, .appendThenDrop]
        var settings = ProducerConfiguration()
        settings.resendsRest = true
        let producer = Producer(rig.cluster, settings)
        try await rig.send(names(3, from: 0), producer)
        try await rig.send(names(3, from: 3), producer)
        await producer.flush()
        #expect(rig.log.batches.flatMap(\.values) == ["r0", "r2", "r3", "r4", "r5"])
        #expect(Set(rig.outcome.failed.keys) == ["r1"])
        await rig.close()
    }

    @Test func `a rest that is too large goes on in parts`() async throws {
        let rig = try await Rig()
        rig.log.rejectedValues = ["r5"]
        var settings = ProducerConfiguration()
        settings.resendsRest = true
        let producer = Producer(rig.cluster, settings)
        rig.log.batchBytesMax = 300
        rig.log.faults = []
        try await rig.send(names(20, from: 0), producer)
        await producer.flush()
        let good = names(20, from: 0).filter { $0 != "r5" }
        #expect(rig.log.batches.flatMap(\.values) == good)
        for (offset, value) in good.enumerated() {
            #expect(rig.outcome.delivered[value] == Int64(offset), "\(value)")
        }
        await rig.close()
    }
}

@Suite struct RecordRangesTests {
    @Test func `records are taken out and cut as if they were listed one by one`() {
        var random = SeededRandom(seed: 11)
        for round in 0..<500 {
            var ranges = RecordRanges(3..<3 + 1 + random.below(12))
            var list = Array(ranges.ranges.joined())
            while !list.isEmpty {
                let places = list.indices.filter { _ in random.below(3) == 0 }
                ranges.remove(at: places)
                list = list.indices.filter { !places.contains($0) }.map { list[$0] }
                #expect(Array(ranges.ranges.joined()) == list, "round \(round)")
                #expect(ranges.count == list.count && ranges.first == list.first ?? 0)
                for place in list.indices { #expect(ranges[place] == list[place]) }
                let middle = random.below(list.count + 1)
                let (head, tail) = ranges.cut(at: middle)
                #expect(Array(head.ranges.joined()) == Array(list[..<middle]))
                #expect(Array(tail.ranges.joined()) == Array(list[middle...]))
            }
        }
    }
}
