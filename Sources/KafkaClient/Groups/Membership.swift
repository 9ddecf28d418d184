import Bytes
import KafkaProtocol
import Platform

/// One consumer's place in a classic group (KIP-62, KIP-345, KIP-394): it joins, takes its share,
/// sends heartbeats, and leaves. On the cluster's loop; `GroupConsumer` drives it.
final class Membership: GroupMembership, @unchecked Sendable {
    let configuration: GroupConfiguration
    private let cluster: Cluster
    private var topics: [String]
    private let assignors: [Assignor]
    private(set) var member = GroupMember()
    /// The group asks its members to join again.
    private(set) var mustRejoin = false
    /// This member was removed: its partitions may be others' already.
    private(set) var isLost = false
    private(set) var failure: ClientError?
    /// Called when one of the three has changed.
    var changed: @Sendable () -> Void = {}
    private var heartbeats: Task<Void, Never>?
    /// After `leave` nothing joins again, whatever a join that was under way gets for an answer.
    private var hasLeft = false
    private var observer: Int?
    /// What the leader has shared out, to see when topics have grown.
    private var sharedCounts: [String: Int32]?

    init(_ cluster: Cluster, _ configuration: GroupConfiguration, topics: [String]) {
        self.cluster = cluster
        self.configuration = configuration
        self.topics = topics
        let known = configuration.assignors.compactMap(Assignor.init(rawValue:))
        assignors = known.isEmpty ? Assignor.allCases : known
        member.instanceID = configuration.instanceID
    }

    private var group: String { configuration.groupID }
    private var loop: any EventLoop { cluster.loop }

    /// Joins, and gives the partitions that this member is to read; heartbeats begin.
    func join() async throws(ClientError) -> [TopicPartition] {
        heartbeats?.cancel()
        for topic in topics { cluster.use(topic) }
        while true {
            if hasLeft { throw .closed }
            mustRejoin = false
            isLost = false
            sharedCounts = nil
            let joined = try await enter()
            guard let joined else { continue }
            guard let share = try await synchronise(joined) else { continue }
            if hasLeft { throw .closed }
            beginHeartbeats()
            return share
        }
    }

    func subscribe(_ topics: [String]) {
        self.topics = topics
        // Before the first join that one says it.
        guard !member.id.isEmpty, !mustRejoin else { return }
        mustRejoin = true
        changed()
    }

    /// Stops the heartbeats and tells the group, unless the member is static: that one is waited
    /// for.
    func leave() async {
        hasLeft = true
        heartbeats?.cancel()
        if let observer { cluster.observers[observer] = nil }
        guard !member.id.isEmpty, member.instanceID == nil, !isLost,
            let endpoint = cluster.coordinators[group]
        else { return }
        let request = LeaveGroupRequest.with {
            $0.groupId = group
            $0.memberId = member.id
            $0.members = [.with { $0.memberId = member.id }]
        }
        do throws(ClientError) {
            // Not over the group's connection: a join may be waiting there.
            _ = try await cluster.ask(
                request, of: cluster.broker(at: endpoint),
                timeoutMilliseconds: Int64(Limits.leaveMilliseconds))
        } catch {
            cluster.environment.log("leaving group \"\(group)\": \(error)")
        }
        member.id = ""
    }

    /// The commit of a member; while the group rebalances it still counts, until it joins again.
    func commit(_ offsets: [TopicPartition: CommittedOffset]) async throws(ClientError) {
        if isLost { throw .membershipLost(group: group) }
        do throws(ClientError) {
            try await cluster.commit(
                offsets, of: group, as: member,
                forMilliseconds: Int64(configuration.sessionTimeoutMilliseconds))
        } catch {
            if case .membershipLost = error { lose() }
            throw error
        }
    }

    /// The same as a part of a producer's transaction.
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
}

