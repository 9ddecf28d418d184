import KafkaProtocol
import Streaming

/// DeleteGroups, key 42, v0-2: empty groups with their offsets; answered once that is durable.
enum DeleteGroupsHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 0...2

    static func handle(
        _ request: DeleteGroupsRequest, _ context: borrowing RequestContext,
        _ reply: Reply<DeleteGroupsRequest>
    ) {
        let broker = context.broker
        broker.groups.delete(request.groupsNames) { results in
            for result in results where result.error == nil {
                broker.shares.forget(group: result.groupID)
            }
            var response = DeleteGroupsResponse()
            response.results = results.map { result in
                var answer = DeleteGroupsResponse.DeletableGroupResult()
                answer.groupId = result.groupID
                answer.errorCode = ErrorCode(rawValue: result.error.code)
                return answer
            }
            reply.send(response)
        }
    }
}
