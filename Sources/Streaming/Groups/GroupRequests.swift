/// A protocol a member offers (an assignor's name for consumers) with its metadata.
public struct GroupProtocol: Equatable, Sendable {
    public var name: String
    public var metadata: [UInt8]

    public init(name: String, metadata: [UInt8]) {
        self.name = name
        self.metadata = metadata
    }
}

/// A JoinGroup request.
public struct JoinRequest: Sendable {
    public var groupID: String
    /// Empty for a member that has no id yet.
    public var memberID: String
    public var instanceID: String?
    public var clientID: String
    public var clientHost: String
    public var protocolType: String
    /// Best liked first.
    public var protocols: [GroupProtocol]
    public var sessionTimeoutMilliseconds: Int32
    /// Version 0 has none: the session timeout then.
    public var rebalanceTimeoutMilliseconds: Int32
    /// Version 4 and later (KIP-394): a new dynamic member is given an id and asked to come again.
    public var requiresKnownMemberID = true
    /// Version 9 and later (KIP-814): a static leader that comes back need not assign.
    public var supportsSkippingAssignment = true

    public init(
        groupID: String, memberID: String = "", instanceID: String? = nil, clientID: String,
        clientHost: String, protocolType: String, protocols: [GroupProtocol],
        sessionTimeoutMilliseconds: Int32, rebalanceTimeoutMilliseconds: Int32
    ) {
        self.groupID = groupID
        self.memberID = memberID
        self.instanceID = instanceID
        self.clientID = clientID
        self.clientHost = clientHost
        self.protocolType = protocolType
        self.protocols = protocols
        self.sessionTimeoutMilliseconds = sessionTimeoutMilliseconds
        self.rebalanceTimeoutMilliseconds = rebalanceTimeoutMilliseconds
    }
}

/// Who speaks for a member, and of which generation: Heartbeat, and the front of other requests.
public struct MemberIdentity: Equatable, Sendable {
    public var memberID: String
    public var instanceID: String?
    /// The member epoch in a consumer group.
    public var generation: Int32
    /// False for an OffsetCommit before version 9.
    public var knowsEpochs = true

    public init(memberID: String, instanceID: String? = nil, generation: Int32) {
        self.memberID = memberID
        self.instanceID = instanceID
        self.generation = generation
    }
}

/// A SyncGroup request; only the leader's carries assignments.
public struct SyncRequest: Sendable {
    public var groupID: String
    public var identity: MemberIdentity
    /// Version 5 and later; nil is not checked.
    public var protocolType: String?
    public var protocolName: String?
    public var assignments: [(memberID: String, assignment: [UInt8])]

    public init(
        groupID: String, identity: MemberIdentity, protocolType: String? = nil,
        protocolName: String? = nil, assignments: [(memberID: String, assignment: [UInt8])] = []
    ) {
        self.groupID = groupID
        self.identity = identity
        self.protocolType = protocolType
        self.protocolName = protocolName
        self.assignments = assignments
    }
}

/// A member that leaves: by its id, or a static one by its instance id and an empty member id.
public struct LeavingMember: Equatable, Sendable {
    public var memberID: String
    public var instanceID: String?

    public init(memberID: String, instanceID: String? = nil) {
        self.memberID = memberID
        self.instanceID = instanceID
    }
}

/// An OffsetCommit request; topics are names that exist, the caller has seen to that.
public struct OffsetCommitRequest: Sendable {
    public struct Partition: Sendable {
        public var partition: Int32
        public var offset: Int64
        /// -1 when unknown.
        public var leaderEpoch: Int32
        public var metadata: String

        public init(partition: Int32, offset: Int64, leaderEpoch: Int32 = -1, metadata: String = "")
        {
            self.partition = partition
            self.offset = offset
            self.leaderEpoch = leaderEpoch
            self.metadata = metadata
        }
    }

    public struct Topic: Sendable {
        public var name: String
        public var partitions: [Partition]

        public init(name: String, partitions: [Partition]) {
            self.name = name
            self.partitions = partitions
        }
    }

    public var groupID: String
    /// Generation -1 and an empty member id: a commit from outside of the group's membership.
    public var identity: MemberIdentity
    public var topics: [Topic]
    /// Versions 2 to 4; nil (or -1 on the wire) leaves it to the broker.
    public var retentionMilliseconds: Int64?
    /// Version 9 and later: GROUP_ID_NOT_FOUND instead of ILLEGAL_GENERATION.
    public var reportsMissingGroup = true

    public init(groupID: String, identity: MemberIdentity, topics: [Topic]) {
        self.groupID = groupID
        self.identity = identity
        self.topics = topics
    }
}

/// Partitions of a topic, by name.
public struct TopicPartitions: Equatable, Sendable {
    public var name: String
    public var partitions: [Int32]

    public init(name: String, partitions: [Int32]) {
        self.name = name
        self.partitions = partitions
    }
}
