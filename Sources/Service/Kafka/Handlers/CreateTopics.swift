import KafkaProtocol
import Streaming

/// CreateTopics, key 19, v2-7: -1 partitions are num.partitions; a manual assignment counts as its
/// number of partitions and may name this broker only. Answered once the topics are durable.
enum CreateTopicsHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 2...7

    private typealias Answer = CreateTopicsResponse.CreatableTopicResult

    static func handle(
        _ request: CreateTopicsRequest, _ context: borrowing RequestContext,
        _ reply: Reply<CreateTopicsRequest>
    ) {
        let broker = context.broker
        var counts: [String: Int] = [:]
        for topic in request.topics { counts[topic.name, default: 0] += 1 }
        // A topic that is named twice is refused, and named once in the answer.
        var told: Set<String> = []
        let topics = request.topics.filter { told.insert($0.name).inserted }
        let gather = Gather<CreateTopicsResponse.CreatableTopicResult>(topics.count) {
            var response = CreateTopicsResponse()
            response.topics = $0
            reply.send(response)
        }
        for (place, topic) in topics.enumerated() {
            let finish: @Sendable (Result<Topic, StreamingError>) -> Void = { result in
                if case .failure(let error) = result {
                    reply.connection.server.refused(reply, error, topic.name)
                }
                gather.put(answer(topic, result, broker), at: place)
            }
            do throws(StreamingError) {
                if counts[topic.name] ?? 0 > 1 {
                    throw .invalidRequest("Duplicate topic name.")
                }
                let new = try new(topic, broker.nodeID)
                broker.createTopic(new, validateOnly: request.validateOnly, done: finish)
            } catch {
                finish(.failure(error))
            }
        }
    }

    private static func new(_ topic: CreateTopicsRequest.CreatableTopic, _ nodeID: Int32)
        throws(StreamingError) -> Broker.NewTopic
    {
        var new = Broker.NewTopic(
            name: topic.name, partitions: topic.numPartitions,
            replicationFactor: topic.replicationFactor)
        if !topic.assignments.isEmpty {
            guard topic.numPartitions == -1, topic.replicationFactor == -1 else {
                throw .invalidRequest(
                    "Both numPartitions or replicationFactor and replicasAssignments were set.")
            }
            let sorted = topic.assignments.map(\.partitionIndex).sorted()
            guard sorted == Array(0..<Int32(topic.assignments.count)),
                topic.assignments.allSatisfy({ $0.brokerIds == [nodeID] })
            else {
                throw .invalidReplicaAssignment(
                    "Each partition from 0 on must be assigned to broker \(nodeID) alone.")
            }
            new.partitions = Int32(topic.assignments.count)
        }
        for config in topic.configs {
            guard let value = config.value else {
                throw .invalidConfig("Null value not supported for topic config \(config.name).")
            }
            new.configs[config.name] = value
        }
        return new
    }

    private static func answer(
        _ topic: CreateTopicsRequest.CreatableTopic, _ result: Result<Topic, StreamingError>,
        _ broker: Broker
    ) -> Answer {
        var answer = Answer()
        answer.name = topic.name
        switch result {
        case .success(let made):
            let settings = broker.brokerSettings
            answer.topicId = made.id
            answer.numPartitions =
                made.partitions.isEmpty
                ? (topic.numPartitions > 0
                    ? topic.numPartitions : Int32(clamping: settings.number("num.partitions")))
                : Int32(made.partitions.count)
            answer.replicationFactor = 1
            answer.configs = TopicConfigs.all.map { definition in
                let value = settings.describe(definition, topic: made.configs)
                var config = CreateTopicsResponse.CreatableTopicConfigs()
                config.name = definition.name
                config.value = value.value
                config.configSource = value.source.rawValue
                return config
            }
        case .failure(let error):
            answer.errorCode = ErrorCode(rawValue: error.code)
            answer.errorMessage = error.message
        }
        return answer
    }
}
