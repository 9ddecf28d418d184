import KafkaProtocol
import Platform
import Streaming

/// JoinGroup, key 11, v0-9: answered when the join phase ends. v4 asks new members to come back
/// with the id they are given (KIP-394), v5 static members (KIP-345), v9 skipped assignment
/// (KIP-814).
enum JoinGroupHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 0...9

    static func handle(
        _ request: JoinGroupRequest, _ context: borrowing RequestContext,
        _ reply: Reply<JoinGroupRequest>
    ) {
        var join = JoinRequest(
            groupID: request.groupId, memberID: request.memberId,
            instanceID: request.groupInstanceId, clientID: context.clientID,
            clientHost: "/" + (context.connection.stream.peerAddress.host ?? "127.0.0.1"),
            protocolType: request.protocolType,
            protocols: request.protocols.map {
                GroupProtocol(name: $0.name, metadata: $0.metadata)
            },
            sessionTimeoutMilliseconds: request.sessionTimeoutMs,
            rebalanceTimeoutMilliseconds: context.version == 0
                ? request.sessionTimeoutMs : request.rebalanceTimeoutMs)
        join.requiresKnownMemberID = context.version >= 4
        join.supportsSkippingAssignment = context.version >= 9
        let version = context.version
        context.broker.groups.join(join) { reply.send(answer($0, version)) }
    }

    private static func answer(_ result: JoinResult, _ version: Int16) -> JoinGroupResponse {
        var response = JoinGroupResponse()
        response.errorCode = ErrorCode(rawValue: result.error.code)
        response.generationId = result.generation
        response.protocolType = result.protocolType
        // Not nullable before v7.
        response.protocolName = result.protocolName ?? (version < 7 ? "" : nil)
        response.leader = result.leader
        response.skipAssignment = result.skipAssignment
        response.memberId = result.memberID
        response.members = result.members.map { member in
            var answer = JoinGroupResponse.JoinGroupResponseMember()
            answer.memberId = member.memberID
            answer.groupInstanceId = member.instanceID
            answer.metadata = member.metadata
            return answer
        }
        return response
    }
}
