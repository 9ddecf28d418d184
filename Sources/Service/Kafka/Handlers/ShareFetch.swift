import KafkaProtocol
import LogStorage
import Platform
import Records
import Streaming

/// ShareFetch, key 78, v1-2: takes a member's word for records that it has, then puts others into
/// its hands. Waits up to max wait; woken by appends, and by records that others let go. Epoch -1
/// ends the share session.
enum ShareFetchHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 1...2

    static func handle(
        _ request: ShareFetchRequest, _ context: borrowing RequestContext,
        _ reply: Reply<ShareFetchRequest>
    ) {
        let words = request.topics.flatMap { topic in
            topic.partitions.map {
                ShareWord(
                    partition: SharedPartition(
                        topic: topic.topicId, partition: $0.partitionIndex),
                    batches: $0.acknowledgementBatches)
            }
        }
        let hasWords = words.contains { !$0.batches.isEmpty }
        let use: ShareSessions.Use
        if request.groupId?.isEmpty ?? true || request.memberId?.isEmpty ?? true
            || (hasWords && request.shareSessionEpoch == 0)
            || !ShareWord.mayRenew(words, request.isRenewAck)
            || request.isRenewAck && request.fetchesRecords
        {
            use = .refused(.invalidRequest)
        } else {
            use = context.server.shareSessions.fetch(request, context.connection.number)
        }
        if case .refused(let code) = use {
            var response = ShareFetchResponse()
            response.errorCode = code
            return reply.send(response)
        }
        let fetching = ShareFetching(request, use, context, reply)
        ShareWord.tell(
            words, group: fetching.group, member: fetching.member, context.broker
        ) { codes in
            fetching.loop.post { fetching.start(words.filter { !$0.batches.isEmpty }, codes) }
        }
    }
}

extension ShareFetchRequest {
    /// A request that renews locks may ask for nothing else.
    fileprivate var fetchesRecords: Bool {
        maxWaitMs != 0 || minBytes != 0 || maxBytes != 0 || maxRecords != 0
    }
}

/// One share fetch on its way. Lives on the loop of its connection; only `FetchWait.wake` comes
/// from elsewhere.
private final class ShareFetching: @unchecked Sendable {
    private struct Part {
        let place: SharedPartition
        var data: ShareFetchResponse.PartitionData
        var slice: LogSlice?
    }

    let group: String
    let member: String
    let loop: any EventLoop
    private let broker: Broker
    private let server: KafkaServer
    private let reply: Reply<ShareFetchRequest>
    private let partitions: [SharedPartition]
    private let isLast: Bool
    private let maxBytes: Int
    private let maxRecords: Int
    private let deadline: Int64
    private var told: [Part] = []
    private var wait: FetchWait?
    private var timer: TimerID?

    init(
        _ request: ShareFetchRequest, _ use: ShareSessions.Use,
        _ context: borrowing RequestContext, _ reply: Reply<ShareFetchRequest>
    ) {
        group = request.groupId ?? ""
        member = request.memberId ?? ""
        loop = context.connection.loop
        broker = context.broker
        server = context.server
        self.reply = reply
        if case .partitions(let wanted) = use {
            partitions = wanted
            isLast = false
        } else {
            partitions = []
            isLast = true
        }
        maxBytes = min(Int(max(0, request.maxBytes)), Streaming.Limits.fetchBytesMax)
        maxRecords = Int(max(0, request.maxRecords))
        deadline =
            loop.clock.monotonicNanoseconds &+ Int64(max(0, request.maxWaitMs)) &* 1_000_000
    }

    /// The member's word is taken; its errors are told beside the records.
    func start(_ words: [ShareWord], _ codes: [SharedPartition: ErrorCode]) {
        for word in words {
            var part = self.part(word.partition)
            part.data.acknowledgeErrorCode = codes[word.partition] ?? .none
            told.append(part)
        }
        if isLast {
            broker.shares.release(group: group, member: member)
            return send([])
        }
        attempt()
    }

    private func part(_ place: SharedPartition) -> Part {
        var part = Part(place: place, data: .init(), slice: nil)
        part.data.partitionIndex = place.partition
        part.data.currentLeader.leaderId = broker.nodeID
        part.data.records = .bytes([])
        return part
    }

    private func attempt() {
        // What comes between the look and the wait would wake nobody.
        register()
        let parts = readAll()
        let left = deadline - loop.clock.monotonicNanoseconds
        guard parts.isEmpty, told.isEmpty, left > 0, maxRecords > 0, !partitions.isEmpty else {
            return finish(parts)
        }
        guard timer == nil else { return }
        timer = loop.after(left) { [self] in
            timer = nil
            wait?.wake()
        }
    }

