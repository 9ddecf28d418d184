import KafkaProtocol
import Streaming

/// ListGroups, key 16, v0-5: from memory. v4 filters by state (KIP-518), v5 by type (KIP-848).
enum ListGroupsHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 0...5

    static func handle(
        _ request: ListGroupsRequest, _ context: borrowing RequestContext,
        _ reply: Reply<ListGroupsRequest>
    ) {
        var response = ListGroupsResponse()
        let found = context.broker.groups.listing(
            states: request.statesFilter, types: request.typesFilter)
        response.groups = found.map { group in
            var answer = ListGroupsResponse.ListedGroup()
            answer.groupId = group.groupID
            answer.protocolType = group.protocolType
            answer.groupState = group.state.rawValue
            answer.groupType = group.type
            return answer
        }
        reply.send(response)
    }
}
