// Classic members of a consumer group: JoinGroup, SyncGroup, Heartbeat and LeaveGroup while a group
// moves from one protocol to the other (KIP-848, "online migration").
extension GroupCoordinator {
    /// JoinGroup: the member gets its epoch for a generation and is nobody's leader.
    func classicJoined(
        _ request: JoinRequest, _ token: GroupToken, _ group: Group
    ) -> [GroupAction] {
        do throws(GroupRefusal) {
            let result = try join(request, group)
            settle(group, .join(token, result))
        } catch {
            effects.actions.append(
                .answerJoin(
                    token,
                    JoinResult(
                        error: error.error,
                        memberID: error.error == .memberIDRequired
                            ? error.message ?? "" : request.memberID)))
            settle(group, .nothing)
        }
        return end(group)
    }

    private func join(_ request: JoinRequest, _ group: Group) throws(GroupRefusal) -> JoinResult {
        guard let modern = group.modern else { throw GroupRefusal(.coordinatorNotAvailable) }
        guard request.protocolType == "consumer", let first = request.protocols.first,
            let subscription = ConsumerSubscription.decode(first.metadata)
        else { throw GroupRefusal(.inconsistentGroupProtocol) }
        let classics = modern.members.values.compactMap { $0.id == request.memberID ? nil : $0 }
            .compactMap(\.classic)
        let isCommon = request.protocols.contains { offer in
            classics.allSatisfy { $0.protocols.contains { $0.name == offer.name } }
        }
        guard isCommon else { throw GroupRefusal(.inconsistentGroupProtocol) }
        var member = try memberForJoin(request, modern)
        let before = modern.members[member.id]
        member.rackID = subscription.rackID
        member.clientID = request.clientID
        member.clientHost = request.clientHost
        member.topics = Set(subscription.topics).sorted()
        member.pattern = nil
        member.assignor = nil
        member.rebalanceTimeout = request.rebalanceTimeoutMilliseconds
        member.classic = .init(
            sessionTimeout: request.sessionTimeoutMilliseconds, protocols: request.protocols)
        try checkMemory(member, before, modern)
        if before == nil { effects.memberCount += 1 }
        modern.put(member)
        refresh(group, subscriptionChanged: before.map { !$0.subscribesAlike(member) } ?? true)
        let owned = topics.map { TopicShares(subscription.owned, $0) } ?? TopicShares()
        member = reconcile(member, owned: owned, group)
        armSession(of: member, group)
        armRebalance(of: member, group)
        if becomeClassicIfPossible(group) {
            // The group is a classic one again: the member joins that.
            throw GroupRefusal(.rebalanceInProgress)
        }
        var result = JoinResult(error: nil, memberID: member.id)
        result.generation = member.epoch
        result.protocolType = "consumer"
        result.protocolName = first.name
        return result
    }

    private func memberForJoin(
        _ request: JoinRequest, _ modern: ConsumerGroup
    ) throws(GroupRefusal) -> ConsumerMember {
        try checkRoom(for: request.memberID, instanceID: request.instanceID, in: modern)
        if let instanceID = request.instanceID {
            if let existing = modern.staticMembers[instanceID].flatMap({ modern.members[$0] }) {
                if existing.id == request.memberID { return existing }
                guard request.memberID.isEmpty else { throw fenced(instanceID) }
                guard existing.classic != nil || existing.isAway else {
                    throw GroupRefusal(.unreleasedInstanceID)
                }
                var member = replace(existing, with: newID(for: request), modern)
                member.epoch = max(0, existing.epoch)
                return member
            }
            guard request.memberID.isEmpty else { throw unknown(instanceID: instanceID) }
            var member = ConsumerMember(id: newID(for: request))
            member.instanceID = instanceID
            return member
        }
        if request.memberID.isEmpty {
            let id = newID(for: request)
            guard !request.requiresKnownMemberID else { throw GroupRefusal(.memberIDRequired, id) }
            return ConsumerMember(id: id)
        }
        if let known = modern.members[request.memberID] { return known }
        // It comes back with the id it was given.
        guard request.requiresKnownMemberID else { throw unknown(request.memberID) }
        return ConsumerMember(id: request.memberID)
    }

