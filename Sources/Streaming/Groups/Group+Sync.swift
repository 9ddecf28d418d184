// SyncGroup and Heartbeat: the leader's assignment reaches the members, and they stay alive.
extension Group {
    func synced(_ request: SyncRequest, _ token: GroupToken, _ effects: inout Effects) {
        if let fault = fault(of: request) {
            effects.actions.append(.answerSync(token, SyncResult(error: fault)))
            return
        }
        guard let member = members[request.identity.memberID] else { return }
        switch state {
        case .empty, .dead, .preparingRebalance:
            effects.actions.append(.answerSync(token, SyncResult(error: .rebalanceInProgress)))
        case .completingRebalance(let isAssigned):
            answerSync(of: member, SyncResult(error: .rebalanceInProgress), &effects)
            member.syncToken = token
            pendingSyncs.remove(member.id)
            // A second assignment, of a leader that asks again, must not reach the log after the
            // first has been told.
            if leader == member.id, !isAssigned { assigned(request, &effects) }
        case .stable:
            pendingSyncs.remove(member.id)
            effects.actions.append(.answerSync(token, assignment(of: member)))
        }
    }

    private func fault(of request: SyncRequest) -> GroupError? {
        if case .dead = state { return .coordinatorNotAvailable }
        if let fault = fault(of: request.identity) { return fault }
        if let type = request.protocolType, type != protocolType {
            return .inconsistentGroupProtocol
        }
        if let name = request.protocolName, name != protocolName {
            return .inconsistentGroupProtocol
        }
        return nil
    }

    private func assignment(of member: GroupMember) -> SyncResult {
        var result = SyncResult(error: nil)
        result.protocolType = protocolType
        result.protocolName = protocolName
        result.assignment = member.assignment
        return result
    }

    /// The leader's assignment is written first, then told: a generation that members work in
    /// outlives a crash.
    private func assigned(_ request: SyncRequest, _ effects: inout Effects) {
        var assignments: [String: [UInt8]] = [:]
        for (memberID, assignment) in request.assignments where members[memberID] != nil {
            assignments[memberID] = assignment
        }
        let value = metadata(assigning: assignments).bytes
        guard value.count <= Limits.groupRecordBytesMax else {
            spread(.unknownServerError, &effects)
            return rebalance(&effects)
        }
        state = .completingRebalance(isAssigned: true)
        effects.write(
            metadataWrite(
                value, then: .assignment(generation: generation, assignments)))
    }

    /// The assignment of `generation` is durable, or failed to be. If the group has gone on, that
    /// does not matter any more.
    func assignmentWritten(
        _ generation: Int32, _ assignments: [String: [UInt8]], error: GroupError?,
        _ effects: inout Effects
    ) {
        guard case .completingRebalance = state, generation == self.generation else { return }
        if let error {
            spread(error, &effects)
            return rebalance(&effects)
        }
        enter(.stable, &effects)
        for member in orderedMembers {
            member.assignment = assignments[member.id] ?? []
            guard member.syncToken != nil else { continue }
            answerSync(of: member, assignment(of: member), &effects)
            // Its session may have ended unheeded while it waited.
            effects.armSession(of: member, in: self)
        }
    }

    /// Ends this generation's syncs with an error.
    func spread(_ error: GroupError, _ effects: inout Effects) {
        for member in orderedMembers {
            member.assignment = []
            guard member.syncToken != nil else { continue }
            answerSync(of: member, SyncResult(error: error), &effects)
            effects.armSession(of: member, in: self)
        }
    }

    /// A static member's new id is durable. If the group has begun to rebalance meanwhile, the join
    /// is a part of that and is answered at its end.
    func replacementWritten(
        _ token: GroupToken, _ result: JoinResult, error: GroupError?, _ effects: inout Effects
    ) {
        guard let member = members[result.memberID], member.joinToken == token else { return }
        if let error {
            answerJoin(of: member, JoinResult(error: error, memberID: ""), &effects)
        } else if case .stable = state, generation == result.generation {
            answerJoin(of: member, result, &effects)
        } else {
            return
        }
        effects.armSession(of: member, in: self)
    }

    func heartbeat(_ identity: MemberIdentity, _ effects: inout Effects) -> GroupError? {
        if case .dead = state { return .coordinatorNotAvailable }
        if let fault = fault(of: identity) { return fault }
        guard let member = members[identity.memberID] else { return .unknownMemberID }
        effects.armSession(of: member, in: self)
        switch state {
        case .empty, .dead: return .unknownMemberID
        case .preparingRebalance: return .rebalanceInProgress
        case .completingRebalance, .stable: return nil
        }
    }

    /// LeaveGroup of one member.
    func left(_ leaving: LeavingMember, _ effects: inout Effects) -> GroupError? {
        var memberID = leaving.memberID
        if memberID.isEmpty {
            guard let current = leaving.instanceID.flatMap({ staticMembers[$0] }) else {
                return .unknownMemberID
            }
            memberID = current
        } else if pendingJoins[memberID] == nil {
            if let fault = faultOfMember(memberID, instanceID: leaving.instanceID) { return fault }
        }
        remove(memberID, &effects)
        return nil
    }
}
