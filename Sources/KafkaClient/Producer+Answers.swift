import KafkaProtocol
import Platform
import Records

extension Producer {
    /// Matches the answer of a request to its batches. With acks 0 it is empty.
    func answered(_ request: ProducerRequest, _ response: ProduceResponse) {
        guard configuration.acks != .none else {
            for (partition, batch) in request.entries {
                partition.landed(batch)
                complete(batch, of: partition, .success(-1))
                schedule(partition)
            }
            return
        }
        learnBrokers(response)
        var waiting = Dictionary(
            request.entries.map { ($0.partition.id, $0) }, uniquingKeysWith: { first, _ in first })
        for topic in response.responses {
            let name = topic.name.isEmpty ? request.topicNames[topic.topicId] : topic.name
            guard let name else { continue }
            for answer in topic.partitionResponses {
                let id = TopicPartition(name, answer.index)
                guard let (partition, batch) = waiting.removeValue(forKey: id) else { continue }
                answered(batch, of: partition, answer)
            }
        }
        for (partition, batch) in waiting.values {
            let detail = "the answer does not name the partition"
            failed(
                batch, of: partition, .partition(partition.id, .networkException, detail: detail))
        }
    }

    private func answered(
        _ batch: ProducerBatch, of partition: ProducerPartition,
        _ answer: ProduceResponse.PartitionProduceResponse
    ) {
        switch answer.errorCode {
        // A duplicate was appended by an earlier attempt whose answer got lost.
        case .none, .duplicateSequenceNumber:
            partition.landed(batch)
            partition.appended()
            partition.failures = 0
            complete(batch, of: partition, .success(answer.baseOffset))
            schedule(partition)
        case .messageTooLarge, .recordListTooLarge:
            tooLarge(batch, of: partition)
        default:
            let leader = answer.currentLeader
            _ = cluster.metadata.learnLeader(
                partition.id, leader: leader.leaderId, epoch: leader.leaderEpoch)
            let rejection = BatchRejection(answer, of: partition.id, records: batch.records.count)
            if let rejection, !answer.errorCode.retriable {
                return rejected(batch, of: partition, rejection)
            }
            failed(
                batch, of: partition,
                .partition(partition.id, answer.errorCode, detail: answer.errorMessage))
        }
    }

    /// Splits a batch that is larger than the topic takes, as Java's client does; one record cannot
    /// be split.
    private func tooLarge(_ batch: ProducerBatch, of partition: ProducerPartition) {
        guard !batch.isCompleted, let parts = batch.halves() else {
            return failed(batch, of: partition, .batchTooLarge(partition.id, bytes: batch.size))
        }
        partition.landed(batch)
        partition.replace(batch, by: parts)
        expect(parts.count - 1)
        statistics.batchesSplit += 1
        schedule(partition)
    }

    /// Nothing of a batch was appended because of some of its records. They fail, each with its
    /// reason; the others are sent again without them, or fail too.
    private func rejected(
        _ batch: ProducerBatch, of partition: ProducerPartition, _ rejection: BatchRejection
    ) {
        partition.landed(batch)
        guard !batch.isCompleted else { return }
        for (place, error) in zip(rejection.places, rejection.errors) {
            let record = batch.records[place]
            batch.done(record..<record + 1, .failure(error))
        }
        statistics.recordsFailed += rejection.places.count
        let rest = configuration.resendsRest ? batch.rest(without: rejection.places) : nil
        if let rest {
            partition.replace(batch, by: [rest])
        } else {
            batch.records.remove(at: rejection.places)
            complete(batch, of: partition, .failure(.batchRejected(partition.id)))
        }
        if configuration.resendsRest { partition.refused(batch) } else { noteGap(partition) }
        schedule(partition)
    }

    private func learnBrokers(_ response: ProduceResponse) {
        for endpoint in response.nodeEndpoints {
            cluster.metadata.brokers[endpoint.nodeId] = Metadata.BrokerAddress(
                nodeID: endpoint.nodeId, host: endpoint.host,
                port: UInt16(truncatingIfNeeded: endpoint.port), rack: endpoint.rack)
        }
    }

