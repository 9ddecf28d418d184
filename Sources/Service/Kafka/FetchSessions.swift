import KafkaProtocol
import LogStorage
import Platform
import Records
import Streaming

/// What a fetch is about: the partitions of one request, or of a session (KIP-227) that the client
/// changes from request to request and whose answers leave out what has not changed.
final class FetchSession: @unchecked Sendable {
    /// A partition that is asked for, and what the client was told of it last.
    struct Wanted {
        var topic: String
        /// Zero where the client names topics.
        var topicID: UUID
        var partition: Int32
        var fetchOffset: Int64
        var maxBytes: Int32
        var currentLeaderEpoch: Int32
        var lastFetchedEpoch: Int32
        var toldHighWatermark: Int64 = -1
        var toldLogStart: Int64 = -1
    }

    struct Key: Hashable {
        let topic: String
        let topicID: UUID
        let partition: Int32
    }

    /// 0 for a fetch without a session.
    let id: Int32
    /// The epoch that the next request must carry.
    fileprivate(set) var nextEpoch: Int32 = 1
    /// True while all partitions are answered, changed or not.
    fileprivate var answersAll = true
    fileprivate var lastUse: Int64 = 0
    private var wanted: [Key: Wanted] = [:]
    /// In the order of the requests; a partition that was answered goes to the end, so that all get
    /// their share of a limited answer.
    private var order: [Key] = []
    private let lock = Lock()

    init(id: Int32) {
        self.id = id
    }

    var partitions: [Wanted] { lock.withLock { order.compactMap { wanted[$0] } } }
    var isEmpty: Bool { lock.withLock { order.isEmpty } }

    func topic(_ wanted: Wanted, _ broker: Broker) -> Topic? {
        wanted.topicID == .zero ? broker.topic(wanted.topic) : broker.topic(id: wanted.topicID)
    }

    /// Takes the changes of a request in.
    func update(_ request: FetchRequest) {
        lock.withLock {
            for topic in request.topics {
                for partition in topic.partitions { set(partition, of: topic) }
            }
            for topic in request.forgottenTopicsData {
                for partition in topic.partitions {
                    let key = Key(
                        topic: topic.topic, topicID: topic.topicId, partition: partition)
                    if wanted.removeValue(forKey: key) != nil { order.removeAll { $0 == key } }
                }
            }
        }
    }

    private func set(_ partition: FetchRequest.FetchPartition, of topic: FetchRequest.FetchTopic) {
        let key = Key(
            topic: topic.topic, topicID: topic.topicId, partition: partition.partition)
        var entry = Wanted(
            topic: topic.topic, topicID: topic.topicId, partition: partition.partition,
            fetchOffset: partition.fetchOffset, maxBytes: partition.partitionMaxBytes,
            currentLeaderEpoch: partition.currentLeaderEpoch,
            lastFetchedEpoch: partition.lastFetchedEpoch)
        if let known = wanted[key] {
            entry.toldHighWatermark = known.toldHighWatermark
            entry.toldLogStart = known.toldLogStart
        } else {
            guard order.count < Limits.sessionPartitionsMax else { return }
            order.append(key)
        }
        wanted[key] = entry
    }

    /// Makes the answer out of what was read, and notes what the client knows after it.
    func respond(_ reading: FetchReading) -> (FetchResponse, [LogSlice]) {
        lock.withLock {
            var response = FetchResponse()
            response.sessionId = id
            var slices: [LogSlice] = []
            var places: [Key: Int] = [:]
            var served: Set<Key> = []
            for part in reading.parts where answersAll || isNews(part) {
                let key = Key(
                    topic: part.wanted.topic, topicID: part.wanted.topicID,
                    partition: part.wanted.partition)
                let topicKey = Key(
                    topic: part.wanted.topic, topicID: part.wanted.topicID, partition: -1)
                let place = places[topicKey] ?? response.responses.count
                if places.updateValue(place, forKey: topicKey) == nil {
                    var topic = FetchResponse.FetchableTopicResponse()
                    topic.topic = part.wanted.topic
                    topic.topicId = part.wanted.topicID
                    response.responses.append(topic)
                }
                response.responses[place].partitions.append(part.data)
                wanted[key]?.toldHighWatermark = part.data.highWatermark
                wanted[key]?.toldLogStart = part.data.logStartOffset
                if part.slice != nil { served.insert(key) }
            }
            slices = inOrder(response, reading)
            if id != 0 {
                answersAll = false
                if !served.isEmpty {
                    order = order.filter { !served.contains($0) } + order.filter(served.contains)
                }
            }
            return (response, slices)
        }
    }

