import KafkaProtocol
import LogStorage
import Platform
import Streaming

/// DeleteRecords, key 21, v0-2: moves the log start up to an offset; -1 is the high watermark.
enum DeleteRecordsHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 0...2

    static func handle(
        _ request: DeleteRecordsRequest, _ context: borrowing RequestContext,
        _ reply: Reply<DeleteRecordsRequest>
    ) {
        let broker = context.broker
        // Removing segments touches the disk.
        context.server.workers.submit {
            var response = DeleteRecordsResponse()
            response.topics = request.topics.map { topic in
                var answer = DeleteRecordsResponse.DeleteRecordsTopicResult()
                answer.name = topic.name
                answer.partitions = topic.partitions.map { wanted in
                    var result = DeleteRecordsResponse.DeleteRecordsPartitionResult()
                    result.partitionIndex = wanted.partitionIndex
                    do throws(StreamingError) {
                        let (found, partition) = try broker.partition(
                            topic.name, wanted.partitionIndex)
                        guard found.settings.deletesOld, !found.isInternal else {
                            throw .policyViolation(
                                "Records of '\(topic.name)' cannot be deleted: cleanup.policy has "
                                    + "no delete.")
                        }
                        result.lowWatermark = try partition.deleteRecords(before: wanted.offset)
                    } catch {
                        result.errorCode = ErrorCode(rawValue: error.code)
                        result.lowWatermark = -1
                    }
                    return result
                }
                return answer
            }
            reply.send(response)
        }
    }
}
