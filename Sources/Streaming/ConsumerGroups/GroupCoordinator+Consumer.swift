import Records

// ConsumerGroupHeartbeat (KIP-848): members join, follow their targets, and leave.
extension GroupCoordinator {
    /// A ConsumerGroupHeartbeat request; answered when what it changed is durable.
    public func consumerHeartbeat(
        _ request: ConsumerHeartbeat, token: GroupToken, now: Int64
    ) -> [GroupAction] {
        begin(now)
        do throws(GroupRefusal) {
            try check(request)
            let group: Group
            let result: ConsumerHeartbeatResult
            switch request.memberEpoch {
            case ConsumerMember.leaveEpoch, ConsumerMember.awayEpoch:
                group = try consumerGroup(request.groupID)
                result = try leave(request, group)
            default:
                group = try groupForHeartbeat(request)
                result = try keep(request, group)
            }
            settle(group, .heartbeat(token, result))
            return end(group)
        } catch {
            let result = ConsumerHeartbeatResult(error, memberID: request.memberID)
            effects.actions.append(.answerHeartbeat(token, result))
            if let group = groups[request.groupID] {
                settle(group, .nothing)
                return end(group)
            }
            return effects.takeActions()
        }
    }

    private func check(_ request: ConsumerHeartbeat) throws(GroupRefusal) {
        if request.groupID.isEmpty || request.groupID.utf8.count > Limits.groupNameBytesMax {
            throw GroupRefusal(.invalidRequest, "GroupId can't be empty.")
        }
        let mayLackID = !request.requiresMemberID && request.memberEpoch == 0
        if request.memberID.isEmpty, !mayLackID {
            throw GroupRefusal(.invalidRequest, "MemberId can't be empty.")
        }
        let texts = [request.memberID, request.instanceID ?? "", request.rackID ?? ""]
        if texts.contains(where: { $0.utf8.count > Limits.groupNameBytesMax }) {
            throw GroupRefusal(.invalidRequest, "An id is too long.")
        }
        if request.instanceID == "" {
            throw GroupRefusal(.invalidRequest, "InstanceId can't be empty.")
        }
        if request.rackID == "" { throw GroupRefusal(.invalidRequest, "RackId can't be empty.") }
        switch request.memberEpoch {
        case 0: try checkJoin(request)
        case 1..., ConsumerMember.leaveEpoch: break
        case ConsumerMember.awayEpoch:
            if request.instanceID == nil {
                throw GroupRefusal(.invalidRequest, "InstanceId can't be null.")
            }
        default: throw GroupRefusal(.invalidRequest, "MemberEpoch is invalid.")
        }
        if let assignor = request.assignor, !configuration.assignors.contains(assignor) {
            let known = configuration.assignors.joined(separator: ", ")
            throw GroupRefusal(
                .unsupportedAssignor,
                "ServerAssignor \(assignor) is not supported. Supported assignors: \(known).")
        }
        if (request.topics?.count ?? 0) > Limits.topicsPerMemberMax {
            throw GroupRefusal(.invalidRequest, "Too many topics are subscribed to.")
        }
    }

    private func checkJoin(_ request: ConsumerHeartbeat) throws(GroupRefusal) {
        if request.rebalanceTimeoutMilliseconds == -1 {
            throw GroupRefusal(
                .invalidRequest, "RebalanceTimeoutMs must be provided in first request.")
        }
        if request.owned?.isEmpty != true {
            throw GroupRefusal(
                .invalidRequest, "TopicPartitions must be empty when (re-)joining.")
        }
        if request.topics == nil, request.pattern == nil {
            throw GroupRefusal(
                .invalidRequest,
                "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when "
                    + "(re-)joining.")
        }
    }

    /// The group as one of consumers that has members, or can have.
    private func consumerGroup(_ groupID: String) throws(GroupRefusal) -> Group {
        guard let group = groups[groupID], group.modern?.kind == .consumer else {
            throw GroupRefusal(.groupIDNotFound, "Group \(groupID) not found.")
        }
        return group
    }

    /// The group of a heartbeat. One that joins makes it, or turns a classic one into it.
    private func groupForHeartbeat(_ request: ConsumerHeartbeat) throws(GroupRefusal) -> Group {
        guard let group = groups[request.groupID] else {
            guard request.memberEpoch == 0 else {
                // A server that has lost its state (--ephemeral) must not end its consumers.
                throw GroupRefusal(
                    .unknownMemberID, "Group \(request.groupID) not found: join it again.")
            }
            guard groups.count < Limits.groupsMax else { throw GroupRefusal(.groupMaxSizeReached) }
            let group = Group(id: request.groupID)
            group.modern = ConsumerGroup(.consumer)
            groups[request.groupID] = group
            return group
        }
        if case .dead = group.state { throw GroupRefusal(.coordinatorNotAvailable) }
        if let modern = group.modern {
            if modern.kind == .consumer { return group }
            // Without members too: what a share group has done is kept.
            throw GroupRefusal(
                .groupIDNotFound, "Group \(request.groupID) is not a consumer group.")
        }
        guard request.memberEpoch == 0 else {
            throw GroupRefusal(
                .groupIDNotFound, "Group \(request.groupID) is not a consumer group.")
        }
        try becomeConsumerGroup(group)
        return group
    }

