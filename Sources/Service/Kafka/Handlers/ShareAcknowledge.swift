import KafkaProtocol
import Records
import Streaming

/// ShareAcknowledge, key 79, v1-2: a member's word for records in its hands, answered once it is
/// durable. Epoch -1 ends the share session and lets go of what the member holds still.
enum ShareAcknowledgeHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 1...2

    static func handle(
        _ request: ShareAcknowledgeRequest, _ context: borrowing RequestContext,
        _ reply: Reply<ShareAcknowledgeRequest>
    ) {
        let broker = context.broker
        let group = request.groupId ?? ""
        let member = request.memberId ?? ""
        let words = request.topics.flatMap { topic in
            topic.partitions.map {
                ShareWord(
                    partition: SharedPartition(
                        topic: topic.topicId, partition: $0.partitionIndex),
                    batches: $0.acknowledgementBatches)
            }
        }
        let use =
            ShareWord.mayRenew(words, request.isRenewAck)
            ? context.server.shareSessions.acknowledge(request) : .refused(.invalidRequest)
        if case .refused(let code) = use {
            return reply.send(.with { $0.errorCode = code })
        }
        ShareWord.tell(words, group: group, member: member, broker) { codes in
            if case .ended = use { broker.shares.release(group: group, member: member) }
            var response = ShareAcknowledgeResponse()
            response.acquisitionLockTimeoutMs = Int32(
                clamping: broker.shares.lockMilliseconds(of: group))
            response.responses = request.topics.map { topic in
                .with { answer in
                    answer.topicId = topic.topicId
                    answer.partitions = topic.partitions.map { partition in
                        .with {
                            $0.partitionIndex = partition.partitionIndex
                            let place = SharedPartition(
                                topic: topic.topicId, partition: partition.partitionIndex)
                            $0.errorCode = codes[place] ?? .none
                            $0.currentLeader.leaderId = broker.nodeID
                        }
                    }
                }
            }
            reply.send(response)
        }
    }
}

/// What a member says about records of one partition.
struct ShareWord: Sendable {
    let partition: SharedPartition
    let batches: [AcknowledgementBatch]

    /// Whether locks are renewed only where the request says that it does.
    static func mayRenew(_ words: [ShareWord], _ isSaid: Bool) -> Bool {
        isSaid || words.allSatisfy { $0.batches.allSatisfy { !$0.acknowledgeTypes.contains(4) } }
    }

    /// Passes all of them on; `done` with the errors once all that was said is durable.
    static func tell(
        _ words: [ShareWord], group: String, member: String, _ broker: Broker,
        done: @escaping @Sendable ([SharedPartition: ErrorCode]) -> Void
    ) {
        let words = words.filter { !$0.batches.isEmpty }
        let gather = Gather<(SharedPartition, ErrorCode)>(words.count) { results in
            done(
                Dictionary(
                    results.filter { $0.1 != .none }, uniquingKeysWith: { first, _ in first }))
        }
        for (index, word) in words.enumerated() {
            let place = word.partition
            guard broker.topic(id: place.topic)?.partition(place.partition) != nil else {
                gather.put((place, .unknownTopicOrPartition), at: index)
                continue
            }
            broker.shares.acknowledge(
                group: group, member: member, topic: place.topic, partition: place.partition,
                word.batches.map {
                    .init(
                        first: $0.firstOffset, last: $0.lastOffset,
                        verdicts: $0.acknowledgeTypes.map { Int8(bitPattern: $0) })
                }
            ) { refusal in
                let code = refusal.map { ErrorCode(rawValue: $0.code) } ?? .none
                gather.put((place, code), at: index)
            }
        }
    }
}
