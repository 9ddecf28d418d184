/// A ConsumerGroupHeartbeat request (KIP-848); nil is "as before".
public struct ConsumerHeartbeat: Sendable {
    public var groupID: String
    public var memberID: String
    /// 0 joins, -1 leaves, -2 leaves for a while (a static member).
    public var memberEpoch: Int32
    public var instanceID: String?
    public var rackID: String?
    public var clientID: String
    public var clientHost: String
    /// -1 for as before.
    public var rebalanceTimeoutMilliseconds: Int32 = -1
    public var topics: [String]?
    public var pattern: String?
    public var assignor: String?
    /// What the member has now.
    public var owned: TopicShares?
    /// Version 1 and later: the member makes its id itself.
    public var requiresMemberID = true

    public init(
        groupID: String, memberID: String, memberEpoch: Int32, clientID: String, clientHost: String
    ) {
        self.groupID = groupID
        self.memberID = memberID
        self.memberEpoch = memberEpoch
        self.clientID = clientID
        self.clientHost = clientHost
    }

    /// A request with all fields, to which the answer has all too.
    var isFull: Bool {
        rebalanceTimeoutMilliseconds != -1 && (topics != nil || pattern != nil) && owned != nil
    }
}

/// The answer to a heartbeat of a consumer or share group.
public struct ConsumerHeartbeatResult: Equatable, Sendable {
    public var error: GroupError?
    public var message: String?
    public var memberID: String
    public var memberEpoch: Int32 = 0
    public var heartbeatMilliseconds: Int32 = 0
    /// Nil for as before.
    public var assignment: TopicShares?

    init(memberID: String, memberEpoch: Int32) {
        self.memberID = memberID
        self.memberEpoch = memberEpoch
    }

    init(_ refusal: GroupRefusal, memberID: String) {
        error = refusal.error
        message = refusal.message
        self.memberID = memberID
    }
}

/// Why a request of a group is refused, in Kafka's terms and in a sentence.
struct GroupRefusal: Error {
    var error: GroupError
    var message: String?

    init(_ error: GroupError, _ message: String? = nil) {
        self.error = error
        self.message = message
    }
}

/// A consumer or share group as its Describe request tells it.
public struct ConsumerGroupDescription: Equatable, Sendable {
    public struct Member: Equatable, Sendable {
        public var memberID: String
        public var instanceID: String?
        public var rackID: String?
        public var memberEpoch: Int32
        public var clientID: String
        public var clientHost: String
        public var topics: [String]
        public var pattern: String?
        public var assigned: TopicShares
        public var target: TopicShares
        public var isClassic: Bool
    }

    public var groupID: String
    public var error: GroupError?
    public var message: String?
    public var state = GroupState.dead
    public var epoch: Int32 = 0
    public var targetEpoch: Int32 = 0
    public var assignor = ""
    public var members: [Member] = []

    init(groupID: String) {
        self.groupID = groupID
    }
}
