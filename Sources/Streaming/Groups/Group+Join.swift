// JoinGroup: who comes into the next generation.
extension Group {
    /// A join of a member without an id.
    func newMemberJoined(_ request: JoinRequest, _ token: GroupToken, _ effects: inout Effects) {
        if case .dead = state { return refuse(token, .coordinatorNotAvailable, "", &effects) }
        guard supports(type: request.protocolType, request.protocols) else {
            return refuse(token, .inconsistentGroupProtocol, "", &effects)
        }
        let memberID = newMemberID(for: request, &effects)
        if let instanceID = request.instanceID {
            if let old = staticMembers[instanceID].flatMap({ members[$0] }) {
                return replace(old, with: memberID, request, token, &effects)
            }
            return admit(memberID, request, token, &effects)
        }
        guard request.requiresKnownMemberID else {
            return admit(memberID, request, token, &effects)
        }
        guard pendingJoins.count < Limits.pendingMembersPerGroupMax else {
            return refuse(token, .groupMaxSizeReached, "", &effects)
        }
        var alarm = Alarm()
        effects.arm(
            &alarm, after: Int64(request.sessionTimeoutMilliseconds),
            .session(group: id, member: memberID))
        pendingJoins[memberID] = alarm
        effects.memberCount += 1
        refuse(token, .memberIDRequired, memberID, &effects)
    }

    /// A join of a member that names its id.
    func knownMemberJoined(_ request: JoinRequest, _ token: GroupToken, _ effects: inout Effects) {
        let memberID = request.memberID
        if case .dead = state { return refuse(token, .coordinatorNotAvailable, memberID, &effects) }
        guard supports(type: request.protocolType, request.protocols) else {
            return refuse(token, .inconsistentGroupProtocol, memberID, &effects)
        }
        if pendingJoins[memberID] != nil, request.instanceID == nil {
            return admit(memberID, request, token, &effects)
        }
        if let fault = faultOfMember(memberID, instanceID: request.instanceID) {
            return refuse(token, fault, memberID, &effects)
        }
        guard let member = members[memberID] else { return }
        let unchanged = member.protocols == request.protocols
        switch state {
        case .preparingRebalance:
            rejoin(member, request, token, &effects)
        case .completingRebalance:
            // Unchanged: it did not get the answer to its join, so it gets it again.
            guard unchanged else { return rejoin(member, request, token, &effects) }
            effects.actions.append(.answerJoin(token, joined(member)))
        case .stable:
            // The leader's join means that what it assigned is not right any more, though its
            // metadata may be as before (a topic got partitions).
            guard unchanged, leader != memberID else {
                return rejoin(member, request, token, &effects)
            }
            effects.actions.append(.answerJoin(token, joined(member)))
        case .empty, .dead:
            refuse(token, .unknownMemberID, memberID, &effects)
        }
    }

    /// Whether there is room for this join (`group.max.size`). A static member that comes back
    /// under a new id takes the place it had.
    func hasRoom(for request: JoinRequest, _ effects: Effects) -> Bool {
        let sizeMax = effects.configuration.groupSizeMax
        let memberID = request.instanceID.flatMap { staticMembers[$0] } ?? request.memberID
        let member = members[memberID]
        switch state {
        case .empty, .dead: return true
        case .preparingRebalance:
            // Those that wait are counted, not all: the last ones to rejoin are the ones to go.
            if member?.joinToken != nil { return true }
            guard awaitingJoinCount + staticMembers.count >= sizeMax else { return true }
            // Static members keep their places while they are away.
            let away = staticMembers.values.count {
                $0 != memberID && members[$0]?.joinToken == nil
            }
            return awaitingJoinCount + away < sizeMax
        case .completingRebalance, .stable:
            return member != nil || members.count < sizeMax
        }
    }

