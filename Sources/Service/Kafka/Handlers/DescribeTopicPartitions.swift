import KafkaProtocol
import LogStorage
import Streaming

/// DescribeTopicPartitions, key 75, v0 (KIP-966): topics page by page, sorted by name; a cursor
/// says where the next page begins.
enum DescribeTopicPartitionsHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 0...0

    private typealias TopicAnswer =
        DescribeTopicPartitionsResponse.DescribeTopicPartitionsResponseTopic
    private typealias PartitionAnswer =
        DescribeTopicPartitionsResponse.DescribeTopicPartitionsResponsePartition

    static func handle(
        _ request: DescribeTopicPartitionsRequest, _ context: borrowing RequestContext,
        _ reply: Reply<DescribeTopicPartitionsRequest>
    ) {
        let broker = context.broker
        var names =
            request.topics.isEmpty
            ? broker.topics.map(\.name) : Set(request.topics.map(\.name)).sorted()
        if let cursor = request.cursor { names.removeAll { $0 < cursor.topicName } }
        var left = min(
            max(1, Int(request.responsePartitionLimit)), Limits.describedPartitionsMax)
        var response = DescribeTopicPartitionsResponse()
        for name in names {
            let first = request.cursor?.topicName == name ? request.cursor?.partitionIndex ?? 0 : 0
            guard left > 0 else {
                response.nextCursor = cursor(name, first)
                break
            }
            var answer = TopicAnswer()
            answer.name = name
            guard let topic = broker.topic(name) else {
                answer.errorCode = .unknownTopicOrPartition
                response.topics.append(answer)
                continue
            }
            answer.topicId = topic.id
            answer.isInternal = topic.isInternal
            answer.topicAuthorizedOperations = AuthorizedOperations.topic
            let rest = topic.partitions.dropFirst(Int(max(0, first)))
            answer.partitions = rest.prefix(left).map { describe($0, broker) }
            response.topics.append(answer)
            left -= answer.partitions.count
            if answer.partitions.count < rest.count {
                response.nextCursor = cursor(name, first + Int32(answer.partitions.count))
                break
            }
        }
        reply.send(response)
    }

    private static func cursor(_ topic: String, _ partition: Int32)
        -> DescribeTopicPartitionsResponse.Cursor
    {
        var cursor = DescribeTopicPartitionsResponse.Cursor()
        cursor.topicName = topic
        cursor.partitionIndex = partition
        return cursor
    }

    private static func describe(_ partition: Partition, _ broker: Broker) -> PartitionAnswer {
        var answer = PartitionAnswer()
        answer.partitionIndex = partition.index
        answer.leaderId = broker.nodeID
        answer.leaderEpoch = partition.log.leaderEpoch
        answer.replicaNodes = [broker.nodeID]
        answer.isrNodes = [broker.nodeID]
        return answer
    }
}
