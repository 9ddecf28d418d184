import KafkaProtocol
import Streaming

/// InitProducerId, key 22, v0-5: a producer id for an idempotent producer (KIP-98); one that gives
/// its own gets a new one, as Kafka does without a transactional id. With a transactional id the id
/// and the epoch that fence whoever had it before, whose open transaction is aborted first.
enum InitProducerIdHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 0...5

    static func handle(
        _ request: InitProducerIdRequest, _ context: borrowing RequestContext,
        _ reply: Reply<InitProducerIdRequest>
    ) {
        if let transactionalID = request.transactionalId {
            return initialize(transactionalID, request, context, reply)
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

    private static func initialize(
        _ transactionalID: String, _ request: InitProducerIdRequest,
        _ context: borrowing RequestContext, _ reply: Reply<InitProducerIdRequest>
    ) {
        guard (request.producerId < 0) == (request.producerEpoch < 0) else {
            return refuse(.invalidRequest, reply)
        }
        let current =
            request.producerId < 0
            ? nil : ProducerIdentity(id: request.producerId, epoch: request.producerEpoch)
        context.broker.transactions.initialize(
            transactionalID, timeoutMilliseconds: request.transactionTimeoutMs, current: current
        ) { result in
            switch result {
            case .success(let producer):
                var response = InitProducerIdResponse()
                response.producerId = producer.id
                response.producerEpoch = producer.epoch
                reply.send(response)
            case .failure(let error):
                reply.connection.server.refused(reply, error)
                refuse(ErrorCode(fencing: error, version: reply.version, since: 4), reply)
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
