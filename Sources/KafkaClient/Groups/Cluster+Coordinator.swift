import KafkaProtocol
import Platform

extension Cluster {
    /// Runs `operation` against the broker that keeps a group, found anew after each failure that
    /// may pass.
    func withCoordinator<T: Sendable>(
        of group: String, forMilliseconds limit: Int64? = nil,
        _ operation: @Sendable (Broker) async throws(ClientError) -> T
    ) async throws(ClientError) -> T {
        try await retrying(forMilliseconds: limit) { [self] () async throws(ClientError) in
            let broker = try await coordinator(of: group)
            do throws(ClientError) {
                return try await operation(broker)
            } catch {
                if error.isRetriable { coordinators[group] = nil }
                throw error
            }
        }
    }

    /// The broker that keeps a group, over a connection of its own.
    func coordinator(of group: String) async throws(ClientError) -> Broker {
        if let known = coordinators[group] { return broker(at: known, for: .group) }
        let request = FindCoordinatorRequest.with {
            $0.key = group
            $0.coordinatorKeys = [group]
        }
        let response = try await askAny(request)
        let found = response.coordinators.first
        let code = found?.errorCode ?? response.errorCode
        guard code == .none else {
            throw .group(group, code, detail: found?.errorMessage ?? response.errorMessage)
        }
        let endpoint = endpoint(
            host: found?.host ?? response.host,
            port: UInt16(truncatingIfNeeded: found?.port ?? response.port))
        coordinators[group] = endpoint
        return broker(at: endpoint, for: .group)
    }
}

// Offsets of groups.
extension Cluster {
    /// The offsets that a group has committed: of these partitions, or (nil) of all it has any for.
    /// Partitions without one are left out.
    public func committedOffsets(
        of group: String, in partitions: [TopicPartition]? = nil
    ) async throws(ClientError) -> [TopicPartition: CommittedOffset] {
        try await onLoop { [self] () async throws(ClientError) in
            let request = Cluster.offsetFetch(group, partitions)
            return try await withCoordinator(of: group) {
                [self] broker async throws(ClientError) in
                // From version 10 on topics go by id; up to then by name, which all brokers take.
                try Cluster.offsets(try await ask(request, of: broker, atMost: 9), of: group)
            }
        }
    }

    private static func offsetFetch(
        _ group: String, _ partitions: [TopicPartition]?
    ) -> OffsetFetchRequest {
        let topics = partitions.map { Dictionary(grouping: $0, by: \.topic) }
        return .with {
            $0.groupId = group
            $0.requireStable = true
            $0.topics = topics?.map { name, partitions in
                .with {
                    $0.name = name
                    $0.partitionIndexes = partitions.map(\.partition)
                }
            }
            $0.groups = [
                .with {
                    $0.groupId = group
                    $0.topics = topics?.map { name, partitions in
                        .with {
                            $0.name = name
                            $0.partitionIndexes = partitions.map(\.partition)
                        }
                    }
                }
            ]
        }
    }

    private static func offsets(
        _ response: OffsetFetchResponse, of group: String
    ) throws(ClientError) -> [TopicPartition: CommittedOffset] {
        var all: [TopicPartition: CommittedOffset] = [:]
        func add(
            _ topic: String, _ partition: Int32, _ code: ErrorCode, _ offset: Int64,
            _ epoch: Int32, _ metadata: String?
        ) throws(ClientError) {
            let id = TopicPartition(topic, partition)
            guard code == .none else { throw .partition(id, code, detail: nil) }
            guard offset >= 0 else { return }
            all[id] = CommittedOffset(offset: offset, leaderEpoch: epoch, metadata: metadata)
        }
        guard response.errorCode == .none else {
            throw .group(group, response.errorCode, detail: nil)
        }
        for topic in response.topics {
            for one in topic.partitions {
                try add(
                    topic.name, one.partitionIndex, one.errorCode, one.committedOffset,
                    one.committedLeaderEpoch, one.metadata)
            }
        }
        for answer in response.groups {
            guard answer.errorCode == .none else {
                throw .group(group, answer.errorCode, detail: nil)
            }
            for topic in answer.topics {
                for one in topic.partitions {
                    try add(
                        topic.name, one.partitionIndex, one.errorCode, one.committedOffset,
                        one.committedLeaderEpoch, one.metadata)
                }
            }
        }
        return all
    }

