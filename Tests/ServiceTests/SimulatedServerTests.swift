import KafkaProtocol
import Platform
import Records
import Testing

@testable import Service

@Suite struct SimulatedServerTests {
    private func batch(_ value: String) -> [UInt8] {
        var builder = RecordBatchBuilder()
        Array(value.utf8).withUnsafeBytes {
            builder.append(key: nil, value: $0, timestamp: 1_700_000_000_000)
        }
        return builder.finish()
    }

    private func produce(_ batch: [UInt8], acks: Int16 = -1) -> ProduceRequest {
        .with { request in
            request.acks = acks
            request.topicData = [
                .with { topic in
                    topic.name = "t"
                    topic.partitionData = [.with { $0.records = .bytes(batch) }]
                }
            ]
        }
    }

    private func fetch(maxWait: Int32, minBytes: Int32 = 1) -> FetchRequest {
        .with { request in
            request.maxWaitMs = maxWait
            request.minBytes = minBytes
            request.topics = [
                .with { topic in
                    topic.topic = "t"
                    topic.partitions = [
                        .with {
                            $0.fetchOffset = 0
                            $0.partitionMaxBytes = 1 << 20
                        }
                    ]
                }
            ]
        }
    }

    private func metadata(_ topic: String) -> MetadataRequest {
        .with { $0.topics = [.with { $0.name = topic }] }
    }

    @Test func `many requests at once do not keep another connection waiting`() throws {
        let rig = try SimulatedServer(seed: 5)
        let (busy, other) = (rig.connect(), rig.connect())
        let request = encodeRequest(
            ApiVersionsRequest(), version: 3, correlationID: 7, clientID: "test")
        busy.send((0..<500).flatMap { _ in request.bytes })
        other.send(request)
        rig.loop.run(milliseconds: 1_000) { !other.frames.isEmpty }
        #expect(other.frames.count == 1)
        #expect(busy.frames.count <= 2 * Service.Limits.turnRequests)
        rig.loop.run(milliseconds: 1_000)
        #expect(busy.frames.count == 500)
    }

    @Test func `requests that came before the end of a connection are all answered`() throws {
        let rig = try SimulatedServer(seed: 5, bytesPerMoveMax: 5_000)
        let client = rig.connect()
        let request = encodeRequest(
            ApiVersionsRequest(), version: 3, correlationID: 7, clientID: "test")
        client.send((0..<1_000).flatMap { _ in request.bytes })
        rig.loop.run(milliseconds: 1_000)
        #expect(client.frames.count == 1_000)
    }

    @Test(arguments: [nil, 1, 7, 100] as [Int?])
    func `a record comes back as it was sent, however the bytes are cut`(chunk: Int?) throws {
        let rig = try SimulatedServer(seed: 5, bytesPerMoveMax: chunk)
        let client = rig.connect()
        let topics = try rig.ask(metadata("t"), version: 12, on: client)?.topics
        #expect(topics?.first?.partitions.count == 4)
        let sent = batch("hello")
        let answer = try rig.ask(produce(sent), version: 9, on: client)
        let first = answer?.responses.first?.partitionResponses.first
        #expect(first?.errorCode == ErrorCode.none && first?.baseOffset == 0)
        let fetched = try rig.ask(fetch(maxWait: 0), version: 11, on: client)
        guard case .slice(let range)? = fetched?.responses.first?.partitions.first?.records,
            let frame = client.frames.last
        else {
            Issue.record("no records came")
            return
        }
        // The leader epoch is the server's; offset and all else are as sent.
        #expect(Array(frame[range][(range.lowerBound + 16)...]) == Array(sent[16...]))
    }

    @Test func `a fetch waits for an append and is answered by it`() throws {
        let rig = try SimulatedServer()
        let reader = rig.connect()
        let writer = rig.connect()
        _ = try rig.ask(metadata("t"), version: 12, on: writer)
        reader.send(
            encodeRequest(
                fetch(maxWait: 30_000), version: 11, correlationID: 1, clientID: nil))
        rig.loop.run(milliseconds: 1_000)
        #expect(reader.frames.isEmpty)
        let before = rig.loop.clock.monotonicNanoseconds
        _ = try rig.ask(produce(batch("x")), version: 9, on: writer)
        rig.loop.run(milliseconds: 100) { !reader.frames.isEmpty }
        #expect(reader.frames.count == 1)
        #expect(rig.loop.clock.monotonicNanoseconds - before < 1_000_000_000)
    }

    @Test func `a fetch with nothing to give ends with its time`() throws {
        let rig = try SimulatedServer()
        let client = rig.connect()
        _ = try rig.ask(metadata("t"), version: 12, on: client)
        let before = rig.loop.clock.monotonicNanoseconds
        let answer = try rig.ask(fetch(maxWait: 700), version: 11, on: client)
        #expect(answer?.responses.first?.partitions.first?.records.count == 0)
        #expect(rig.loop.clock.monotonicNanoseconds - before >= 700_000_000)
    }

    @Test func `an append that gives too little does not take a fetch's time away`() throws {
        let rig = try SimulatedServer()
        let reader = rig.connect()
        let writer = rig.connect()
        _ = try rig.ask(metadata("t"), version: 12, on: writer)
        let before = rig.loop.clock.monotonicNanoseconds
        reader.send(
            encodeRequest(
                fetch(maxWait: 700, minBytes: 10_000), version: 11, correlationID: 1, clientID: nil
            ))
        _ = try rig.ask(produce(batch("x")), version: 9, on: writer)
        #expect(reader.frames.isEmpty)
        rig.loop.run(milliseconds: 1_000) { !reader.frames.isEmpty }
        #expect(reader.frames.count == 1)
        #expect(rig.loop.clock.monotonicNanoseconds - before >= 700_000_000)
    }

