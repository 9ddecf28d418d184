import LogStorage
import Platform
import Records

// EndTxn, time that has run out, and what a crash has left: decided in the log, then marked in
// each partition, then done.
extension TransactionCoordinator {
    private enum Step {
        case refuse(StreamingError)
        case answer(ProducerIdentity)
        case finish(Entry)
    }

    /// Commits or aborts; answered when every partition has its marker on the disk. `raisesEpoch`
    /// is EndTxn from version 5 on: the answer is what the next transaction is to use.
    public func end(
        _ identity: TransactionIdentity, isCommit: Bool, raisesEpoch: Bool,
        done: @escaping @Sendable (Result<ProducerIdentity, StreamingError>) -> Void
    ) {
        let step = lock.withLock { self.step(identity, isCommit, raisesEpoch) }
        switch step {
        case .refuse(let error): done(.failure(error))
        case .answer(let identity): done(.success(identity))
        case .finish(let entry):
            finish(entry, isCommit: isCommit, raisesEpoch: raisesEpoch, done: done)
        }
    }

    /// Under the lock.
    private func step(
        _ identity: TransactionIdentity, _ isCommit: Bool, _ raisesEpoch: Bool
    ) -> Step {
        guard let entry = entries[identity.transactionalID], entry.state.producerID >= 0 else {
            return .refuse(.invalidProducerIDMapping)
        }
        let state = entry.state
        let asked = ProducerIdentity(id: identity.producerID, epoch: identity.epoch)
        if raisesEpoch, asked != entry.producer, entry.isRepeated(asked, isCommit) {
            return .answer(entry.producer)
        }
        guard state.producerID == identity.producerID else {
            return .refuse(.invalidProducerIDMapping)
        }
        if raisesEpoch, entry.isEnding(asked, isCommit) { return .refuse(.concurrentTransactions) }
        guard state.epoch == identity.epoch else { return .refuse(.producerFenced) }
        if entry.isChanging { return .refuse(.concurrentTransactions) }
        switch (state.status, isCommit) {
        case (.ongoing, _): break
        case (.prepareCommit, true), (.prepareAbort, false):
            return .refuse(.concurrentTransactions)
        case (.completeCommit, true) where !raisesEpoch, (.completeAbort, false) where !raisesEpoch:
            return .answer(entry.producer)
        // A producer that does not know whether anything of it has arrived makes sure.
        case (.empty, false) where raisesEpoch, (.completeCommit, false) where raisesEpoch,
            (.completeAbort, false) where raisesEpoch:
            break
        default: return .refuse(.invalidTransactionState)
        }
        entry.isChanging = true
        return .finish(entry)
    }

    /// Ends the transaction of an entry that is marked as changing.
    func finish(
        _ entry: Entry, isCommit: Bool, raisesEpoch: Bool,
        done: @escaping @Sendable (Result<ProducerIdentity, StreamingError>) -> Void
    ) {
        let before = lock.withLock { entry.state }
        let prepare: @Sendable () -> Void = { [self] in
            change(entry) { state in
                state.status = isCommit ? .prepareCommit : .prepareAbort
                if raisesEpoch, state.epoch < Int16.max {
                    state.lastEpoch = state.epoch
                    state.epoch += 1
                }
            } then: { [self] error in
                if let error {
                    lock.withLock {
                        // It is not decided: nobody may find it so.
                        entry.state = before
                        entry.isChanging = false
                    }
                    return done(.failure(error))
                }
                mark(entry, done)
            }
        }
        let isIdle = lock.withLock {
            // From here on nothing more is written in this transaction.
            entry.state.status = isCommit ? .prepareCommit : .prepareAbort
            guard entry.appending > 0 else { return true }
            entry.whenIdle = prepare
            return false
        }
        if isIdle { prepare() }
    }

    /// Writes the markers of a prepared entry, then its end.
    func mark(
        _ entry: Entry,
        _ done: @escaping @Sendable (Result<ProducerIdentity, StreamingError>) -> Void
    ) {
        let state = lock.withLock { entry.state }
        let isCommit = state.status == .prepareCommit
        let producer = TransactionalProducer(id: state.producerID, epoch: state.epoch)
        let gathering = MarkerGathering(state.partitions.count) { [self] failure in
            guard let failure else { return complete(entry, isCommit, done) }
            // Tried again with the next tick: the decision stands.
            lock.withLock { entry.isChanging = false }
            done(.failure(failure))
        }
        for partition in state.partitions {
            writeMarker(to: partition, producer, isCommit) { gathering.finished($0) }
        }
        gathering.finished(nil)
    }

