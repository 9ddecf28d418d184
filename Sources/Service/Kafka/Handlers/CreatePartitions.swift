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
        var counts: [String: Int] = [:]
        for topic in request.topics { counts[topic.name, default: 0] += 1 }
        // A topic that is named twice is refused, and named once in the answer.
        var told: Set<String> = []
        let topics = request.topics.filter { told.insert($0.name).inserted }
        let gather = Gather<CreatePartitionsResponse.CreatePartitionsTopicResult>(topics.count) {
            var response = CreatePartitionsResponse()
            response.results = $0
            reply.send(response)
        }
        for (place, topic) in topics.enumerated() {
            let finish: @Sendable (Result<Topic, StreamingError>) -> Void = { result in
                var answer = CreatePartitionsResponse.CreatePartitionsTopicResult()
                answer.name = topic.name
                if case .failure(let error) = result {
                    answer.errorCode = ErrorCode(rawValue: error.code)
                    answer.errorMessage = error.message
                    reply.connection.server.refused(reply, error, topic.name)
                }
                gather.put(answer, at: place)
            }
            if counts[topic.name] != 1 {
                finish(.failure(.invalidRequest("Duplicate topic name.")))
            } else if let fault = fault(of: topic, broker) {
                finish(.failure(.invalidReplicaAssignment(fault)))
            } else {
                broker.createPartitions(
                    topic.name, count: topic.count, validateOnly: request.validateOnly,
                    done: finish)
            }
        }
    }

    /// What is wrong with a manual assignment; nil if nothing is, or there is none.
    private static func fault(
        of topic: CreatePartitionsRequest.CreatePartitionsTopic, _ broker: Broker
    ) -> String? {
        guard let assigned = topic.assignments else { return nil }
        if !assigned.allSatisfy({ $0.brokerIds == [broker.nodeID] }) {
            return "Partitions can be assigned to broker \(broker.nodeID) alone."
        }
        guard let known = broker.topic(topic.name) else { return nil }
        let more = Int(topic.count) - known.partitions.count
        guard more > 0, more != assigned.count else { return nil }
        return "\(more) partitions are to be added, and \(assigned.count) assignments are given."
    }
}
