import KafkaProtocol
import Platform
import Records

/// Reads topics as a member of a share group (KIP-932): many members may read one partition, each
/// record is in the hands of one at a time, and is done when that one says so.
///
/// One task calls `next`, `acknowledge` and `close`. What is said of records goes with the next
/// request; heartbeats go on by themselves.
public final class ShareConsumer: @unchecked Sendable {
    /// What a member says about a record.
    public enum Verdict: UInt8, Sendable {
        /// Done.
        case accept = 1
        /// Somebody else may have it.
        case release = 2
        /// Nobody can do anything with it.
        case reject = 3
    }

    /// Records in this member's hands.
    public struct Delivery: Sendable {
        /// The batches that they are in, with others between them.
        public let batches: FetchedBatches
        public let ranges: [ClosedRange<Int64>]

        public var partition: TopicPartition { batches.partition }
    }

    /// The share session with one broker.
    private struct Session {
        var epoch: Int32 = 0
        var partitions: Set<TopicPartition> = []
        var words: [TopicPartition: [(range: ClosedRange<Int64>, verdict: Verdict)]] = [:]
    }

    private let cluster: Cluster
    private let group: String
    private var topics: [String]
    /// The topics have changed and the server was not told.
    private var hasNewTopics = false
    private let checksChecksums: Bool
    private let memberID: String
    private var epoch: Int32 = 0
    private var heartbeatMilliseconds: Int64 = 1_000
    private var share: [UUID: Set<Int32>] = [:]
    private var sessions: [Int32: Session] = [:]
    private var heartbeats: Task<Void, Never>?
    private var failure: ClientError?
    private var isClosed = false
    /// Since when brokers cannot be asked, in monotonic nanoseconds, and how often that was tried.
    private var failingSince: Int64?
    private var failures = 0

    public init(
        _ cluster: Cluster, group: String, topics: [String], checksChecksums: Bool = true
    ) {
        self.cluster = cluster
        self.group = group
        self.topics = topics
        self.checksChecksums = checksChecksums
        memberID = UUID(high: .random(in: 1 ... .max), low: .random(in: 0 ... .max)).description
    }

    private var loop: any EventLoop { cluster.loop }

    /// Takes at most `recordsMax` records of each broker. Waits for them; empty when none came in
    /// time. What fails for reasons that pass is tried again for `delivery.timeout.ms`.
    public func next(
        recordsMax: Int32, timeoutMilliseconds: Int64
    ) async throws(ClientError) -> [Delivery] {
        try await cluster.onLoop { [self] () async throws(ClientError) in
            while true {
                if isClosed { throw .closed }
                if let failure { throw failure }
                if heartbeats == nil { try await join() }
                let leaders = try await placePartitions()
                guard !leaders.isEmpty else {
                    await loop.sleep(nanoseconds: min(timeoutMilliseconds, 100) * 1_000_000)
                    if Task.isCancelled { throw .cancelled }
                    return []
                }
                let wait = timeoutMilliseconds / Int64(leaders.count)
                let (all, problem) = try await fetch(from: leaders.sorted(), recordsMax, wait)
                guard let problem else {
                    failingSince = nil
                    failures = 0
                    return all
                }
                if !all.isEmpty { return all }
                try await pause(after: problem)
            }
        }
    }

    /// Asks one broker after the other; also gives what keeps one from being asked for now.
    private func fetch(
        from nodes: [Int32], _ recordsMax: Int32, _ wait: Int64
    ) async throws(ClientError) -> (all: [Delivery], problem: ClientError?) {
        var all: [Delivery] = []
        var problem: ClientError?
        for node in nodes {
            do throws(ClientError) {
                all += try await fetch(
                    from: node, recordsMax: recordsMax, wait: all.isEmpty ? wait : 0)
            } catch {
                // With its session what it held is free: it comes again, to this member or another.
                sessions[node]?.epoch = 0
                guard error.isRetriable else { throw error }
                problem = problem ?? error
            }
        }
        return (all, problem)
    }

