import KafkaProtocol
import LogStorage
import Platform
import Records
import Streaming

private let notHosted = "This server does not host this topic-partition."

/// DescribeShareGroupOffsets, key 90, v0-1: where share groups are, from memory.
enum DescribeShareGroupOffsetsHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 0...1

    private typealias Response = DescribeShareGroupOffsetsResponse

    static func handle(
        _ request: DescribeShareGroupOffsetsRequest, _ context: borrowing RequestContext,
        _ reply: Reply<DescribeShareGroupOffsetsRequest>
    ) {
        var response = Response()
        let broker = context.broker
        response.groups = request.groups.map { wanted in
            .with { group in
                group.groupId = wanted.groupId
                if let refusal = ShareGroupRefusal(wanted.groupId, broker, mustBeEmpty: false) {
                    group.errorCode = refusal.code
                    group.errorMessage = refusal.message
                } else {
                    group.topics = topics(wanted, broker)
                }
            }
        }
        reply.send(response)
    }

    private static func topics(
        _ wanted: DescribeShareGroupOffsetsRequest.DescribeGroup, _ broker: Broker
    ) -> [Response.DescribedTopic] {
        let places = Dictionary(
            broker.shares.places(of: wanted.groupId).map {
                (SharedPartition(topic: $0.topic, partition: $0.partition), $0)
            }, uniquingKeysWith: { first, _ in first })
        guard let named = wanted.topics else {
            return Dictionary(grouping: places.keys, by: \.topic).compactMap { id, keys in
                guard let topic = broker.topic(id: id) else { return nil }
                return described(topic, keys.map(\.partition).sorted(), places)
            }.sorted { $0.topicName < $1.topicName }
        }
        return named.map { one in
            if let topic = broker.topic(one.topicName) {
                return described(topic, one.partitions, places)
            }
            return .with { answer in
                answer.topicName = one.topicName
                answer.partitions = one.partitions.map(unknown)
            }
        }
    }

    private static func described(
        _ topic: Topic, _ partitions: [Int32], _ places: [SharedPartition: ShareGroups.Place]
    ) -> Response.DescribedTopic {
        .with { answer in
            answer.topicName = topic.name
            answer.topicId = topic.id
            answer.partitions = partitions.map { number in
                guard let partition = topic.partition(number) else { return unknown(number) }
                let place = places[SharedPartition(topic: topic.id, partition: number)]
                return .with {
                    $0.partitionIndex = number
                    $0.startOffset = place?.start ?? -1
                    $0.leaderEpoch = partition.log.leaderEpoch
                    if let place {
                        let start = max(place.start, partition.log.startOffset)
                        $0.lag = max(0, partition.log.highWatermark - start - place.done)
                    }
                }
            }
        }
    }

    private static func unknown(_ number: Int32) -> Response.DescribedPartition {
        .with {
            $0.partitionIndex = number
            $0.startOffset = -1
            $0.errorCode = .unknownTopicOrPartition
            $0.errorMessage = notHosted
        }
    }
}

