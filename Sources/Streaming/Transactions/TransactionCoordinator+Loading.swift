import LogStorage
import Platform
import Records

// What was under way when the server went is taken up again.
extension TransactionCoordinator {
    /// Replays the log; before anything else is called.
    func load() throws(StreamingError) {
        var isReadable = true
        try log.load { record, _ in
            guard let id = TransactionRecord.transactionalID(record.key) else { return }
            guard let value = record.value else {
                entries[id] = nil
                return
            }
            do {
                entries[id] = Entry(id, try TransactionRecord.state(value))
            } catch {
                isReadable = false
            }
        }
        guard isReadable else {
            throw .storage("\(Broker.transactionsTopic) holds a record that cannot be read")
        }
    }

    /// Brings the states into line with what the partitions say, once these are open: decisions are
    /// marked where they are not, transactions of nobody are aborted.
    func resume(_ topics: [Topic], report: (String) -> Void) {
        var open = Self.underWay(topics)
        let now = clock.milliseconds
        for entry in entries.values {
            let found = open.removeValue(forKey: entry.state.producerID) ?? []
            entry.state.resume(found, at: now)
        }
        tick()
        guard log.damaged == nil else { return }
        for (producerID, found) in open {
            for place in found {
                report(
                    "\(place.partition.topic)-\(place.partition.partition): a transaction of "
                        + "producer \(producerID), which has no transactional id, is aborted")
                let producer = TransactionalProducer(id: producerID, epoch: place.epoch)
                writeMarker(to: place.partition, producer, false) { _ in }
            }
        }
    }

    fileprivate struct UnderWay {
        var partition: TopicPartition
        var epoch: Int16
    }

    /// Transactions under way by the logs' own account, by producer.
    private static func underWay(_ topics: [Topic]) -> [Int64: [UnderWay]] {
        var found: [Int64: [UnderWay]] = [:]
        for topic in topics {
            for partition in topic.partitions {
                for (id, state) in partition.log.producerStates where state.transactionStart != nil
                {
                    found[id, default: []].append(
                        UnderWay(
                            partition: TopicPartition(
                                topic: topic.name, partition: partition.index),
                            epoch: state.producerEpoch))
                }
            }
        }
        return found
    }

    /// Begins a new segment with all that holds now, if much has been appended.
    func compact() throws(StreamingError) {
        let snapshot = try lock.withLock { () throws(StreamingError) -> Range<Int64>? in
            guard log.wantsSnapshot else { return nil }
            return try log.writeSnapshot(
                entries.values.filter { $0.state.producerID >= 0 }.map { entry in
                    InternalRecord(
                        key: TransactionRecord.key(entry.id),
                        value: TransactionRecord.value(entry.state))
                })
        }
        if let snapshot { log.forgetOlder(than: snapshot) }
    }
}

extension TransactionState {
    /// Brings a state that was read from the log into line with the partitions whose logs say that
    /// a transaction of the producer is under way.
    fileprivate mutating func resume(
        _ found: [TransactionCoordinator.UnderWay], at milliseconds: Int64
    ) {
        let open = Set(found.map(\.partition))
        // A clock that was set back since would give them no end.
        startTimestamp = min(startTimestamp, milliseconds)
        updateTimestamp = min(updateTimestamp, milliseconds)
        switch status {
        case .prepareCommit where beginsNext(found), .prepareAbort where beginsNext(found):
            begin(at: milliseconds)
            partitions = open
        // The others have their markers.
        case .prepareCommit, .prepareAbort: partitions = open
        case .ongoing: partitions.formUnion(open)
        case .empty, .completeCommit, .completeAbort:
            guard !found.isEmpty else { return }
            begin(at: milliseconds)
            raisesEpoch = true
            partitions = open
        }
    }

    /// The producer went on after a decision whose end is not in the log, for which nobody waits:
    /// what has the epoch of the next transaction must not get a marker of the last.
    private func beginsNext(_ found: [TransactionCoordinator.UnderWay]) -> Bool {
        raisesEpoch && lastEpoch >= 0 && found.contains { $0.epoch == epoch }
    }
}
