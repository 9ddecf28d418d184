import KafkaProtocol
import Streaming

/// AddOffsetsToTxn, key 25, v0-4: the transaction will commit offsets of a group. All groups'
/// offsets lie in one partition, so the group does not matter.
enum AddOffsetsToTxnHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 0...4

    static func handle(
        _ request: AddOffsetsToTxnRequest, _ context: borrowing RequestContext,
        _ reply: Reply<AddOffsetsToTxnRequest>
    ) {
        let identity = TransactionIdentity(
            request.transactionalId, producerID: request.producerId, epoch: request.producerEpoch)
        context.broker.transactions.addOffsets(to: identity) { error in
            var response = AddOffsetsToTxnResponse()
            if let error {
                response.errorCode = ErrorCode(fencing: error, version: reply.version, since: 2)
                reply.connection.server.refused(reply, error)
            }
            reply.send(response)
        }
    }
}

extension ErrorCode {
    /// Clients before `since` know a producer that is fenced by its epoch only.
    init(fencing error: StreamingError, version: Int16, since: Int16) {
        self =
            error == .producerFenced && version < since
            ? .invalidProducerEpoch : ErrorCode(rawValue: error.code)
    }
}