    // MARK: Members that stay

    private func keep(
        _ request: ConsumerHeartbeat, _ group: Group
    ) throws(GroupRefusal) -> ConsumerHeartbeatResult {
        guard let modern = group.modern else { throw GroupRefusal(.groupIDNotFound) }
        try checkRoom(for: request.memberID, instanceID: request.instanceID, in: modern)
        var member = try subscribe(request, modern)
        let before = modern.members[member.id]
        try update(&member, from: request, modern)
        try checkMemory(member, before, modern)
        if before == nil { effects.memberCount += 1 }
        modern.put(member)
        refresh(group, subscriptionChanged: before.map { !$0.subscribesAlike(member) } ?? true)
        member = reconcile(member, owned: request.owned, group)
        armSession(of: member, group)
        var result = ConsumerHeartbeatResult(memberID: member.id, memberEpoch: member.epoch)
        result.heartbeatMilliseconds = setting(
            "consumer.heartbeat.interval.ms", of: group.id,
            configuration.consumerHeartbeatMilliseconds,
            within: configuration.consumerHeartbeatBounds)
        if request.memberEpoch == 0 || request.isFull || before?.assigned != member.assigned {
            result.assignment = member.assigned
        }
        return result
    }

    func checkRoom(
        for memberID: String, instanceID: String?, in modern: ConsumerGroup
    ) throws(GroupRefusal) {
        let isKnown =
            modern.members[memberID] != nil
            || instanceID.flatMap { modern.staticMembers[$0] } != nil
        let sizeMax =
            modern.kind == .consumer ? configuration.consumerSizeMax : configuration.shareSizeMax
        if !isKnown, modern.members.count >= sizeMax || effects.memberCount >= Limits.membersMax {
            throw GroupRefusal(
                .groupMaxSizeReached,
                "The group has reached its maximum capacity of \(sizeMax) members.")
        }
    }

    /// What a member says about itself is kept, so it has a limit.
    func checkMemory(
        _ member: ConsumerMember, _ before: ConsumerMember?, _ modern: ConsumerGroup
    ) throws(GroupRefusal) {
        let growth = member.metadataBytes - (before?.metadataBytes ?? 0)
        guard growth > 0 else { return }
        if modern.metadataBytes + growth > Limits.groupMetadataBytesMax {
            throw GroupRefusal(.groupMaxSizeReached, "The group's subscriptions are too large.")
        }
    }

    /// The member that the request speaks for, as it was, or a new one.
    private func subscribe(
        _ request: ConsumerHeartbeat, _ modern: ConsumerGroup
    ) throws(GroupRefusal) -> ConsumerMember {
        let isJoining = request.memberEpoch == 0
        if let instanceID = request.instanceID {
            if let existing = modern.staticMembers[instanceID].flatMap({ modern.members[$0] }) {
                return try subscribeAgain(existing, request, modern)
            }
            guard isJoining else { throw unknown(instanceID: instanceID) }
        } else if let existing = modern.members[request.memberID] {
            try checkEpoch(of: existing, request)
            return existing
        }
        guard isJoining else { throw unknown(request.memberID) }
        var member = ConsumerMember(id: memberID(for: request))
        member.instanceID = request.instanceID
        return member
    }

    /// A static member: the same, or one that takes its place while it is away.
    private func subscribeAgain(
        _ existing: ConsumerMember, _ request: ConsumerHeartbeat, _ modern: ConsumerGroup
    ) throws(GroupRefusal) -> ConsumerMember {
        let instanceID = existing.instanceID ?? ""
        if existing.id == request.memberID, !existing.isAway {
            try checkEpoch(of: existing, request)
            return existing
        }
        guard request.memberEpoch == 0 else {
            guard existing.id == request.memberID else { throw fenced(instanceID) }
            throw GroupRefusal(
                .fencedMemberEpoch, "The static member \(instanceID) has left and must join again.")
        }
        guard existing.isAway || existing.classic != nil else {
            throw GroupRefusal(
                .unreleasedInstanceID,
                "Static member \(request.memberID) with instance id \(instanceID) cannot join the "
                    + "group because the instance id is owned by member \(existing.id).")
        }
        return replace(existing, with: memberID(for: request), modern)
    }

