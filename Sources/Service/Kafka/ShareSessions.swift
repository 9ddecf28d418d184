import KafkaProtocol
import Platform
import Records
import Streaming

/// A partition of a share session, by its topic's id.
struct SharedPartition: Hashable, Sendable {
    let topic: UUID
    let partition: Int32
}

/// The share sessions of this server (KIP-932): what each member of a share group fetches, changed
/// from request to request as fetch sessions are. Called from any loop.
final class ShareSessions: @unchecked Sendable {
    private struct Key: Hashable {
        let group: String
        let member: String
    }

    private struct Session {
        /// The epoch that the next request must carry.
        var nextEpoch: Int32 = 1
        var partitions: [SharedPartition] = []
        /// The connection that began it, and that it ends with.
        let connection: UInt64
    }

    private let sessionsMax: Int
    private let lock = Lock()
    private var sessions: [Key: Session] = [:]
    /// The sessions of each connection.
    private var byConnection: [UInt64: Set<Key>] = [:]

    init(sessionsMax: Int) {
        self.sessionsMax = sessionsMax
    }

    /// What one request may do; an error is the whole answer's.
    enum Use {
        case partitions([SharedPartition])
        /// The last request of the session.
        case ended
        case refused(ErrorCode)
    }

    /// Takes a ShareFetch in.
    func fetch(_ request: ShareFetchRequest, _ connection: UInt64) -> Use {
        let key = Key(group: request.groupId ?? "", member: request.memberId ?? "")
        let wanted = request.topics.flatMap { topic in
            topic.partitions.map {
                SharedPartition(topic: topic.topicId, partition: $0.partitionIndex)
            }
        }
        let forgotten = Set(
            request.forgottenTopicsData.flatMap { topic in
                topic.partitions.map { SharedPartition(topic: topic.topicId, partition: $0) }
            })
        return lock.withLock {
            if request.shareSessionEpoch == 0 {
                guard sessions[key] != nil || sessions.count < sessionsMax else {
                    return .refused(.shareSessionLimitReached)
                }
                remove(key)
                sessions[key] = Session(
                    partitions: Self.distinct(wanted), connection: connection)
                byConnection[connection, default: []].insert(key)
                return .partitions(wanted)
            }
            if let use = advance(key, request.shareSessionEpoch) { return use }
            var partitions = sessions[key]?.partitions ?? []
            partitions.removeAll { forgotten.contains($0) }
            // The first one changes from fetch to fetch, so that all get their share.
            if let first = partitions.first {
                partitions.removeFirst()
                partitions.append(first)
            }
            partitions = Self.distinct(partitions + wanted.filter { !forgotten.contains($0) })
            sessions[key]?.partitions = partitions
            return .partitions(partitions)
        }
    }

    /// Takes a ShareAcknowledge in, which begins no session.
    func acknowledge(_ request: ShareAcknowledgeRequest) -> Use {
        let key = Key(group: request.groupId ?? "", member: request.memberId ?? "")
        return lock.withLock {
            if request.shareSessionEpoch == 0 { return .refused(.invalidShareSessionEpoch) }
            return advance(key, request.shareSessionEpoch)
                ?? .partitions(sessions[key]?.partitions ?? [])
        }
    }

    /// Nil if the session goes on.
    private func advance(_ key: Key, _ epoch: Int32) -> Use? {
        guard let session = sessions[key] else { return .refused(.shareSessionNotFound) }
        if epoch == -1 {
            remove(key)
            return .ended
        }
        guard epoch == session.nextEpoch else { return .refused(.invalidShareSessionEpoch) }
        sessions[key]?.nextEpoch = epoch == .max ? 1 : epoch + 1
        return nil
    }

    /// A member is gone, and its session with it.
    func end(group: String, member: String) {
        lock.withLock { remove(Key(group: group, member: member)) }
    }

    /// A connection is gone, and the sessions that it began with it: gives whose they were.
    func end(connection: UInt64) -> [(group: String, member: String)] {
        lock.withLock {
            let keys = byConnection.removeValue(forKey: connection) ?? []
            for key in keys { sessions[key] = nil }
            return keys.map { ($0.group, $0.member) }
        }
    }

    private func remove(_ key: Key) {
        guard let session = sessions.removeValue(forKey: key) else { return }
        byConnection[session.connection]?.remove(key)
        if byConnection[session.connection]?.isEmpty == true {
            byConnection[session.connection] = nil
        }
    }

    private static func distinct(_ partitions: [SharedPartition]) -> [SharedPartition] {
        var seen: Set<SharedPartition> = []
        return partitions.filter { seen.insert($0).inserted }
    }
}
