// Offsets: who may commit and delete them, and when they expire.
extension Group {
    /// What there is against a commit.
    func faultOfCommit(_ identity: MemberIdentity) -> GroupError? {
        if case .dead = state { return .coordinatorNotAvailable }
        if let modern { return modern.faultOfCommit(identity, isTransactional: false) }
        // From an admin client, or a consumer that assigns itself: welcome while nobody is here.
        if identity.generation < 0, case .empty = state { return nil }
        if identity.generation < 0, identity.memberID.isEmpty, identity.instanceID == nil {
            return .unknownMemberID
        }
        if let fault = fault(of: identity) { return fault }
        // The member knows the generation but has not synced: it does not own what it commits.
        if case .completingRebalance = state { return .rebalanceInProgress }
        return nil
    }

    /// A commit keeps a member alive.
    func committed(by identity: MemberIdentity, _ effects: inout Effects) {
        guard let member = members[identity.memberID] else { return }
        effects.armSession(of: member, in: self)
    }

    /// What there is against a deletion of offsets.
    var faultOfOffsetDeletion: GroupError? {
        switch state {
        case .dead: .groupIDNotFound
        case .empty: modern?.kind == .share ? .groupIDNotFound : nil
        case .preparingRebalance, .completingRebalance, .stable:
            usesConsumerProtocol ? nil : .nonEmptyGroup
        }
    }

    /// What there is against the group's deletion.
    var faultOfDeletion: GroupError? {
        switch state {
        case .dead: .groupIDNotFound
        case .empty: modern?.members.isEmpty ?? true ? nil : .nonEmptyGroup
        case .preparingRebalance, .completingRebalance, .stable: .nonEmptyGroup
        }
    }

    /// The offsets that have outlived `offsets.retention.minutes`: since the group is empty, or
    /// since their commit where there never were members or these read other topics (KIP-211).
    func expiredOffsets(_ effects: Effects) -> [OffsetChange] {
        let emptySince: Int64?
        switch state {
        case .empty:
            emptySince = protocolType == nil || modern != nil ? nil : stateTimestamp
        case .stable where usesConsumerProtocol && subscribedTopics != nil: emptySince = nil
        case .stable, .preparingRebalance, .completingRebalance, .dead: return []
        }
        let retention = effects.configuration.offsetsRetentionMilliseconds
        var expired: [OffsetChange] = []
        for (topic, partitions) in offsets.sorted where !isSubscribed(to: topic) {
            for (number, offset) in partitions {
                let partition = TopicPartition(topic: topic, partition: number)
                let deadline =
                    offset.expireTimestamp
                    ?? (emptySince ?? offset.commitTimestamp).saturatingAdd(retention)
                guard effects.now >= deadline, !isHeldBack(partition) else { continue }
                expired.append(OffsetChange(group: self, partition, nil))
            }
        }
        return expired
    }

    /// Whether a transaction under way has an offset for the partition.
    func isHeldBack(_ partition: TopicPartition) -> Bool {
        openTransactions.values.contains { $0.offsets[partition] != nil }
    }
}

extension Int64 {
    /// A retention of "for ever" is the largest number.
    func saturatingAdd(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other > 0 ? .max : .min) : sum
    }
}