    func refuse(
        _ token: GroupToken, _ error: GroupError, _ memberID: String, _ effects: inout Effects
    ) {
        effects.actions.append(.answerJoin(token, JoinResult(error: error, memberID: memberID)))
    }

    private func newMemberID(for request: JoinRequest, _ effects: inout Effects) -> String {
        let owner = (request.instanceID ?? request.clientID).utf8
        let prefix = String(decoding: owner.prefix(Limits.memberIDPrefixBytesMax), as: UTF8.self)
        return "\(prefix)-\(effects.uniqueSuffix())"
    }

    private func admit(
        _ memberID: String, _ request: JoinRequest, _ token: GroupToken, _ effects: inout Effects
    ) {
        let member = GroupMember(
            id: memberID, instanceID: request.instanceID, clientID: request.clientID,
            clientHost: request.clientHost, ordinal: takeOrdinal(),
            sessionTimeout: request.sessionTimeoutMilliseconds,
            rebalanceTimeout: request.rebalanceTimeoutMilliseconds, protocols: request.protocols)
        member.isNew = true
        member.joinToken = token
        if members.isEmpty { protocolType = request.protocolType }
        add(member, &effects)
        effects.arm(
            &member.session, after: effects.configuration.newMemberJoinTimeoutMilliseconds,
            .session(group: id, member: memberID))
        if case .preparingRebalance(var initial?) = state {
            initial.memberAdded = true
            state = .preparingRebalance(initial)
        }
        rebalance(&effects)
    }

    private func rejoin(
        _ member: GroupMember, _ request: JoinRequest, _ token: GroupToken,
        _ effects: inout Effects
    ) {
        update(member, from: request, &effects)
        park(token, of: member, &effects)
        rebalance(&effects)
    }

    /// A static member comes back under a new id (KIP-345): the old id is fenced at once.
    private func replace(
        _ old: GroupMember, with memberID: String, _ request: JoinRequest, _ token: GroupToken,
        _ effects: inout Effects
    ) {
        answerJoin(of: old, JoinResult(error: .fencedInstanceID, memberID: old.id), &effects)
        answerSync(of: old, SyncResult(error: .fencedInstanceID), &effects)
        let member = GroupMember(
            id: memberID, instanceID: old.instanceID, clientID: request.clientID,
            clientHost: request.clientHost, ordinal: old.ordinal,
            sessionTimeout: request.sessionTimeoutMilliseconds,
            rebalanceTimeout: request.rebalanceTimeoutMilliseconds, protocols: request.protocols)
        member.assignment = old.assignment
        let wasLeader = leader == old.id
        remove(old.id, &effects)
        add(member, &effects)
        if wasLeader { leader = memberID }
        effects.armSession(of: member, in: self)
        park(token, of: member, &effects)
        switch state {
        case .stable:
            // A change of the protocol would leave the assignment meaningless.
            guard electProtocol() == protocolName else { return rebalance(&effects) }
            keepGeneration(member, oldID: old.id, wasLeader: wasLeader, request, token, &effects)
        case .completingRebalance:
            // The leader may be assigning to the old id.
            prepareRebalance(&effects)
        case .preparingRebalance:
            completeJoinIfAllJoined(&effects)
        case .empty, .dead:
            preconditionFailure("a group without members has a static member")
        }
    }

    /// The answer to a replaced static member of a stable group, when its new id is durable.
    private func keepGeneration(
        _ member: GroupMember, oldID: String, wasLeader: Bool, _ request: JoinRequest,
        _ token: GroupToken, _ effects: inout Effects
    ) {
        var result = joined(member, skipAssignment: wasLeader)
        if !request.supportsSkippingAssignment {
            // Clients before KIP-814 would assign if they took themselves for the leader.
            result.skipAssignment = false
            result.members = []
            if wasLeader { result.leader = oldID }
        }
        let value = metadata(assigning: members.mapValues(\.assignment)).bytes
        effects.write(metadataWrite(value, then: .replacement(token, result)))
    }
}
