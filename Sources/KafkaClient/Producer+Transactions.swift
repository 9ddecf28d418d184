import KafkaProtocol
import Platform

// A producer with a transactional id: what it sends counts for readers of committed records once
// `endTransaction` has committed it. A transaction begins with the first batch behind the last.
extension Producer {
    /// Where the transaction under way has got to; on the loop.
    struct TransactionState {
        /// Partitions that the coordinator knows of.
        var partitions: Set<TopicPartition> = []
        /// Partitions that wait for the coordinator.
        var wanted: Set<TopicPartition> = []
        var isAsking = false
        /// It is being ended: what comes now belongs to the next.
        var isEnding = false
        /// Offsets of a group are in it.
        var hasOffsets = false
    }

    /// Gets the producer id of the transactional id now, not with the first batch: from then on
    /// whoever had it before is fenced, and what that one had left open is aborted. A commit that
    /// was under way has come to its end when this returns.
    public func initializeTransactions() async throws(ClientError) {
        guard let id = configuration.transactionalID else { return }
        try await cluster.onLoop { [self] () async throws(ClientError) in
            identity = .requested
            do throws(ClientError) {
                identity = .ready(try await initTransactions(id))
            } catch {
                identity = .none
                throw error
            }
        }
    }

    /// Learns how the coordinator is to be spoken to, too.
    func initTransactions(_ id: String) async throws(ClientError) -> ProducerIdentity {
        let (identity, rules) = try await cluster.initTransactions(
            id, timeoutMilliseconds: configuration.transactionTimeoutMilliseconds)
        transactionProtocol = rules
        return identity
    }

    /// Offsets of a group that are committed together with the transaction under way, which begins
    /// with them if nothing was sent since the last. The group has no members. After
    /// `initializeTransactions`.
    public func commitOffsets(
        _ offsets: [TopicPartition: CommittedOffset], of group: String
    ) async throws(ClientError) {
        guard !offsets.isEmpty else { return }
        try await cluster.onLoop { [self] () async throws(ClientError) in
            try await commit(offsets, of: group, as: GroupMember())
        }
    }

    /// Adds offsets of a group to the transaction: they hold once it commits, if the member is one
    /// of this generation still (KIP-447). On the loop.
    func commit(
        _ offsets: [TopicPartition: CommittedOffset], of group: String, as member: GroupMember
    ) async throws(ClientError) {
        guard let id = configuration.transactionalID, let producer = currentIdentity else {
            throw .closed
        }
        transaction.hasOffsets = true
        try await cluster.commit(
            offsets, of: group, as: member, in: id, producer, by: transactionProtocol)
    }

    /// Whether a batch of the partition may be sent now; if not, it is scheduled when it may.
    func isInTransaction(_ partition: ProducerPartition) -> Bool {
        guard configuration.transactionalID != nil else { return true }
        guard !transaction.isEnding else { return false }
        if transaction.partitions.contains(partition.id) { return true }
        if transactionProtocol == .epochs {
            transaction.partitions.insert(partition.id)
            return true
        }
        transaction.wanted.insert(partition.id)
        announcePartitions()
        return false
    }

    private func announcePartitions() {
        guard !transaction.isAsking, let id = configuration.transactionalID,
            case .ready(let producer) = identity, !transaction.wanted.isEmpty
        else { return }
        transaction.isAsking = true
        // After this turn of the loop, so that the partitions of one request go together.
        Task(executorPreference: loop) { [self] in
            let wanted = Array(transaction.wanted)
            transaction.wanted = []
            do throws(ClientError) {
                try await cluster.addPartitions(wanted, to: id, producer)
                transaction.partitions.formUnion(wanted)
                for partition in wanted { partitions[partition].map { schedule($0) } }
            } catch {
                for partition in wanted {
                    guard let partition = partitions[partition] else { continue }
                    for batch in partition.queue.removeAll() {
                        complete(batch, of: partition, .failure(error))
                    }
                }
            }
            transaction.isAsking = false
            announcePartitions()
        }
    }

    /// Waits for all that was sent, then commits or aborts it. After an abort, or an error, the
    /// producer sends nothing more: a batch of it may have been lost.
    public func endTransaction(isCommit: Bool) async throws(ClientError) {
        await flush()
        try await cluster.onLoop { [self] () async throws(ClientError) in
            try await end(isCommit: isCommit)
        }
    }

    /// Gives up what was sent since the last end: the producer ends, and the broker is asked to
    /// abort the transaction, so that readers need not wait for its timeout. Fails silently.
    public func abandonTransaction() async {
        await abort()
        try? await cluster.onLoop { [self] () async throws(ClientError) in
            try await end(isCommit: false, forMilliseconds: Limits.abandonMilliseconds)
        }
    }

    private func end(isCommit: Bool, forMilliseconds limit: Int64? = nil) async throws(ClientError)
    {
        let isOpen = !transaction.partitions.isEmpty || transaction.hasOffsets
        transaction = TransactionState()
        guard isOpen, let id = configuration.transactionalID, let begun = currentIdentity else {
            return
        }
        transaction.isEnding = true
        // What waits for the end goes on, or fails, whatever has come of it.
        defer {
            transaction.isEnding = false
            for partition in partitions.values { schedule(partition) }
        }
        let next = try await cluster.endTransaction(
            id, begun, by: transactionProtocol, isCommit: isCommit, forMilliseconds: limit)
        if next != begun {
            identity = .ready(next)
            // Their numbers begin anew in the epoch of the next transaction.
            for partition in partitions.values { partition.needsRestart = true }
        }
    }
}
