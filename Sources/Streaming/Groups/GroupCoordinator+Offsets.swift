// Offsets: committed, fetched, deleted, expired, and gone with their topic.
extension GroupCoordinator {
    /// An OffsetCommit request; answered when the offsets are durable, and visible from then on.
    public func offsetsCommitted(
        _ request: OffsetCommitRequest, token: GroupToken, now: Int64
    ) -> [GroupAction] {
        begin(now)
        return commit(request, token: token, producer: nil)
    }

    func commit(
        _ request: OffsetCommitRequest, token: GroupToken, producer: TransactionalProducer?
    ) -> [GroupAction] {
        var result = PartitionErrors()
        let group: Group
        switch groupForCommit(request, isTransactional: producer != nil) {
        case .success(let found): group = found
        case .failure(let error):
            result.topics = request.topics.map { topic in
                .init(
                    name: topic.name,
                    partitions: topic.partitions.map {
                        .init(partition: $0.partition, error: error)
                    })
            }
            result.error = error
            return [.answerOffsetCommit(token, result)]
        }
        if producer == nil { group.committed(by: request.identity, &effects) }
        var room = roomForOffsets(in: group)
        var changes: [OffsetChange] = []
        result.topics.reserveCapacity(request.topics.count)
        for topic in request.topics {
            var partitions: [PartitionErrors.Partition] = []
            partitions.reserveCapacity(topic.partitions.count)
            for partition in topic.partitions {
                let error = faultOfOffset(partition, topic.name, group, &room)
                partitions.append(.init(partition: partition.partition, error: error))
                guard error == nil else { continue }
                changes.append(change(to: partition, topic.name, group, request))
            }
            result.topics.append(.init(name: topic.name, partitions: partitions))
        }
        guard !changes.isEmpty else {
            effects.actions.append(.answerOffsetCommit(token, result))
            return end(group)
        }
        effects.write(
            PendingWrite(
                records: changes.map(\.record), group: group, changes: changes,
                producer: producer, completion: .offsetCommit(token, result)))
        return effects.takeActions()
    }

    /// The group of a commit; one from outside of any membership makes it.
    private func groupForCommit(
        _ request: OffsetCommitRequest, isTransactional: Bool
    ) -> Result<Group, GroupError> {
        // The empty group id is allowed here, as it always was.
        guard request.groupID.utf8.count <= Limits.groupNameBytesMax else {
            return .failure(.invalidGroupID)
        }
        if let group = groups[request.groupID] {
            let fault =
                isTransactional
                ? group.faultOfTransactionalCommit(request.identity)
                : group.faultOfCommit(request.identity)
            return fault.map { .failure($0) } ?? .success(group)
        }
        guard request.identity.generation < 0 else {
            return .failure(
                request.reportsMissingGroup && !isTransactional
                    ? .groupIDNotFound : .illegalGeneration)
        }
        guard groups.count < Limits.groupsMax else { return .failure(.groupMaxSizeReached) }
        let group = Group(id: request.groupID)
        groups[request.groupID] = group
        return .success(group)
    }

    /// How many new offsets the group may still get.
    private func roomForOffsets(in group: Group) -> Int {
        min(
            Limits.offsetsPerGroupMax - group.offsets.count - group.openOffsetCount,
            Limits.offsetsMax - effects.offsetCount)
    }

    private func faultOfOffset(
        _ partition: OffsetCommitRequest.Partition, _ topic: String, _ group: Group,
        _ room: inout Int
    ) -> GroupError? {
        let lengthMax = min(configuration.offsetMetadataLengthMax, Limits.offsetMetadataLengthMax)
        // A UTF-8 text has at least as many bytes as UTF-16 units: most need no second count.
        if partition.metadata.utf8.count > lengthMax, partition.metadata.utf16.count > lengthMax {
            return .offsetMetadataTooLarge
        }
        guard group.offsets[topic, partition.partition] == nil else { return nil }
        room -= 1
        return room < 0 ? .invalidCommitOffsetSize : nil
    }

    private func change(
        to partition: OffsetCommitRequest.Partition, _ topic: String, _ group: Group,
        _ request: OffsetCommitRequest
    ) -> OffsetChange {
        let expiry = request.retentionMilliseconds.flatMap { retention in
            retention < 0 ? nil : effects.now.saturatingAdd(retention)
        }
        return OffsetChange(
            group: group, TopicPartition(topic: topic, partition: partition.partition),
            CommittedOffset(
                offset: partition.offset, leaderEpoch: partition.leaderEpoch,
                metadata: partition.metadata, commitTimestamp: effects.now,
                expireTimestamp: expiry))
    }

