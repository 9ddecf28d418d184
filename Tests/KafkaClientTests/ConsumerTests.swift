import Bytes
import KafkaProtocol
import Platform
import Records
import Testing

@testable import KafkaClient

/// A partition's log for fetches: batches of known records, and what the broker was asked.
private final class FetchedLog: @unchecked Sendable {
    var batches: [[UInt8]] = []
    var offsets: [Int64] = []
    private(set) var end: Int64 = 0
    private(set) var asked: [FetchRequest] = []
    /// Errors that the next fetches get for the whole answer; `none` lets one pass.
    var errors: [ErrorCode] = []
    var partitionErrors: [ErrorCode] = []
    var logStart: Int64 = 0
    private var sessions: Int32 = 0
    private var position: Int64 = 0
    private var topicID = UUID(high: 1, low: UInt64(UInt8(ascii: "t")))

    func append(_ values: [String], leaderEpoch: Int32 = 0) {
        var bytes = batch(values)
        bytes.withUnsafeMutableBytes {
            RecordBatchPatch.assign($0, baseOffset: end, leaderEpoch: leaderEpoch)
        }
        batches.append(bytes)
        offsets.append(end)
        end += Int64(values.count)
    }

    /// The log of another topic with the same name.
    func begin(anew values: [String], id: UUID) {
        (batches, offsets, end, position) = ([], [], 0, 0)
        topicID = id
        append(values)
    }

    func serve(on broker: FakeBroker) {
        broker.on(FetchRequest.self) { [self] request, _ in answer(request) }
        broker.on(ListOffsetsRequest.self) { [self] request, _ in
            .with {
                $0.topics = request.topics.map { topic in
                    .with {
                        $0.name = topic.name
                        $0.partitions = topic.partitions.map { asked in
                            .with { $0.offset = asked.timestamp == -2 ? logStart : end }
                        }
                    }
                }
            }
        }
    }

    func answer(_ request: FetchRequest) -> FetchResponse? {
        asked.append(request)
        var response = FetchResponse()
        if !errors.isEmpty {
            response.errorCode = errors.removeFirst()
            if response.errorCode != .none { return response }
        }
        if request.sessionEpoch == 0 { sessions += 1 }
        response.sessionId = sessions
        if let wanted = request.topics.first?.partitions.first { position = wanted.fetchOffset }
        var data = FetchResponse.PartitionData()
        data.highWatermark = end
        data.logStartOffset = logStart
        if request.topics.contains(where: { $0.topicId != topicID }) {
            data.errorCode = .unknownTopicId
        } else if !partitionErrors.isEmpty {
            data.errorCode = partitionErrors.removeFirst()
        } else if position < logStart || position > end {
            data.errorCode = .offsetOutOfRange
        } else {
            guard position < end else { return nil }
            let index = offsets.lastIndex { $0 <= position } ?? 0
            data.records = .bytes(batches[index])
        }
        response.responses = [
            .with {
                $0.topicId = asked.last?.topics.first?.topicId ?? topicID
                $0.partitions = [data]
            }
        ]
        return response
    }
}

/// Answers that a broker has not given yet.
private final class Held: @unchecked Sendable {
    var fetch: (() -> Void)?
    var epoch: (() -> Void)?
}

@Suite struct ConsumerTests {
    private let partition = TopicPartition("t", 0)

    private func withLog(
        _ settings: ConsumerConfiguration = .init(),
        _ body: (FakeBroker, FetchedLog, Consumer) async throws -> Void
    ) async throws {
        let loop = Loop()
        loop.start()
        defer { loop.stop() }
        let broker = FakeBroker(loop)
        let log = FetchedLog()
        for round in 0..<4 { log.append(["a\(round)", "b\(round)"]) }
        log.serve(on: broker)
        var configuration = ClientConfiguration(bootstrap: [await broker.start()])
        configuration.retryBackoffMilliseconds = 1
        let cluster = Cluster(configuration, on: loop)
        try await cluster.connect()
        let consumer = Consumer(cluster, settings)
        try await body(broker, log, consumer)
        await consumer.close()
        await cluster.close()
    }