    func writeMarker(
        to place: TopicPartition, _ producer: TransactionalProducer, _ isCommit: Bool,
        _ done: @escaping @Sendable (StreamingError?) -> Void
    ) {
        guard let broker else { return done(.coordinatorNotAvailable) }
        if place.topic == Broker.offsetsTopic {
            return broker.groups.end(producer, isCommitted: isCommit, done: done)
        }
        // A topic that was deleted meanwhile needs no marker.
        guard let partition = broker.topic(place.topic)?.partition(place.partition) else {
            return done(nil)
        }
        partition.end(producer, isCommitted: isCommit, done: done)
    }

    private func complete(
        _ entry: Entry, _ isCommit: Bool,
        _ done: @escaping @Sendable (Result<ProducerIdentity, StreamingError>) -> Void
    ) {
        guard lock.withLock({ entry.state.epoch == .max }), let broker else {
            return complete(entry, isCommit, producerID: nil, done)
        }
        broker.allocateProducerID { [self] result in
            complete(entry, isCommit, producerID: try? result.get(), done)
        }
    }

    /// Nobody waits for the disk here: a start that finds the decision and no transaction under way
    /// comes to the same end.
    private func complete(
        _ entry: Entry, _ isCommit: Bool, producerID: Int64?,
        _ done: @escaping @Sendable (Result<ProducerIdentity, StreamingError>) -> Void
    ) {
        change(entry, waits: false) { state in
            state.rest(isCommit ? .completeCommit : .completeAbort)
            if let producerID { state.renew(producerID, lastEpoch: state.lastEpoch) }
        } then: { [self] error in
            let producer = lock.withLock {
                entry.isChanging = false
                return entry.producer
            }
            done(error.map { .failure($0) } ?? .success(producer))
        }
    }

    /// Called about once a second: transactions whose time is up are aborted and their producers
    /// fenced, decisions that could not be marked are tried again, old ids are forgotten.
    func tick() {
        let now = clock.milliseconds
        var late: [Entry] = []
        var prepared: [Entry] = []
        lock.withLock {
            for entry in entries.values where !entry.isChanging {
                let state = entry.state
                if state.isPrepared {
                    prepared.append(entry)
                } else if state.status == .ongoing {
                    let age = now - state.startTimestamp
                    if age > Int64(state.timeoutMilliseconds) { late.append(entry) }
                } else if now - state.updateTimestamp > expirationMilliseconds {
                    forget(entry)
                }
            }
            for entry in late + prepared { entry.isChanging = true }
        }
        for entry in late { finish(entry, isCommit: false, raisesEpoch: true) { _ in } }
        for entry in prepared { mark(entry) { _ in } }
    }

    /// Under the lock. A tombstone that is lost brings the id back until the next time.
    private func forget(_ entry: Entry) {
        entries[entry.id] = nil
        let tombstone = InternalRecord(key: TransactionRecord.key(entry.id), value: nil)
        _ = try? log.write([tombstone])
    }
}

extension TransactionCoordinator.Entry {
    /// Whether the last transaction was ended by just this request (KIP-890).
    fileprivate func isRepeated(_ asked: ProducerIdentity, _ isCommit: Bool) -> Bool {
        guard !isChanging, state.status == (isCommit ? .completeCommit : .completeAbort) else {
            return false
        }
        let isSameID = asked.id == state.producerID || asked.id == state.previousProducerID
        return isSameID && asked.epoch == state.lastEpoch
    }

    /// Whether just this request is at work: its epoch is the old one already, and who repeats it
    /// is no producer that was replaced.
    fileprivate func isEnding(_ asked: ProducerIdentity, _ isCommit: Bool) -> Bool {
        asked.id == state.producerID && asked.epoch == state.lastEpoch
            && state.status == (isCommit ? .prepareCommit : .prepareAbort)
    }
}

/// Waits for the markers of one transaction; the first failure is the whole's.
private final class MarkerGathering: @unchecked Sendable {
    private let lock = Lock()
    /// One more than there are markers, for the caller itself.
    private var left: Int
    private var failure: StreamingError?
    private let done: @Sendable (StreamingError?) -> Void

    init(_ count: Int, _ done: @escaping @Sendable (StreamingError?) -> Void) {
        left = count + 1
        self.done = done
    }

    func finished(_ error: StreamingError?) {
        let (isLast, failure) = lock.withLock {
            left -= 1
            self.failure = self.failure ?? error
            return (left == 0, self.failure)
        }
        if isLast { done(failure) }
    }
}
