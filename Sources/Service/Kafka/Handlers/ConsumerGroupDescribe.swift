import KafkaProtocol
import Streaming

/// ConsumerGroupDescribe, key 69, v0-1: from memory. A group of another kind is answered with
/// GROUP_ID_NOT_FOUND.
enum ConsumerGroupDescribeHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 0...1

    private typealias Response = ConsumerGroupDescribeResponse

    static func handle(
        _ request: ConsumerGroupDescribeRequest, _ context: borrowing RequestContext,
        _ reply: Reply<ConsumerGroupDescribeRequest>
    ) {
        var response = Response()
        let broker = context.broker
        for groupID in request.groupIds {
            response.groups.append(answer(broker.groups.consumerDescription(of: groupID), broker))
            if request.includeAuthorizedOperations {
                response.groups[response.groups.count - 1].authorizedOperations =
                    AuthorizedOperations.group
            }
        }
        reply.send(response)
    }

    private static func answer(
        _ found: ConsumerGroupDescription, _ broker: Broker
    ) -> Response.DescribedGroup {
        var group = Response.DescribedGroup()
        group.groupId = found.groupID
        group.errorCode = ErrorCode(rawValue: found.error.code)
        group.errorMessage = found.message
        group.groupState = found.state.rawValue
        group.groupEpoch = found.epoch
        group.assignmentEpoch = found.targetEpoch
        group.assignorName = found.assignor
        group.members = found.members.map { member in
            .with {
                $0.memberId = member.memberID
                $0.instanceId = member.instanceID
                $0.rackId = member.rackID
                $0.memberEpoch = member.memberEpoch
                $0.clientId = member.clientID
                $0.clientHost = member.clientHost
                $0.subscribedTopicNames = member.topics
                $0.subscribedTopicRegex = member.pattern
                $0.assignment = assignment(member.assigned, broker)
                $0.targetAssignment = assignment(member.target, broker)
                $0.memberType = member.isClassic ? 0 : 1
            }
        }
        return group
    }

    private static func assignment(_ shares: TopicShares, _ broker: Broker) -> Response.Assignment {
        .with {
            $0.topicPartitions = shares.sorted.map { topic, partitions in
                .with {
                    $0.topicId = topic
                    // A topic that is gone has no name any more.
                    $0.topicName = broker.topic(id: topic)?.name ?? ""
                    $0.partitions = partitions
                }
            }
        }
    }
}