    private func pause(after error: ClientError) async throws(ClientError) {
        let now = loop.clock.monotonicNanoseconds
        let since = failingSince ?? now
        failingSince = since
        let limit = cluster.configuration.deliveryTimeoutMilliseconds * 1_000_000
        guard now - since < limit else { throw error }
        failures += 1
        cluster.environment.log("\(error); trying again")
        cluster.requestRefresh()
        await loop.sleep(nanoseconds: cluster.configuration.backoffNanoseconds(attempt: failures))
        if Task.isCancelled { throw .cancelled }
    }

    /// Reads these topics instead.
    public func subscribe(_ topics: [String]) async {
        await cluster.run { [self] done in
            self.topics = topics
            for topic in topics { cluster.use(topic) }
            hasNewTopics = true
            done(())
        }
    }

    /// Says the same of some records; told to the broker with the next request.
    public func acknowledge(
        _ range: ClosedRange<Int64>, of partition: TopicPartition, _ verdict: Verdict
    ) async {
        await cluster.run { [self] done in
            for (node, session) in sessions where session.partitions.contains(partition) {
                sessions[node]?.words[partition, default: []].append((range, verdict))
            }
            done(())
        }
    }

    /// Tells what was said, once that is durable; what is in this member's hands stays there. What
    /// cannot be told now counts for nothing: the records will come again, to someone.
    public func commit() async throws(ClientError) {
        try await cluster.onLoop { [self] () async throws(ClientError) in
            for node in sessions.keys.sorted() where sessions[node]?.words.isEmpty == false {
                try await acknowledge(to: node, isLast: false)
            }
        }
    }

    /// Tells what was said, lets go of the rest, and leaves the group.
    public func close() async throws(ClientError) {
        try await cluster.onLoop { [self] () async throws(ClientError) in
            guard !isClosed else { return }
            isClosed = true
            heartbeats?.cancel()
            var failure: ClientError?
            for node in sessions.keys.sorted() {
                do throws(ClientError) {
                    try await acknowledge(to: node, isLast: true)
                } catch {
                    failure = failure ?? error
                }
            }
            if epoch > 0, let endpoint = cluster.coordinators[group] {
                let request = heartbeat(epoch: -1, isFull: false)
                do throws(ClientError) {
                    _ = try await cluster.ask(
                        request, of: cluster.broker(at: endpoint),
                        timeoutMilliseconds: Int64(Limits.leaveMilliseconds))
                } catch {
                    cluster.environment.log("leaving group \"\(group)\": \(error)")
                }
            }
            if let failure { throw failure }
        }
    }
}

// Membership.
extension ShareConsumer {
    private func heartbeat(epoch: Int32, isFull: Bool) -> ShareGroupHeartbeatRequest {
        .with {
            $0.groupId = group
            $0.memberId = memberID
            $0.memberEpoch = epoch
            if isFull { $0.subscribedTopicNames = topics.sorted() }
        }
    }

    private func join() async throws(ClientError) {
        for topic in topics { cluster.use(topic) }
        let response = try await cluster.withCoordinator(of: group) {
            [self] broker async throws(ClientError) in
            let response = try await cluster.ask(heartbeat(epoch: 0, isFull: true), of: broker)
            guard response.errorCode == .none else {
                throw .group(group, response.errorCode, detail: response.errorMessage)
            }
            return response
        }
        take(response)
        heartbeats = Task(executorPreference: loop) { [weak self] in
            while let self, !Task.isCancelled, failure == nil {
                await loop.sleep(nanoseconds: heartbeatMilliseconds * 1_000_000)
                guard !Task.isCancelled else { return }
                do throws(ClientError) {
                    try await beat()
                } catch {
                    cluster.environment.log("heartbeat: \(error)")
                    cluster.coordinators[group] = nil
                }
            }
        }
    }

    private func beat() async throws(ClientError) {
        let broker = try await cluster.coordinator(of: group)
        let isFull = epoch == 0 || hasNewTopics
        let told = topics
        let response = try await cluster.ask(heartbeat(epoch: epoch, isFull: isFull), of: broker)
        guard !isClosed else { return }
        switch response.errorCode {
        case .none:
            if isFull, told == topics { hasNewTopics = false }
            take(response)
        // It joins again; what it had in its hands is free by then.
        case .unknownMemberId, .fencedMemberEpoch: epoch = 0
        case let code where code.retriable:
            throw .group(group, code, detail: response.errorMessage)
        default: failure = .group(group, response.errorCode, detail: response.errorMessage)
        }
    }

