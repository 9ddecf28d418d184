import KafkaProtocol
import Records
import Streaming

/// DeleteTopics, key 20, v1-6: by name, from v6 on also by id. Answered once that is durable.
enum DeleteTopicsHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 1...6

    private typealias Answer = DeleteTopicsResponse.DeletableTopicResult

    static func handle(
        _ request: DeleteTopicsRequest, _ context: borrowing RequestContext,
        _ reply: Reply<DeleteTopicsRequest>
    ) {
        let broker = context.broker
        var wanted = request.topics
        if context.version < 6 {
            wanted = request.topicNames.map { name in
                var topic = DeleteTopicsRequest.DeleteTopicState()
                topic.name = name
                return topic
            }
        }
        let check = NamedTopics(wanted, broker)
        wanted = check.once
        let gather = Gather<DeleteTopicsResponse.DeletableTopicResult>(wanted.count) {
            var response = DeleteTopicsResponse()
            response.responses = $0
            reply.send(response)
        }
        for (place, topic) in wanted.enumerated() {
            var answer = Answer()
            answer.topicId = topic.topicId
            if let fault = check.fault(of: topic) {
                answer.name = topic.name
                answer.errorCode = .invalidRequest
                answer.errorMessage = fault
                gather.put(answer, at: place)
                continue
            }
            answer.name = topic.name ?? broker.topic(id: topic.topicId)?.name
            guard let name = answer.name else {
                answer.errorCode = .unknownTopicId
                gather.put(answer, at: place)
                continue
            }
            let started = answer
            let id = topic.name == nil ? topic.topicId : nil
            broker.deleteTopic(name, id: id) { result in
                var answer = started
                switch result {
                case .success(let gone): answer.topicId = gone.id
                case .failure(let error):
                    answer.errorCode = ErrorCode(rawValue: error.code)
                    answer.errorMessage = error.message
                }
                gather.put(answer, at: place)
            }
        }
    }
}

/// What a request names by name and by id; each topic may be named once and in one way.
private struct NamedTopics {
    private var names: [String: Int] = [:]
    private var ids: [UUID: Int] = [:]
    private let broker: Broker
    /// Each of them, though it is named more often.
    private(set) var once: [DeleteTopicsRequest.DeleteTopicState] = []

    init(_ topics: [DeleteTopicsRequest.DeleteTopicState], _ broker: Broker) {
        self.broker = broker
        for topic in topics {
            let before: Int
            if let name = topic.name {
                before = names[name] ?? 0
                names[name] = before + 1
            } else {
                before = ids[topic.topicId] ?? 0
                ids[topic.topicId] = before + 1
            }
            if before == 0 { once.append(topic) }
        }
    }

    func fault(of topic: DeleteTopicsRequest.DeleteTopicState) -> String? {
        guard let name = topic.name else {
            if topic.topicId == .zero { return "Neither topic name nor id were specified." }
            return ids[topic.topicId] == 1 ? nil : "Duplicate topic id."
        }
        if topic.topicId != .zero { return "You may not specify both topic name and topic id." }
        if names[name] != 1 { return "Duplicate topic name." }
        guard let known = broker.topic(name)?.id, ids[known] != nil else { return nil }
        return "The provided topic name maps to an ID that was already supplied."
    }
}
