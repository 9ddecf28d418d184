import KafkaProtocol
import Streaming

/// IncrementalAlterConfigs, key 44, v0-1: SET (0), DELETE (1), and for lists APPEND (2) and
/// SUBTRACT (3) of single configs (KIP-339).
enum IncrementalAlterConfigsHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 0...1

    private typealias Resource = IncrementalAlterConfigsRequest.AlterConfigsResource

    static func handle(
        _ request: IncrementalAlterConfigsRequest, _ context: borrowing RequestContext,
        _ reply: Reply<IncrementalAlterConfigsRequest>
    ) {
        let broker = context.broker
        let alteration = ConfigAlteration(
            resources: request.resources.map { ($0.resourceType, $0.resourceName) },
            validateOnly: request.validateOnly, broker: broker
        ) { error, name in reply.connection.server.refused(reply, error, name) }
        alteration.run { place, target throws(StreamingError) in
            try changed(target, request.resources[place], broker)
        } done: { answers in
            var response = IncrementalAlterConfigsResponse()
            response.responses = answers
            reply.send(response)
        }
    }

    private static func changed(
        _ target: ConfigResource, _ resource: Resource, _ broker: Broker
    ) throws(StreamingError) -> [String: String] {
        var configs = target.current(broker)
        guard Set(resource.configs.map(\.name)).count == resource.configs.count else {
            throw .invalidRequest("Error due to duplicate config keys")
        }
        for change in resource.configs {
            let definition = try target.definition(change.name)
            switch change.configOperation {
            case 0: configs[change.name] = try value(change)
            case 1: configs[change.name] = nil
            case 2, 3:
                guard case .list = definition.type else {
                    throw .invalidConfig(
                        "\(change.name) is no list, so nothing can be appended or subtracted.")
                }
                let now = target.value(of: definition, configs, broker) ?? ""
                configs[change.name] = definition.type.edited(
                    now, with: try value(change), adding: change.configOperation == 2)
            default:
                throw .invalidRequest("Operation \(change.configOperation) does not exist.")
            }
        }
        return configs
    }

    private static func value(_ change: IncrementalAlterConfigsRequest.AlterableConfig)
        throws(StreamingError) -> String
    {
        guard let value = change.value else {
            throw .invalidConfig("Null value not supported for \(change.name).")
        }
        return value
    }
}

extension ConfigResource {
    func definition(_ name: String) throws(StreamingError) -> ConfigDefinition {
        switch self {
        case .topic: try TopicConfigs.named(name)
        case .broker: try BrokerConfigs.named(name)
        case .group: try GroupConfigs.named(name)
        }
    }

    /// The value that holds, given what the resource sets itself.
    func value(
        of definition: ConfigDefinition, _ configs: [String: String], _ broker: Broker
    ) -> String? {
        switch self {
        case .topic: broker.brokerSettings.describe(definition, topic: configs).value
        case .group: broker.brokerSettings.describe(definition, group: configs).value
        case .broker: configs[definition.name] ?? broker.brokerSettings.describe(definition).value
        }
    }
}
