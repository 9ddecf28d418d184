/// One member of a classic group. Owned by its `Group`.
final class GroupMember {
    let id: String
    let instanceID: String?
    let clientID: String
    let clientHost: String
    /// Place in the order of joining; members are walked in it, so that a run can be replayed.
    let ordinal: UInt64
    var sessionTimeout: Int32
    var rebalanceTimeout: Int32
    var protocols: [GroupProtocol]
    var assignment: [UInt8] = []
    /// Has never completed a join, so it cannot heartbeat yet.
    var isNew = false
    var joinToken: GroupToken?
    var syncToken: GroupToken?
    var session = Alarm()

    init(
        id: String, instanceID: String?, clientID: String, clientHost: String, ordinal: UInt64,
        sessionTimeout: Int32, rebalanceTimeout: Int32, protocols: [GroupProtocol]
    ) {
        self.id = id
        self.instanceID = instanceID
        self.clientID = clientID
        self.clientHost = clientHost
        self.ordinal = ordinal
        self.sessionTimeout = sessionTimeout
        self.rebalanceTimeout = max(0, rebalanceTimeout)
        self.protocols = protocols
    }

    /// Bytes this member makes the group keep.
    var metadataBytes: Int {
        GroupMember.bytes(of: protocols) + clientID.utf8.count + clientHost.utf8.count
    }

    static func bytes(of protocols: [GroupProtocol]) -> Int {
        protocols.reduce(0) { $0 + $1.name.utf8.count + $1.metadata.count }
    }

    /// The metadata for the chosen protocol.
    func metadata(for name: String?) -> [UInt8] {
        protocols.first { $0.name == name }?.metadata ?? []
    }

    /// A member that waits for the group is alive, except a new one: its connection may be gone.
    var outlivesItsSession: Bool {
        !isNew && (joinToken != nil || syncToken != nil)
    }
}
