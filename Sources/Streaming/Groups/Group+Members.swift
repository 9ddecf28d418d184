// Who is in the group, and what they have in common.
extension Group {
    func add(_ member: GroupMember, _ effects: inout Effects) {
        members[member.id] = member
        if let instanceID = member.instanceID { staticMembers[instanceID] = member.id }
        if leader == nil { leader = member.id }
        if pendingJoins.removeValue(forKey: member.id) == nil { effects.memberCount += 1 }
        if member.joinToken != nil { awaitingJoinCount += 1 }
        count(member, by: 1, &effects)
    }

    /// Takes a member or a waiting id out and answers what it still waits for.
    func remove(_ memberID: String, _ effects: inout Effects) {
        if pendingJoins.removeValue(forKey: memberID) != nil { effects.memberCount -= 1 }
        pendingSyncs.remove(memberID)
        guard let member = members[memberID] else { return }
        answerJoin(of: member, JoinResult(error: .unknownMemberID, memberID: ""), &effects)
        answerSync(of: member, SyncResult(error: .unknownMemberID), &effects)
        members[memberID] = nil
        effects.memberCount -= 1
        count(member, by: -1, &effects)
        if let instanceID = member.instanceID, staticMembers[instanceID] == memberID {
            staticMembers[instanceID] = nil
        }
        if leader == memberID { leader = members.values.min { $0.ordinal < $1.ordinal }?.id }
    }

    /// What a member says about itself when it joins again.
    func update(_ member: GroupMember, from request: JoinRequest, _ effects: inout Effects) {
        count(member, by: -1, &effects)
        member.protocols = request.protocols
        member.sessionTimeout = request.sessionTimeoutMilliseconds
        member.rebalanceTimeout = max(0, request.rebalanceTimeoutMilliseconds)
        count(member, by: 1, &effects)
    }

    /// Parks a join. One that the same member parked before is told to come again: its connection
    /// is gone, or its client sent two.
    func park(_ token: GroupToken, of member: GroupMember, _ effects: inout Effects) {
        answerJoin(
            of: member, JoinResult(error: .rebalanceInProgress, memberID: member.id), &effects)
        member.joinToken = token
        awaitingJoinCount += 1
    }

    func answerJoin(of member: GroupMember, _ result: JoinResult, _ effects: inout Effects) {
        guard let token = member.joinToken else { return }
        member.joinToken = nil
        awaitingJoinCount -= 1
        effects.actions.append(.answerJoin(token, result))
    }

    func answerSync(of member: GroupMember, _ result: SyncResult, _ effects: inout Effects) {
        guard let token = member.syncToken else { return }
        member.syncToken = nil
        effects.actions.append(.answerSync(token, result))
    }

    /// The answer that lets a member go on with the present generation.
    func joined(_ member: GroupMember, skipAssignment: Bool = false) -> JoinResult {
        var result = JoinResult(error: nil, memberID: member.id)
        result.generation = generation
        result.protocolType = protocolType
        result.protocolName = protocolName
        result.leader = leader ?? ""
        result.skipAssignment = skipAssignment
        if leader == member.id {
            result.members = orderedMembers.map {
                JoinResult.Member(
                    memberID: $0.id, instanceID: $0.instanceID,
                    metadata: $0.metadata(for: protocolName))
            }
        }
        return result
    }

    /// Adds a member's protocols and bytes (1), or takes them away (-1).
    private func count(_ member: GroupMember, by change: Int, _ effects: inout Effects) {
        metadataBytes += change * member.metadataBytes
        effects.metadataBytes += change * member.metadataBytes
        for offered in member.protocols {
            let count = (protocolCounts[offered.name] ?? 0) + change
            protocolCounts[offered.name] = count == 0 ? nil : count
        }
    }

    /// Whether a member with these protocols could talk to all the others.
    func supports(type: String, _ protocols: [GroupProtocol]) -> Bool {
        if members.isEmpty, case .empty = state { return !type.isEmpty && !protocols.isEmpty }
        guard !members.isEmpty else {
            // The last member has left while ids were handed out; the type stays.
            return type == protocolType && !protocols.isEmpty
        }
        return type == protocolType
            && protocols.contains { protocolCounts[$0.name] == members.count }
    }

    /// Each member votes for the first of its protocols that all have; the leader's liking decides
    /// between equals.
    func electProtocol() -> String? {
        var votes: [String: Int] = [:]
        for member in members.values {
            let choice = member.protocols.first { protocolCounts[$0.name] == members.count }
            if let choice { votes[choice.name, default: 0] += 1 }
        }
        let most = votes.values.max()
        let chosen = leader.flatMap { members[$0] }?.protocols.first { votes[$0.name] == most }
        return chosen?.name ?? votes.filter { $0.value == most }.keys.min()
    }
}
