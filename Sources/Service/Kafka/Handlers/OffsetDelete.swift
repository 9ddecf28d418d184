import KafkaProtocol
import Streaming

/// OffsetDelete, key 47, v0: offsets of topics that the group is not subscribed to.
enum OffsetDeleteHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 0...0

    static func handle(
        _ request: OffsetDeleteRequest, _ context: borrowing RequestContext,
        _ reply: Reply<OffsetDeleteRequest>
    ) {
        let topics = request.topics.map { topic in
            TopicPartitions(name: topic.name, partitions: topic.partitions.map(\.partitionIndex))
        }
        let broker = context.broker
        broker.groups.deleteOffsets(groupID: request.groupId, topics: topics) { result in
            var response = OffsetDeleteResponse()
            response.errorCode = ErrorCode(rawValue: result.error.code)
            response.topics = result.topics.map { topic in
                var answer = OffsetDeleteResponse.OffsetDeleteResponseTopic()
                answer.name = topic.name
                answer.partitions = topic.partitions.map { partition in
                    var entry = OffsetDeleteResponse.OffsetDeleteResponsePartition()
                    entry.partitionIndex = partition.partition
                    entry.errorCode = ErrorCode(rawValue: partition.error.code)
                    let known = broker.topic(topic.name)?.partition(partition.partition)
                    if known == nil { entry.errorCode = .unknownTopicOrPartition }
                    return entry
                }
                return answer
            }
            reply.send(response)
        }
    }
}
