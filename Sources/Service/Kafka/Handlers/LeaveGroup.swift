import KafkaProtocol
import Streaming

/// LeaveGroup, key 13, v0-5: one member up to v2, several and static ones from v3 on (KIP-345).
enum LeaveGroupHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 0...5

    static func handle(
        _ request: LeaveGroupRequest, _ context: borrowing RequestContext,
        _ reply: Reply<LeaveGroupRequest>
    ) {
        let single = context.version < 3
        let members =
            single
            ? [LeavingMember(memberID: request.memberId)]
            : request.members.map {
                LeavingMember(memberID: $0.memberId, instanceID: $0.groupInstanceId)
            }
        context.broker.groups.leave(groupID: request.groupId, members: members) { result in
            var response = LeaveGroupResponse()
            let error = result.error ?? (single ? result.members.first?.error : nil)
            response.errorCode = ErrorCode(rawValue: error.code)
            response.members = result.members.map { member in
                var answer = LeaveGroupResponse.MemberResponse()
                answer.memberId = member.memberID
                answer.groupInstanceId = member.instanceID
                answer.errorCode = ErrorCode(rawValue: member.error.code)
                return answer
            }
            reply.send(response)
        }
    }
}