// Joining.
extension Membership {
    /// JoinGroup; nil when it has to be tried again at once.
    private func enter() async throws(ClientError) -> JoinGroupResponse? {
        let metadata = ConsumerProtocolSubscription.with { $0.topics = topics.sorted() }
            .encoded(version: 1)
        let request = JoinGroupRequest.with {
            $0.groupId = group
            $0.sessionTimeoutMs = configuration.sessionTimeoutMilliseconds
            $0.rebalanceTimeoutMs = configuration.rebalanceTimeoutMilliseconds
            $0.memberId = member.id
            $0.groupInstanceId = member.instanceID
            $0.protocolType = "consumer"
            $0.protocols = assignors.map { assignor in
                .with {
                    $0.name = assignor.rawValue
                    $0.metadata = metadata
                }
            }
        }
        let response = try await ask(request) { $0.errorCode }
        switch response.errorCode {
        case .none:
            member.id = response.memberId
            member.generation = response.generationId
            return response
        case .memberIdRequired:
            member.id = response.memberId
            return nil
        case .unknownMemberId, .illegalGeneration:
            member.id = ""
            return nil
        case .rebalanceInProgress: return nil
        default: throw .group(group, response.errorCode, detail: nil)
        }
    }

    /// SyncGroup; nil when the group has moved on and is to be joined again.
    private func synchronise(
        _ joined: JoinGroupResponse
    ) async throws(ClientError) -> [TopicPartition]? {
        let isLeader = joined.leader == joined.memberId && !joined.skipAssignment
        let shares = isLeader ? try await share(joined) : []
        let request = SyncGroupRequest.with {
            $0.groupId = group
            $0.generationId = member.generation
            $0.memberId = member.id
            $0.groupInstanceId = member.instanceID
            $0.protocolType = "consumer"
            $0.protocolName = joined.protocolName
            $0.assignments = shares
        }
        let response = try await ask(request) { $0.errorCode }
        switch response.errorCode {
        case .none: return try partitions(response.assignment)
        case .rebalanceInProgress: return nil
        case .unknownMemberId, .illegalGeneration:
            member.id = ""
            return nil
        default: throw .group(group, response.errorCode, detail: nil)
        }
    }

    /// Asks the coordinator, which answers once all members have done their part; errors that pass
    /// are asked again.
    private func ask<R: KafkaRequest>(
        _ request: R, _ error: @escaping @Sendable (R.Response) -> ErrorCode
    ) async throws(ClientError) -> R.Response {
        let timeout =
            Int64(configuration.rebalanceTimeoutMilliseconds)
            + cluster.configuration.requestTimeoutMilliseconds
        return try await cluster.withCoordinator(of: group) {
            [self] broker async throws(ClientError) in
            let response = try await cluster.ask(
                request, of: broker, timeoutMilliseconds: timeout)
            let code = error(response)
            if code.retriable { throw .group(group, code, detail: nil) }
            return response
        }
    }

    private func partitions(_ assignment: [UInt8]) throws(ClientError) -> [TopicPartition] {
        // A member without a share may get no bytes at all.
        guard !assignment.isEmpty else { return [] }
        do throws(WireError) {
            return try ConsumerProtocolAssignment.decoded(assignment).1.assignedPartitions.flatMap {
                topic in topic.partitions.map { TopicPartition(topic.topic, $0) }
            }
        } catch {
            throw .group(group, .inconsistentGroupProtocol, detail: "the assignment is malformed")
        }
    }

