// A group changes its protocol while it works (`group.consumer.migration.policy`).
extension GroupCoordinator {
    /// Turns a classic group, or an empty one of another kind, into a consumer group.
    func becomeConsumerGroup(_ group: Group) throws(GroupRefusal) {
        var tombstones: [GroupRecord] = []
        let modern = ConsumerGroup(.consumer)
        if let old = group.modern {
            tombstones = old.tombstones(group.id)
        } else if !group.members.isEmpty || !group.pendingJoins.isEmpty {
            try checkUpgrade(of: group)
            adoptMembers(of: group, modern)
        }
        if group.persisted != nil || group.pendingWrites > 0 {
            tombstones.append(GroupRecord(key: OffsetRecordKey.group(group.id).bytes, value: nil))
        }
        for memberID in Array(group.members.keys) + Array(group.pendingJoins.keys) {
            group.dismiss(memberID, .rebalanceInProgress, &effects)
        }
        effects.memberCount += modern.members.count
        group.becomeModern(modern, &effects)
        if !tombstones.isEmpty {
            effects.write(
                PendingWrite(
                    records: tombstones, group: group, dropsMetadata: true, completion: .nothing))
            modern.lastWrite = effects.lastWrite
        }
        for member in modern.orderedMembers { armSession(of: member, group) }
    }

    private func checkUpgrade(of group: Group) throws(GroupRefusal) {
        guard configuration.migratesToConsumer else {
            throw GroupRefusal(
                .groupIDNotFound,
                "Cannot upgrade classic group \(group.id) to consumer group because online "
                    + "upgrade is disabled (group.consumer.migration.policy).")
        }
        let subscribes = group.members.values.allSatisfy {
            ConsumerSubscription.decode($0.metadata(for: group.protocolName ?? "")) != nil
                || $0.protocols.first.map { ConsumerSubscription.decode($0.metadata) } != nil
        }
        guard group.usesConsumerProtocol, subscribes else {
            throw GroupRefusal(
                .groupIDNotFound,
                "Cannot upgrade classic group \(group.id) to consumer group because the group "
                    + "does not use the consumer embedded protocol.")
        }
        guard group.members.count < configuration.consumerSizeMax else {
            throw GroupRefusal(.groupMaxSizeReached)
        }
    }

    /// The classic members with what their leader gave them, which is the first target.
    private func adoptMembers(of group: Group, _ modern: ConsumerGroup) {
        guard let topics else { return }
        let epoch = max(1, group.generation)
        for old in group.orderedMembers {
            var member = ConsumerMember(id: old.id)
            let metadata = old.metadata(for: group.protocolName)
            let offered = metadata.isEmpty ? old.protocols.first?.metadata ?? [] : metadata
            let subscription = ConsumerSubscription.decode(offered)
            member.instanceID = old.instanceID
            member.rackID = subscription?.rackID
            member.clientID = old.clientID
            member.clientHost = old.clientHost
            member.topics = Set(subscription?.topics ?? []).sorted()
            member.rebalanceTimeout = old.rebalanceTimeout
            member.classic = .init(sessionTimeout: old.sessionTimeout, protocols: old.protocols)
            member.epoch = epoch
            member.previousEpoch = epoch
            let share = ConsumerAssignmentBlob.decode(old.assignment, topics) ?? TopicShares()
            // A leader may have given one partition to two: the first has it.
            member.assigned = share.filter { modern.isFree($0, $1, for: member.id) }
            modern.put(member)
            modern.setTarget(member.assigned, of: member.id)
        }
        modern.setEpoch(epoch, topicsHash: 0)
        modern.setTargetEpoch(epoch)
    }

    /// A consumer group whose members are all classic ones becomes a classic group, which they join
    /// anew. True if it did.
    @discardableResult
    func becomeClassicIfPossible(_ group: Group) -> Bool {
        guard let modern = group.modern, modern.kind == .consumer, !modern.members.isEmpty,
            configuration.migratesToClassic, modern.allMembersAreClassic(),
            modern.members.count <= configuration.groupSizeMax
        else { return false }
        var records = modern.tombstones(group.id)
        effects.memberCount -= modern.members.count
        group.becomeClassic(topics, &effects)
        let value = group.metadata(assigning: group.members.mapValues(\.assignment)).bytes
        records.append(GroupRecord(key: OffsetRecordKey.group(group.id).bytes, value: value))
        effects.write(
            PendingWrite(
                records: records, group: group, metadata: value, completion: .nothing))
        for member in group.orderedMembers { effects.armSession(of: member, in: group) }
        group.prepareRebalance(&effects)
        return true
    }

    /// A classic join to a consumer group that nobody is in makes it a classic one.
    func becomeEmptyClassicGroup(_ group: Group) {
        guard let modern = group.modern else { return }
        let records = modern.tombstones(group.id)
        group.modern = nil
        effects.write(PendingWrite(records: records, group: group, completion: .nothing))
    }
}

extension Group {
    /// Takes a member or a waiting id out of a group that goes on under another protocol.
    func dismiss(_ memberID: String, _ error: GroupError, _ effects: inout Effects) {
        if let member = members[memberID] {
            answerJoin(of: member, JoinResult(error: error, memberID: memberID), &effects)
            answerSync(of: member, SyncResult(error: error), &effects)
        }
        remove(memberID, &effects)
    }

    func becomeModern(_ modern: ConsumerGroup, _ effects: inout Effects) {
        self.modern = modern
        phase.deadline = nil
        pendingSyncs = []
        protocolType = nil
        protocolName = nil
        leader = nil
        subscribedTopics = nil
        enter(.empty, &effects)
    }

    /// The members of the consumer group become those of a stable classic one.
    func becomeClassic(_ topics: (any TopicDirectory)?, _ effects: inout Effects) {
        guard let modern else { return }
        self.modern = nil
        // Not the group's epoch, which has just been raised: members that hear of the rebalance may
        // still commit what they have done, and nobody was told of a later one.
        generation = modern.members.values.map(\.epoch).max() ?? modern.epoch
        protocolType = "consumer"
        for old in modern.orderedMembers {
            guard let classic = old.classic else { continue }
            let member = GroupMember(
                id: old.id, instanceID: old.instanceID, clientID: old.clientID,
                clientHost: old.clientHost, ordinal: takeOrdinal(),
                sessionTimeout: classic.sessionTimeout, rebalanceTimeout: old.rebalanceTimeout,
                protocols: classic.protocols)
            if let topics {
                member.assignment = ConsumerAssignmentBlob.encode(old.assigned, topics)
            }
            add(member, &effects)
        }
        protocolName = electProtocol()
        noteSubscriptions()
        enter(.stable, &effects)
    }
}