    /// Puts a new id in the place of a static member, with its share and its target.
    func replace(
        _ existing: ConsumerMember, with memberID: String, _ modern: ConsumerGroup
    ) -> ConsumerMember {
        let target = modern.target[existing.id]
        modern.remove(existing.id)
        let member = ConsumerMember(id: memberID, replacing: existing)
        modern.put(member)
        if let target { modern.setTarget(target, of: memberID) }
        return member
    }

    private func memberID(for request: ConsumerHeartbeat) -> String {
        request.memberID.isEmpty ? effects.uniqueSuffix() : request.memberID
    }

    private func checkEpoch(
        of member: ConsumerMember, _ request: ConsumerHeartbeat
    ) throws(GroupRefusal) {
        let epoch = request.memberEpoch
        // One that begins anew has nothing and takes what it is given.
        if epoch == member.epoch || epoch == 0 { return }
        // It may not have got the answer that raised its epoch.
        if epoch < member.epoch, epoch == member.previousEpoch,
            request.owned?.isSubset(of: member.assigned) == true
        {
            return
        }
        throw GroupRefusal(
            .fencedMemberEpoch,
            "The consumer group member has a \(epoch > member.epoch ? "greater" : "smaller") "
                + "member epoch (\(epoch)) than the one known by the group coordinator "
                + "(\(member.epoch)). The member must abandon all its partitions and rejoin.")
    }

    func unknown(_ memberID: String) -> GroupRefusal {
        GroupRefusal(.unknownMemberID, "Member \(memberID) is not a member of the group.")
    }

    func unknown(instanceID: String) -> GroupRefusal {
        GroupRefusal(.unknownMemberID, "Instance id \(instanceID) is unknown.")
    }

    func fenced(_ instanceID: String) -> GroupRefusal {
        GroupRefusal(
            .fencedInstanceID, "Another member has the instance id \(instanceID) already.")
    }

    private func update(
        _ member: inout ConsumerMember, from request: ConsumerHeartbeat, _ modern: ConsumerGroup
    ) throws(GroupRefusal) {
        if let topics = request.topics { member.topics = Set(topics).sorted() }
        if let pattern = request.pattern {
            member.pattern = pattern.isEmpty ? nil : pattern
            if !pattern.isEmpty { try match(pattern, modern) }
        }
        if request.rebalanceTimeoutMilliseconds >= 0 {
            member.rebalanceTimeout = request.rebalanceTimeoutMilliseconds
        }
        if let assignor = request.assignor { member.assignor = assignor }
        if let rackID = request.rackID { member.rackID = rackID }
        member.clientID = request.clientID
        member.clientHost = request.clientHost
        member.classic = nil
    }

    private func match(_ pattern: String, _ modern: ConsumerGroup) throws(GroupRefusal) {
        guard modern.matches[pattern] == nil else { return }
        guard pattern.utf8.count <= Limits.patternBytesMax,
            let found = topics?.topics(matching: pattern, among: topics?.subscribableTopics ?? [])
        else {
            throw GroupRefusal(
                .invalidRegularExpression,
                "SubscribedTopicRegex `\(pattern.prefix(200))` is not a valid regular expression.")
        }
        modern.matches[pattern] = found
    }

    // MARK: Members that go

    private func leave(
        _ request: ConsumerHeartbeat, _ group: Group
    ) throws(GroupRefusal) -> ConsumerHeartbeatResult {
        guard let modern = group.modern else { throw GroupRefusal(.groupIDNotFound) }
        let member: ConsumerMember
        if let instanceID = request.instanceID {
            guard let found = modern.staticMembers[instanceID].flatMap({ modern.members[$0] })
            else { throw unknown(instanceID: instanceID) }
            guard found.id == request.memberID else { throw fenced(instanceID) }
            member = found
        } else {
            guard let found = modern.members[request.memberID] else {
                throw unknown(request.memberID)
            }
            member = found
        }
        if request.memberEpoch == ConsumerMember.awayEpoch {
            var away = member
            away.epoch = ConsumerMember.awayEpoch
            away.state = .stable
            away.pendingRevocation = TopicShares()
            modern.put(away)
            modern.alarms[away.id]?.rebalance.deadline = nil
        } else {
            remove(member.id, group)
        }
        return ConsumerHeartbeatResult(memberID: member.id, memberEpoch: request.memberEpoch)
    }

    /// Takes a member out; the others' next heartbeats share what it had.
    func remove(_ memberID: String, _ group: Group) {
        guard let modern = group.modern, modern.remove(memberID) != nil else { return }
        effects.memberCount -= 1
        modern.raiseEpoch()
        switch modern.kind {
        case .consumer: becomeClassicIfPossible(group)
        case .share: effects.actions.append(.release(group: group.id, member: memberID))
        }
    }
}
