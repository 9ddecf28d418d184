import KafkaProtocol
import Streaming

/// DescribeGroups, key 15, v0-6: state and members. A group that does not exist is Dead, from v6 on
/// with GROUP_ID_NOT_FOUND (KIP-1043).
enum DescribeGroupsHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 0...6

    static func handle(
        _ request: DescribeGroupsRequest, _ context: borrowing RequestContext,
        _ reply: Reply<DescribeGroupsRequest>
    ) {
        var response = DescribeGroupsResponse()
        for groupID in request.groups {
            let found = context.broker.groups.description(of: groupID)
            response.groups.append(answer(found, context.version))
            if request.includeAuthorizedOperations {
                response.groups[response.groups.count - 1].authorizedOperations =
                    AuthorizedOperations.group
            }
        }
        reply.send(response)
    }

    private static func answer(_ found: GroupDescription, _ version: Int16)
        -> DescribeGroupsResponse.DescribedGroup
    {
        var group = DescribeGroupsResponse.DescribedGroup()
        group.groupId = found.groupID
        if version >= 6 || found.error != .groupIDNotFound {
            group.errorCode = ErrorCode(rawValue: found.error.code)
            if found.error == .groupIDNotFound {
                group.errorMessage = "Group \(found.groupID) not found."
            }
        }
        group.groupState = found.state.rawValue
        group.protocolType = found.protocolType
        group.protocolData = found.protocolName
        group.members = found.members.map { member in
            var answer = DescribeGroupsResponse.DescribedGroupMember()
            answer.memberId = member.memberID
            answer.groupInstanceId = member.instanceID
            answer.clientId = member.clientID
            answer.clientHost = member.clientHost
            answer.memberMetadata = member.metadata
            answer.memberAssignment = member.assignment
            return answer
        }
        return group
    }
}
