import KafkaProtocol
import Records
import Streaming

/// OffsetCommit, key 8, v2-10: answered once the offsets are durable. v10 names topics by id.
enum OffsetCommitHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 2...10

    typealias Request = KafkaProtocol.OffsetCommitRequest
    private typealias TopicRequest = Request.OffsetCommitRequestTopic

    static func handle(
        _ request: Request, _ context: borrowing RequestContext, _ reply: Reply<Request>
    ) {
        let byID = context.version >= 10
        let broker = context.broker
        var commit = Streaming.OffsetCommitRequest(
            groupID: request.groupId,
            identity: MemberIdentity(
                memberID: request.memberId, instanceID: request.groupInstanceId,
                generation: request.generationIdOrMemberEpoch),
            topics: [])
        commit.retentionMilliseconds = request.retentionTimeMs < 0 ? nil : request.retentionTimeMs
        commit.reportsMissingGroup = context.version >= 9
        commit.identity.knowsEpochs = context.version >= 9
        var errors: [Place: ErrorCode] = [:]
        for (number, topic) in request.topics.enumerated() {
            let found = byID ? broker.topic(id: topic.topicId) : broker.topic(topic.name)
            var known = Streaming.OffsetCommitRequest.Topic(
                name: found?.name ?? topic.name, partitions: [])
            for (index, partition) in topic.partitions.enumerated() {
                if found?.partition(partition.partitionIndex) == nil {
                    errors[Place(number, index)] =
                        byID && found == nil ? .unknownTopicId : .unknownTopicOrPartition
                } else {
                    known.partitions.append(
                        .init(
                            partition: partition.partitionIndex,
                            offset: partition.committedOffset,
                            leaderEpoch: partition.committedLeaderEpoch,
                            metadata: partition.committedMetadata ?? ""))
                }
            }
            if let found, !known.partitions.isEmpty {
                known.name = found.name
                commit.topics.append(known)
            }
        }
        let names = request.topics.map { topic in
            byID ? broker.topic(id: topic.topicId)?.name ?? "" : topic.name
        }
        let rejected = errors
        broker.groups.commit(commit) { result in
            reply.send(answer(request, names, rejected, result))
        }
    }

    /// A partition of the request, by the place of its topic and its own.
    private struct Place: Hashable {
        let topic: Int
        let partition: Int
        init(_ topic: Int, _ partition: Int) {
            self.topic = topic
            self.partition = partition
        }
    }

    private static func answer(
        _ request: Request, _ names: [String], _ errors: [Place: ErrorCode],
        _ result: PartitionErrors
    ) -> OffsetCommitResponse {
        var codes: [String: [Int32: Int16]] = [:]
        for topic in result.topics {
            for partition in topic.partitions {
                codes[topic.name, default: [:]][partition.partition] = partition.error.code
            }
        }
        var response = OffsetCommitResponse()
        response.topics = request.topics.enumerated().map { number, topic in
            var answer = OffsetCommitResponse.OffsetCommitResponseTopic()
            answer.name = topic.name
            answer.topicId = topic.topicId
            answer.partitions = topic.partitions.enumerated().map { index, partition in
                var entry = OffsetCommitResponse.OffsetCommitResponsePartition()
                entry.partitionIndex = partition.partitionIndex
                let code = codes[names[number]]?[partition.partitionIndex] ?? result.error.code
                entry.errorCode = errors[Place(number, index)] ?? ErrorCode(rawValue: code)
                return entry
            }
            return answer
        }
        return response
    }
}