    /// An OffsetFetch request of one group; nil topics are all that it has.
    ///
    /// Only durable offsets are seen. With `requireStable` a partition whose commit is under way
    /// answers UNSTABLE_OFFSET_COMMIT, so that the client asks again.
    public func offsetsFetched(
        groupID: String, topics: [TopicPartitions]?, requireStable: Bool, memberID: String? = nil,
        memberEpoch: Int32 = -1
    ) -> OffsetFetchResult {
        var group = groups[groupID]
        if case .dead? = group?.state { group = nil }
        if let fault = group?.modern?.faultOfFetch(memberID, memberEpoch) {
            return OffsetFetchResult(error: fault)
        }
        var unstable: Set<TopicPartition> = []
        if requireStable, let group {
            unstable.formUnion(pendingChanges(of: group).map(\.partition))
            for open in group.openTransactions.values { unstable.formUnion(open.offsets.keys) }
        }
        let wanted =
            topics
            ?? (group?.offsets.sorted ?? []).map { topic, partitions in
                TopicPartitions(name: topic, partitions: partitions.map(\.key))
            }
        return OffsetFetchResult(
            topics: wanted.map { topic in
                .init(
                    name: topic.name,
                    partitions: topic.partitions.map { partition in
                        fetched(group, topic.name, partition, unstable)
                    })
            })
    }

    private func fetched(
        _ group: Group?, _ topic: String, _ partition: Int32, _ unstable: Set<TopicPartition>
    ) -> OffsetFetchResult.Partition {
        var result = OffsetFetchResult.Partition(partition: partition)
        if !unstable.isEmpty,
            unstable.contains(TopicPartition(topic: topic, partition: partition))
        {
            result.error = .unstableOffsetCommit
        } else if let committed = group?.offsets[topic, partition] {
            result.offset = committed.offset
            result.leaderEpoch = committed.leaderEpoch
            result.metadata = committed.metadata
        }
        return result
    }

    /// An OffsetDelete request; answered when the tombstones are durable.
    public func offsetsDeleted(
        groupID: String, topics: [TopicPartitions], token: GroupToken, now: Int64
    ) -> [GroupAction] {
        begin(now)
        let found = groups[groupID]
        let fault =
            faultOfGroupID(groupID) ?? (found == nil ? .groupIDNotFound : nil)
            ?? found?.faultOfOffsetDeletion
        guard fault == nil, let group = found else {
            return [.answerOffsetDelete(token, PartitionErrors(error: fault))]
        }
        var result = PartitionErrors()
        var changes: [OffsetChange] = []
        let known = existingOffsets(of: group)
        for topic in topics {
            let error: GroupError? =
                group.isSubscribed(to: topic.name) ? .groupSubscribedToTopic : nil
            result.topics.append(
                .init(
                    name: topic.name,
                    partitions: topic.partitions.map { .init(partition: $0, error: error) }))
            guard error == nil else { continue }
            for partition in topic.partitions {
                let gone = TopicPartition(topic: topic.name, partition: partition)
                guard known.contains(gone) else { continue }
                changes.append(OffsetChange(group: group, gone, nil))
            }
        }
        guard !changes.isEmpty else { return [.answerOffsetDelete(token, result)] }
        effects.write(
            PendingWrite(
                records: changes.map(\.record), group: group, changes: changes,
                completion: .offsetDelete(token, result)))
        return effects.takeActions()
    }

    /// All offsets of the group, durable, on their way, or held back by a transaction.
    func existingOffsets(of group: Group) -> Set<TopicPartition> {
        var existing: Set<TopicPartition> = []
        for (topic, partitions) in group.offsets.topics {
            for partition in partitions.keys {
                existing.insert(TopicPartition(topic: topic, partition: partition))
            }
        }
        for change in pendingChanges(of: group) where change.offset != nil {
            existing.insert(change.partition)
        }
        for open in group.openTransactions.values { existing.formUnion(open.offsets.keys) }
        return existing
    }

    /// Topics are gone, and so are the offsets in them.
    public func topicsDeleted(_ names: Set<String>, now: Int64) -> [GroupAction] {
        begin(now)
        for group in groups.values.sorted(by: { $0.id < $1.id }) {
            let gone = existingOffsets(of: group).filter { names.contains($0.topic) }.sorted()
            guard !gone.isEmpty else { continue }
            let changes = gone.map { OffsetChange(group: group, $0, nil) }
            effects.write(
                PendingWrite(
                    records: changes.map(\.record), group: group, changes: changes,
                    completion: .nothing))
        }
        return effects.takeActions()
    }
}

/// A partition by the name of its topic.
struct TopicPartition: Hashable, Comparable, Sendable {
    var topic: String
    var partition: Int32

    static func < (left: TopicPartition, right: TopicPartition) -> Bool {
        (left.topic, left.partition) < (right.topic, right.partition)
    }
}
