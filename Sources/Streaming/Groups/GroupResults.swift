/// The answer to a JoinGroup request.
public struct JoinResult: Equatable, Sendable {
    public struct Member: Equatable, Sendable {
        public var memberID: String
        public var instanceID: String?
        public var metadata: [UInt8]
    }

    public var error: GroupError?
    public var generation: Int32 = -1
    public var protocolType: String?
    public var protocolName: String?
    public var leader = ""
    public var skipAssignment = false
    public var memberID: String
    /// All members for the leader, none for the others.
    public var members: [Member] = []

    init(error: GroupError?, memberID: String) {
        self.error = error
        self.memberID = memberID
    }
}

/// The answer to a SyncGroup request.
public struct SyncResult: Equatable, Sendable {
    public var error: GroupError?
    public var protocolType: String?
    public var protocolName: String?
    public var assignment: [UInt8] = []

    init(error: GroupError?) {
        self.error = error
    }
}

/// The answer to a LeaveGroup request; versions 0 to 2 take the only member's error as the whole's.
public struct LeaveResult: Equatable, Sendable {
    public struct Member: Equatable, Sendable {
        public var memberID: String
        public var instanceID: String?
        public var error: GroupError?
    }

    public var error: GroupError?
    public var members: [Member] = []
}

/// Each partition of a request with its error, in the order of the request.
public struct PartitionErrors: Equatable, Sendable {
    public struct Partition: Equatable, Sendable {
        public var partition: Int32
        public var error: GroupError?
    }

    public struct Topic: Equatable, Sendable {
        public var name: String
        public var partitions: [Partition]
    }

    /// For OffsetDelete, whose answer has one; OffsetCommit's is repeated in its partitions.
    public var error: GroupError?
    public var topics: [Topic] = []

    /// The error of every partition alike, but not of those that have one already.
    mutating func fail(_ error: GroupError) {
        self.error = error
        for topic in topics.indices {
            for index in topics[topic].partitions.indices
            where topics[topic].partitions[index].error == nil {
                topics[topic].partitions[index].error = error
            }
        }
    }
}

/// The answer to an OffsetFetch request; offset -1 where nothing was committed.
public struct OffsetFetchResult: Equatable, Sendable {
    public struct Partition: Equatable, Sendable {
        public var partition: Int32
        public var offset: Int64 = -1
        public var leaderEpoch: Int32 = -1
        public var metadata = ""
        public var error: GroupError?
    }

    public struct Topic: Equatable, Sendable {
        public var name: String
        public var partitions: [Partition]
    }

    public var error: GroupError?
    public var topics: [Topic] = []
}

/// A group's state under the name that DescribeGroups and ListGroups give it.
public enum GroupState: String, Sendable, CaseIterable {
    case empty = "Empty"
    case preparingRebalance = "PreparingRebalance"
    case completingRebalance = "CompletingRebalance"
    case assigning = "Assigning"
    case reconciling = "Reconciling"
    case stable = "Stable"
    case dead = "Dead"
}

/// One group as DescribeGroups tells it.
public struct GroupDescription: Equatable, Sendable {
    public struct Member: Equatable, Sendable {
        public var memberID: String
        public var instanceID: String?
        public var clientID: String
        public var clientHost: String
        /// Empty unless the group is stable.
        public var metadata: [UInt8]
        public var assignment: [UInt8]
    }

    public var groupID: String
    /// GROUP_ID_NOT_FOUND is told from version 6; before, a missing group is only Dead.
    public var error: GroupError?
    public var state: GroupState
    public var protocolType = ""
    /// The chosen protocol while the group is stable, else empty.
    public var protocolName = ""
    public var members: [Member] = []
}

/// One group as ListGroups tells it; its type is "classic", "consumer" or "share".
public struct GroupListing: Equatable, Sendable {
    public var groupID: String
    public var protocolType: String
    public var state: GroupState
    public var type = "classic"
}

/// One group of a DeleteGroups request.
public struct GroupDeletion: Equatable, Sendable {
    public var groupID: String
    public var error: GroupError?
}
