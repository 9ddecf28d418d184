import KafkaProtocol
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
        let gather = Gather<DeleteTopicsResponse.DeletableTopicResult>(wanted.count) {
            var response = DeleteTopicsResponse()
            response.responses = $0
            reply.send(response)
        }
        for (place, topic) in wanted.enumerated() {
            var answer = Answer()
            answer.name = topic.name ?? broker.topic(id: topic.topicId)?.name
            answer.topicId = topic.topicId
            guard let name = answer.name else {
                answer.errorCode = .unknownTopicId
                gather.put(answer, at: place)
                continue
            }
            let started = answer
            broker.deleteTopic(name) { result in
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
