/// All groups of a broker, classic ones and those that it shares out for: members, generations,
/// assignments, offsets.
///
/// A state machine without sockets, clock or disk. The broker calls it, one call at a time (from
/// one loop or under a lock), performs the actions it gets in their order, and calls `advance` when
/// `nextDeadline` has come. What is written is true, and answered, only after `written`.
///
/// `now` is in milliseconds since 1970, as records want it, but must not jump, as sessions want it:
/// the wall clock of the start plus the monotonic clock since then.
public final class GroupCoordinator {
    public let configuration: GroupConfiguration
    var groups: [String: Group] = [:]
    var effects: Effects
    /// What is known of topics; set before any group is.
    public weak var topics: (any TopicDirectory)?
    /// What a group sets itself, by Kafka's names.
    var configsOfGroup: (String) -> [String: String] = { _ in [:] }
    /// Counts the changes of topics that their members have to hear of.
    var topicsVersion: UInt64 = 0
    /// When the next search for expired offsets is due; nil before the first event.
    private var expiryDeadline: Int64?

    /// `uniqueSuffix` gives what follows the client id in a member id: a UUID from the broker's
    /// random source.
    public init(configuration: GroupConfiguration, uniqueSuffix: @escaping () -> String) {
        self.configuration = configuration
        effects = Effects(configuration: configuration, uniqueSuffix: uniqueSuffix)
    }

    /// A group's own setting, else the broker's.
    func setting(
        _ name: String, of group: String, _ brokers: Int32, within bounds: ClosedRange<Int32>
    ) -> Int32 {
        guard let own = configsOfGroup(group)[name].flatMap({ Int32($0) }) else { return brokers }
        return min(max(own, bounds.lowerBound), bounds.upperBound)
    }

    /// A JoinGroup request; answered at once or when the join phase ends.
    public func joined(
        _ request: JoinRequest, token: GroupToken, now: Int64
    ) -> [GroupAction] {
        begin(now)
        if let fault = fault(of: request) {
            return [.answerJoin(token, JoinResult(error: fault, memberID: request.memberID))]
        }
        if let group = groups[request.groupID], let modern = group.modern, !group.isDead {
            // A share group is one without members too: what it has done is kept.
            guard modern.kind == .consumer else {
                let refusal = JoinResult(
                    error: .inconsistentGroupProtocol, memberID: request.memberID)
                return [.answerJoin(token, refusal)]
            }
            if !modern.members.isEmpty { return classicJoined(request, token, group) }
            becomeEmptyClassicGroup(group)
        }
        guard let group = group(for: request) else {
            let full = request.memberID.isEmpty
            return [
                .answerJoin(
                    token,
                    JoinResult(
                        error: full ? .groupMaxSizeReached : .unknownMemberID,
                        memberID: request.memberID))
            ]
        }
        if !hasMemory(for: request, in: group) {
            group.refuse(token, .groupMaxSizeReached, "", &effects)
        } else if !group.hasRoom(for: request, effects) {
            group.remove(request.memberID, &effects)
            group.refuse(token, .groupMaxSizeReached, "", &effects)
            group.completeJoinIfAllJoined(&effects)
        } else if request.memberID.isEmpty {
            group.newMemberJoined(request, token, &effects)
        } else {
            group.knownMemberJoined(request, token, &effects)
        }
        return end(group)
    }

    /// Whether what the member says about itself may still be kept.
    private func hasMemory(for request: JoinRequest, in group: Group) -> Bool {
        let known = group.members[request.memberID]
        let isCounted = known != nil || group.pendingJoins[request.memberID] != nil
        let growth =
            GroupMember.bytes(of: request.protocols) + request.clientID.utf8.count
            - (known?.metadataBytes ?? 0)
        return group.metadataBytes + growth <= Limits.groupMetadataBytesMax
            && effects.metadataBytes + growth <= Limits.metadataBytesMax
            && (isCounted || effects.memberCount < Limits.membersMax)
    }