    private func take(_ response: ShareGroupHeartbeatResponse) {
        epoch = response.memberEpoch
        if response.heartbeatIntervalMs > 0 {
            heartbeatMilliseconds = Int64(response.heartbeatIntervalMs)
        }
        guard let assignment = response.assignment else { return }
        share = [:]
        for topic in assignment.topicPartitions { share[topic.topicId] = Set(topic.partitions) }
    }
}

// Sessions.
extension ShareConsumer {
    private var names: [UUID: String] {
        Dictionary(
            cluster.metadata.topics.values.map { ($0.id, $0.name) },
            uniquingKeysWith: { first, _ in first })
    }

    private func id(of topic: String) -> UUID { cluster.metadata.topics[topic]?.id ?? .zero }

    /// Sorts the share by leaders, which it gives.
    private func placePartitions() async throws(ClientError) -> [Int32] {
        if share.keys.contains(where: { names[$0] == nil }) {
            try await cluster.retrying { [cluster, topics] () async throws(ClientError) in
                try await cluster.fetchMetadata(Set(topics))
            }
        }
        let known = names
        var wanted: [Int32: Set<TopicPartition>] = [:]
        for (topic, partitions) in share {
            guard let name = known[topic] else { continue }
            for number in partitions {
                let id = TopicPartition(name, number)
                guard let leader = cluster.leader(of: id) else {
                    cluster.requestRefresh()
                    continue
                }
                wanted[leader.node, default: []].insert(id)
            }
        }
        for (node, partitions) in wanted where sessions[node]?.partitions != partitions {
            // A changed session begins anew; the words for it are told before.
            if sessions[node]?.words.isEmpty == false {
                try await acknowledge(to: node, isLast: false)
            }
            sessions[node] = Session(partitions: partitions)
        }
        return Array(wanted.keys)
    }

    /// What was said of the records of one partition.
    private struct Words {
        let topic: UUID
        let partition: Int32
        let batches: [AcknowledgementBatch]
    }

    private func takeWords(of node: Int32) -> [Words] {
        let words = sessions[node]?.words ?? [:]
        sessions[node]?.words = [:]
        return words.sorted { $0.key < $1.key }.map { partition, some in
            Words(
                topic: id(of: partition.topic), partition: partition.partition,
                batches: some.map { word in
                    AcknowledgementBatch.with {
                        $0.firstOffset = word.range.lowerBound
                        $0.lastOffset = word.range.upperBound
                        $0.acknowledgeTypes = [word.verdict.rawValue]
                    }
                })
        }
    }

    private func fetch(
        from node: Int32, recordsMax: Int32, wait: Int64
    ) async throws(ClientError) -> [Delivery] {
        guard let session = sessions[node], let broker = cluster.broker(node, for: .fetch) else {
            return []
        }
        let words = takeWords(of: node)
        let request = ShareFetchRequest.with {
            $0.groupId = group
            $0.memberId = memberID
            $0.shareSessionEpoch = session.epoch
            $0.maxWaitMs = Int32(clamping: wait)
            $0.minBytes = 1
            $0.maxBytes = 16 << 20
            $0.maxRecords = recordsMax
            $0.batchSize = recordsMax
            if session.epoch == 0 {
                $0.topics = Dictionary(grouping: session.partitions, by: \.topic).map {
                    name, some in
                    .with {
                        $0.topicId = id(of: name)
                        $0.partitions = some.map { one in
                            .with { $0.partitionIndex = one.partition }
                        }
                    }
                }
            } else {
                $0.topics = Dictionary(grouping: words, by: \.topic).map { topic, some in
                    .with {
                        $0.topicId = topic
                        $0.partitions = some.map { word in
                            .with {
                                $0.partitionIndex = word.partition
                                $0.acknowledgementBatches = word.batches
                            }
                        }
                    }
                }
            }
        }
        let (response, frame) = try await cluster.askKeepingFrame(
            request, of: broker,
            timeoutMilliseconds: cluster.configuration.requestTimeoutMilliseconds + wait)
        switch response.errorCode {
        case .none: sessions[node]?.epoch = session.epoch == .max ? 1 : session.epoch + 1
        default:
            throw .group(group, response.errorCode, detail: response.errorMessage)
        }
        return try records(response, frame)
    }

