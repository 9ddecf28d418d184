import KafkaProtocol
import Platform
import Records

/// One consumer's place in a group that the server shares out (KIP-848): it joins, tells what it
/// has, follows what it is given, and leaves. On the cluster's loop; `GroupConsumer` drives it.
///
/// When its share changes it gives up all, which commits what was read, and takes the new share:
/// what it keeps it reads on from its own commit.
final class ConsumerMembership: GroupMembership, @unchecked Sendable {
    let configuration: GroupConfiguration
    private let cluster: Cluster
    private var topics: [String]
    /// The topics have changed and the server was not told.
    private var hasNewTopics = false
    private var member = GroupMember()
    private(set) var mustRejoin = false
    private(set) var isLost = false
    private(set) var failure: ClientError?
    var changed: @Sendable () -> Void = {}
    /// What the server says this member has; those of it that it works on.
    private var share: [UUID: Set<Int32>] = [:]
    private var owned: [UUID: Set<Int32>] = [:]
    private var heartbeats: Task<Void, Never>?
    private var heartbeatMilliseconds: Int64 = 1_000
    private var hasLeft = false

    init(_ cluster: Cluster, _ configuration: GroupConfiguration, topics: [String]) {
        self.cluster = cluster
        self.configuration = configuration
        self.topics = topics
        member.instanceID = configuration.instanceID
        member.generation = 0
    }

    private var group: String { configuration.groupID }
    private var loop: any EventLoop { cluster.loop }

    /// Joins, or takes up the share as it is now; heartbeats go on.
    func join() async throws(ClientError) -> [TopicPartition] {
        if hasLeft { throw .closed }
        for topic in topics { cluster.use(topic) }
        if isLost || member.id.isEmpty { try await enter() }
        mustRejoin = false
        owned = share
        let names = try await partitions(of: owned)
        if hasLeft { throw .closed }
        beginHeartbeats()
        return names
    }

    func subscribe(_ topics: [String]) {
        self.topics = topics
        for topic in topics { cluster.use(topic) }
        hasNewTopics = true
    }

    /// Joins the group without partitions. A broker that just has lost sight of a static member's
    /// predecessor is asked again until its session is over.
    private func enter() async throws(ClientError) {
        heartbeats?.cancel()
        heartbeats = nil
        owned = [:]
        share = [:]
        isLost = false
        member.generation = 0
        if member.id.isEmpty { member.id = Self.newID() }
        let response = try await cluster.withCoordinator(of: group) {
            [self] broker async throws(ClientError) in
            let response = try await cluster.ask(request(isFull: true), of: broker)
            guard response.errorCode == .none else {
                throw .group(group, response.errorCode, detail: response.errorMessage)
            }
            return response
        }
        take(response)
    }

    /// The member's own id, a random UUID (KIP-1082).
    private static func newID() -> String {
        UUID(high: .random(in: 1 ... .max), low: .random(in: 0 ... .max)).description
    }

    private func request(isFull: Bool) -> ConsumerGroupHeartbeatRequest {
        .with {
            $0.groupId = group
            $0.memberId = member.id
            $0.memberEpoch = member.generation
            $0.instanceId = member.instanceID
            if isFull {
                $0.rebalanceTimeoutMs = configuration.rebalanceTimeoutMilliseconds
                $0.subscribedTopicNames = topics.sorted()
                $0.serverAssignor = configuration.remoteAssignor
            }
            $0.topicPartitions = owned.map { topic, partitions in
                .with {
                    $0.topicId = topic
                    $0.partitions = partitions.sorted()
                }
            }
        }
    }

    private func take(_ response: ConsumerGroupHeartbeatResponse) {
        member.id = response.memberId ?? member.id
        member.generation = response.memberEpoch
        if response.heartbeatIntervalMs > 0 {
            heartbeatMilliseconds = Int64(response.heartbeatIntervalMs)
        }
        guard let assignment = response.assignment else { return }
        share = [:]
        for topic in assignment.topicPartitions where !topic.partitions.isEmpty {
            share[topic.topicId] = Set(topic.partitions)
        }
    }

