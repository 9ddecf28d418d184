import KafkaProtocol
import Platform
import Streaming

/// ConsumerGroupHeartbeat, key 68, v0-1: a member of a consumer group (KIP-848) joins, follows its
/// share and leaves; answered once what it changed is durable. v1 brings regular expressions and
/// has the member make its own id (KIP-1082).
enum ConsumerGroupHeartbeatHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 0...1

    static func handle(
        _ request: ConsumerGroupHeartbeatRequest, _ context: borrowing RequestContext,
        _ reply: Reply<ConsumerGroupHeartbeatRequest>
    ) {
        var heartbeat = ConsumerHeartbeat(
            groupID: request.groupId, memberID: request.memberId,
            memberEpoch: request.memberEpoch, clientID: context.clientID,
            clientHost: "/" + (context.connection.stream.peerAddress.host ?? "127.0.0.1"))
        heartbeat.instanceID = request.instanceId
        heartbeat.rackID = request.rackId
        heartbeat.rebalanceTimeoutMilliseconds = request.rebalanceTimeoutMs
        heartbeat.topics = request.subscribedTopicNames
        heartbeat.pattern = request.subscribedTopicRegex
        heartbeat.assignor = request.serverAssignor
        heartbeat.requiresMemberID = context.version >= 1
        heartbeat.owned = request.topicPartitions.map { topics in
            var owned = TopicShares()
            for topic in topics {
                for partition in topic.partitions { owned.insert(topic.topicId, partition) }
            }
            return owned
        }
        context.broker.groups.heartbeat(heartbeat) { result in
            switch result.error {
            case .invalidRequest, .unsupportedAssignor, .invalidRegularExpression,
                .unreleasedInstanceID, .groupMaxSizeReached:
                reply.connection.server.refused(
                    reply, because: "group \"\(request.groupId)\": \(result.message ?? "")")
            default: break
            }
            reply.send(answer(result))
        }
    }

    private static func answer(_ result: ConsumerHeartbeatResult) -> ConsumerGroupHeartbeatResponse
    {
        var response = ConsumerGroupHeartbeatResponse()
        response.errorCode = ErrorCode(rawValue: result.error.code)
        response.errorMessage = result.message
        response.memberId = result.memberID
        response.memberEpoch = result.memberEpoch
        response.heartbeatIntervalMs = result.heartbeatMilliseconds
        response.assignment = result.assignment.map { assigned in
            .with {
                $0.topicPartitions = assigned.sorted.map { topic, partitions in
                    .with {
                        $0.topicId = topic
                        $0.partitions = partitions
                    }
                }
            }
        }
        return response
    }
}