    /// Sets a group's offsets from outside, which the broker allows while it has no members.
    public func commitOffsets(
        _ offsets: [TopicPartition: CommittedOffset], of group: String
    ) async throws(ClientError) {
        try await onLoop { [self] () async throws(ClientError) in
            try await commit(offsets, of: group, as: GroupMember())
        }
    }

    func commit(
        _ offsets: [TopicPartition: CommittedOffset], of group: String, as member: GroupMember,
        forMilliseconds limit: Int64? = nil
    ) async throws(ClientError) {
        guard !offsets.isEmpty else { return }
        let request = OffsetCommitRequest.with {
            $0.groupId = group
            $0.generationIdOrMemberEpoch = member.generation
            $0.memberId = member.id
            $0.groupInstanceId = member.instanceID
            $0.topics = Dictionary(grouping: offsets, by: \.key.topic).map { name, entries in
                .with {
                    $0.name = name
                    $0.partitions = entries.map { partition, committed in
                        .with {
                            $0.partitionIndex = partition.partition
                            $0.committedOffset = committed.offset
                            $0.committedLeaderEpoch = committed.leaderEpoch
                            // Null is refused by some brokers; Kafka's own clients send "".
                            $0.committedMetadata = committed.metadata ?? ""
                        }
                    }
                }
            }
        }
        try await withCoordinator(of: group, forMilliseconds: limit) {
            [self] broker async throws(ClientError) in
            let response = try await ask(request, of: broker, atMost: 9)
            for topic in response.topics {
                for partition in topic.partitions {
                    try Cluster.check(
                        partition.errorCode, TopicPartition(topic.name, partition.partitionIndex),
                        group)
                }
            }
        }
    }

    /// The same inside a transaction: they count once it commits.
    func commit(
        _ offsets: [TopicPartition: CommittedOffset], of group: String, as member: GroupMember,
        in id: String, _ producer: ProducerIdentity, by rules: TransactionProtocol
    ) async throws(ClientError) {
        guard !offsets.isEmpty else { return }
        if rules == .announced { try await addOffsets(of: group, to: id, producer) }
        let request = Self.request(offsets, of: group, as: member, in: id, producer)
        try await withCoordinator(of: group) { [self] broker async throws(ClientError) in
            // From version 5 on the group joins the transaction unasked.
            let response = try await ask(request, of: broker, atMost: rules == .epochs ? 5 : 4)
            for topic in response.topics {
                for partition in topic.partitions {
                    try Cluster.check(
                        partition.errorCode, TopicPartition(topic.name, partition.partitionIndex),
                        group)
                }
            }
        }
    }

    /// Offsets of a group as a part of a transaction; a group without members has `GroupMember()`.
    static func request(
        _ offsets: [TopicPartition: CommittedOffset], of group: String, as member: GroupMember,
        in id: String, _ producer: ProducerIdentity
    ) -> TxnOffsetCommitRequest {
        .with {
            $0.transactionalId = id
            $0.groupId = group
            $0.producerId = producer.id
            $0.producerEpoch = producer.epoch
            $0.generationId = member.generation
            $0.memberId = member.id
            $0.groupInstanceId = member.instanceID
            $0.topics = Dictionary(grouping: offsets, by: \.key.topic).map { name, entries in
                .with {
                    $0.name = name
                    $0.partitions = entries.map { partition, committed in
                        .with {
                            $0.partitionIndex = partition.partition
                            $0.committedOffset = committed.offset
                            $0.committedLeaderEpoch = committed.leaderEpoch
                            $0.committedMetadata = committed.metadata ?? ""
                        }
                    }
                }
            }
        }
    }

    private static func check(
        _ code: ErrorCode, _ partition: TopicPartition, _ group: String
    ) throws(ClientError) {
        switch code {
        case .none: return
        case .unknownMemberId, .illegalGeneration, .rebalanceInProgress, .fencedInstanceId:
            throw .membershipLost(group: group)
        case .notCoordinator, .coordinatorNotAvailable, .coordinatorLoadInProgress,
            .groupAuthorizationFailed, .groupIdNotFound, .staleMemberEpoch:
            throw .group(group, code, detail: nil)
        default: throw .partition(partition, code, detail: nil)
        }
    }
}
