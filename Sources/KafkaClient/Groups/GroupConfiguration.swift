/// How a consumer takes part in a group. The comments give the property names of Kafka's clients.
public struct GroupConfiguration: Sendable {
    /// Who shares the partitions out: a member, or the server (KIP-848).
    public enum MembershipProtocol: Sendable {
        case classic
        case consumer
    }

    /// `group.id`
    public var groupID: String
    /// `group.instance.id`: a static member keeps its partitions over a restart (KIP-345).
    public var instanceID: String?
    /// `session.timeout.ms`: without a heartbeat for so long the member is removed.
    public var sessionTimeoutMilliseconds: Int32 = 45_000
    /// `heartbeat.interval.ms`
    public var heartbeatMilliseconds: Int64 = 3_000
    /// `max.poll.interval.ms`: how long a member may take to give its partitions up.
    public var rebalanceTimeoutMilliseconds: Int32 = 300_000
    /// `partition.assignment.strategy`: `range` and `roundrobin`, the preferred one first.
    public var assignors = ["range", "roundrobin"]
    /// `group.protocol`
    public var `protocol` = MembershipProtocol.classic
    /// `group.remote.assignor`: `uniform` or `range`; nil leaves it to the server.
    public var remoteAssignor: String?
    /// Where a partition without a committed offset starts; nil makes that an error
    /// (`auto.offset.reset` = none).
    public var start: StartPosition? = .earliest

    public init(groupID: String) {
        self.groupID = groupID
    }
}

/// A group's position in a partition.
public struct CommittedOffset: Sendable, Equatable {
    /// The next offset to read.
    public let offset: Int64
    /// -1 if it was not committed with one.
    public let leaderEpoch: Int32
    public let metadata: String?

    public init(offset: Int64, leaderEpoch: Int32 = -1, metadata: String? = nil) {
        self.offset = offset
        self.leaderEpoch = leaderEpoch
        self.metadata = metadata
    }
}

/// Who commits: a member of the group in one of its generations, or nobody in particular.
struct GroupMember: Sendable, Equatable {
    var id = ""
    var generation: Int32 = -1
    var instanceID: String?
}
