import Records

// What heartbeats of all members that the server shares out for have in common: epochs, targets,
// deadlines, and the records of what has changed.
extension GroupCoordinator {
    /// Raises the epoch if the members' subscriptions, or the topics, have changed, and finds the
    /// target of a new epoch.
    func refresh(_ group: Group, subscriptionChanged: Bool) {
        guard let modern = group.modern else { return }
        let changed = topicsHaveChanged(modern)
        if subscriptionChanged || changed { modern.raiseEpoch(topicsHash: hashOfTopics(modern)) }
        modern.seenTopicsVersion = topicsVersion
        if modern.epoch != modern.targetEpoch { findTarget(modern) }
    }

    /// Whether the members' topics are others, or have other partitions, than the epoch is of.
    func topicsHaveChanged(_ modern: ConsumerGroup) -> Bool {
        guard modern.seenTopicsVersion != topicsVersion else { return false }
        matchAnew(modern)
        if hashOfTopics(modern) != modern.topicsHash { return true }
        modern.seenTopicsVersion = topicsVersion
        return false
    }

    /// The names of topics have changed: what do the patterns match now?
    private func matchAnew(_ modern: ConsumerGroup) {
        modern.matches = [:]
        guard let topics else { return }
        let patterns = Set(modern.members.values.compactMap(\.pattern))
        guard !patterns.isEmpty else { return }
        let names = topics.subscribableTopics
        for pattern in patterns {
            modern.matches[pattern] = topics.topics(matching: pattern, among: names) ?? []
        }
    }

    /// FNV-1a over what the shares depend on. A record keeps it, so that a start is no change.
    private func hashOfTopics(_ modern: ConsumerGroup) -> Int64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        func mix(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        for name in modern.subscribedTopics.sorted() {
            guard let shape = topics?.shape(ofTopic: name) else { continue }
            for byte in name.utf8 { mix(byte) }
            for number in [shape.id.high, shape.id.low, UInt64(shape.partitionCount)] {
                for shift in stride(from: 0, to: 64, by: 8) {
                    mix(UInt8(truncatingIfNeeded: number >> UInt64(shift)))
                }
            }
        }
        return Int64(bitPattern: hash)
    }

    private func findTarget(_ modern: ConsumerGroup) {
        let members = modern.members.values.map { member in
            ServerAssignor.Member(
                id: member.id, instanceID: member.instanceID,
                topics: modern.topics(of: member).sorted().compactMap {
                    topics?.shape(ofTopic: $0)
                }, previous: modern.target[member.id] ?? TopicShares())
        }
        let shares: [String: TopicShares]
        switch modern.kind {
        case .consumer:
            let name = modern.preferredAssignor(configuration.assignors)
            shares = (ServerAssignor(rawValue: name) ?? .uniform).assign(members)
        case .share: shares = SimpleAssignor.assign(members)
        }
        modern.setTarget(shares, epoch: modern.epoch)
    }

    /// Leads the member on towards its target.
    func reconcile(
        _ member: ConsumerMember, owned: TopicShares?, _ group: Group
    ) -> ConsumerMember {
        guard let modern = group.modern else { return member }
        let next = Reconciliation(modern, of: member, owned: owned).next(member)
        if next != member { modern.put(next) }
        guard next.classic == nil else { return next }
        if next.state == .unrevoked {
            if member.state != .unrevoked || member.epoch != next.epoch {
                armRebalance(of: next, group)
            }
        } else {
            modern.alarms[next.id]?.rebalance.deadline = nil
        }
        return next
    }

