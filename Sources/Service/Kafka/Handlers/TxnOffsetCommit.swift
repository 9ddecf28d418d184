import KafkaProtocol
import Streaming

/// TxnOffsetCommit, key 28, v0-5: a group's offsets inside a transaction, answered once they are
/// durable. From v5 on no AddOffsetsToTxn goes before it (KIP-890).
enum TxnOffsetCommitHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 0...5

    static func handle(
        _ request: TxnOffsetCommitRequest, _ context: borrowing RequestContext,
        _ reply: Reply<TxnOffsetCommitRequest>
    ) {
        let broker = context.broker
        var commit = Streaming.OffsetCommitRequest(
            groupID: request.groupId,
            identity: MemberIdentity(
                memberID: request.memberId, instanceID: request.groupInstanceId,
                generation: request.generationId),
            topics: [])
        for topic in request.topics {
            guard let found = broker.topic(topic.name) else { continue }
            let known = topic.partitions.filter { found.partition($0.partitionIndex) != nil }
            guard !known.isEmpty else { continue }
            commit.topics.append(
                .init(
                    name: topic.name,
                    partitions: known.map {
                        .init(
                            partition: $0.partitionIndex, offset: $0.committedOffset,
                            leaderEpoch: $0.committedLeaderEpoch,
                            metadata: $0.committedMetadata ?? "")
                    }))
        }
        let identity = TransactionIdentity(
            request.transactionalId, producerID: request.producerId, epoch: request.producerEpoch)
        guard !commit.topics.isEmpty else {
            return reply.send(answer(request) { _, _ in .unknownTopicOrPartition })
        }
        broker.transactions.commitOffsets(commit, in: identity, adds: context.version >= 5) {
            result in
            switch result {
            case .failure(let error):
                reply.connection.server.refused(reply, error)
                reply.send(answer(request) { _, _ in ErrorCode(rawValue: error.code) })
            case .success(let errors):
                var codes: [String: [Int32: ErrorCode]] = [:]
                for topic in errors.topics {
                    for partition in topic.partitions {
                        codes[topic.name, default: [:]][partition.partition] = ErrorCode(
                            rawValue: partition.error.code)
                    }
                }
                let known = codes
                reply.send(answer(request) { known[$0]?[$1] ?? .unknownTopicOrPartition })
            }
        }
    }

    private static func answer(
        _ request: TxnOffsetCommitRequest, _ code: (String, Int32) -> ErrorCode
    ) -> TxnOffsetCommitResponse {
        var response = TxnOffsetCommitResponse()
        response.topics = request.topics.map { topic in
            .with { answer in
                answer.name = topic.name
                answer.partitions = topic.partitions.map { partition in
                    .with {
                        $0.partitionIndex = partition.partitionIndex
                        $0.errorCode = code(topic.name, partition.partitionIndex)
                    }
                }
            }
        }
        return response
    }
}
