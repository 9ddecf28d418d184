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
        let now = clock.wallMilliseconds
        for entry in entries.values {
            let found = open.removeValue(forKey: entry.state.producerID) ?? []
            let partitions = Set(found.map(\.partition))
            switch entry.state.status {
            // The others have their markers.
            case .prepareCommit, .prepareAbort: entry.state.partitions = partitions
            case .ongoing: entry.state.partitions.formUnion(partitions)
            case .empty, .completeCommit, .completeAbort:
                guard !found.isEmpty else { continue }
                entry.state.begin(at: now)
                entry.state.raisesEpoch = true
                entry.state.partitions = partitions
            }
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

    private struct UnderWay {
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
