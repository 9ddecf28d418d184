/// One group: a state machine without sockets or clock, and the group's offsets.
///
/// The members here are those of a classic group. A group whose members the server shares out for
/// has them in `modern`, and is `.empty` or `.dead` as far as the classic protocol goes.
///
/// Owned by the `GroupCoordinator`, which hands it events and `Effects` to answer with.
final class Group {
    /// Where the group is between two generations.
    enum State {
        case empty
        /// Waits for its members to join; for its first ones maybe longer than needed.
        case preparingRebalance(InitialDelay?)
        /// The members know the generation and wait for what the leader assigns; once it has
        /// assigned, for that to be durable.
        case completingRebalance(isAssigned: Bool)
        case stable
        /// Being deleted: gone when its tombstones are durable.
        case dead
    }

    /// `group.initial.rebalance.delay.ms`, renewed while new members come, within the rebalance
    /// timeout.
    struct InitialDelay {
        var delay: Int64
        var remaining: Int64
        var memberAdded = false
    }

    let id: String
    var state = State.empty
    var generation: Int32 = 0
    var protocolType: String?
    var protocolName: String?
    var leader: String?
    /// When the group came into its state; -1 if the record does not say.
    var stateTimestamp: Int64?
    var members: [String: GroupMember] = [:]
    /// Member ids by instance id.
    var staticMembers: [String: String] = [:]
    /// Ids that were handed out with MEMBER_ID_REQUIRED and did not come back yet.
    var pendingJoins: [String: Alarm] = [:]
    /// Members of this generation that did not sync yet.
    var pendingSyncs: Set<String> = []
    var awaitingJoinCount = 0
    /// How many members offer each protocol.
    var protocolCounts: [String: Int] = [:]
    /// Nil when they are not known; what is subscribed to neither expires nor can be deleted.
    var subscribedTopics: Set<String>?
    var metadataBytes = 0
    /// The end of the join phase, or of the wait for syncs.
    var phase = Alarm()
    var offsets = OffsetTable()
    /// The members of a consumer or share group; nil in a classic one.
    var modern: ConsumerGroup?
    /// By producer id.
    var openTransactions: [Int64: OpenTransaction] = [:]
    /// The durable metadata record, nil if there is none.
    private(set) var persisted: [UInt8]?
    /// Writes that are not durable yet.
    var pendingWrites = 0
    private var nextOrdinal: UInt64 = 0

    init(id: String) {
        self.id = id
    }

    var publicState: GroupState {
        if let modern, !isDead { return modern.state }
        switch state {
        case .empty: return .empty
        case .preparingRebalance: return .preparingRebalance
        case .completingRebalance: return .completingRebalance
        case .stable: return .stable
        case .dead: return .dead
        }
    }

    var isDead: Bool {
        if case .dead = state { true } else { false }
    }

    /// Kafka's type of the groups whose metadata the coordinator can read.
    var usesConsumerProtocol: Bool { protocolType == "consumer" }

    /// Nothing would be lost if the group were forgotten without a word.
    var isVacant: Bool {
        guard case .empty = state, modern.map({ $0.members.isEmpty && $0.epoch == 0 }) ?? true
        else { return false }
        return pendingJoins.isEmpty && persisted == nil && offsets.isEmpty && pendingWrites == 0
            && openTransactions.isEmpty
    }

    func takeOrdinal() -> UInt64 {
        nextOrdinal += 1
        return nextOrdinal
    }

    /// In the order of joining.
    var orderedMembers: [GroupMember] {
        members.values.sorted { $0.ordinal < $1.ordinal }
    }

    /// The longest of the members'.
    var rebalanceTimeout: Int64 {
        Int64(members.values.reduce(0) { max($0, $1.rebalanceTimeout) })
    }

    var allMembersJoined: Bool {
        members.count == awaitingJoinCount && pendingJoins.isEmpty
    }

    func enter(_ next: State, _ effects: inout Effects) {
        state = next
        stateTimestamp = effects.now
    }

    /// What there is against a request that claims to come from a member.
    func fault(of identity: MemberIdentity) -> GroupError? {
        faultOfMember(identity.memberID, instanceID: identity.instanceID)
            ?? (identity.generation == generation ? nil : .illegalGeneration)
    }

    func faultOfMember(_ memberID: String, instanceID: String?) -> GroupError? {
        if let instanceID {
            guard let current = staticMembers[instanceID] else { return .unknownMemberID }
            if current != memberID { return .fencedInstanceID }
        }
        return members[memberID] == nil ? .unknownMemberID : nil
    }

    /// The record of this generation, with the given assignments.
    func metadata(assigning assignments: [String: [UInt8]]) -> GroupMetadata {
        GroupMetadata(
            protocolType: protocolType ?? "", generation: generation, protocolName: protocolName,
            leader: leader, stateTimestamp: stateTimestamp ?? -1,
            members: orderedMembers.map { member in
                GroupMetadata.Member(
                    memberID: member.id, instanceID: member.instanceID, clientID: member.clientID,
                    clientHost: member.clientHost, rebalanceTimeout: member.rebalanceTimeout,
                    sessionTimeout: member.sessionTimeout,
                    subscription: member.metadata(for: protocolName),
                    assignment: assignments[member.id] ?? [])
            })
    }

    /// Takes note of the durable metadata record, or that there is none any more.
    func keep(_ record: [UInt8]?, _ effects: inout Effects) {
        effects.metadataBytes += (record?.count ?? 0) - (persisted?.count ?? 0)
        persisted = record
    }

    /// A write of this generation's record.
    func metadataWrite(_ value: [UInt8], then completion: PendingWrite.Completion) -> PendingWrite {
        PendingWrite(
            records: [GroupRecord(key: OffsetRecordKey.group(id).bytes, value: value)],
            group: self, metadata: value, completion: completion)
    }
}