    /// The names of what the server calls by id; new topics are asked for.
    private func partitions(
        of shares: [UUID: Set<Int32>]
    ) async throws(ClientError) -> [TopicPartition] {
        func names() -> [UUID: String] {
            Dictionary(
                cluster.metadata.topics.values.map { ($0.id, $0.name) },
                uniquingKeysWith: { first, _ in first })
        }
        if shares.keys.contains(where: { names()[$0] == nil }) {
            try await cluster.retrying { [cluster, topics] () async throws(ClientError) in
                try await cluster.fetchMetadata(Set(topics))
            }
        }
        let known = names()
        return shares.flatMap { topic, partitions in
            known[topic].map { name in partitions.map { TopicPartition(name, $0) } } ?? []
        }
    }

    /// Stops the heartbeats and says goodbye: for ever, or for a while as a static member.
    func leave() async {
        hasLeft = true
        heartbeats?.cancel()
        guard !member.id.isEmpty, !isLost, member.generation > 0,
            let endpoint = cluster.coordinators[group]
        else { return }
        var request = request(isFull: false)
        request.memberEpoch = member.instanceID == nil ? -1 : -2
        request.topicPartitions = nil
        do throws(ClientError) {
            _ = try await cluster.ask(
                request, of: cluster.broker(at: endpoint),
                timeoutMilliseconds: Int64(Limits.leaveMilliseconds))
        } catch {
            cluster.environment.log("leaving group \"\(group)\": \(error)")
        }
        member.id = ""
    }

    /// The commit of a member. Its epoch may have been raised meanwhile: the next heartbeat tells.
    func commit(_ offsets: [TopicPartition: CommittedOffset]) async throws(ClientError) {
        for _ in 0..<Limits.staleCommitsMax {
            if isLost { throw .membershipLost(group: group) }
            do throws(ClientError) {
                return try await cluster.commit(
                    offsets, of: group, as: member,
                    forMilliseconds: Int64(configuration.sessionTimeoutMilliseconds))
            } catch {
                if case .membershipLost = error { lose() }
                guard error.code == .staleMemberEpoch else { throw error }
                await loop.sleep(nanoseconds: heartbeatMilliseconds * 1_000_000)
                if Task.isCancelled { throw .cancelled }
            }
        }
        throw .membershipLost(group: group)
    }

    /// The same as a part of a producer's transaction, which fails if the epoch was raised.
    func commit(
        _ offsets: [TopicPartition: CommittedOffset], in producer: Producer
    ) async throws(ClientError) {
        if isLost { throw .membershipLost(group: group) }
        do throws(ClientError) {
            try await producer.commit(offsets, of: group, as: member)
        } catch {
            if case .membershipLost = error { lose() }
            throw error
        }
    }

    // MARK: Heartbeats

    private func beginHeartbeats() {
        guard heartbeats == nil else { return }
        heartbeats = Task(executorPreference: loop) { [weak self] in
            while let self, !Task.isCancelled, !isLost, failure == nil {
                do throws(ClientError) {
                    try await heartbeat()
                } catch {
                    cluster.environment.log("heartbeat: \(error)")
                    cluster.coordinators[group] = nil
                }
                await loop.sleep(nanoseconds: heartbeatMilliseconds * 1_000_000)
            }
        }
    }

    private func heartbeat() async throws(ClientError) {
        let id = member.id
        let broker = try await cluster.coordinator(of: group)
        let isFull = hasNewTopics
        let told = topics
        let response = try await cluster.ask(request(isFull: isFull), of: broker)
        guard member.id == id, !isLost, !Task.isCancelled else { return }
        switch response.errorCode {
        case .none:
            if isFull, told == topics { hasNewTopics = false }
            take(response)
            guard share != owned, !mustRejoin else { return }
            mustRejoin = true
            changed()
        case .unknownMemberId, .fencedMemberEpoch: lose()
        case let code where code.retriable:
            throw .group(group, code, detail: response.errorMessage)
        default:
            failure = .group(group, response.errorCode, detail: response.errorMessage)
            changed()
        }
    }

    private func lose() {
        guard !isLost else { return }
        isLost = true
        mustRejoin = true
        heartbeats?.cancel()
        heartbeats = nil
        changed()
    }
}
