import KafkaProtocol

/// A group of whatever kind, as its coordinator describes it.
public struct GroupDescription: Sendable, Equatable {
    /// Such as "Stable" or "Empty".
    public var state: String
    public var members: [Member] = []
    /// Where a share group is; nil for groups that commit offsets.
    public var shareOffsets: [TopicPartition: ShareOffset]?

    /// A member, and what it reads now.
    public struct Member: Sendable, Equatable {
        public let id: String
        public let clientID: String
        public let clientHost: String
        public var partitions: [TopicPartition] = []

        init(
            id: String, clientID: String, clientHost: String,
            topics: [(name: String, partitions: [Int32])]
        ) {
            self.id = id
            self.clientID = clientID
            self.clientHost = clientHost
            partitions = topics.flatMap { topic in
                topic.partitions.map { TopicPartition(topic.name, $0) }
            }
        }
    }

    /// The first record that a share group is not done with, and how many it is not done with; nil
    /// for what it has not begun, or what the cluster does not tell.
    public struct ShareOffset: Sendable, Equatable {
        public let start: Int64?
        public let lag: Int64?

        public init(start: Int64?, lag: Int64?) {
            self.start = start
            self.lag = lag
        }
    }

    public init(
        state: String, members: [Member] = [],
        shareOffsets: [TopicPartition: ShareOffset]? = nil
    ) {
        self.state = state
        self.members = members
        self.shareOffsets = shareOffsets
    }
}

extension Cluster {
    /// A classic group, a consumer group (KIP-848) or a share group (KIP-932) with its members; nil
    /// if the coordinator describes no such group.
    public func describeAnyGroup(
        _ group: String
    ) async throws(ClientError) -> GroupDescription? {
        try await onLoop { [self] () async throws(ClientError) in
            // A coordinator answers for one kind each: a group of another one is not there.
            if let found = try await ifFound({ () async throws(ClientError) in
                try await classicDescription(group)
            }) {
                return found
            }
            if let found = try await ifFound({ () async throws(ClientError) in
                try await consumerDescription(group)
            }) {
                return found
            }
            return try await ifFound { () async throws(ClientError) in
                try await shareDescription(group)
            }
        }
    }

    /// Nil where the group is none of this kind, or the cluster has no such kind.
    private func ifFound<T>(
        _ describe: () async throws(ClientError) -> T?
    ) async throws(ClientError) -> T? {
        do throws(ClientError) {
            return try await describe()
        } catch {
            if case .unsupported = error { return nil }
            if error.code == .groupIdNotFound || error.code == .unsupportedVersion { return nil }
            throw error
        }
    }

    private func classicDescription(
        _ group: String
    ) async throws(ClientError) -> GroupDescription? {
        let found = try await describeGroup(group)
        // Brokers before version 6 of the request say so of groups that they do not have.
        guard found.groupState != "Dead" else { return nil }
        let members = found.members.map { member in
            // An assignment that is not a consumer's, or damaged, counts as none.
            let assignment = try? ConsumerProtocolAssignment.decoded(member.memberAssignment).1
            let topics = assignment?.assignedPartitions ?? []
            return GroupDescription.Member(
                id: member.memberId, clientID: member.clientId, clientHost: member.clientHost,
                topics: topics.map { ($0.topic, $0.partitions) })
        }
        return GroupDescription(state: found.groupState, members: members)
    }

    private func consumerDescription(
        _ group: String
    ) async throws(ClientError) -> GroupDescription? {
        try await withCoordinator(of: group) { [self] broker async throws(ClientError) in
            let request = ConsumerGroupDescribeRequest.with { $0.groupIds = [group] }
            guard let found = try await ask(request, of: broker).groups.first else { return nil }
            guard found.errorCode == .none else {
                throw .group(group, found.errorCode, detail: found.errorMessage)
            }
            let members = found.members.map { member in
                GroupDescription.Member(
                    id: member.memberId, clientID: member.clientId, clientHost: member.clientHost,
                    topics: member.assignment.topicPartitions.map {
                        ($0.topicName, $0.partitions)
                    })
            }
            return GroupDescription(state: found.groupState, members: members)
        }
    }

    private func shareDescription(
        _ group: String
    ) async throws(ClientError) -> GroupDescription? {
        try await withCoordinator(of: group) { [self] broker async throws(ClientError) in
            let request = ShareGroupDescribeRequest.with { $0.groupIds = [group] }
            guard let found = try await ask(request, of: broker).groups.first else { return nil }
            guard found.errorCode == .none else {
                throw .group(group, found.errorCode, detail: found.errorMessage)
            }
            let members = found.members.map { member in
                GroupDescription.Member(
                    id: member.memberId, clientID: member.clientId, clientHost: member.clientHost,
                    topics: member.assignment.topicPartitions.map {
                        ($0.topicName, $0.partitions)
                    })
            }
            let places = try await ifFound { () async throws(ClientError) in
                try await shareOffsets(of: group, broker)
            }
            return GroupDescription(
                state: found.groupState, members: members, shareOffsets: places ?? [:])
        }
    }

    private func shareOffsets(
        of group: String, _ broker: Broker
    ) async throws(ClientError) -> [TopicPartition: GroupDescription.ShareOffset] {
        let request = DescribeShareGroupOffsetsRequest.with {
            $0.groups = [.with { $0.groupId = group }]
        }
        guard let answer = try await ask(request, of: broker).groups.first else { return [:] }
        guard answer.errorCode == .none else {
            throw .group(group, answer.errorCode, detail: answer.errorMessage)
        }
        var places: [TopicPartition: GroupDescription.ShareOffset] = [:]
        for topic in answer.topics {
            for one in topic.partitions where one.errorCode == .none {
                places[TopicPartition(topic.topicName, one.partitionIndex)] = .init(
                    start: one.startOffset < 0 ? nil : one.startOffset,
                    lag: one.lag < 0 ? nil : one.lag)
            }
        }
        return places
    }
}
