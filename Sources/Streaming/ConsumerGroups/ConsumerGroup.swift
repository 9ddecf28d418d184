import Records

/// The members of a group whose shares the server decides: epochs, target, and who holds what.
///
/// Part of a `Group`, which has the offsets. Notes what has changed until the records are taken.
final class ConsumerGroup {
    enum Kind: Sendable {
        /// KIP-848: a partition belongs to one member.
        case consumer
        /// KIP-932: members share the records of a partition.
        case share
    }

    let kind: Kind
    private(set) var epoch: Int32 = 0
    /// Of the subscribed topics' names, ids and partition counts when the epoch was last raised.
    private(set) var topicsHash: Int64 = 0
    private(set) var targetEpoch: Int32 = 0
    private(set) var target: [String: TopicShares] = [:]
    private(set) var members: [String: ConsumerMember] = [:]
    /// Member ids by instance id.
    private(set) var staticMembers: [String: String] = [:]
    var alarms: [String: MemberAlarms] = [:]
    /// Names by the patterns that members subscribe to.
    var matches: [String: Set<String>] = [:]
    /// The state of all topics that `topicsHash` and `matches` are of; nil after a start.
    var seenTopicsVersion: UInt64?
    var lastWrite: GroupWriteID?
    private(set) var metadataBytes = 0
    /// Who holds a partition, whether it may still work in it or has to give it up.
    private var owners: [UUID: [Int32: String]] = [:]
    var unwritten = Unwritten()

    /// What the log does not say yet.
    struct Unwritten {
        var epoch = false
        var targetEpoch = false
        var members: Set<String> = []
        var assignments: Set<String> = []
        var targets: Set<String> = []
    }

    init(_ kind: Kind) {
        self.kind = kind
    }

    var state: GroupState {
        if members.isEmpty { return .empty }
        if kind == .share { return .stable }
        if epoch > targetEpoch { return .assigning }
        return members.values.allSatisfy { $0.isReconciled(to: targetEpoch) }
            ? .stable : .reconciling
    }

    var orderedMembers: [ConsumerMember] { members.values.sorted { $0.id < $1.id } }

    /// Adds or replaces a member; moves what it holds.
    func put(_ member: ConsumerMember) {
        let old = members[member.id]
        guard old != member else { return }
        if old == nil || !sameMetadata(old, member) { unwritten.members.insert(member.id) }
        if old == nil || !sameAssignment(old, member) {
            unwritten.assignments.insert(member.id)
            if let old { release(old) }
            hold(member)
        }
        metadataBytes += member.metadataBytes - (old?.metadataBytes ?? 0)
        members[member.id] = member
        if let instanceID = member.instanceID { staticMembers[instanceID] = member.id }
    }

    @discardableResult
    func remove(_ memberID: String) -> ConsumerMember? {
        guard let old = members.removeValue(forKey: memberID) else { return nil }
        release(old)
        metadataBytes -= old.metadataBytes
        if let instanceID = old.instanceID, staticMembers[instanceID] == memberID {
            staticMembers[instanceID] = nil
        }
        alarms[memberID] = nil
        unwritten.members.insert(memberID)
        unwritten.assignments.insert(memberID)
        if target.removeValue(forKey: memberID) != nil { unwritten.targets.insert(memberID) }
        return old
    }

    private func sameMetadata(_ old: ConsumerMember?, _ new: ConsumerMember) -> Bool {
        guard var old else { return false }
        old.epoch = new.epoch
        old.previousEpoch = new.previousEpoch
        old.state = new.state
        old.assigned = new.assigned
        old.pendingRevocation = new.pendingRevocation
        return old == new
    }

    private func sameAssignment(_ old: ConsumerMember?, _ new: ConsumerMember) -> Bool {
        old?.epoch == new.epoch && old?.previousEpoch == new.previousEpoch
            && old?.state == new.state && old?.assigned == new.assigned
            && old?.pendingRevocation == new.pendingRevocation
    }

    private func hold(_ member: ConsumerMember) {
        guard kind == .consumer else { return }
        for shares in [member.assigned, member.pendingRevocation] {
            for (topic, partitions) in shares.topics {
                for partition in partitions { owners[topic, default: [:]][partition] = member.id }
            }
        }
    }

    private func release(_ member: ConsumerMember) {
        for shares in [member.assigned, member.pendingRevocation] {
            for (topic, partitions) in shares.topics {
                for partition in partitions where owners[topic]?[partition] == member.id {
                    owners[topic]?[partition] = nil
                }
                if owners[topic]?.isEmpty == true { owners[topic] = nil }
            }
        }
    }

    /// Whether nobody else holds the partition.
    func isFree(_ topic: UUID, _ partition: Int32, for memberID: String) -> Bool {
        guard let owner = owners[topic]?[partition] else { return true }
        return owner == memberID
    }

    /// Whether the member waits for partitions that others hold still.
    func isWaiting(_ member: ConsumerMember) -> Bool {
        let missing = (target[member.id] ?? TopicShares()).subtracting(member.assigned)
        return missing.topics.contains { topic, partitions in
            partitions.contains { !isFree(topic, $0, for: member.id) }
        }
    }

    func raiseEpoch(topicsHash: Int64? = nil) {
        epoch = epoch == .max ? 1 : epoch + 1
        if let topicsHash { self.topicsHash = topicsHash }
        unwritten.epoch = true
    }

    func setEpoch(_ epoch: Int32, topicsHash: Int64) {
        self.epoch = epoch
        self.topicsHash = topicsHash
        unwritten.epoch = true
    }

    func setTarget(_ shares: [String: TopicShares], epoch: Int32) {
        for (memberID, share) in shares { setTarget(share, of: memberID) }
        targetEpoch = epoch
        unwritten.targetEpoch = true
    }

    func setTarget(_ share: TopicShares, of memberID: String) {
        guard target[memberID] != share else { return }
        target[memberID] = share
        unwritten.targets.insert(memberID)
    }

    func setTargetEpoch(_ epoch: Int32) {
        targetEpoch = epoch
        unwritten.targetEpoch = true
    }

    func dropTarget(of memberID: String) {
        if target.removeValue(forKey: memberID) != nil { unwritten.targets.insert(memberID) }
    }

    /// All topics that members name or whose names match their patterns.
    var subscribedTopics: Set<String> {
        var names: Set<String> = []
        for member in members.values { names.formUnion(topics(of: member)) }
        return names
    }

    func topics(of member: ConsumerMember) -> Set<String> {
        var names = Set(member.topics)
        if let pattern = member.pattern { names.formUnion(matches[pattern] ?? []) }
        return names
    }

    /// The assignor that most members would like, else the first that is configured.
    func preferredAssignor(_ configured: [String]) -> String {
        var votes: [String: Int] = [:]
        for member in members.values {
            if let assignor = member.assignor { votes[assignor, default: 0] += 1 }
        }
        let most = votes.values.max()
        return votes.filter { $0.value == most }.keys.min() ?? configured.first ?? "uniform"
    }

    func allMembersAreClassic(except memberID: String? = nil) -> Bool {
        members.values.allSatisfy { $0.classic != nil || $0.id == memberID }
    }
}
