import KafkaProtocol
import Streaming

/// Heartbeat, key 12, v0-4: keeps a member's session, and tells it of a rebalance.
enum HeartbeatHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 0...4

    static func handle(
        _ request: HeartbeatRequest, _ context: borrowing RequestContext,
        _ reply: Reply<HeartbeatRequest>
    ) {
        let error = context.broker.groups.heartbeat(
            groupID: request.groupId,
            identity: MemberIdentity(
                memberID: request.memberId, instanceID: request.groupInstanceId,
                generation: request.generationId))
        var response = HeartbeatResponse()
        response.errorCode = ErrorCode(rawValue: error.code)
        reply.send(response)
    }
}