    private func fault(of request: JoinRequest) -> GroupError? {
        if let fault = faultOfGroupID(request.groupID) { return fault }
        if request.sessionTimeoutMilliseconds < configuration.sessionTimeoutMillisecondsMin
            || request.sessionTimeoutMilliseconds > configuration.sessionTimeoutMillisecondsMax
        {
            return .invalidSessionTimeout
        }
        let nameMax = Limits.groupNameBytesMax
        if let instanceID = request.instanceID,
            instanceID.isEmpty || instanceID.utf8.count > nameMax
        {
            return .invalidRequest
        }
        let names = Set(request.protocols.map(\.name))
        if request.protocolType.utf8.count > nameMax
            || request.protocols.count > Limits.protocolsPerMemberMax
            || names.count < request.protocols.count
            || names.contains(where: { $0.utf8.count > nameMax })
        {
            return .inconsistentGroupProtocol
        }
        return nil
    }

    /// Only a member without an id makes a group.
    private func group(for request: JoinRequest) -> Group? {
        if let group = groups[request.groupID] { return group }
        guard request.memberID.isEmpty, groups.count < Limits.groupsMax else { return nil }
        let group = Group(id: request.groupID)
        groups[request.groupID] = group
        return group
    }

    /// A SyncGroup request; answered when the leader's assignment is durable.
    public func synced(
        _ request: SyncRequest, token: GroupToken, now: Int64
    ) -> [GroupAction] {
        begin(now)
        if let fault = faultOfGroupID(request.groupID) {
            return [.answerSync(token, SyncResult(error: fault))]
        }
        guard let group = groups[request.groupID] else {
            return [.answerSync(token, SyncResult(error: .unknownMemberID))]
        }
        if group.modern != nil { return classicSynced(request, token, group) }
        group.synced(request, token, &effects)
        return end(group)
    }

    /// A Heartbeat request, answered at once. O(1), no allocation.
    public func heartbeat(
        groupID: String, identity: MemberIdentity, now: Int64
    ) -> GroupError? {
        begin(now)
        if let fault = faultOfGroupID(groupID) { return fault }
        guard let group = groups[groupID] else { return .unknownMemberID }
        if group.modern != nil { return classicHeartbeat(identity, group) }
        return group.heartbeat(identity, &effects)
    }

    /// A LeaveGroup request; answered when what it changed is durable.
    public func left(
        groupID: String, members: [LeavingMember], token: GroupToken, now: Int64
    ) -> [GroupAction] {
        begin(now)
        var result = LeaveResult(error: faultOfGroupID(groupID))
        guard result.error == nil else { return [.answerLeave(token, result)] }
        guard let group = groups[groupID] else {
            result.members = members.map {
                .init(memberID: $0.memberID, instanceID: $0.instanceID, error: .unknownMemberID)
            }
            return [.answerLeave(token, result)]
        }
        if case .dead = group.state {
            return [.answerLeave(token, LeaveResult(error: .coordinatorNotAvailable))]
        }
        for leaving in members {
            let error =
                group.modern == nil ? group.left(leaving, &effects) : classicLeft(leaving, group)
            result.members.append(
                .init(memberID: leaving.memberID, instanceID: leaving.instanceID, error: error))
        }
        if group.modern != nil {
            settle(group, .leave(token, result))
            return end(group)
        }
        switch group.state {
        case .stable, .completingRebalance:
            if result.members.contains(where: { $0.error == nil }) { group.rebalance(&effects) }
        case .preparingRebalance: group.completeJoinIfAllJoined(&effects)
        case .empty, .dead: break
        }
        effects.answerLeave(token, result)
        return end(group)
    }

    /// When `advance` is to be called; now and then a little early, which does no harm.
    public var nextDeadline: Int64? {
        switch (effects.deadlines.first?.deadline, expiryDeadline) {
        case (let first?, let expiry?): min(first, expiry)
        case (let first, let expiry): first ?? expiry
        }
    }

