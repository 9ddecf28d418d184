import KafkaProtocol
import Streaming

/// AddPartitionsToTxn, key 24, v0-5: the partitions are in the transaction once that is durable;
/// all or none. v4 and v5 hold many transactions and can ask without adding, as brokers do.
enum AddPartitionsToTxnHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 0...5

    private typealias Transaction = AddPartitionsToTxnRequest.AddPartitionsToTxnTransaction
    private typealias TopicResult = AddPartitionsToTxnResponse.AddPartitionsToTxnTopicResult

    static func handle(
        _ request: AddPartitionsToTxnRequest, _ context: borrowing RequestContext,
        _ reply: Reply<AddPartitionsToTxnRequest>
    ) {
        let transactions =
            context.version >= 4
            ? request.transactions
            : [
                .with {
                    $0.transactionalId = request.v3AndBelowTransactionalId
                    $0.producerId = request.v3AndBelowProducerId
                    $0.producerEpoch = request.v3AndBelowProducerEpoch
                    $0.topics = request.v3AndBelowTopics
                }
            ]
        let gather = Gather<[TopicResult]>(transactions.count) { results in
            var response = AddPartitionsToTxnResponse()
            if reply.version >= 4 {
                response.resultsByTransaction = zip(transactions, results).map { asked, result in
                    .with {
                        $0.transactionalId = asked.transactionalId
                        $0.topicResults = result
                    }
                }
            } else {
                response.resultsByTopicV3AndBelow = results.first ?? []
            }
            reply.send(response)
        }
        for (place, transaction) in transactions.enumerated() {
            add(transaction, context.broker, reply) { gather.put($0, at: place) }
        }
    }

    private static func add(
        _ request: Transaction, _ broker: Broker, _ reply: Reply<AddPartitionsToTxnRequest>,
        _ done: @escaping @Sendable ([TopicResult]) -> Void
    ) {
        func results(_ code: (String, Int32) -> ErrorCode) -> [TopicResult] {
            request.topics.map { topic in
                .with { result in
                    result.name = topic.name
                    result.resultsByPartition = topic.partitions.map { index in
                        .with {
                            $0.partitionIndex = index
                            $0.partitionErrorCode = code(topic.name, index)
                        }
                    }
                }
            }
        }
        func isKnown(_ name: String, _ index: Int32) -> Bool {
            guard let topic = broker.topic(name), !topic.isInternal else { return false }
            return topic.partition(index) != nil
        }
        guard
            request.topics.allSatisfy({ topic in
                topic.partitions.allSatisfy { isKnown(topic.name, $0) }
            })
        else {
            return done(
                results { isKnown($0, $1) ? .operationNotAttempted : .unknownTopicOrPartition })
        }
        let identity = TransactionIdentity(
            request.transactionalId, producerID: request.producerId, epoch: request.producerEpoch)
        let topics = request.topics.map {
            TopicPartitions(name: $0.name, partitions: $0.partitions)
        }
        if request.verifyOnly {
            let error = broker.transactions.verify(topics, in: identity)
            let code = error.map { ErrorCode(rawValue: $0.code) } ?? .none
            return done(results { _, _ in code })
        }
        let (all, version) = (results { _, _ in .none }, reply.version)
        broker.transactions.add(topics, to: identity) { error in
            guard let error else { return done(all) }
            reply.connection.server.refused(reply, error)
            let code = ErrorCode(fencing: error, version: version, since: 2)
            done(all.map { $0.failed(code) })
        }
    }
}

extension AddPartitionsToTxnResponse.AddPartitionsToTxnTopicResult {
    fileprivate func failed(_ code: ErrorCode) -> Self {
        var copy = self
        for index in copy.resultsByPartition.indices {
            copy.resultsByPartition[index].partitionErrorCode = code
        }
        return copy
    }
}
