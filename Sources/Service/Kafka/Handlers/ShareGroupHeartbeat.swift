import KafkaProtocol
import Platform
import Streaming

/// ShareGroupHeartbeat, key 76, v1: a member of a share group (KIP-932) joins, stays and leaves.
/// Where the group begins in partitions that it has not read is decided before the answer.
enum ShareGroupHeartbeatHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 1...1

    static func handle(
        _ request: ShareGroupHeartbeatRequest, _ context: borrowing RequestContext,
        _ reply: Reply<ShareGroupHeartbeatRequest>
    ) {
        var heartbeat = ConsumerHeartbeat(
            groupID: request.groupId, memberID: request.memberId,
            memberEpoch: request.memberEpoch, clientID: context.clientID,
            clientHost: "/" + (context.connection.stream.peerAddress.host ?? "127.0.0.1"))
        heartbeat.rackID = request.rackId
        heartbeat.topics = request.subscribedTopicNames
        let broker = context.broker
        broker.groups.shareHeartbeat(heartbeat) { result in
            switch result.error {
            case .invalidRequest, .groupMaxSizeReached:
                reply.connection.server.refused(
                    reply, because: "group \"\(request.groupId)\": \(result.message ?? "")")
            default: break
            }
            var partitions: [(topic: Topic, partition: Int32)] = []
            for (id, numbers) in result.assignment?.sorted ?? [] {
                guard let topic = broker.topic(id: id) else { continue }
                partitions += numbers.map { (topic: topic, partition: $0) }
            }
            broker.shares.begin(group: request.groupId, partitions) { error in
                var response = Self.answer(result)
                if let error {
                    response = ShareGroupHeartbeatResponse()
                    response.errorCode = .coordinatorNotAvailable
                    response.errorMessage = error.message
                }
                reply.send(response)
            }
        }
    }

    private static func answer(_ result: ConsumerHeartbeatResult) -> ShareGroupHeartbeatResponse {
        var response = ShareGroupHeartbeatResponse()
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
