import KafkaProtocol
import Streaming

/// DescribeConfigs, key 32, v1-4: every config of a topic (type 2), of the broker (type 4) or of a
/// group (type 32) with its default, its source and what it overrides.
enum DescribeConfigsHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 1...4

    private typealias Answer = DescribeConfigsResponse.DescribeConfigsResult

    static func handle(
        _ request: DescribeConfigsRequest, _ context: borrowing RequestContext,
        _ reply: Reply<DescribeConfigsRequest>
    ) {
        var response = DescribeConfigsResponse()
        for resource in request.resources {
            var answer = Answer()
            answer.resourceType = resource.resourceType
            answer.resourceName = resource.resourceName
            do throws(StreamingError) {
                let values = try values(of: resource, context)
                // As in Kafka no names at all are asked for as well as null: all.
                let keys = Set(resource.configurationKeys ?? [])
                answer.configs = values.filter { keys.isEmpty || keys.contains($0.definition.name) }
                    .map { describe($0, request) }
            } catch {
                answer.errorCode = ErrorCode(rawValue: error.code)
                answer.errorMessage = error.message
            }
            response.results.append(answer)
        }
        reply.send(response)
    }

    private static func values(
        of resource: DescribeConfigsRequest.DescribeConfigsResource,
        _ context: borrowing RequestContext
    ) throws(StreamingError) -> [ConfigValue] {
        let broker = context.broker
        let settings = broker.brokerSettings
        // Loggers of a broker and subscriptions of metrics: there are none.
        if resource.resourceType == 8 || resource.resourceType == 16 { return [] }
        switch try ConfigResource(resource.resourceType, resource.resourceName, broker) {
        case .topic(let topic):
            return TopicConfigs.all.map { settings.describe($0, topic: topic.configs) }
        case .broker:
            // The default of all brokers is what was set for it, not what each falls back to.
            if resource.resourceName.isEmpty {
                return BrokerConfigs.all.filter { settings.dynamic[$0.name] != nil }
                    .map { settings.describe($0) }
            }
            let facts = context.server.facts(for: context.connection)
            return BrokerConfigs.all.map { settings.describe($0) } + BrokerConfigs.told(facts)
        case .group(let group):
            let own = broker.shares.configs(of: group)
            return GroupConfigs.all.map { settings.describe($0, group: own) }
        }
    }

    private static func describe(_ value: ConfigValue, _ request: DescribeConfigsRequest)
        -> DescribeConfigsResponse.DescribeConfigsResourceResult
    {
        var answer = DescribeConfigsResponse.DescribeConfigsResourceResult()
        answer.name = value.definition.name
        answer.value = value.value
        answer.readOnly = !value.definition.dynamic
        answer.configSource = value.source.rawValue
        answer.configType = value.definition.type.wireNumber
        if request.includeDocumentation { answer.documentation = value.definition.documentation }
        if request.includeSynonyms {
            answer.synonyms = value.synonyms.map { level in
                var synonym = DescribeConfigsResponse.DescribeConfigsSynonym()
                synonym.name = level.name
                synonym.value = level.value
                synonym.source = level.source.rawValue
                return synonym
            }
        }
        return answer
    }
}

/// What configs belong to.
enum ConfigResource {
    case topic(Topic)
    case broker
    case group(String)

    /// Type 2 is a topic, 32 a group; 4 a broker by its number, or by "" the default of all.
    init(_ type: Int8, _ name: String, _ broker: Broker) throws(StreamingError) {
        switch type {
        case 2:
            try TopicName.check(name)
            guard let topic = broker.topic(name) else { throw .unknownTopic(name) }
            self = .topic(topic)
        case 4:
            guard name.isEmpty || name == String(broker.nodeID) else {
                throw .invalidRequest(
                    "Unexpected broker id, expected \(broker.nodeID) or empty, got '\(name)'.")
            }
            self = .broker
        case 32:
            if name.isEmpty { throw .invalidRequest("Group name must not be empty.") }
            self = .group(name)
        default: throw .invalidRequest("Configs of resource type \(type) are not supported.")
        }
    }
}
