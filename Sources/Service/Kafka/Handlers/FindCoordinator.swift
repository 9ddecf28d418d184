import KafkaProtocol
import Streaming

/// FindCoordinator, key 10, v0-6: this server coordinates every group (type 0) and every
/// transaction (type 1). Type 2, of share partitions, is between brokers: INVALID_REQUEST.
enum FindCoordinatorHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 0...6

    static func handle(
        _ request: FindCoordinatorRequest, _ context: borrowing RequestContext,
        _ reply: Reply<FindCoordinatorRequest>
    ) {
        var response = FindCoordinatorResponse()
        let (host, port) = context.advertisedAddress
        let error = fault(request.keyType)
        if context.version >= 4 {
            response.coordinators = request.coordinatorKeys.map { key in
                var answer = FindCoordinatorResponse.Coordinator()
                answer.key = key
                answer.errorCode = error
                answer.nodeId = error == .none ? context.broker.nodeID : -1
                answer.host = error == .none ? host : ""
                answer.port = error == .none ? port : -1
                return answer
            }
        } else {
            response.errorCode = error
            response.nodeId = error == .none ? context.broker.nodeID : -1
            response.host = error == .none ? host : ""
            response.port = error == .none ? port : -1
        }
        reply.send(response)
    }

    private static func fault(_ keyType: Int8) -> ErrorCode {
        switch keyType {
        case 0, 1: .none
        default: .invalidRequest
        }
    }
}
