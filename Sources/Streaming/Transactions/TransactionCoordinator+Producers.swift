import LogStorage
import Platform
import Records

// InitProducerId with a transactional id.
extension TransactionCoordinator {
    private enum Step {
        case refuse(StreamingError)
        /// A repeated request gets the same answer.
        case answer(ProducerIdentity)
        /// The id is new.
        case make(Entry)
        /// The transaction that another producer has left is aborted first.
        case abort(Entry)
        case raise(Entry)
    }

    /// Gives the producer of a transactional id its producer id and epoch, after which any other
    /// producer of the same id is fenced. `current` is what the producer has had (KIP-360).
    public func initialize(
        _ transactionalID: String, timeoutMilliseconds: Int32, current: ProducerIdentity?,
        done: @escaping @Sendable (Result<ProducerIdentity, StreamingError>) -> Void
    ) {
        guard !transactionalID.isEmpty else {
            return done(.failure(.invalidRequest("A transactional id cannot be empty.")))
        }
        guard timeoutMilliseconds > 0, Int64(timeoutMilliseconds) <= timeoutMillisecondsMax else {
            return done(.failure(.invalidTransactionTimeout))
        }
        let step = lock.withLock { self.step(transactionalID, timeoutMilliseconds, current) }
        switch step {
        case .refuse(let error): done(.failure(error))
        case .answer(let identity): done(.success(identity))
        case .make(let entry):
            allocate(entry, timeoutMilliseconds, keepsLastEpoch: false, done)
        case .abort(let entry):
            finish(entry, isCommit: false, raisesEpoch: true) { [self] result in
                switch result {
                case .failure(let error): done(.failure(error))
                case .success: raiseAfterAbort(entry, timeoutMilliseconds, done)
                }
            }
        case .raise(let entry):
            raise(entry, timeoutMilliseconds, keepsLastEpoch: current != nil, done)
        }
    }

    /// Under the lock.
    private func step(
        _ id: String, _ timeoutMilliseconds: Int32, _ current: ProducerIdentity?
    ) -> Step {
        guard let entry = entries[id] else {
            guard entries.count < Limits.transactionalIDsMax else {
                return .refuse(
                    .policyViolation(
                        "There are \(Limits.transactionalIDsMax) transactional ids already."))
            }
            let entry = Entry(
                id,
                TransactionState(
                    producerID: -1, epoch: -1, timeoutMilliseconds: timeoutMilliseconds,
                    updateTimestamp: clock.milliseconds))
            entry.isChanging = true
            entries[id] = entry
            return .make(entry)
        }
        if entry.isChanging || entry.state.isPrepared { return .refuse(.concurrentTransactions) }
        if let current {
            let state = entry.state
            let isKnown =
                current.id == state.producerID
                ? current.epoch == state.epoch || current.epoch == state.lastEpoch
                : current.id == state.previousProducerID
            guard isKnown else { return .refuse(.producerFenced) }
            if state.status != .ongoing, current != entry.producer {
                return .answer(entry.producer)
            }
        }
        entry.isChanging = true
        return entry.state.status == .ongoing ? .abort(entry) : .raise(entry)
    }

    private func raiseAfterAbort(
        _ entry: Entry, _ timeoutMilliseconds: Int32,
        _ done: @escaping @Sendable (Result<ProducerIdentity, StreamingError>) -> Void
    ) {
        let isFree = lock.withLock {
            guard !entry.isChanging, !entry.state.isPrepared, entry.state.status != .ongoing else {
                return false
            }
            entry.isChanging = true
            return true
        }
        guard isFree else { return done(.failure(.concurrentTransactions)) }
        raise(entry, timeoutMilliseconds, keepsLastEpoch: false, done)
    }

    /// The next epoch, or a new producer id when there is none left.
    private func raise(
        _ entry: Entry, _ timeoutMilliseconds: Int32, keepsLastEpoch: Bool,
        _ done: @escaping @Sendable (Result<ProducerIdentity, StreamingError>) -> Void
    ) {
        guard lock.withLock({ entry.state.epoch < TransactionState.epochMax }) else {
            return allocate(entry, timeoutMilliseconds, keepsLastEpoch: keepsLastEpoch, done)
        }
        change(entry) { state in
            state.rest(.empty)
            state.lastEpoch = keepsLastEpoch ? state.epoch : -1
            state.epoch += 1
            state.timeoutMilliseconds = timeoutMilliseconds
        } then: { [self] error in
            settled(entry, error, done)
        }
    }

    private func allocate(
        _ entry: Entry, _ timeoutMilliseconds: Int32, keepsLastEpoch: Bool,
        _ done: @escaping @Sendable (Result<ProducerIdentity, StreamingError>) -> Void
    ) {
        guard let broker else { return settled(entry, .coordinatorNotAvailable, done) }
        broker.allocateProducerID { [self] result in
            switch result {
            case .failure(let error): settled(entry, error, done)
            case .success(let producerID):
                change(entry) { state in
                    state.rest(.empty)
                    state.renew(producerID, lastEpoch: keepsLastEpoch ? state.epoch : -1)
                    state.timeoutMilliseconds = timeoutMilliseconds
                } then: { [self] error in
                    settled(entry, error, done)
                }
            }
        }
    }

    private func settled(
        _ entry: Entry, _ error: StreamingError?,
        _ done: @escaping @Sendable (Result<ProducerIdentity, StreamingError>) -> Void
    ) {
        let producer = lock.withLock { () -> ProducerIdentity in
            entry.isChanging = false
            // Nothing was made of a new id.
            if entry.state.producerID < 0 { entries[entry.id] = nil }
            return entry.producer
        }
        done(error.map { .failure($0) } ?? .success(producer))
    }
}

extension TransactionState {
    /// No transaction is under way.
    mutating func rest(_ status: Status) {
        self.status = status
        partitions = []
        startTimestamp = -1
    }

    /// A new producer id, whose epochs begin at 0.
    /// `lastEpoch` is the one by which a repeated request is known, -1 for none.
    mutating func renew(_ producerID: Int64, lastEpoch: Int16) {
        previousProducerID = lastEpoch < 0 ? -1 : self.producerID
        self.lastEpoch = lastEpoch
        self.producerID = producerID
        epoch = 0
    }
}
