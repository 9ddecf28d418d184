import Bytes

// The offsets topic is read at the start, and written anew at the front of each segment.
extension GroupCoordinator {
    /// Replays one record of the offsets topic. False if its key is not of a classic group; the
    /// record of another kind of group is the caller's to keep. A record of a transactional batch
    /// comes with its producer.
    @discardableResult
    public func load(
        key: [UInt8], value: [UInt8]?, producer: TransactionalProducer? = nil
    ) throws(MalformedBytes) -> Bool {
        if let key = try ConsumerRecordKey.decode(key) {
            try load(key, value)
            return true
        }
        switch try OffsetRecordKey.decode(key) {
        case nil: return false
        case .offset(let groupID, let topic, let partition)?:
            let offset: CommittedOffset? =
                if let value { try CommittedOffset.decode(value) } else { nil }
            guard let group = loadedGroup(groupID, creating: offset != nil) else { return true }
            group.apply(
                offset, to: TopicPartition(topic: topic, partition: partition), by: producer,
                &effects)
        case .group(let groupID)?:
            guard let value else {
                forget(groupID)
                return true
            }
            let metadata = try GroupMetadata.decode(value)
            guard let group = loadedGroup(groupID, creating: true) else { return true }
            replay(metadata, value, into: group)
        }
        return true
    }

    private func load(
        _ key: ConsumerRecordKey, _ value: [UInt8]?
    ) throws(MalformedBytes) {
        guard var group = loadedGroup(key.group, creating: value != nil) else { return }
        if group.modern?.kind != key.kind {
            guard value != nil else { return }
            // Members of the protocol before, whose tombstone may have failed, are none any more.
            group = emptied(group)
            groups[key.group] = group
            group.modern = ConsumerGroup(key.kind)
        }
        guard let modern = group.modern else { return }
        let count = modern.members.count
        if key.what == .epoch, value == nil {
            group.modern = nil
            effects.memberCount -= count
        } else {
            try modern.load(key.what, value)
            effects.memberCount += modern.members.count - count
        }
    }

    private func loadedGroup(_ groupID: String, creating: Bool) -> Group? {
        if let group = groups[groupID] { return group }
        guard creating else { return nil }
        let group = Group(id: groupID)
        groups[groupID] = group
        return group
    }

    /// A group's tombstone: its members are forgotten, offsets have tombstones of their own.
    private func forget(_ groupID: String) {
        guard let group = groups[groupID] else { return }
        let simple = emptied(group)
        groups[groupID] = simple.isVacant ? nil : simple
    }

    /// The group without members and metadata, but with its offsets.
    private func emptied(_ old: Group) -> Group {
        for memberID in old.members.keys { old.remove(memberID, &effects) }
        effects.memberCount -= old.modern?.members.count ?? 0
        old.modern = nil
        old.keep(nil, &effects)
        let group = Group(id: old.id)
        group.offsets = old.offsets
        group.openTransactions = old.openTransactions
        return group
    }

    private func replay(_ metadata: GroupMetadata, _ value: [UInt8], into old: Group) {
        let group = emptied(old)
        groups[old.id] = group
        group.keep(value, &effects)
        group.generation = metadata.generation
        group.protocolType = metadata.protocolType.isEmpty ? nil : metadata.protocolType
        group.protocolName = metadata.protocolName
        group.stateTimestamp = metadata.stateTimestamp < 0 ? nil : metadata.stateTimestamp
        group.state = metadata.members.isEmpty ? .empty : .stable
        for loaded in metadata.members {
            let chosen = GroupProtocol(
                name: metadata.protocolName ?? "", metadata: loaded.subscription)
            let member = GroupMember(
                id: loaded.memberID, instanceID: loaded.instanceID, clientID: loaded.clientID,
                clientHost: loaded.clientHost, ordinal: group.takeOrdinal(),
                sessionTimeout: loaded.sessionTimeout, rebalanceTimeout: loaded.rebalanceTimeout,
                protocols: [chosen])
            member.assignment = loaded.assignment
            group.add(member, &effects)
        }
        // `add` made the first member the leader; that stands if the record names nobody.
        if let leader = metadata.leader, group.members[leader] != nil { group.leader = leader }
        group.noteSubscriptions()
    }

    /// The replay is over: the sessions of the members begin anew, as Kafka does it, and a group
    /// that is larger than it may be now is rebalanced.
    public func loaded(now: Int64) -> [GroupAction] {
        begin(now)
        for group in groups.values.sorted(by: { $0.id < $1.id }) {
            for member in group.orderedMembers {
                effects.armSession(of: member, in: group)
            }
            for member in group.modern?.orderedMembers ?? [] {
                armSession(of: member, group)
                if member.state == .unrevoked { armRebalance(of: member, group) }
            }
            // Its offsets had tombstones, and it never had members.
            dropIfVacant(group)
            if group.members.count > configuration.groupSizeMax {
                group.prepareRebalance(&effects)
            }
        }
        return effects.takeActions()
    }

    /// What a new segment of the offsets topic begins with: all that was written up to now, whether
    /// durable yet or not, in records that replay to the same state. `openTransactions` belong
    /// behind it.
    public func snapshot() -> [GroupRecord] {
        var values: [[UInt8]: [UInt8]] = [:]
        var order: [[UInt8]] = []
        func put(_ record: GroupRecord) {
            if let value = record.value {
                if values.updateValue(value, forKey: record.key) == nil {
                    order.append(record.key)
                }
            } else {
                values[record.key] = nil
            }
        }
        for group in groups.values.sorted(by: { $0.id < $1.id }) {
            if let persisted = group.persisted {
                put(GroupRecord(key: OffsetRecordKey.group(group.id).bytes, value: persisted))
            }
            group.modern?.allRecords(group.id).forEach(put)
            for (topic, partitions) in group.offsets.sorted {
                for (partition, offset) in partitions {
                    let partition = TopicPartition(topic: topic, partition: partition)
                    put(OffsetChange(group: group, partition, offset).record)
                }
            }
        }
        for (_, write) in effects.pending.sorted(by: { $0.key < $1.key })
        where write.producer == nil {
            write.records.forEach(put)
        }
        return order.compactMap { key in
            values.removeValue(forKey: key).map { GroupRecord(key: key, value: $0) }
        }
    }
}