    private func read(_ count: Int, _ consumer: Consumer) async throws -> [String] {
        var all: [String] = []
        while all.count < count {
            let fetched = try #require(try await consumer.next(timeoutMilliseconds: 20_000))
            all += values(fetched)
        }
        return all
    }

    private let everything = ["a0", "b0", "a1", "b1", "a2", "b2", "a3", "b3"]

    @Test func `a session's later requests name only what has changed`() async throws {
        try await withLog { _, log, consumer in
            try await consumer.assign([partition: .earliest])
            #expect(try await read(8, consumer) == everything)
            #expect(log.asked.prefix(4).map(\.sessionEpoch) == [0, 1, 2, 3])
            #expect(log.asked.prefix(4).map(\.sessionId) == [0, 1, 1, 1])
            #expect(log.asked.prefix(4).allSatisfy { $0.topics.count == 1 })
        }
    }

    @Test(arguments: [ErrorCode.fetchSessionIdNotFound, .invalidFetchSessionEpoch])
    func `a session that the broker forgot is opened again`(code: ErrorCode) async throws {
        try await withLog { _, log, consumer in
            log.errors = [.none, code]
            try await consumer.assign([partition: .earliest])
            #expect(try await read(8, consumer) == everything)
            #expect(log.asked.filter { $0.sessionEpoch == 0 }.count == 2)
        }
    }

    @Test(arguments: [
        ErrorCode.notLeaderOrFollower, .fencedLeaderEpoch, .unknownLeaderEpoch,
        .unknownTopicOrPartition, .unknownTopicId, .offsetNotAvailable,
    ])
    func `errors that pass lose and repeat nothing`(code: ErrorCode) async throws {
        try await withLog { _, log, consumer in
            log.partitionErrors = [code, code]
            try await consumer.assign([partition: .earliest])
            #expect(try await read(8, consumer) == everything)
        }
    }

    /// Has the broker delete the topic and make it again, with these records in its new log.
    private func makeAgain(
        _ broker: FakeBroker, _ log: FetchedLog, _ consumer: Consumer, _ values: [String]
    ) async {
        await consumer.cluster.run { done in
            broker.incarnation = 2
            log.begin(anew: values, id: broker.id(of: "t"))
            // A fetch that waits is answered, which the broker does when a topic goes.
            broker.drop()
            done(())
        }
    }