    private func newID(for request: JoinRequest) -> String {
        let owner = (request.instanceID ?? request.clientID).utf8
        let prefix = String(decoding: owner.prefix(Limits.memberIDPrefixBytesMax), as: UTF8.self)
        return "\(prefix)-\(effects.uniqueSuffix())"
    }

    /// SyncGroup: what the member was assigned, as a leader would have written it.
    func classicSynced(
        _ request: SyncRequest, _ token: GroupToken, _ group: Group
    ) -> [GroupAction] {
        do throws(GroupRefusal) {
            let member = try classicMember(request.identity, group)
            let offered = member.classic?.protocols.first?.name
            if let type = request.protocolType, type != "consumer" {
                throw GroupRefusal(.inconsistentGroupProtocol)
            }
            if let name = request.protocolName, name != offered {
                throw GroupRefusal(.inconsistentGroupProtocol)
            }
            group.modern?.alarms[member.id]?.rebalance.deadline = nil
            armSession(of: member, group)
            if let modern = group.modern, modern.epoch > member.epoch, member.state != .unrevoked {
                armRebalance(of: member, group)
                throw GroupRefusal(.rebalanceInProgress)
            }
            var result = SyncResult(error: nil)
            result.protocolType = "consumer"
            result.protocolName = offered
            if let topics {
                result.assignment = ConsumerAssignmentBlob.encode(member.assigned, topics)
            }
            settle(group, .sync(token, result))
        } catch {
            effects.actions.append(.answerSync(token, SyncResult(error: error.error)))
        }
        return end(group)
    }

    private func classicMember(
        _ identity: MemberIdentity, _ group: Group
    ) throws(GroupRefusal) -> ConsumerMember {
        guard let modern = group.modern else { throw GroupRefusal(.coordinatorNotAvailable) }
        if let instanceID = identity.instanceID {
            guard let current = modern.staticMembers[instanceID] else {
                throw unknown(instanceID: instanceID)
            }
            if current != identity.memberID { throw fenced(instanceID) }
        }
        guard let member = modern.members[identity.memberID], member.classic != nil else {
            throw unknown(identity.memberID)
        }
        if member.epoch != identity.generation { throw GroupRefusal(.illegalGeneration) }
        return member
    }

    /// Heartbeat: tells the member to join again when its share changes.
    func classicHeartbeat(_ identity: MemberIdentity, _ group: Group) -> GroupError? {
        do throws(GroupRefusal) {
            let member = try classicMember(identity, group)
            guard let modern = group.modern else { return .coordinatorNotAvailable }
            armSession(of: member, group)
            let isBehind =
                member.epoch < modern.epoch || topicsHaveChanged(modern)
                || member.state == .unrevoked
                || (member.state == .unreleased && !modern.isWaiting(member))
            guard isBehind else { return nil }
            if modern.alarms[member.id]?.rebalance.deadline == nil {
                armRebalance(of: member, group)
            }
            return .rebalanceInProgress
        } catch {
            return error.error
        }
    }

    /// LeaveGroup of one member, whichever protocol it came by.
    func classicLeft(_ leaving: LeavingMember, _ group: Group) -> GroupError? {
        guard let modern = group.modern else { return .coordinatorNotAvailable }
        var memberID = leaving.memberID
        if let instanceID = leaving.instanceID {
            guard let current = modern.staticMembers[instanceID] else { return .unknownMemberID }
            if !memberID.isEmpty, memberID != current { return .fencedInstanceID }
            memberID = current
        }
        guard modern.members[memberID] != nil else { return .unknownMemberID }
        remove(memberID, group)
        return nil
    }
}