    /// The leader's part: shares the partitions of all topics that members asked for.
    private func share(
        _ joined: JoinGroupResponse
    ) async throws(ClientError) -> [SyncGroupRequest.SyncGroupRequestAssignment] {
        var members: [Assignor.Member] = []
        for one in joined.members {
            do throws(WireError) {
                let subscription = try ConsumerProtocolSubscription.decoded(one.metadata).1
                members.append(
                    Assignor.Member(
                        id: one.memberId, instanceID: one.groupInstanceId,
                        topics: Set(subscription.topics)))
            } catch {
                let detail = "member \(one.memberId) sent a malformed subscription"
                throw .group(group, .inconsistentGroupProtocol, detail: detail)
            }
        }
        let topics = Set(members.flatMap(\.topics))
        try await cluster.retrying { [cluster] () async throws(ClientError) in
            try await cluster.fetchMetadata(topics)
        }
        for topic in topics { cluster.use(topic) }
        let counts = counts(of: topics)
        sharedCounts = counts
        watchTopics()
        let assignor = Assignor(rawValue: joined.protocolName ?? "") ?? assignors[0]
        return assignor.assign(members, partitionCounts: counts).map { id, partitions in
            let blob = ConsumerProtocolAssignment.with {
                $0.assignedPartitions = Dictionary(grouping: partitions, by: \.topic)
                    .sorted { $0.key < $1.key }.map { name, partitions in
                        .with {
                            $0.topic = name
                            $0.partitions = partitions.map(\.partition)
                        }
                    }
            }
            return .with {
                $0.memberId = id
                $0.assignment = blob.encoded(version: 1)
            }
        }
    }

    private func counts(of topics: some Collection<String>) -> [String: Int32] {
        var counts: [String: Int32] = [:]
        for topic in topics {
            counts[topic] = cluster.metadata.topics[topic].map { Int32($0.partitions.count) }
        }
        return counts
    }

    /// A leader has the group share anew when a topic gets more partitions, or appears.
    private func watchTopics() {
        guard observer == nil else { return }
        observer = cluster.addObserver { [weak self] in
            guard let self, let shared = sharedCounts, !mustRejoin else { return }
            let known = Set(shared.keys).union(topics)
            guard counts(of: known) != shared else { return }
            mustRejoin = true
            changed()
        }
    }
}

// Heartbeats.
extension Membership {
    private func beginHeartbeats() {
        let generation = member.generation
        heartbeats = Task(executorPreference: loop) { [weak self] in
            var lastSuccess = self?.loop.clock.monotonicNanoseconds ?? 0
            while let self, !Task.isCancelled {
                await loop.sleep(nanoseconds: configuration.heartbeatMilliseconds * 1_000_000)
                guard !Task.isCancelled, member.generation == generation, !isLost else { return }
                do throws(ClientError) {
                    try await heartbeat()
                    lastSuccess = loop.clock.monotonicNanoseconds
                } catch {
                    cluster.environment.log("heartbeat: \(error)")
                    cluster.coordinators[group] = nil
                    let silence = loop.clock.monotonicNanoseconds - lastSuccess
                    let limit = Int64(configuration.sessionTimeoutMilliseconds) * 1_000_000
                    if silence > limit, member.generation == generation { lose() }
                }
            }
        }
    }

    private func heartbeat() async throws(ClientError) {
        let request = HeartbeatRequest.with {
            $0.groupId = group
            $0.generationId = member.generation
            $0.memberId = member.id
            $0.groupInstanceId = member.instanceID
        }
        let generation = member.generation
        let broker = try await cluster.coordinator(of: group)
        let response = try await cluster.ask(
            request, of: broker,
            timeoutMilliseconds: Int64(configuration.sessionTimeoutMilliseconds))
        // The answer to a generation that is over says nothing of the one there is.
        guard member.generation == generation else { return }
        switch response.errorCode {
        case .none: return
        case .rebalanceInProgress:
            guard !mustRejoin else { return }
            mustRejoin = true
            changed()
        case .illegalGeneration, .unknownMemberId: lose()
        case .fencedInstanceId, .groupAuthorizationFailed:
            failure = .group(group, response.errorCode, detail: nil)
            changed()
        default: throw .group(group, response.errorCode, detail: nil)
        }
    }

    private func lose() {
        guard !isLost else { return }
        isLost = true
        mustRejoin = true
        member.id = ""
        changed()
    }
}