    private func records(
        _ response: ShareFetchResponse, _ frame: Frame
    ) throws(ClientError) -> [Delivery] {
        let known = names
        var all: [Delivery] = []
        var problem: ClientError?
        for topic in response.responses {
            guard let name = known[topic.topicId] else { continue }
            for answer in topic.partitions {
                let id = TopicPartition(name, answer.partitionIndex)
                try check(answer.acknowledgeErrorCode, of: id)
                let code = answer.errorCode
                if code == .none {
                    if let records = try cut(answer, id, frame) { all.append(records) }
                } else if code.retriable, code != .corruptMessage {
                    problem = problem ?? .partition(id, code, detail: answer.errorMessage)
                } else {
                    // A damaged batch stays damaged, whatever Kafka counts it as.
                    throw .partition(id, code, detail: answer.errorMessage)
                }
            }
        }
        if all.isEmpty, let problem { throw problem }
        return all
    }

    /// What a broker says of a word for records: what is not taken comes again, to this member or
    /// another.
    private func check(_ code: ErrorCode, of id: TopicPartition) throws(ClientError) {
        guard code != .none else { return }
        let error = ClientError.partition(id, code, detail: nil)
        guard code.retriable || code == .invalidRecordState else { throw error }
        cluster.environment.log("\(error)")
    }

    private func cut(
        _ answer: ShareFetchResponse.PartitionData, _ id: TopicPartition, _ frame: Frame
    ) throws(ClientError) -> Delivery? {
        let ranges = answer.acquiredRecords.compactMap { run in
            run.firstOffset <= run.lastOffset ? run.firstOffset...run.lastOffset : nil
        }
        guard let first = ranges.first?.lowerBound, case .slice(let slice) = answer.records
        else { return nil }
        let start = frame.range.lowerBound
        var fetched = FetchedBatches(
            partition: id, startOffset: first, nextOffset: first, highWatermark: -1,
            lastStableOffset: -1, logStartOffset: -1, buffer: frame.buffer, byteCount: slice.count)
        var cutter = BatchCutter(
            partition: id, buffer: frame.buffer,
            payload: start + slice.lowerBound..<start + slice.upperBound,
            checksChecksums: checksChecksums, aborted: nil)
        try cutter.cut(into: &fetched)
        return Delivery(batches: fetched, ranges: ranges)
    }

    private func acknowledge(to node: Int32, isLast: Bool) async throws(ClientError) {
        guard let session = sessions[node], session.epoch > 0,
            let broker = cluster.broker(node, for: .fetch)
        else { return }
        let words = takeWords(of: node)
        let request = ShareAcknowledgeRequest.with {
            $0.groupId = group
            $0.memberId = memberID
            $0.shareSessionEpoch = isLast ? -1 : session.epoch
            $0.topics = Dictionary(grouping: words, by: \.topic).map { topic, some in
                .with {
                    $0.topicId = topic
                    $0.partitions = some.map { word in
                        .with {
                            $0.partitionIndex = word.partition
                            $0.acknowledgementBatches = word.batches
                        }
                    }
                }
            }
        }
        let response: ShareAcknowledgeResponse
        do throws(ClientError) {
            response = try await cluster.ask(request, of: broker)
            if response.errorCode != .none {
                throw .group(group, response.errorCode, detail: response.errorMessage)
            }
        } catch {
            sessions[node]?.epoch = 0
            guard error.isRetriable, !isLast || words.isEmpty else { throw error }
            // The session has ended, so that what was said counts for nothing and comes again.
            return cluster.environment.log("\(error)")
        }
        sessions[node]?.epoch = session.epoch == .max ? 1 : session.epoch + 1
        for topic in response.responses {
            let name = names[topic.topicId] ?? "?"
            for answer in topic.partitions {
                try check(answer.errorCode, of: TopicPartition(name, answer.partitionIndex))
            }
        }
    }
}
