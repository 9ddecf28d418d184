// ShareGroupHeartbeat (KIP-932): members of a share group get all partitions of what they read.
extension GroupCoordinator {
    /// A ShareGroupHeartbeat request; answered when what it changed is durable.
    public func shareHeartbeat(
        _ request: ConsumerHeartbeat, token: GroupToken, now: Int64
    ) -> [GroupAction] {
        begin(now)
        do throws(GroupRefusal) {
            try checkShare(request)
            let group = try shareGroup(request)
            let result =
                request.memberEpoch == ConsumerMember.leaveEpoch
                ? try leaveShare(request, group) : try keepShare(request, group)
            settle(group, .heartbeat(token, result))
            return end(group)
        } catch {
            let result = ConsumerHeartbeatResult(error, memberID: request.memberID)
            effects.actions.append(.answerHeartbeat(token, result))
            if let group = groups[request.groupID] { return end(group) }
            return effects.takeActions()
        }
    }

    private func checkShare(_ request: ConsumerHeartbeat) throws(GroupRefusal) {
        if request.groupID.isEmpty || request.groupID.utf8.count > Limits.groupNameBytesMax {
            throw GroupRefusal(.invalidRequest, "GroupId can't be empty.")
        }
        if request.memberID.isEmpty || request.memberID.utf8.count > Limits.groupNameBytesMax {
            throw GroupRefusal(.invalidRequest, "MemberId can't be empty.")
        }
        if request.rackID == "" { throw GroupRefusal(.invalidRequest, "RackId can't be empty.") }
        if request.memberEpoch < ConsumerMember.leaveEpoch {
            throw GroupRefusal(.invalidRequest, "MemberEpoch is invalid.")
        }
        if request.memberEpoch == 0, request.topics?.isEmpty ?? true {
            throw GroupRefusal(
                .invalidRequest, "SubscribedTopicNames must be set in first request.")
        }
        if (request.topics?.count ?? 0) > Limits.topicsPerMemberMax {
            throw GroupRefusal(.invalidRequest, "Too many topics are subscribed to.")
        }
    }

    private func shareGroup(_ request: ConsumerHeartbeat) throws(GroupRefusal) -> Group {
        if let group = groups[request.groupID] {
            if case .dead = group.state { throw GroupRefusal(.coordinatorNotAvailable) }
            guard group.modern?.kind == .share else {
                throw GroupRefusal(
                    .groupIDNotFound, "Group \(request.groupID) is not a share group.")
            }
            return group
        }
        guard request.memberEpoch == 0 else {
            throw GroupRefusal(
                request.memberEpoch < 0 ? .groupIDNotFound : .unknownMemberID,
                "Group \(request.groupID) not found.")
        }
        guard groups.count < Limits.groupsMax else { throw GroupRefusal(.groupMaxSizeReached) }
        let group = Group(id: request.groupID)
        group.modern = ConsumerGroup(.share)
        groups[request.groupID] = group
        return group
    }

    /// Makes a share group that nobody has joined yet, unless there is one; answered when it is
    /// durable.
    func shareGroupMade(_ groupID: String, token: GroupToken, now: Int64) -> [GroupAction] {
        begin(now)
        var request = ConsumerHeartbeat(
            groupID: groupID, memberID: "", memberEpoch: 0, clientID: "", clientHost: "")
        request.topics = []
        do throws(GroupRefusal) {
            if faultOfGroupID(groupID) != nil {
                throw GroupRefusal(.invalidGroupID, "The name is no group's.")
            }
            let group = try shareGroup(request)
            if group.modern?.epoch == 0 { refresh(group, subscriptionChanged: true) }
            settle(group, .heartbeat(token, ConsumerHeartbeatResult(memberID: "", memberEpoch: 0)))
            return end(group)
        } catch {
            effects.actions.append(
                .answerHeartbeat(token, ConsumerHeartbeatResult(error, memberID: "")))
            return effects.takeActions()
        }
    }

    private func leaveShare(
        _ request: ConsumerHeartbeat, _ group: Group
    ) throws(GroupRefusal) -> ConsumerHeartbeatResult {
        guard group.modern?.members[request.memberID] != nil else {
            throw unknown(request.memberID)
        }
        remove(request.memberID, group)
        return ConsumerHeartbeatResult(
            memberID: request.memberID, memberEpoch: request.memberEpoch)
    }

    private func keepShare(
        _ request: ConsumerHeartbeat, _ group: Group
    ) throws(GroupRefusal) -> ConsumerHeartbeatResult {
        guard let modern = group.modern else { throw GroupRefusal(.groupIDNotFound) }
        try checkRoom(for: request.memberID, instanceID: nil, in: modern)
        let before = modern.members[request.memberID]
        guard before != nil || request.memberEpoch == 0 else { throw unknown(request.memberID) }
        if let before, request.memberEpoch != 0, request.memberEpoch != before.epoch,
            request.memberEpoch != before.previousEpoch
        {
            throw GroupRefusal(
                .fencedMemberEpoch,
                "The share group member has another member epoch (\(request.memberEpoch)) than "
                    + "the one known by the group coordinator (\(before.epoch)).")
        }
        var member = before ?? ConsumerMember(id: request.memberID)
        if let topics = request.topics { member.topics = Set(topics).sorted() }
        if let rackID = request.rackID { member.rackID = rackID }
        member.clientID = request.clientID
        member.clientHost = request.clientHost
        try checkMemory(member, before, modern)
        if before == nil { effects.memberCount += 1 }
        modern.put(member)
        refresh(group, subscriptionChanged: before.map { !$0.subscribesAlike(member) } ?? true)
        if member.epoch != modern.targetEpoch { member.advance(to: modern.targetEpoch) }
        member.assigned = modern.target[member.id] ?? TopicShares()
        modern.put(member)
        armSession(of: member, group)
        var result = ConsumerHeartbeatResult(memberID: member.id, memberEpoch: member.epoch)
        result.heartbeatMilliseconds = setting(
            "share.heartbeat.interval.ms", of: group.id, configuration.shareHeartbeatMilliseconds,
            within: configuration.shareHeartbeatBounds)
        if request.memberEpoch == 0 || request.topics != nil || before?.assigned != member.assigned
        {
            result.assignment = member.assigned
        }
        return result
    }
}