    /// A batch was not appended, or nobody knows whether it was.
    func failed(_ batch: ProducerBatch, of partition: ProducerPartition, _ error: ClientError) {
        partition.landed(batch)
        guard !batch.isCompleted else { return }
        batch.lastError = error
        let isOutOfOrder = error.code == .outOfOrderSequenceNumber
        batch.isRefused = isOutOfOrder
        if !isOutOfOrder { batch.mayBeAppended = batch.mayBeAppended || error.isRetriable }
        switch error.code {
        case .outOfOrderSequenceNumber?
        where partition.needsRestart || partition.expectedSequence != nil
            || partition.hasOlder(than: batch):
            // It only came before an older one that has to be sent again, or was given up.
            again(batch, of: partition)
        case .outOfOrderSequenceNumber? where batch.isPart && partition.hasSent(after: batch):
            // A broker that did not know the producer has taken the batch behind it, which must
            // keep its number then; nothing was appended of this one.
            partition.postpone(batch)
            schedule(partition)
        case .outOfOrderSequenceNumber?, .unknownProducerId?, .invalidProducerEpoch?,
            .invalidProducerIdMapping?:
            // In a transaction the epoch is the coordinator's: it can only be aborted.
            guard configuration.usesIdempotence, configuration.transactionalID == nil else {
                return drop(batch, of: partition, error)
            }
            // The broker has lost what it knew of this producer: a new epoch (KIP-360).
            partition.needsRestart = true
            again(batch, of: partition)
        default:
            guard error.isRetriable else { return drop(batch, of: partition, error) }
            if let code = error.code, Self.leadershipCodes.contains(code) {
                cluster.requestRefresh()
            }
            again(batch, of: partition)
        }
    }

    private static let leadershipCodes: Set<ErrorCode> = [
        .notLeaderOrFollower, .leaderNotAvailable, .unknownTopicOrPartition, .unknownTopicId,
        .fencedLeaderEpoch, .unknownLeaderEpoch, .replicaNotAvailable, .kafkaStorageError,
        .brokerNotAvailable, .networkException,
    ]

    private func again(_ batch: ProducerBatch, of partition: ProducerPartition) {
        statistics.batchesRetried += 1
        if let error = batch.lastError { configuration.retried?(error) }
        // Batches in flight together fail together: that is one failure.
        if !partition.hasFailed {
            partition.failures += 1
            let pause = cluster.configuration.backoffNanoseconds(
                attempt: partition.failures, after: batch.lastError)
            partition.pausedUntil = loop.clock.monotonicNanoseconds + pause
            loop.after(pause) { [weak self] in self?.schedule(partition) }
        }
        partition.requeue(batch)
        // The pause may be over before the last one in flight has come back.
        schedule(partition)
    }

    private func drop(
        _ batch: ProducerBatch, of partition: ProducerPartition, _ error: ClientError
    ) {
        complete(batch, of: partition, .failure(error))
        // What a transaction holds already need not be lost for a record that is too large.
        if configuration.resendsRest, configuration.transactionalID != nil, error.code != nil {
            partition.refused(batch)
        }
        noteGap(partition)
        schedule(partition)
    }
}

// The producer's id and epoch.
extension Producer {
    var currentIdentity: ProducerIdentity? {
        if case .ready(let current) = identity, configuration.usesIdempotence {
            current
        } else {
            nil
        }
    }

    /// A numbered batch was given up: the next number may not be the one that the broker expects.
    ///
    /// Batches behind it that were sent must keep theirs, since a broker may have appended them (it
    /// takes any number from a producer that it does not know). If their numbers do not follow, it
    /// says so and has appended none: only then all get new ones. A new epoch and not a lower
    /// number in the old one, in which a request that is read late could still be appended.
    func noteGap(_ partition: ProducerPartition) {
        guard configuration.usesIdempotence, configuration.transactionalID == nil,
            !partition.hasNumbered
        else { return }
        partition.needsRestart = true
    }

    /// Provides an epoch higher than that of a partition which has lost its numbers (KIP-360).
    ///
    /// Brokers know a producer's epoch by partition, so the others stay in theirs: a new one would
    /// number their batches again, and one whose answer got lost would be appended twice.
    func raiseEpoch(above lost: ProducerIdentity?) {
        guard case .ready(let current) = identity, current == lost else { return }
        guard current.epoch == Int16.max else {
            let raised = ProducerIdentity(id: current.id, epoch: current.epoch + 1)
            return identity = .ready(raised)
        }
        identity = .none
        requestIdentity()
    }

    func requestIdentity() {
        guard case .none = identity else { return }
        identity = .requested
        Task(executorPreference: loop) { [self] in
            do throws(ClientError) {
                if let id = configuration.transactionalID {
                    identity = .ready(try await initTransactions(id))
                } else {
                    identity = .ready(try await cluster.initProducerID())
                }
                pumpAll()
            } catch {
                identity = .none
                failAll(error)
            }
        }
    }

    private func failAll(_ error: ClientError) {
        for partition in partitions.values {
            for batch in partition.queue.removeAll() {
                complete(batch, of: partition, .failure(error))
            }
        }
    }
}

extension Cluster {
    /// A new producer id from the cluster.
    func initProducerID() async throws(ClientError) -> ProducerIdentity {
        try await retrying { [self] () async throws(ClientError) in
            let request = InitProducerIdRequest.with {
                $0.transactionTimeoutMs = .max
                $0.producerId = -1
                $0.producerEpoch = -1
            }
            let response = try await askAny(request)
            guard response.errorCode == .none else {
                throw .refused(api: .initProducerId, response.errorCode, detail: nil)
            }
            return ProducerIdentity(id: response.producerId, epoch: response.producerEpoch)
        }
    }
}
