import KafkaProtocol
import Streaming

/// AlterConfigs, key 33, v0-2: replaces all configs of a resource; what is not named goes back to
/// its default.
enum AlterConfigsHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 0...2

    static func handle(
        _ request: AlterConfigsRequest, _ context: borrowing RequestContext,
        _ reply: Reply<AlterConfigsRequest>
    ) {
        let broker = context.broker
        let gather = Gather<AlterConfigsResponse.AlterConfigsResourceResponse>(
            request.resources.count
        ) {
            var response = AlterConfigsResponse()
            response.responses = $0
            reply.send(response)
        }
        for (place, resource) in request.resources.enumerated() {
            let finish: @Sendable (Result<Void, StreamingError>) -> Void = { result in
                var answer = AlterConfigsResponse.AlterConfigsResourceResponse()
                answer.resourceType = resource.resourceType
                answer.resourceName = resource.resourceName
                if case .failure(let error) = result {
                    answer.errorCode = ErrorCode(rawValue: error.code)
                    answer.errorMessage = error.message
                }
                gather.put(answer, at: place)
            }
            do throws(StreamingError) {
                var configs: [String: String] = [:]
                for config in resource.configs {
                    guard let value = config.value else {
                        throw .invalidConfig("Null value not supported for \(config.name).")
                    }
                    configs[config.name] = value
                }
                let target = try ConfigResource(
                    resource.resourceType, resource.resourceName, broker)
                target.set(configs, broker, validateOnly: request.validateOnly, done: finish)
            } catch {
                finish(.failure(error))
            }
        }
    }
}

extension ConfigResource {
    /// What the resource sets itself now.
    func current(_ broker: Broker) -> [String: String] {
        switch self {
        case .topic(let topic): topic.configs
        case .broker: broker.brokerSettings.dynamic
        }
    }

    /// Replaces what the resource sets itself.
    func set(
        _ configs: [String: String], _ broker: Broker, validateOnly: Bool,
        done: @escaping @Sendable (Result<Void, StreamingError>) -> Void
    ) {
        switch self {
        case .topic(let topic):
            broker.setConfigs(configs, ofTopic: topic.name, validateOnly: validateOnly) {
                done($0.map { _ in })
            }
        case .broker: broker.setBrokerConfigs(configs, validateOnly: validateOnly, done: done)
        }
    }
}
