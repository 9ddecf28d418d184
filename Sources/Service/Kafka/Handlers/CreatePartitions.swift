import KafkaProtocol
import Streaming

/// CreatePartitions, key 37, v0-3: more partitions, each topic with an answer of its own.
enum CreatePartitionsHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 0...3

    static func handle(
        _ request: CreatePartitionsRequest, _ context: borrowing RequestContext,
        _ reply: Reply<CreatePartitionsRequest>
    ) {
        let broker = context.broker
        let gather = Gather<CreatePartitionsResponse.CreatePartitionsTopicResult>(
            request.topics.count
        ) {
            var response = CreatePartitionsResponse()
            response.results = $0
            reply.send(response)
        }
        for (place, topic) in request.topics.enumerated() {
            let finish: @Sendable (Result<Topic, StreamingError>) -> Void = { result in
                var answer = CreatePartitionsResponse.CreatePartitionsTopicResult()
                answer.name = topic.name
                if case .failure(let error) = result {
                    answer.errorCode = ErrorCode(rawValue: error.code)
                    answer.errorMessage = error.message
                }
                gather.put(answer, at: place)
            }
            let assigned = topic.assignments ?? []
            if !assigned.allSatisfy({ $0.brokerIds == [broker.nodeID] }) {
                finish(
                    .failure(
                        .invalidReplicationFactor(
                            "Partitions can be assigned to broker \(broker.nodeID) alone.")))
            } else {
                broker.createPartitions(
                    topic.name, count: topic.count, validateOnly: request.validateOnly,
                    done: finish)
            }
        }
    }
}