    @Test func `a topic that was made again is read from its beginning`() async throws {
        try await withLog { broker, log, consumer in
            try await consumer.assign([partition: .earliest])
            #expect(try await read(8, consumer) == everything)
            await makeAgain(broker, log, consumer, ["x", "y"])
            #expect(try await read(2, consumer) == ["x", "y"])
        }
        var strict = ConsumerConfiguration()
        strict.outOfRange = .fail
        try await withLog(strict) { broker, log, consumer in
            try await consumer.assign([partition: .earliest])
            #expect(try await read(8, consumer) == everything)
            await makeAgain(broker, log, consumer, ["x", "y"])
            await #expect(throws: ClientError.topicDeleted("t")) {
                try await consumer.next(timeoutMilliseconds: 20_000)
            }
        }
    }

    @Test func `a session names both the topic that is gone and its namesake`() {
        let old = UUID(high: 1, low: 1)
        let new = UUID(high: 1, low: 2)
        func wanted(_ id: UUID) -> [TopicPartition: FetchSession.Wanted] {
            [partition: FetchSession.Wanted(offset: 0, leaderEpoch: 0, topicID: id)]
        }
        for (version, gone) in [(Int16(13), [old]), (12, [])] {
            var session = FetchSession()
            var request = FetchRequest()
            session.prepare(&request, wanted(old), version: version, partitionBytesMax: 1)
            session.answered(.with { $0.sessionId = 5 })
            request = FetchRequest()
            session.prepare(&request, wanted(new), version: version, partitionBytesMax: 1)
            #expect(request.topics.map(\.topicId) == [new])
            #expect(request.forgottenTopicsData.map(\.topicId) == gone)
        }
    }

    @Test func `a lost connection is made again`() async throws {
        try await withLog { broker, log, consumer in
            try await consumer.assign([partition: .earliest])
            #expect(try await read(2, consumer) == ["a0", "b0"])
            await consumer.cluster.run { done in
                broker.drop()
                done(())
            }
            #expect(try await read(6, consumer) == Array(everything.dropFirst(2)))
        }
    }

    @Test func `reading inside a batch gives the batch and says where to begin`() async throws {
        try await withLog { _, _, consumer in
            try await consumer.assign([partition: .offset(3)])
            let fetched = try #require(try await consumer.next(timeoutMilliseconds: 20_000))
            #expect(fetched.startOffset == 3)
            #expect(fetched.batches.first?.header.baseOffset == 2)
            #expect(fetched.nextOffset == 4)
            #expect(values(fetched) == ["b1"])
        }
    }

    @Test func `an offset out of range is reset, or the end`() async throws {
        try await withLog { _, log, consumer in
            log.logStart = 4
            try await consumer.assign([partition: .offset(0)])
            #expect(try await read(4, consumer) == Array(everything.dropFirst(4)))
        }
        var strict = ConsumerConfiguration()
        strict.outOfRange = .fail
        try await withLog(strict) { _, log, consumer in
            log.logStart = 4
            try await consumer.assign([partition: .offset(0)])
            await #expect(
                throws: ClientError.offsetOutOfRange(partition, offset: 0, logStart: 4)
            ) { try await consumer.next(timeoutMilliseconds: 20_000) }
        }
    }

    @Test func `a damaged batch is told with its offset`() async throws {
        try await withLog { _, log, consumer in
            log.batches[1][70] ^= 1
            try await consumer.assign([partition: .earliest])
            #expect(try await read(2, consumer) == ["a0", "b0"])
            await #expect(throws: ClientError.corrupt(partition, offset: 2)) {
                try await consumer.next(timeoutMilliseconds: 20_000)
            }
        }
    }

    @Test(arguments: [false, true])
    func `a log that was cut after it was read is found out`(isAssignedAgain: Bool) async throws {
        var strict = ConsumerConfiguration()
        strict.outOfRange = .fail
        try await withLog(strict) { broker, log, consumer in
            try await consumer.assign([partition: .earliest])
            #expect(try await read(8, consumer) == everything)
            // As when partitions were added.
            if isAssignedAgain { try await consumer.assign([partition: .offset(8)]) }
            broker.on(OffsetForLeaderEpochRequest.self) { _, _ in
                .with {
                    $0.topics = [
                        .with {
                            $0.topic = "t"
                            $0.partitions = [.with { $0.endOffset = 6 }]
                        }
                    ]
                }
            }
            await consumer.cluster.run { done in
                broker.leaderEpoch = 1
                log.partitionErrors = [.fencedLeaderEpoch]
                broker.drop()
                done(())
            }
            await #expect(throws: ClientError.truncated(partition, position: 8, end: 6)) {
                try await consumer.next(timeoutMilliseconds: 20_000)
            }
        }
    }

    @Test func `what comes while the position is being checked is not given twice`() async throws {
        try await withLog { broker, log, consumer in
            let held = Held()
            broker.on(OffsetForLeaderEpochRequest.self) { _, header in
                let send = broker.deferred()
                held.epoch = {
                    send(
                        encodeResponse(
                            OffsetForLeaderEpochResponse.with {
                                $0.topics = [
                                    .with {
                                        $0.topic = "t"
                                        $0.partitions = [.with { $0.endOffset = 12 }]
                                    }
                                ]
                            }, api: OffsetForLeaderEpochRequest.api, version: header.apiVersion,
                            correlationID: header.correlationId
                        ).bytes)
                }
                return nil
            }
            broker.on(FetchRequest.self) { request, header in
                if let now = log.answer(request) { return now }
                let send = broker.deferred()
                held.fetch = {
                    // Nothing of the session has changed since it was asked.
                    guard let late = log.answer(FetchRequest.with { $0.sessionEpoch = 1 }) else {
                        return
                    }
                    send(
                        encodeResponse(
                            late, api: FetchRequest.api, version: header.apiVersion,
                            correlationID: header.correlationId
                        ).bytes)
                }
                return nil
            }
            let cluster = consumer.cluster
            try await consumer.assign([partition: .earliest])
            #expect(try await read(8, consumer) == everything)
            while await cluster.run({ done in done(held.fetch == nil) }) { await Task.yield() }
            // The leader changes while its predecessor's answer is on the way.
            await cluster.run { done in
                log.append(["a4", "b4"], leaderEpoch: 1)
                log.append(["a5", "b5"], leaderEpoch: 1)
                broker.leaderEpoch = 1
                cluster.requestRefresh()
                done(())
            }
            while await cluster.run({ done in done(held.epoch == nil) }) { await Task.yield() }
            await cluster.run { done in
                held.fetch?()
                done(())
            }
            for _ in 0..<20 { _ = try await cluster.topic("t") }
            await cluster.run { done in
                held.epoch?()
                done(())
            }
            #expect(try await read(4, consumer) == ["a4", "b4", "a5", "b5"])
        }
    }

    @Test func `what the broker calls damaged ends the reading, it is not tried again`()
        async throws
    {
        try await withLog { _, log, consumer in
            log.partitionErrors = [.corruptMessage]
            try await consumer.assign([partition: .offset(2)])
            await #expect(throws: ClientError.corrupt(partition, offset: 2)) {
                try await consumer.next(timeoutMilliseconds: 20_000)
            }
            #expect(log.asked.count == 1)
        }
    }

    @Test func `waiting ends by time, and by cancellation`() async throws {
        try await withLog { _, _, consumer in
            try await consumer.assign([partition: .latest])
            let none = try await consumer.next(timeoutMilliseconds: 1)
            #expect(none.map { values($0) } == nil)
            let waiting = Task { () async -> ClientError? in
                do throws(ClientError) {
                    _ = try await consumer.next()
                    return nil
                } catch {
                    return error
                }
            }
            waiting.cancel()
            #expect(await waiting.value == .cancelled)
        }
    }

    @Test func `aborted records and markers are passed over`() throws {
        func written(_ producer: Int64, _ offset: Int64, control: Int16? = nil) -> [UInt8] {
            var builder = RecordBatchBuilder()
            let key: [UInt8] = [0, 0, 0, UInt8(control ?? 0)]
            key.withUnsafeBytes {
                builder.append(key: $0, value: $0, timestamp: 0)
            }
            var attributes = RecordBatchBuilder.Attributes()
            attributes.producerID = producer
            attributes.transactional = true
            attributes.control = control != nil
            var bytes = builder.finish(attributes)
            bytes.withUnsafeMutableBytes {
                RecordBatchPatch.assign($0, baseOffset: offset, leaderEpoch: 0)
            }
            return bytes
        }
        // Producer 1 aborts its first transaction and commits the second; producer 2 commits.
        let bytes =
            written(1, 0) + written(2, 1) + written(1, 2, control: 0) + written(1, 3)
            + written(1, 4, control: 1) + written(2, 5, control: 1)
        let buffer = FrameBuffer(bytes)
        var fetched = FetchedBatches(
            partition: partition, startOffset: 0, nextOffset: 0, highWatermark: 6,
            lastStableOffset: 6, logStartOffset: 0, buffer: buffer, byteCount: bytes.count)
        var cutter = BatchCutter(
            partition: partition, buffer: buffer, payload: 0..<bytes.count,
            checksChecksums: true, aborted: [.with { $0.producerId = 1 }])
        try cutter.cut(into: &fetched)
        #expect(fetched.batches.map(\.header.baseOffset) == [1, 3])
        #expect(fetched.nextOffset == 6)
    }
}
