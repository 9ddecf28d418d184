// TxnOffsetCommit, and the markers that decide about it.
extension GroupCoordinator {
    /// A TxnOffsetCommit request; answered when the offsets are durable, visible when the
    /// transaction commits. The caller has seen to it that the producer may write.
    public func offsetsCommitted(
        _ request: OffsetCommitRequest, in producer: TransactionalProducer, token: GroupToken,
        now: Int64
    ) -> [GroupAction] {
        begin(now)
        return commit(request, token: token, producer: producer)
    }

    /// The marker that ends the producer's transaction in the offsets topic is durable.
    public func transactionEnded(
        producerID: Int64, isCommitted: Bool, now: Int64
    ) -> [GroupAction] {
        begin(now)
        for groupID in effects.transactionGroups.removeValue(forKey: producerID)?.sorted() ?? [] {
            guard let group = groups[groupID] else { continue }
            group.transactionEnded(producerID, isCommitted: isCommitted, &effects)
            dropIfVacant(group)
        }
        return effects.takeActions()
    }

    /// Replays a marker of the offsets topic.
    public func loadTransactionEnd(producerID: Int64, isCommitted: Bool) {
        for groupID in effects.transactionGroups.removeValue(forKey: producerID) ?? [] {
            groups[groupID]?.transactionEnded(producerID, isCommitted: isCommitted, &effects)
        }
    }

    /// What a new segment has behind the snapshot: the offsets of transactions under way, each to
    /// be written as a transactional batch of its producer.
    public func openTransactions() -> [(producer: TransactionalProducer, records: [GroupRecord])] {
        var values: [TransactionalProducer: [[UInt8]: [UInt8]]] = [:]
        for group in groups.values {
            for (producerID, open) in group.openTransactions {
                let producer = TransactionalProducer(id: producerID, epoch: open.epoch)
                for (partition, offset) in open.offsets {
                    let record = OffsetChange(group: group, partition, offset).record
                    values[producer, default: [:]][record.key] = record.value
                }
            }
        }
        for (_, write) in effects.pending.sorted(by: { $0.key < $1.key }) {
            for record in write.records {
                if let producer = write.producer {
                    values[producer, default: [:]][record.key] = record.value
                } else {
                    for producer in values.keys { values[producer]?[record.key] = nil }
                }
            }
        }
        return values.sorted { $0.key.id < $1.key.id }.compactMap { producer, values in
            guard !values.isEmpty else { return nil }
            let records = values.sorted { $0.key.lexicographicallyPrecedes($1.key) }
            return (producer, records.map { GroupRecord(key: $0.key, value: $0.value) })
        }
    }
}
