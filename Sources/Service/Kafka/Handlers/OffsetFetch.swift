import KafkaProtocol
import Records
import Streaming

/// OffsetFetch, key 9, v1-10: durable offsets with their metadata. v8 asks for several groups, v10
/// names topics by id. A null list of topics (v2 on) is all that the group has.
enum OffsetFetchHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 1...10

    static func handle(
        _ request: OffsetFetchRequest, _ context: borrowing RequestContext,
        _ reply: Reply<OffsetFetchRequest>
    ) {
        var response = OffsetFetchResponse()
        if context.version >= 8 {
            response.groups = request.groups.map {
                answer($0, request.requireStable, context.version, context.broker)
            }
        } else {
            let wanted = request.topics?.map {
                TopicPartitions(name: $0.name, partitions: $0.partitionIndexes)
            }
            let result = context.broker.groups.offsets(
                groupID: request.groupId, topics: wanted, requireStable: request.requireStable)
            response.errorCode = ErrorCode(rawValue: result.error.code)
            response.topics = result.topics.map { topic in
                var answer = OffsetFetchResponse.OffsetFetchResponseTopic()
                answer.name = topic.name
                answer.partitions = topic.partitions.map { partition in
                    var entry = OffsetFetchResponse.OffsetFetchResponsePartition()
                    entry.partitionIndex = partition.partition
                    entry.committedOffset = partition.offset
                    entry.committedLeaderEpoch = partition.leaderEpoch
                    entry.metadata = partition.metadata
                    entry.errorCode = ErrorCode(rawValue: partition.error.code)
                    return entry
                }
                return answer
            }
        }
        reply.send(response)
    }

    private typealias GroupAnswer = OffsetFetchResponse.OffsetFetchResponseGroup

    private static func answer(
        _ wanted: OffsetFetchRequest.OffsetFetchRequestGroup, _ requireStable: Bool,
        _ version: Int16, _ broker: Broker
    ) -> GroupAnswer {
        var group = GroupAnswer()
        group.groupId = wanted.groupId
        let byID = version >= 10
        var topics: [TopicPartitions]?
        for topic in wanted.topics ?? [] {
            let name = byID ? broker.topic(id: topic.topicId)?.name : topic.name
            if let name {
                topics =
                    (topics ?? []) + [
                        TopicPartitions(name: name, partitions: topic.partitionIndexes)
                    ]
            } else {
                group.topics.append(unknown(topic))
            }
        }
        if wanted.topics != nil && topics == nil { topics = [] }
        let result = broker.groups.offsets(
            groupID: wanted.groupId, topics: topics, requireStable: requireStable,
            memberID: wanted.memberId, memberEpoch: wanted.memberEpoch)
        group.errorCode = ErrorCode(rawValue: result.error.code)
        for topic in result.topics {
            var answer = OffsetFetchResponse.OffsetFetchResponseTopics()
            answer.name = topic.name
            if byID {
                // An offset whose topic is gone has no id to be told by.
                guard let found = broker.topic(topic.name) else { continue }
                answer.topicId = found.id
            }
            answer.partitions = topic.partitions.map { partition in
                var entry = OffsetFetchResponse.OffsetFetchResponsePartitions()
                entry.partitionIndex = partition.partition
                entry.committedOffset = partition.offset
                entry.committedLeaderEpoch = partition.leaderEpoch
                entry.metadata = partition.metadata
                entry.errorCode = ErrorCode(rawValue: partition.error.code)
                return entry
            }
            group.topics.append(answer)
        }
        return group
    }

    private static func unknown(_ topic: OffsetFetchRequest.OffsetFetchRequestTopics)
        -> OffsetFetchResponse.OffsetFetchResponseTopics
    {
        var answer = OffsetFetchResponse.OffsetFetchResponseTopics()
        answer.topicId = topic.topicId
        answer.partitions = topic.partitionIndexes.map { index in
            var entry = OffsetFetchResponse.OffsetFetchResponsePartitions()
            entry.partitionIndex = index
            entry.committedOffset = -1
            entry.errorCode = .unknownTopicId
            return entry
        }
        return answer
    }
}
