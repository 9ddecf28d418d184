import KafkaProtocol
import Streaming

/// EndTxn, key 26, v0-5: commits or aborts, answered when every partition has its marker on the
/// disk. From v5 on the answer has the epoch of the next transaction (KIP-890).
enum EndTxnHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 0...5

    static func handle(
        _ request: EndTxnRequest, _ context: borrowing RequestContext,
        _ reply: Reply<EndTxnRequest>
    ) {
        let identity = TransactionIdentity(
            request.transactionalId, producerID: request.producerId, epoch: request.producerEpoch)
        context.broker.transactions.end(
            identity, isCommit: request.committed, raisesEpoch: context.version >= 5
        ) { result in
            var response = EndTxnResponse()
            switch result {
            case .success(let producer):
                response.producerId = producer.id
                response.producerEpoch = producer.epoch
            case .failure(let error):
                response.errorCode = ErrorCode(fencing: error, version: reply.version, since: 2)
                reply.connection.server.refused(reply, error)
            }
            reply.send(response)
        }
    }
}
