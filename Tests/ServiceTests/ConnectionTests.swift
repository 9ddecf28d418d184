import KafkaProtocol
import Platform
import Records
import Testing

@testable import Service

@Suite struct ConnectionTests {
    private func frame(_ number: Int32) -> EncodedFrame {
        encodeResponse(
            HeartbeatResponse(), api: HeartbeatRequest.api, version: 0, correlationID: number)
    }

    @Test func `answers leave in the order of their requests, whatever comes first`() {
        var queue = AnswerQueue()
        let tickets = (0..<3_000).map { _ in queue.reserve() }
        var left: [EncodedFrame] = []
        for (number, ticket) in tickets.enumerated().reversed() {
            queue.fill(ticket, frame(Int32(number)), [])
            if number > 0 { #expect(queue.next() == nil) }
        }
        while let (frame, _) = queue.next() { if let frame { left.append(frame) } }
        #expect(left == (0..<3_000).map { frame(Int32($0)) })
        #expect(queue.count == 0)
        queue.fill(queue.reserve(), frame(1), [])
        #expect(queue.next()?.frame == frame(1))
    }

    @Test func `a request without an answer keeps its place`() {
        var queue = AnswerQueue()
        let silent = queue.reserve()
        let spoken = queue.reserve()
        queue.fill(spoken, frame(2), [])
        #expect(queue.next() == nil)
        queue.fill(silent, nil, [])
        #expect(queue.next()?.frame == nil)
        #expect(queue.next()?.frame == frame(2))
    }

    @Test func `an idle buffer holds no memory, a used one keeps what is pending`() {
        let pool = BufferPool()
        var buffer = InputBuffer(pool: pool)
        #expect(buffer.capacity == 0)
        buffer.makeRoom(for: 4)
        #expect(pool.heldBytes > 0)
        buffer.room.copyBytes(from: [1, 2, 3, 4, 5])
        buffer.received(5)
        buffer.used(2)
        buffer.makeRoom(for: 10 << 20)
        #expect(Array(buffer.bytes) == [3, 4, 5])
        buffer.used(3)
        buffer.rest()
        #expect(buffer.capacity == 0)
        #expect(pool.heldBytes == 0)
    }

    @Test func `ApiVersions tells exactly what is served`() {
        #expect(Set(HandlerTable.all.map(\.key)).count == HandlerTable.all.count)
        for entry in HandlerTable.all {
            #expect(entry.advertised.contains(entry.served.upperBound))
            guard let api = entry.key.api else {
                Issue.record("\(entry.key) cannot be decoded")
                continue
            }
            #expect(api.versions.lowerBound <= entry.served.lowerBound)
            #expect(api.versions.upperBound >= entry.served.upperBound)
            #expect(HandlerTable.byKey[Int(entry.key.rawValue)]?.key == entry.key)
        }
    }
}

@Suite struct FetchSessionTests {
    private func request(
        session: Int32 = 0, epoch: Int32, partitions: [Int32], forgotten: [Int32] = []
    ) -> FetchRequest {
        FetchRequest.with { request in
            request.sessionId = session
            request.sessionEpoch = epoch
            request.topics = [
                .with { topic in
                    topic.topic = "t"
                    topic.partitions = partitions.map { index in
                        .with { $0.partition = index }
                    }
                }
            ]
            request.forgottenTopicsData =
                forgotten.isEmpty
                ? []
                : [
                    .with {
                        $0.topic = "t"
                        $0.partitions = forgotten
                    }
                ]
        }
    }

    private func sessions(_ count: Int = 10) -> FetchSessions {
        FetchSessions(sessionsMax: count, random: SystemRandom(), clock: SimulatedClock())
    }

    @Test func `a session remembers its partitions and takes changes in`() throws {
        let sessions = sessions()
        let first = try sessions.use(request(epoch: 0, partitions: [0, 1, 2]), version: 12).get()
        #expect(first.id != 0)
        let next = try sessions.use(
            request(session: first.id, epoch: 1, partitions: [3], forgotten: [1]), version: 12
        ).get()
        #expect(next === first)
        #expect(next.partitions.map(\.partition).sorted() == [0, 2, 3])
    }

    @Test func `a wrong epoch or number is told`() throws {
        let sessions = sessions()
        let first = try sessions.use(request(epoch: 0, partitions: [0]), version: 12).get()
        let late = sessions.use(request(session: first.id, epoch: 5, partitions: []), version: 12)
        let unknown = sessions.use(request(session: 99, epoch: 1, partitions: []), version: 12)
        guard case .failure(let wrong) = late, case .failure(let missing) = unknown else {
            Issue.record("both must fail")
            return
        }
        #expect(wrong.code == .invalidFetchSessionEpoch)
        #expect(missing.code == .fetchSessionIdNotFound)
    }

    @Test func `without room a fetch goes on without a session`() throws {
        let sessions = sessions(1)
        let first = try sessions.use(request(epoch: 0, partitions: [0]), version: 12).get()
        let second = try sessions.use(request(epoch: 0, partitions: [0]), version: 12).get()
        #expect(first.id != 0 && second.id == 0)
        let closed = try sessions.use(
            request(session: first.id, epoch: -1, partitions: []), version: 12
        ).get()
        #expect(closed.id == 0)
        let third = try sessions.use(request(epoch: 0, partitions: [0]), version: 12).get()
        #expect(third.id != 0)
    }
}
