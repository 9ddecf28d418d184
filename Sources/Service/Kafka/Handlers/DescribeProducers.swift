import KafkaProtocol
import LogStorage
import Streaming

/// DescribeProducers, key 61, v0: the producers that each partition remembers (KIP-664).
enum DescribeProducersHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 0...0

    static func handle(
        _ request: DescribeProducersRequest, _ context: borrowing RequestContext,
        _ reply: Reply<DescribeProducersRequest>
    ) {
        let broker = context.broker
        var response = DescribeProducersResponse()
        response.topics = request.topics.map { topic in
            .with { answer in
                answer.name = topic.name
                answer.partitions = topic.partitionIndexes.map { describe(topic.name, $0, broker) }
            }
        }
        reply.send(response)
    }

    private static func describe(
        _ topic: String, _ index: Int32, _ broker: Broker
    ) -> DescribeProducersResponse.PartitionResponse {
        var answer = DescribeProducersResponse.PartitionResponse()
        answer.partitionIndex = index
        do throws(StreamingError) {
            let (_, partition) = try broker.partition(topic, index)
            answer.activeProducers = partition.log.producerStates.sorted { $0.key < $1.key }.map {
                id, state in
                .with {
                    $0.producerId = id
                    $0.producerEpoch = Int32(state.producerEpoch)
                    $0.lastSequence = state.lastSequence
                    $0.lastTimestamp = state.lastTimestamp
                    $0.coordinatorEpoch = state.coordinatorEpoch
                    $0.currentTxnStartOffset = state.transactionStart ?? -1
                }
            }
        } catch {
            answer.errorCode = ErrorCode(rawValue: error.code)
            answer.errorMessage = error.message
        }
        return answer
    }
}
