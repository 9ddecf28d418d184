/// A producer that commits offsets inside a transaction.
public struct TransactionalProducer: Hashable, Sendable {
    public var id: Int64
    public var epoch: Int16

    public init(id: Int64, epoch: Int16) {
        self.id = id
        self.epoch = epoch
    }
}

/// The durable offsets of a transaction that has neither committed nor aborted.
struct OpenTransaction {
    var epoch: Int16
    var offsets: [TopicPartition: CommittedOffset] = [:]
}

// Offsets that become true when their producer's transaction commits (TxnOffsetCommit, KIP-98).
extension Group {
    /// What there is against a commit inside a transaction: the group's state does not matter, and
    /// clients before KIP-447 do not say who they are.
    func faultOfTransactionalCommit(_ identity: MemberIdentity) -> GroupError? {
        if case .dead = state { return .coordinatorNotAvailable }
        if let modern { return modern.faultOfCommit(identity, isTransactional: true) }
        if identity.generation < 0, case .empty = state { return nil }
        if identity.generation < 0, identity.memberID.isEmpty, identity.instanceID == nil {
            return nil
        }
        return fault(of: identity)
    }

    /// A durable record of an offset. Outside of a transaction it is true at once, and whatever a
    /// transaction under way says about the same partition is older, so it never becomes true.
    func apply(
        _ offset: CommittedOffset?, to partition: TopicPartition,
        by producer: TransactionalProducer?,
        _ effects: inout Effects
    ) {
        if let producer, let offset {
            var open =
                openTransactions.removeValue(forKey: producer.id)
                ?? OpenTransaction(epoch: producer.epoch)
            open.epoch = producer.epoch
            if open.offsets.updateValue(offset, forKey: partition) == nil {
                effects.offsetCount += 1
            }
            openTransactions[producer.id] = open
            effects.transactionGroups[producer.id, default: []].insert(id)
            return
        }
        effects.offsetCount += offsets.set(
            offset, topic: partition.topic, partition: partition.partition)
        guard !openTransactions.isEmpty else { return }
        for producer in openTransactions.keys.sorted() {
            if openTransactions[producer]?.offsets.removeValue(forKey: partition) != nil {
                effects.offsetCount -= 1
            }
            if openTransactions[producer]?.offsets.isEmpty == true {
                openTransactions[producer] = nil
            }
        }
    }

    /// The producer's transaction is over.
    func transactionEnded(_ producer: Int64, isCommitted: Bool, _ effects: inout Effects) {
        guard let open = openTransactions.removeValue(forKey: producer) else { return }
        effects.offsetCount -= open.offsets.count
        guard isCommitted else { return }
        for (partition, offset) in open.offsets {
            apply(offset, to: partition, by: nil, &effects)
        }
    }

    /// Offsets that transactions under way hold back.
    var openOffsetCount: Int {
        openTransactions.values.reduce(0) { $0 + $1.offsets.count }
    }
}
