import KafkaProtocol
import Streaming

/// InitProducerId, key 22, v0-5: a producer id for an idempotent producer (KIP-98); one that gives
/// its own gets a new one, as Kafka does without a transactional id. With a transactional id error
/// 53 until transactions exist, after the check of its timeout.
enum InitProducerIdHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 0...5

    static func handle(
        _ request: InitProducerIdRequest, _ context: borrowing RequestContext,
        _ reply: Reply<InitProducerIdRequest>
    ) {
        if request.transactionalId != nil {
            let longest = context.broker.brokerSettings.number("transaction.max.timeout.ms")
            let tooLong = Int64(request.transactionTimeoutMs) > longest
            return refuse(
                tooLong ? .invalidTransactionTimeout : .transactionalIdAuthorizationFailed, reply)
        }
        context.broker.allocateProducerID { result in
            switch result {
            case .success(let id):
                var response = InitProducerIdResponse()
                response.producerId = id
                response.producerEpoch = 0
                reply.send(response)
            case .failure(let error):
                reply.connection.server.refused(reply, error)
                refuse(ErrorCode(rawValue: error.code), reply)
            }
        }
    }

    private static func refuse(_ code: ErrorCode, _ reply: Reply<InitProducerIdRequest>) {
        var response = InitProducerIdResponse()
        response.errorCode = code
        response.producerEpoch = -1
        reply.send(response)
    }
}