    private func readAll() -> [Part] {
        var parts: [Part] = []
        var records = maxRecords
        var bytes = maxBytes
        for place in partitions where records > 0 && (bytes > 0 || parts.isEmpty) {
            var part = self.part(place)
            do throws(StreamingError) {
                guard let topic = broker.topic(id: place.topic) else { throw .unknownTopicID }
                guard
                    let fetched = try broker.shares.fetch(
                        group: group, member: member, topic, place.partition,
                        recordsMax: records, bytesMax: bytes)
                else { continue }
                part.slice = fetched.slice
                part.data.records = .external(fetched.slice.count)
                part.data.acquiredRecords = fetched.acquired.map { run in
                    .with {
                        $0.firstOffset = run.first
                        $0.lastOffset = run.last
                        $0.deliveryCount = run.deliveries
                    }
                }
                bytes -= fetched.slice.count
                records -= fetched.acquired.reduce(0) { $0 + Int($1.last - $1.first + 1) }
            } catch {
                part.data.errorCode = ErrorCode(rawValue: error.code)
            }
            parts.append(part)
        }
        return parts
    }

    private func register() {
        guard wait == nil, maxRecords > 0 else { return }
        let loop = self.loop
        let next = FetchWait { [self] in loop.post { self.woken() } }
        wait = next
        for place in partitions {
            broker.topic(id: place.topic)?.partition(place.partition)?.add(next)
            broker.shares.add(next, group: group, topic: place.topic, partition: place.partition)
        }
    }

    private func unregister() {
        guard let wait else { return }
        for place in partitions {
            broker.topic(id: place.topic)?.partition(place.partition)?.remove(wait)
            broker.shares.remove(
                wait, group: group, topic: place.topic, partition: place.partition)
        }
        self.wait = nil
    }

    private func woken() {
        guard wait != nil else { return }
        unregister()
        attempt()
    }

    private func finish(_ parts: [Part]) {
        unregister()
        if let timer { loop.cancel(timer) }
        timer = nil
        guard parts.contains(where: { $0.slice?.isCold == true }) else { return send(parts) }
        // A loop never waits for the disk: what may not be in the page cache is read in first.
        server.workers.submit { [self] in
            let loaded = parts.map(load)
            loop.post { [self] in send(loaded) }
        }
    }

    private func load(_ part: Part) -> Part {
        guard let slice = part.slice, slice.isCold,
            let partition = broker.topic(id: part.place.topic)?.partition(part.place.partition)
        else { return part }
        var part = part
        do throws(LogError) {
            let loaded = try partition.log.load(slice)
            part.slice = loaded
            part.data.records = .external(loaded.count)
            release(&part, from: loaded.nextOffset)
        } catch {
            part.slice = nil
            part.data.records = .bytes([])
            part.data.errorCode = ErrorCode(rawValue: StreamingError(error).code)
            release(&part, from: 0)
        }
        return part
    }

    /// Takes records from `offset` on, which are not sent, out of the member's hands: it would take
    /// them for gaps.
    private func release(_ part: inout Part, from offset: Int64) {
        var kept: [ShareFetchResponse.AcquiredRecords] = []
        var released: [ShareGroups.Acknowledgement] = []
        for run in part.data.acquiredRecords {
            if run.firstOffset < offset {
                kept.append(
                    .with {
                        $0.firstOffset = run.firstOffset
                        $0.lastOffset = min(run.lastOffset, offset - 1)
                        $0.deliveryCount = run.deliveryCount
                    })
            }
            if run.lastOffset >= offset {
                released.append(
                    .init(first: max(run.firstOffset, offset), last: run.lastOffset, verdicts: [2]))
            }
        }
        part.data.acquiredRecords = kept
        guard !released.isEmpty else { return }
        broker.shares.acknowledge(
            group: group, member: member, topic: part.place.topic, partition: part.place.partition,
            released
        ) { _ in }
    }

    /// One entry a partition: with records, with an answer to the member's word, or both.
    private func send(_ parts: [Part]) {
        var all = parts
        for one in told {
            if let index = all.firstIndex(where: { $0.place == one.place }) {
                all[index].data.acknowledgeErrorCode = one.data.acknowledgeErrorCode
            } else {
                all.append(one)
            }
        }
        var response = ShareFetchResponse()
        response.acquisitionLockTimeoutMs = Int32(
            clamping: broker.shares.lockMilliseconds(of: group))
        var slices: [LogSlice] = []
        var topics: [UUID] = []
        for part in all where !topics.contains(part.place.topic) { topics.append(part.place.topic) }
        response.responses = topics.map { topic in
            .with { answer in
                answer.topicId = topic
                for part in all where part.place.topic == topic {
                    answer.partitions.append(part.data)
                    if let slice = part.slice { slices.append(slice) }
                }
            }
        }
        reply.send(response, slices: slices)
    }
}
