/// One member of a group that the server shares out (KIP-848, KIP-932). A value: a heartbeat makes
/// a new one, and what differs is written.
struct ConsumerMember: Equatable, Sendable {
    /// Where the member is on its way to its target.
    enum State: Int8, Sendable {
        case stable = 0
        /// It has yet to give up what another is to get.
        case unrevoked = 1
        /// It waits for what another has yet to give up.
        case unreleased = 2
    }

    /// What a member says that came by JoinGroup.
    struct Classic: Equatable, Sendable {
        var sessionTimeout: Int32
        var protocols: [GroupProtocol]
    }

    let id: String
    var instanceID: String?
    var rackID: String?
    var clientID = ""
    var clientHost = ""
    /// Sorted, each once.
    var topics: [String] = []
    /// A regular expression for names of topics, beside `topics`.
    var pattern: String?
    var rebalanceTimeout: Int32 = -1
    /// The assignor it would like.
    var assignor: String?
    var classic: Classic?

    var epoch: Int32 = 0
    var previousEpoch: Int32 = 0
    var state = State.stable
    var assigned = TopicShares()
    /// It was told to give these up and has not said that it did.
    var pendingRevocation = TopicShares()

    /// A static member that has left for a while (its epoch is -2).
    var isAway: Bool { epoch == ConsumerMember.awayEpoch }

    /// Epochs that say goodbye.
    static let leaveEpoch: Int32 = -1
    static let awayEpoch: Int32 = -2

    init(id: String) {
        self.id = id
    }

    /// The same member under a new id (a static member that comes back).
    init(id: String, replacing old: ConsumerMember) {
        self.id = id
        instanceID = old.instanceID
        rackID = old.rackID
        clientID = old.clientID
        clientHost = old.clientHost
        topics = old.topics
        pattern = old.pattern
        rebalanceTimeout = old.rebalanceTimeout
        assignor = old.assignor
        assigned = old.assigned
    }

    mutating func advance(to next: Int32) {
        previousEpoch = epoch
        epoch = next
    }

    func isReconciled(to target: Int32) -> Bool { state == .stable && epoch == target }

    /// What it was subscribed to, as far as the shares depend on it.
    func subscribesAlike(_ other: ConsumerMember) -> Bool {
        topics == other.topics && pattern == other.pattern
    }

    /// Bytes this member makes the group keep.
    var metadataBytes: Int {
        var bytes = id.utf8.count + clientID.utf8.count + clientHost.utf8.count
        bytes += topics.reduce(pattern?.utf8.count ?? 0) { $0 + $1.utf8.count + 16 }
        return bytes + (classic.map { GroupMember.bytes(of: $0.protocols) } ?? 0)
    }
}

/// The deadlines of a member.
struct MemberAlarms {
    var session = Alarm()
    /// It must have given up its partitions, or (a classic one) have joined or synced, by then.
    var rebalance = Alarm()
}
