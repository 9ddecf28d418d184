import LogStorage
import Platform
import Records

/// The coordinator of transactions (KIP-98, and KIP-890 part 2): keeps the state of each
/// transactional id in the log `__transaction_state`, lets producers write, and ends transactions
/// with markers. Called from any loop; answers come from any thread.
///
/// Whether a partition has a transaction under way is said by the partition's own log, which knows
/// it after a crash too. A record of the coordinator is needed where the log cannot know: which
/// producer an id has, what an older client has announced, and how a transaction is to end.
public final class TransactionCoordinator: @unchecked Sendable {
    /// One transactional id at work.
    final class Entry: @unchecked Sendable {
        let id: String
        var state: TransactionState
        /// A change of the state is on its way to the disk, or its markers are.
        var isChanging = false
        /// The end of the coordinator's log behind the last record of this id.
        var written: Int64 = 0
        /// Batches of the transaction that are being appended just now.
        var appending = 0
        /// Goes on once nothing is being appended.
        var whenIdle: (@Sendable () -> Void)?

        init(_ id: String, _ state: TransactionState) {
            self.id = id
            self.state = state
        }

        var producer: ProducerIdentity {
            ProducerIdentity(id: state.producerID, epoch: state.epoch)
        }
    }

    let lock = Lock()
    let log: InternalLog
    let commits: GroupCommit
    let clock: SessionClock
    let timeoutMillisecondsMax: Int64
    let expirationMilliseconds: Int64
    /// The transactional ids; guarded by `lock`, as their entries and the log are.
    var entries: [String: Entry] = [:]
    /// Where partitions, groups and producer ids are; set before the first request.
    weak var broker: Broker?

    init(settings: BrokerSettings, log: InternalLog, commits: GroupCommit, clock: any Clock) {
        self.log = log
        self.commits = commits
        self.clock = SessionClock(clock)
        timeoutMillisecondsMax = settings.number("transaction.max.timeout.ms")
        expirationMilliseconds = settings.number("transactional.id.expiration.ms")
    }

    /// What the times of transactions are counted by.
    public var nowMilliseconds: Int64 { clock.milliseconds }

    // MARK: Writing inside a transaction

    /// Calls `append` if the producer may write to the partition; else says what there is against
    /// it. With `adds` the partition joins the transaction, and begins one, by being written to:
    /// Produce from version 12 on and TxnOffsetCommit from version 5 on (KIP-890).
    public func write(
        _ identity: TransactionIdentity, to topic: String, _ partition: Int32, adds: Bool,
        append: () -> Void
    ) -> StreamingError? {
        let wanted = TopicPartition(topic: topic, partition: partition)
        let admitted = lock.withLock { () -> Result<Entry, StreamingError> in
            admit(identity, wanted, adds).map { entry in
                entry.appending += 1
                return entry
            }
        }
        switch admitted {
        case .failure(let error): return error
        case .success(let entry):
            append()
            let next = lock.withLock { () -> (@Sendable () -> Void)? in
                entry.appending -= 1
                guard entry.appending == 0 else { return nil }
                defer { entry.whenIdle = nil }
                return entry.whenIdle
            }
            next?()
            return nil
        }
    }

    /// Under the lock.
    private func admit(
        _ identity: TransactionIdentity, _ partition: TopicPartition, _ adds: Bool
    ) -> Result<Entry, StreamingError> {
        guard let entry = entries[identity.transactionalID],
            entry.state.producerID == identity.producerID
        else { return .failure(.invalidProducerIDMapping) }
        guard entry.state.epoch == identity.epoch else { return .failure(.invalidProducerEpoch) }
        let isOngoing = entry.state.status == .ongoing
        if isOngoing, entry.state.partitions.contains(partition) { return .success(entry) }
        if entry.state.isPrepared || entry.isChanging { return .failure(.concurrentTransactions) }
        guard adds else { return .failure(.invalidTransactionState) }
        guard entry.state.partitions.count < Limits.partitionsPerTransactionMax else {
            return .failure(.policyViolation("A transaction of more partitions is refused."))
        }
        if !isOngoing { entry.state.begin(at: clock.milliseconds) }
        entry.state.raisesEpoch = true
        entry.state.partitions.insert(partition)
        return .success(entry)
    }

