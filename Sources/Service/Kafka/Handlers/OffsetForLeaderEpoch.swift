import KafkaProtocol
import LogStorage
import Streaming

/// OffsetForLeaderEpoch, key 23, v2-4: where an epoch ended, so that a client finds out whether
/// what it has read is still in the log (KIP-320).
enum OffsetForLeaderEpochHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 2...4

    static func handle(
        _ request: OffsetForLeaderEpochRequest, _ context: borrowing RequestContext,
        _ reply: Reply<OffsetForLeaderEpochRequest>
    ) {
        var response = OffsetForLeaderEpochResponse()
        for topic in request.topics {
            var answer = OffsetForLeaderEpochResponse.OffsetForLeaderTopicResult()
            answer.topic = topic.topic
            for wanted in topic.partitions {
                var end = OffsetForLeaderEpochResponse.EpochEndOffset()
                end.partition = wanted.partition
                do throws(StreamingError) {
                    let (_, partition) = try context.broker.partition(
                        topic.topic, wanted.partition)
                    try partition.checkEpoch(wanted.currentLeaderEpoch)
                    if let found = partition.log.epochEnd(for: wanted.leaderEpoch) {
                        end.leaderEpoch = found.epoch
                        end.endOffset = found.endOffset
                    }
                } catch {
                    end.errorCode = ErrorCode(rawValue: error.code)
                }
                answer.partitions.append(end)
            }
            response.topics.append(answer)
        }
        reply.send(response)
    }
}