    /// The slices in the order of their holes: topics are grouped in the answer.
    private func inOrder(_ response: FetchResponse, _ reading: FetchReading) -> [LogSlice] {
        var byKey: [Key: LogSlice] = [:]
        for (place, slice) in reading.slices {
            let wanted = reading.parts[place].wanted
            byKey[
                Key(topic: wanted.topic, topicID: wanted.topicID, partition: wanted.partition)] =
                slice
        }
        return response.responses.flatMap { topic in
            topic.partitions.compactMap { partition in
                byKey[
                    Key(
                        topic: topic.topic, topicID: topic.topicId,
                        partition: partition.partitionIndex)]
            }
        }
    }

    private func isNews(_ part: FetchReading.Part) -> Bool {
        part.slice != nil || part.data.errorCode != .none
            || part.data.highWatermark != part.wanted.toldHighWatermark
            || part.data.logStartOffset != part.wanted.toldLogStart
            || part.data.divergingEpoch.epoch >= 0
    }
}

/// The fetch sessions of a server, by number; past the limit the one longest unused goes.
final class FetchSessions: @unchecked Sendable {
    private let lock = Lock()
    private var sessions: [Int32: FetchSession] = [:]
    private let sessionsMax: Int
    private let random: any RandomSource
    private let clock: any Clock

    init(sessionsMax: Int, random: any RandomSource, clock: any Clock) {
        self.sessionsMax = sessionsMax
        self.random = random
        self.clock = clock
    }

    /// A session younger than this is not pushed out by a new one.
    private static let evictableNanoseconds: Int64 = 120_000_000_000

    /// The session that a request belongs to, brought up to date; one without a number for requests
    /// that want none.
    func use(_ request: FetchRequest, version: Int16) -> Result<FetchSession, FetchFailure> {
        let epoch = version >= 7 ? request.sessionEpoch : -1
        let id = version >= 7 ? request.sessionId : 0
        if epoch <= 0 {
            if id != 0 { lock.withLock { _ = sessions.removeValue(forKey: id) } }
            let session = epoch == 0 ? makeSession() : FetchSession(id: 0)
            session.update(request)
            return .success(session)
        }
        let found = lock.withLock { () -> Result<FetchSession, FetchFailure> in
            guard let session = sessions[id] else {
                return .failure(FetchFailure(.fetchSessionIdNotFound))
            }
            guard session.nextEpoch == epoch else {
                return .failure(FetchFailure(.invalidFetchSessionEpoch))
            }
            session.nextEpoch = epoch == .max ? 1 : epoch + 1
            session.lastUse = clock.monotonicNanoseconds
            return .success(session)
        }
        if case .success(let session) = found { session.update(request) }
        return found
    }

    /// A new session; one without a number if there is no room, which the client understands.
    private func makeSession() -> FetchSession {
        lock.withLock {
            let now = clock.monotonicNanoseconds
            if sessions.count >= sessionsMax {
                guard let oldest = sessions.values.min(by: { $0.lastUse < $1.lastUse }),
                    now - oldest.lastUse > Self.evictableNanoseconds
                else { return FetchSession(id: 0) }
                sessions[oldest.id] = nil
            }
            var id: Int32 = 0
            while id == 0 || sessions[id] != nil {
                id = Int32(truncatingIfNeeded: random.next()) & Int32.max
            }
            let session = FetchSession(id: id)
            session.lastUse = now
            sessions[id] = session
            return session
        }
    }
}

/// Why a fetch cannot use its session.
struct FetchFailure: Error {
    let code: ErrorCode
    init(_ code: ErrorCode) { self.code = code }
}
