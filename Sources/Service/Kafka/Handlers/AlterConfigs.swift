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
        let alteration = ConfigAlteration(
            resources: request.resources.map { ($0.resourceType, $0.resourceName) },
            validateOnly: request.validateOnly, broker: broker
        ) { error, name in reply.connection.server.refused(reply, error, name) }
        alteration.run { place, _ throws(StreamingError) in
            var configs: [String: String] = [:]
            for config in request.resources[place].configs {
                guard let value = config.value else {
                    throw .invalidConfig("Null value not supported for \(config.name).")
                }
                configs[config.name] = value
            }
            return configs
        } done: { answers in
            var response = AlterConfigsResponse()
            response.responses = answers
            reply.send(response)
        }
    }
}

/// A request to alter resources: each by itself, and one answer once the last is done.
struct ConfigAlteration {
    typealias Answer = AlterConfigsResponse.AlterConfigsResourceResponse

    private struct Resource: Hashable {
        var type: Int8
        var name: String
    }

    let resources: [(type: Int8, name: String)]
    let validateOnly: Bool
    let broker: Broker
    /// Called with each error and the resource it is about.
    let refused: @Sendable (StreamingError, String) -> Void

    /// `configs` gives what the resource at a place is to set itself from now on; called in the
    /// resource's turn, so that what it reads stays as it is meanwhile.
    func run(
        configs:
            @escaping @Sendable (Int, ConfigResource) throws(StreamingError) -> [String: String],
        done: @escaping @Sendable ([Answer]) -> Void
    ) {
        let gather = Gather<Answer>(resources.count, done: done)
        var counts: [Resource: Int] = [:]
        for resource in resources {
            counts[Resource(type: resource.type, name: resource.name), default: 0] += 1
        }
        for (place, resource) in resources.enumerated() {
            let finish: @Sendable (Result<Void, StreamingError>) -> Void = { result in
                var answer = Answer()
                answer.resourceType = resource.type
                answer.resourceName = resource.name
                if case .failure(let error) = result {
                    answer.errorCode = ErrorCode(rawValue: error.code)
                    answer.errorMessage = error.message
                    refused(error, resource.name)
                }
                gather.put(answer, at: place)
            }
            let isAlone = counts[Resource(type: resource.type, name: resource.name)] == 1
            let turn = ConfigResource.turn(resource.type, resource.name)
            broker.inTurn(turn, finish) { finish throws(StreamingError) in
                guard isAlone else {
                    throw .invalidRequest("Each resource must appear at most once.")
                }
                let target = try ConfigResource(resource.type, resource.name, broker)
                target.set(
                    try configs(place, target), broker, validateOnly: validateOnly, done: finish)
            }
        }
    }
}

extension ConfigResource {
    /// In whose turn a resource is altered; those of an unknown type are refused there.
    static func turn(_ type: Int8, _ name: String) -> ChangeTarget {
        switch type {
        case 2: ChangeTarget(topic: name)
        case 32: .group(name)
        default: .broker
        }
    }

    /// What the resource sets itself now.
    func current(_ broker: Broker) -> [String: String] {
        switch self {
        case .topic(let topic): topic.configs
        case .broker: broker.brokerSettings.dynamic
        case .group(let group): broker.shares.configs(of: group)
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
        case .group(let group):
            do throws(StreamingError) {
                try GroupConfigs.check(configs, broker.brokerSettings)
            } catch {
                return done(.failure(error))
            }
            if validateOnly { return done(.success(())) }
            broker.shares.setConfigs(configs, of: group) { error in
                done(error.map { .failure($0) } ?? .success(()))
            }
        }
    }
}
