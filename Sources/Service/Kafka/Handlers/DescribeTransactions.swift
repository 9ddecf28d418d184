import KafkaProtocol
import Streaming

/// DescribeTransactions, key 65, v0: the state of each transactional id (KIP-664).
enum DescribeTransactionsHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 0...0

    static func handle(
        _ request: DescribeTransactionsRequest, _ context: borrowing RequestContext,
        _ reply: Reply<DescribeTransactionsRequest>
    ) {
        let found = context.broker.transactions.descriptions(of: request.transactionalIds)
        var response = DescribeTransactionsResponse()
        response.transactionStates = zip(request.transactionalIds, found).map { id, found in
            .with { answer in
                answer.transactionalId = id
                guard let found else {
                    answer.errorCode = id.isEmpty ? .invalidRequest : .transactionalIdNotFound
                    return
                }
                answer.transactionState = found.status
                answer.transactionTimeoutMs = found.timeoutMilliseconds
                answer.transactionStartTimeMs = found.startTimestamp
                answer.producerId = found.producerID
                answer.producerEpoch = found.producerEpoch
                answer.topics = found.topics.map { topic in
                    .with {
                        $0.topic = topic.name
                        $0.partitions = topic.partitions
                    }
                }
            }
        }
        reply.send(response)
    }
}