    /// AddPartitionsToTxn: the partitions are in the transaction. Nobody waits for the disk here: a
    /// partition that is written to says by its own log that it is in it, as those do that join by
    /// being written to, and one that is not needs no marker. Except for the end of the transaction
    /// before, where the epoch stays: a start that finds only its decision would mark this one.
    public func add(
        _ topics: [TopicPartitions], to identity: TransactionIdentity,
        done: @escaping @Sendable (StreamingError?) -> Void
    ) {
        let wanted = topics.flatMap { topic in
            topic.partitions.map { TopicPartition(topic: topic.name, partition: $0) }
        }
        var waits = false
        let found = lock.withLock { () -> Result<Entry?, StreamingError> in
            changeable(identity).map { entry in
                let isOngoing = entry.state.status == .ongoing
                if isOngoing, entry.state.partitions.isSuperset(of: wanted) { return nil }
                waits = !isOngoing && log.partition.log.highWatermark < entry.written
                entry.isChanging = true
                return entry
            }
        }
        switch found {
        case .failure(let error): done(error)
        case .success(nil): done(nil)
        case .success(let entry?):
            let now = clock.milliseconds
            change(entry, waits: waits) { state in
                if state.status != .ongoing { state.begin(at: now) }
                state.partitions.formUnion(wanted)
            } then: { [self] error in
                lock.withLock { entry.isChanging = false }
                done(error)
            }
        }
    }

    /// Whether the partitions are in the transaction; what there is against it.
    public func verify(
        _ topics: [TopicPartitions], in identity: TransactionIdentity
    ) -> StreamingError? {
        lock.withLock {
            switch changeable(identity) {
            case .failure(let error): return error
            case .success(let entry):
                let isThere = topics.allSatisfy { topic in
                    topic.partitions.allSatisfy {
                        entry.state.partitions.contains(
                            TopicPartition(topic: topic.name, partition: $0))
                    }
                }
                return isThere ? nil : .invalidTransactionState
            }
        }
    }

    /// AddOffsetsToTxn: the transaction will commit offsets of a group.
    public func addOffsets(
        to identity: TransactionIdentity, done: @escaping @Sendable (StreamingError?) -> Void
    ) {
        add([TopicPartitions(name: Broker.offsetsTopic, partitions: [0])], to: identity, done: done)
    }

    /// TxnOffsetCommit: offsets that become true when the transaction commits.
    public func commitOffsets(
        _ request: OffsetCommitRequest, in identity: TransactionIdentity, adds: Bool,
        done: @escaping @Sendable (Result<PartitionErrors, StreamingError>) -> Void
    ) {
        guard let groups = broker?.groups else { return done(.failure(.coordinatorNotAvailable)) }
        let producer = TransactionalProducer(id: identity.producerID, epoch: identity.epoch)
        let refusal = write(identity, to: Broker.offsetsTopic, 0, adds: adds) {
            groups.commit(request, in: producer) { done(.success($0)) }
        }
        if let refusal { done(.failure(refusal)) }
    }

    /// The id's entry if the producer may change its state now; under the lock.
    func changeable(_ identity: TransactionIdentity) -> Result<Entry, StreamingError> {
        guard let entry = entries[identity.transactionalID],
            entry.state.producerID == identity.producerID
        else { return .failure(.invalidProducerIDMapping) }
        guard entry.state.epoch == identity.epoch else { return .failure(.producerFenced) }
        if entry.isChanging || entry.state.isPrepared { return .failure(.concurrentTransactions) }
        return .success(entry)
    }

    // MARK: Changes

    /// Changes the state and calls `then` once the change is durable, or has failed and was taken
    /// back. Without `waits` it is called at once. `body` runs under the lock.
    func change(
        _ entry: Entry, waits: Bool = true, _ body: (inout TransactionState) -> Void,
        then: @escaping @Sendable (StreamingError?) -> Void
    ) {
        var before = entry.state
        let written = lock.withLock { () -> Result<Int64, StreamingError> in
            before = entry.state
            var state = before
            body(&state)
            state.updateTimestamp = clock.milliseconds
            do throws(StreamingError) {
                try log.write([
                    InternalRecord(
                        key: TransactionRecord.key(entry.id), value: TransactionRecord.value(state))
                ])
            } catch {
                return .failure(error)
            }
            entry.state = state
            entry.written = log.partition.log.endOffset
            return .success(entry.written)
        }
        switch written {
        case .failure(let error): then(error)
        case .success(let end):
            if !waits {
                // A round of its own would make the next transaction wait, whose decision brings
                // this to the disk. An older client's next transaction waits for this one.
                let isAwaited = lock.withLock { !entry.state.raisesEpoch }
                if isAwaited {
                    commits.schedule(log.partition.log)
                } else {
                    commits.note(log.partition.log)
                }
                return then(nil)
            }
            let before = before
            commits.commit(log.partition.log, upTo: end) { [self] result in
                guard case .failure(let error) = result else { return then(nil) }
                lock.withLock { entry.state = before }
                then(StreamingError(error))
            }
        }
    }

    // MARK: Administration

    /// What is known of the ids; nil for one that is not.
    public func descriptions(of ids: [String]) -> [TransactionDescription?] {
        lock.withLock {
            ids.map { id in entries[id].map { TransactionDescription(id, $0.state) } }
        }
    }

    /// Every transactional id, in order.
    public var descriptions: [TransactionDescription] {
        lock.withLock {
            entries.values.filter { $0.state.producerID >= 0 }.sorted { $0.id < $1.id }
                .map { TransactionDescription($0.id, $0.state) }
        }
    }
}