    @Test func `answers come in the order of the requests`() throws {
        let rig = try SimulatedServer(seed: 3, bytesPerMoveMax: 50)
        let client = rig.connect()
        _ = try rig.ask(metadata("t"), version: 12, on: client)
        for number in 0..<40 {
            let id = Int32(number)
            if number % 3 == 0 {
                client.send(
                    encodeRequest(
                        produce(batch("\(number)")), version: 9, correlationID: id, clientID: nil))
            } else {
                client.send(
                    encodeRequest(
                        ApiVersionsRequest(), version: 3, correlationID: id, clientID: nil))
            }
        }
        rig.loop.run(milliseconds: 5_000) { client.frames.count == 41 }
        let order = try client.frames.dropFirst().map {
            try ResponseFrame($0.span.bytes).correlationId
        }
        #expect(order == Array(0..<40))
    }

    @Test func `ApiVersions of the future is answered with what can be asked`() throws {
        let rig = try SimulatedServer()
        let client = rig.connect()
        // Key 18 in version 99, correlation 7, no client id.
        client.send([0, 0, 0, 10, 0, 18, 0, 99, 0, 0, 0, 7, 0xff, 0xff])
        rig.loop.run(milliseconds: 100) { !client.frames.isEmpty }
        let frame = try #require(client.frames.first)
        let answer = try ResponseFrame(frame.span.bytes).decode(
            ApiVersionsRequest.self, version: 4, from: frame.span.bytes)
        #expect(answer.errorCode == .unsupportedVersion)
        #expect(answer.apiKeys.map(\.apiKey) == [18])
        #expect(answer.apiKeys.first?.maxVersion == 4)
    }

    @Test(
        arguments: [
            [0xff, 0xff, 0xff, 0xff], [0x7f, 0xff, 0xff, 0xff],
            Array("GET / HTTP/1.1\r\n\r\n".utf8),
            [0x16, 3, 1, 2, 0, 1, 0], Array("SSH-2.0-x\r\n".utf8), [0, 0, 0, 0],
            [0, 0, 0, 3, 1, 2, 3],
            [0, 0, 0, 10, 0x7f, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xff],
            [0, 0, 0, 10, 0, 0, 0, 2, 0, 0, 0, 1, 0xff, 0xff],
        ] as [[UInt8]])
    func `what is no request closes the connection and nothing else`(bytes: [UInt8]) throws {
        let rig = try SimulatedServer()
        let other = rig.connect()
        let client = rig.connect()
        client.send(bytes)
        rig.loop.run(milliseconds: 1_000) { client.isClosed }
        #expect(client.isClosed)
        #expect(
            try rig.ask(ApiVersionsRequest(), version: 3, on: other)?.errorCode == ErrorCode.none)
    }

    @Test func `a frame that does not arrive is not waited for`() throws {
        let rig = try SimulatedServer()
        let client = rig.connect()
        client.send([0, 0, 1, 0, 0, 18])
        rig.loop.run(milliseconds: 30_000) { client.isClosed }
        #expect(client.isClosed)
        #expect(rig.server.connectionCount == 0)
    }

    @Test func `a silent connection is closed after its idle time, not before`() throws {
        let rig = try SimulatedServer()
        let client = rig.connect()
        _ = try rig.ask(ApiVersionsRequest(), version: 3, on: client)
        rig.loop.run(milliseconds: 590_000) { client.isClosed }
        #expect(!client.isClosed)
        rig.loop.run(milliseconds: 20_000) { client.isClosed }
        #expect(client.isClosed)
    }

    @Test func `connections beyond the limit are closed at once`() throws {
        let rig = try SimulatedServer(["max.connections": "2"])
        let clients = (0..<3).map { _ in rig.connect() }
        rig.loop.run(milliseconds: 100)
        #expect(clients.map(\.isClosed) == [false, false, true])
    }

    @Test func `acks=0 gets no answer, and the next request gets its own`() throws {
        let rig = try SimulatedServer()
        let client = rig.connect()
        _ = try rig.ask(metadata("t"), version: 12, on: client)
        client.send(
            encodeRequest(
                produce(batch("x"), acks: 0), version: 9, correlationID: 50, clientID: nil))
        let answer = try rig.ask(fetch(maxWait: 1_000), version: 11, on: client)
        #expect((answer?.responses.first?.partitions.first?.records.count ?? 0) > 0)
    }

    @Test func `a reader that does not read stops being served, and the server does not grow`()
        throws
    {
        let rig = try SimulatedServer()
        let client = rig.connect()
        let stream = client.stream
        // Nothing is taken out of the stream any more.
        client.stream = nil
        let request = encodeRequest(
            DescribeConfigsRequest.with {
                $0.includeDocumentation = true
                $0.resources = [
                    .with {
                        $0.resourceType = 4
                        $0.resourceName = "1"
                    }
                ]
            }, version: 4, correlationID: 1, clientID: nil)
        var sent = 0
        for _ in 0..<20_000 {
            guard case .moved? = request.bytes.withUnsafeBytes({ stream?.write($0) }) else { break }
            sent += 1
            rig.loop.run(milliseconds: 0)
        }
        #expect(sent < 20_000, "the server took in everything")
    }
}
