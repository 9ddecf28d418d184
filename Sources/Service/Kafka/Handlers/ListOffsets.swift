import KafkaProtocol
import LogStorage
import Platform
import Streaming

/// ListOffsets, key 2, v1-11: the offset of a time, or of the ends of the log. -1 latest (high
/// watermark, or last stable offset for read_committed), -2 earliest, -3 largest timestamp, -4
/// earliest local and -5 latest tiered (KIP-405, KIP-1005: there is one tier), -6 earliest pending.
enum ListOffsetsHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 1...11

    static func handle(
        _ request: ListOffsetsRequest, _ context: borrowing RequestContext,
        _ reply: Reply<ListOffsetsRequest>
    ) {
        let broker = context.broker
        // Looking for a time may read from the disk.
        if request.topics.contains(where: { $0.partitions.contains { $0.timestamp >= 0 } }) {
            context.server.workers.submit { reply.send(answer(request, broker)) }
        } else {
            reply.send(answer(request, broker))
        }
    }

    private static func answer(_ request: ListOffsetsRequest, _ broker: Broker)
        -> ListOffsetsResponse
    {
        var response = ListOffsetsResponse()
        response.topics = request.topics.map { topic in
            var answer = ListOffsetsResponse.ListOffsetsTopicResponse()
            answer.name = topic.name
            answer.partitions = topic.partitions.map { wanted in
                var result = ListOffsetsResponse.ListOffsetsPartitionResponse()
                result.partitionIndex = wanted.partitionIndex
                do throws(StreamingError) {
                    let (_, partition) = try broker.partition(topic.name, wanted.partitionIndex)
                    try partition.checkEpoch(wanted.currentLeaderEpoch)
                    try fill(&result, partition, wanted.timestamp, request.isolationLevel)
                } catch {
                    result.errorCode = ErrorCode(rawValue: error.code)
                }
                return result
            }
            return answer
        }
        return response
    }

    private static func fill(
        _ result: inout ListOffsetsResponse.ListOffsetsPartitionResponse,
        _ partition: Partition, _ timestamp: Int64, _ isolation: Int8
    ) throws(StreamingError) {
        let log = partition.log
        switch timestamp {
        case -1:
            result.offset = isolation == 1 ? log.lastStableOffset : log.highWatermark
            result.leaderEpoch = log.leaderEpoch
        case -2, -4:
            result.offset = log.startOffset
            result.leaderEpoch = log.epoch(at: result.offset)
        case -3:
            if let found = try partition.offsetOfMaxTimestamp() {
                (result.offset, result.timestamp, result.leaderEpoch) = found
            }
        case -5, -6: result.offset = timestamp == -5 ? -1 : log.startOffset
        default:
            guard timestamp >= 0 else {
                throw .unsupportedFormat("Timestamp \(timestamp) has no meaning.")
            }
            if let found = try partition.offset(at: timestamp) {
                (result.offset, result.timestamp, result.leaderEpoch) = found
            }
        }
    }
}