/// AlterShareGroupOffsets, key 91, v0: an empty group goes on elsewhere, and one that nobody has
/// joined yet begins there; answered once that is durable.
enum AlterShareGroupOffsetsHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 0...0

    static func handle(
        _ request: AlterShareGroupOffsetsRequest, _ context: borrowing RequestContext,
        _ reply: Reply<AlterShareGroupOffsetsRequest>
    ) {
        let broker = context.broker
        if let refusal = ShareGroupRefusal(
            request.groupId, broker, mustBeEmpty: true, mustExist: false)
        {
            return reply.send(
                .with { ($0.errorCode, $0.errorMessage) = (refusal.code, refusal.message) })
        }
        var starts: [SharedPartition: Int64] = [:]
        for wanted in request.topics {
            guard let topic = broker.topic(wanted.topicName) else { continue }
            for partition in wanted.partitions where isThere(partition, topic) {
                let key = SharedPartition(topic: topic.id, partition: partition.partitionIndex)
                starts[key] = max(0, partition.startOffset)
            }
        }
        let places = starts.map {
            ShareGroups.Place(topic: $0.topic, partition: $0.partition, start: $1)
        }
        broker.groups.makeShareGroup(request.groupId) { made in
            if let error = made.error {
                return reply.send(
                    .with {
                        $0.errorCode = ErrorCode(rawValue: error.code)
                        $0.errorMessage = made.message
                    })
            }
            broker.shares.begin(group: request.groupId, at: places) { error in
                reply.send(answer(request, broker, error))
            }
        }
    }

    private static func isThere(
        _ partition: AlterShareGroupOffsetsRequest.AlterPartition, _ topic: Topic?
    ) -> Bool {
        topic?.partition(partition.partitionIndex) != nil
    }

    private static func answer(
        _ request: AlterShareGroupOffsetsRequest, _ broker: Broker, _ error: StreamingError?
    ) -> AlterShareGroupOffsetsResponse {
        var response = AlterShareGroupOffsetsResponse()
        response.responses = request.topics.map { wanted in
            let topic = broker.topic(wanted.topicName)
            return .with { answer in
                answer.topicName = wanted.topicName
                answer.topicId = topic?.id ?? .zero
                answer.partitions = wanted.partitions.map { partition in
                    .with {
                        $0.partitionIndex = partition.partitionIndex
                        guard isThere(partition, topic) else {
                            $0.errorCode = .unknownTopicOrPartition
                            $0.errorMessage = notHosted
                            return
                        }
                        $0.errorCode = error.map { ErrorCode(rawValue: $0.code) } ?? .none
                        $0.errorMessage = error?.message
                    }
                }
            }
        }
        return response
    }
}

/// DeleteShareGroupOffsets, key 92, v0: an empty group begins topics anew; answered once that is
/// durable.
enum DeleteShareGroupOffsetsHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 0...0

    static func handle(
        _ request: DeleteShareGroupOffsetsRequest, _ context: borrowing RequestContext,
        _ reply: Reply<DeleteShareGroupOffsetsRequest>
    ) {
        let broker = context.broker
        if let refusal = ShareGroupRefusal(request.groupId, broker, mustBeEmpty: true) {
            return reply.send(
                .with { ($0.errorCode, $0.errorMessage) = (refusal.code, refusal.message) })
        }
        let topics = Set(request.topics.compactMap { broker.topic($0.topicName)?.id })
        broker.shares.forget(group: request.groupId, topics: topics) { error in
            var response = DeleteShareGroupOffsetsResponse()
            response.responses = request.topics.map { wanted in
                let topic = broker.topic(wanted.topicName)
                return .with {
                    $0.topicName = wanted.topicName
                    $0.topicId = topic?.id ?? .zero
                    if topic == nil {
                        $0.errorCode = .unknownTopicOrPartition
                        $0.errorMessage = notHosted
                    } else if let error {
                        $0.errorCode = ErrorCode(rawValue: error.code)
                        $0.errorMessage = error.message
                    }
                }
            }
            reply.send(response)
        }
    }
}

/// Why nothing can be said or changed about a share group's offsets.
private struct ShareGroupRefusal {
    let code: ErrorCode
    let message: String

    /// Nil if there is such a group, and nobody in it where that matters.
    init?(_ group: String, _ broker: Broker, mustBeEmpty: Bool, mustExist: Bool = true) {
        let found = broker.groups.shareDescription(of: group)
        if found.error == nil {
            guard mustBeEmpty, !found.members.isEmpty else { return nil }
            code = .nonEmptyGroup
            message = "The group is not empty."
            return
        }
        // After a restart a group without members is known by what it has done.
        let isOther =
            broker.groups.description(of: group).error == nil
            || broker.groups.consumerDescription(of: group).error == nil
        guard isOther || broker.shares.places(of: group).isEmpty else { return nil }
        if !mustExist, !isOther { return nil }
        code = .groupIdNotFound
        message = found.message ?? "Group \(group) not found."
    }
}
