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
        let version = context.version
        let readsRecords = request.topics.contains { topic in
            topic.partitions.contains { $0.timestamp >= 0 || $0.timestamp == -3 }
        }
        if readsRecords {
            context.server.workers.submit { reply.send(answer(request, version, broker)) }
        } else {
            reply.send(answer(request, version, broker))
        }
    }

    /// The version from which on each special timestamp has a meaning.
    private static let firstVersions: [Int64: Int16] = [
        -1: 0, -2: 0, -3: 7, -4: 8, -5: 9, -6: 11,
    ]

    private static func answer(
        _ request: ListOffsetsRequest, _ version: Int16, _ broker: Broker
    ) -> ListOffsetsResponse {
        var response = ListOffsetsResponse()
        var told: [String: [Int32: Int]] = [:]
        for topic in request.topics {
            for wanted in topic.partitions {
                told[topic.name, default: [:]][wanted.partitionIndex, default: 0] += 1
            }
        }
        response.topics = request.topics.map { topic in
            var answer = ListOffsetsResponse.ListOffsetsTopicResponse()
            answer.name = topic.name
            answer.partitions = topic.partitions.map { wanted in
                var result = ListOffsetsResponse.ListOffsetsPartitionResponse()
                result.partitionIndex = wanted.partitionIndex
                if told[topic.name]?[wanted.partitionIndex] != 1 {
                    result.errorCode = .invalidRequest
                    return result
                }
                if wanted.timestamp < 0,
                    Self.firstVersions[wanted.timestamp].map({ $0 > version }) ?? true
                {
                    result.errorCode = .unsupportedVersion
                    return result
                }
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
        // An open transaction may be aborted, so what lies behind its beginning is not told.
        let end = isolation == 1 ? log.lastStableOffset : Int64.max
        switch timestamp {
        case -1:
            result.offset = isolation == 1 ? log.lastStableOffset : log.highWatermark
            result.leaderEpoch = log.leaderEpoch
        case -2, -4:
            result.offset = log.startOffset
            result.leaderEpoch = log.epoch(at: result.offset)
        case -3:
            if let found = try partition.offsetOfMaxTimestamp(), found.0 < end {
                (result.offset, result.timestamp, result.leaderEpoch) = found
            }
        case -5, -6: result.offset = timestamp == -5 ? -1 : log.startOffset
        default:
            if let found = try partition.offset(at: timestamp), found.0 < end {
                (result.offset, result.timestamp, result.leaderEpoch) = found
            }
        }
    }
}
