import KafkaProtocol
import Streaming

/// SyncGroup, key 14, v0-5: the leader's assignments in, each member's own out, once they are
/// durable.
enum SyncGroupHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 0...5

    static func handle(
        _ request: SyncGroupRequest, _ context: borrowing RequestContext,
        _ reply: Reply<SyncGroupRequest>
    ) {
        let sync = SyncRequest(
            groupID: request.groupId,
            identity: MemberIdentity(
                memberID: request.memberId, instanceID: request.groupInstanceId,
                generation: request.generationId),
            protocolType: request.protocolType, protocolName: request.protocolName,
            assignments: request.assignments.map { ($0.memberId, $0.assignment) })
        context.broker.groups.sync(sync) { result in
            var response = SyncGroupResponse()
            response.errorCode = ErrorCode(rawValue: result.error.code)
            response.protocolType = result.protocolType
            response.protocolName = result.protocolName
            response.assignment = result.assignment
            reply.send(response)
        }
    }
}