    /// The time has come to `now`: sessions, join phases and offsets that are due end.
    public func advance(now: Int64) -> [GroupAction] {
        begin(now)
        while let next = effects.deadlines.first, next.deadline <= now {
            _ = effects.deadlines.popFirst()
            ring(next)
        }
        if let expiryDeadline, now >= expiryDeadline {
            expireOffsets()
            let interval = configuration.offsetsRetentionCheckIntervalMilliseconds
            self.expiryDeadline = groups.isEmpty ? nil : now.saturatingAdd(interval)
        }
        return effects.takeActions()
    }

    private func ring(_ entry: DeadlineHeap<AlarmOwner>.Entry) {
        switch entry.owner {
        case .phase(let groupID):
            guard let group = groups[groupID], isDue(&group.phase, entry) else { return }
            group.phaseEnded(&effects)
        case .session(let groupID, let memberID):
            guard let group = groups[groupID] else { return }
            if let member = group.members[memberID] {
                guard isDue(&member.session, entry) else { return }
            } else if var alarm = group.pendingJoins[memberID] {
                let due = isDue(&alarm, entry)
                group.pendingJoins[memberID] = alarm
                guard due else { return }
            } else {
                return
            }
            group.sessionEnded(memberID, &effects)
            dropIfVacant(group)
        case .memberSession(let groupID, let memberID):
            guard let group = groups[groupID], let modern = group.modern,
                modern.members[memberID] != nil, var alarms = modern.alarms[memberID]
            else { return }
            let due = isDue(&alarms.session, entry)
            modern.alarms[memberID] = alarms
            if due { expire(memberID, group) }
        case .memberRebalance(let groupID, let memberID):
            guard let group = groups[groupID], let modern = group.modern,
                modern.members[memberID] != nil, var alarms = modern.alarms[memberID]
            else { return }
            let due = isDue(&alarms.rebalance, entry)
            modern.alarms[memberID] = alarms
            if due { expire(memberID, group) }
        }
    }

    /// Whether the alarm is due; one whose deadline has moved gets a new entry.
    private func isDue(_ alarm: inout Alarm, _ entry: DeadlineHeap<AlarmOwner>.Entry) -> Bool {
        guard alarm.armed == entry.deadline else { return false }
        alarm.armed = nil
        guard let deadline = alarm.deadline else { return false }
        guard deadline > effects.now else {
            alarm.deadline = nil
            return true
        }
        alarm.armed = deadline
        effects.deadlines.push(.init(deadline: deadline, owner: entry.owner))
        return false
    }

    func begin(_ now: Int64) {
        effects.now = now
        effects.lastWrite = nil
        if expiryDeadline == nil {
            expiryDeadline = now.saturatingAdd(
                configuration.offsetsRetentionCheckIntervalMilliseconds)
        }
    }

    func end(_ group: Group) -> [GroupAction] {
        dropIfVacant(group)
        let living = effects.memberCount + groups.count
        if effects.deadlines.count > 2 * living + Limits.staleDeadlinesMax {
            effects.deadlines.filter { isLive($0) }
        }
        return effects.takeActions()
    }

    private func isLive(_ entry: DeadlineHeap<AlarmOwner>.Entry) -> Bool {
        switch entry.owner {
        case .phase(let groupID): groups[groupID]?.phase.armed == entry.deadline
        case .session(let groupID, let memberID):
            groups[groupID]?.members[memberID]?.session.armed == entry.deadline
                || groups[groupID]?.pendingJoins[memberID]?.armed == entry.deadline
        case .memberSession(let groupID, let memberID):
            groups[groupID]?.modern?.alarms[memberID]?.session.armed == entry.deadline
        case .memberRebalance(let groupID, let memberID):
            groups[groupID]?.modern?.alarms[memberID]?.rebalance.armed == entry.deadline
        }
    }

    /// A group that has nothing and never wrote anything leaves no trace.
    func dropIfVacant(_ group: Group) {
        if group.isVacant, groups[group.id] === group { groups[group.id] = nil }
    }

    func faultOfGroupID(_ groupID: String) -> GroupError? {
        groupID.isEmpty || groupID.utf8.count > Limits.groupNameBytesMax ? .invalidGroupID : nil
    }
}
