import KafkaProtocol
import Platform

/// How a producer and its coordinator speak of transactions.
enum TransactionProtocol: Sendable {
    /// KIP-98, which every broker since 0.11 serves: partitions and groups are announced, and the
    /// epoch stays.
    case announced
    /// KIP-890, part 2: what is written to joins, and the next transaction has the next epoch.
    case epochs
}

// What a transactional producer asks its coordinator for.
extension Cluster {
    /// Producer id and epoch of a transactional id, whoever had them before is fenced; and how its
    /// coordinator is spoken to from then on.
    func initTransactions(
        _ id: String, timeoutMilliseconds: Int64
    ) async throws(ClientError) -> (ProducerIdentity, TransactionProtocol) {
        try await withTransactionCoordinator(of: id) { [self] broker async throws(ClientError) in
            let request = InitProducerIdRequest.with {
                $0.transactionalId = id
                $0.transactionTimeoutMs = Int32(clamping: timeoutMilliseconds)
                $0.producerId = -1
                $0.producerEpoch = -1
            }
            let response = try await ask(request, of: broker)
            try Self.check(response.errorCode, .initProducerId)
            let identity = ProducerIdentity(
                id: response.producerId, epoch: response.producerEpoch)
            let hasEpochs = broker.ready?.versions.transactionsHaveEpochs ?? false
            return (identity, hasEpochs ? .epochs : .announced)
        }
    }

    /// Announces the partitions that the transaction will write to.
    func addPartitions(
        _ partitions: [TopicPartition], to id: String, _ producer: ProducerIdentity
    ) async throws(ClientError) {
        let topics = Dictionary(grouping: partitions, by: \.topic)
        try await withTransactionCoordinator(of: id) { [self] broker async throws(ClientError) in
            let request = AddPartitionsToTxnRequest.with { request in
                request.v3AndBelowTransactionalId = id
                request.v3AndBelowProducerId = producer.id
                request.v3AndBelowProducerEpoch = producer.epoch
                request.v3AndBelowTopics = topics.map { topic, partitions in
                    .with {
                        $0.name = topic
                        $0.partitions = partitions.map(\.partition)
                    }
                }
            }
            let response = try await ask(request, of: broker, atMost: 3)
            for topic in response.resultsByTopicV3AndBelow {
                for result in topic.resultsByPartition {
                    try Self.check(result.partitionErrorCode, .addPartitionsToTxn)
                }
            }
        }
    }

    /// Gives what the next transaction is to use.
    func endTransaction(
        _ id: String, _ producer: ProducerIdentity, by rules: TransactionProtocol, isCommit: Bool,
        forMilliseconds limit: Int64? = nil
    ) async throws(ClientError) -> ProducerIdentity {
        try await withTransactionCoordinator(of: id, forMilliseconds: limit) {
            [self] broker async throws(ClientError) in
            let request = EndTxnRequest.with {
                $0.transactionalId = id
                $0.producerId = producer.id
                $0.producerEpoch = producer.epoch
                $0.committed = isCommit
            }
            // From version 5 on the epoch rises.
            let response = try await ask(request, of: broker, atMost: rules == .epochs ? 5 : 4)
            try Self.check(response.errorCode, .endTxn)
            guard rules == .epochs else { return producer }
            return ProducerIdentity(id: response.producerId, epoch: response.producerEpoch)
        }
    }

    /// Announces the group whose offsets the transaction will commit.
    func addOffsets(
        of group: String, to id: String, _ producer: ProducerIdentity
    ) async throws(ClientError) {
        try await withTransactionCoordinator(of: id) { [self] broker async throws(ClientError) in
            let request = AddOffsetsToTxnRequest.with {
                $0.transactionalId = id
                $0.producerId = producer.id
                $0.producerEpoch = producer.epoch
                $0.groupId = group
            }
            let response = try await ask(request, of: broker, atMost: 3)
            try Self.check(response.errorCode, .addOffsetsToTxn)
        }
    }

    private static func check(_ code: ErrorCode, _ api: APIKey) throws(ClientError) {
        guard code != .none else { return }
        throw .refused(api: api, code, detail: nil)
    }

    /// Runs `operation` against the coordinator, found anew after each failure that may pass.
    private func withTransactionCoordinator<T: Sendable>(
        of id: String, forMilliseconds limit: Int64? = nil,
        _ operation: @Sendable (Broker) async throws(ClientError) -> T
    ) async throws(ClientError) -> T {
        try await retrying(forMilliseconds: limit) { [self] () async throws(ClientError) in
            let broker = try await transactionCoordinator(of: id)
            do throws(ClientError) {
                return try await operation(broker)
            } catch {
                if error.isRetriable, error.code != .concurrentTransactions {
                    transactionCoordinators[id] = nil
                }
                throw error
            }
        }
    }

    private func transactionCoordinator(of id: String) async throws(ClientError) -> Broker {
        if let known = transactionCoordinators[id] { return broker(at: known, for: .group) }
        let request = FindCoordinatorRequest.with {
            $0.key = id
            $0.keyType = 1
            $0.coordinatorKeys = [id]
        }
        let response = try await askAny(request)
        let found = response.coordinators.first
        try Self.check(found?.errorCode ?? response.errorCode, .findCoordinator)
        let endpoint = endpoint(
            host: found?.host ?? response.host,
            port: UInt16(truncatingIfNeeded: found?.port ?? response.port))
        transactionCoordinators[id] = endpoint
        return broker(at: endpoint, for: .group)
    }
}