    func armSession(of member: ConsumerMember, _ group: Group) {
        guard let modern = group.modern else { return }
        let timeout: Int32
        switch modern.kind {
        case .consumer:
            timeout =
                member.classic?.sessionTimeout
                ?? setting(
                    "consumer.session.timeout.ms", of: group.id,
                    configuration.consumerSessionMilliseconds,
                    within: configuration.consumerSessionBounds)
        case .share:
            timeout = setting(
                "share.session.timeout.ms", of: group.id, configuration.shareSessionMilliseconds,
                within: configuration.shareSessionBounds)
        }
        effects.arm(
            &modern.alarms[member.id, default: MemberAlarms()].session, after: Int64(timeout),
            .memberSession(group: group.id, member: member.id))
    }

    /// It has so long to give up its partitions; a classic one, to join or to sync.
    func armRebalance(of member: ConsumerMember, _ group: Group) {
        guard let modern = group.modern else { return }
        effects.arm(
            &modern.alarms[member.id, default: MemberAlarms()].rebalance,
            after: Int64(max(0, member.rebalanceTimeout)),
            .memberRebalance(group: group.id, member: member.id))
    }

    /// A member was silent for too long, or did not give up its partitions.
    func expire(_ memberID: String, _ group: Group) {
        remove(memberID, group)
        settle(group, .nothing)
    }

    /// Writes what has changed and answers once it is durable; a request that changed nothing waits
    /// for the writes before it, for their results are in its answer.
    func settle(_ group: Group, _ completion: PendingWrite.Completion) {
        guard let modern = group.modern else {
            // It has become a classic group just now.
            return follow(effects.lastWrite, completion)
        }
        let records = modern.takeRecords(group.id)
        if !records.isEmpty {
            effects.write(PendingWrite(records: records, group: group, completion: completion))
            modern.lastWrite = effects.lastWrite
        } else {
            follow(modern.lastWrite, completion)
        }
    }

    private func follow(_ write: GroupWriteID?, _ completion: PendingWrite.Completion) {
        if let write, effects.pending[write] != nil {
            effects.pending[write]?.followers.append(completion)
        } else {
            complete(PendingWrite(records: [], completion: completion), error: nil)
        }
    }

    /// Topics were made, removed, or have got partitions: at their next heartbeats members hear.
    public func topicsChanged() {
        topicsVersion += 1
    }

    /// One group of a ConsumerGroupDescribe or ShareGroupDescribe request.
    public func modernDescription(of groupID: String, isShare: Bool) -> ConsumerGroupDescription {
        var description = ConsumerGroupDescription(groupID: groupID)
        let kind: ConsumerGroup.Kind = isShare ? .share : .consumer
        guard let group = groups[groupID], let modern = group.modern, modern.kind == kind else {
            description.error = .groupIDNotFound
            let what = isShare ? "share" : "consumer"
            description.message =
                groups[groupID] == nil
                ? "Group \(groupID) not found." : "Group \(groupID) is not a \(what) group."
            return description
        }
        description.state = modern.state
        description.epoch = modern.epoch
        description.targetEpoch = modern.targetEpoch
        description.assignor =
            isShare ? "simple" : modern.preferredAssignor(configuration.assignors)
        description.members = modern.orderedMembers.map { member in
            .init(
                memberID: member.id, instanceID: member.instanceID, rackID: member.rackID,
                memberEpoch: member.epoch, clientID: member.clientID,
                clientHost: member.clientHost, topics: member.topics, pattern: member.pattern,
                assigned: member.assigned, target: modern.target[member.id] ?? TopicShares(),
                isClassic: member.classic != nil)
        }
        return description
    }
}

/// Shares partitions among the members of a share group: each gets all of the topics that it reads,
/// so no record waits for one member. Who is asked first has it.
enum SimpleAssignor {
    static func assign(_ members: [ServerAssignor.Member]) -> [String: TopicShares] {
        var shares = Dictionary(
            members.map { ($0.id, TopicShares()) }, uniquingKeysWith: { first, _ in first })
        for member in members {
            for topic in member.topics {
                for partition in 0..<topic.partitionCount {
                    shares[member.id]?.insert(topic.id, partition)
                }
            }
        }
        return shares
    }
}
