import KafkaProtocol
import Streaming

/// ListConfigResources, key 74, v0-1: topics, this broker, and groups with configs of their own.
/// There are no client metrics, which is all that v0 asks for.
enum ListConfigResourcesHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 0...1

    private static let (topic, broker, clientMetrics, brokerLogger, group):
        (
            UInt8, UInt8, UInt8, UInt8, UInt8
        ) = (2, 4, 16, 8, 32)

    static func handle(
        _ request: ListConfigResourcesRequest, _ context: borrowing RequestContext,
        _ reply: Reply<ListConfigResourcesRequest>
    ) {
        var response = ListConfigResourcesResponse()
        let known = [topic, broker, clientMetrics, brokerLogger, group]
        let wanted =
            context.version == 0
            ? [clientMetrics] : request.resourceTypes.isEmpty ? known : request.resourceTypes
        guard wanted.allSatisfy(known.contains) else {
            response.errorCode = .unsupportedVersion
            return reply.send(response)
        }
        func add(_ names: [String], _ type: UInt8) {
            guard wanted.contains(type) else { return }
            response.configResources += names.map { name in
                .with {
                    $0.resourceName = name
                    $0.resourceType = Int8(type)
                }
            }
        }
        let host = context.broker
        add(host.topics.map(\.name).sorted(), topic)
        add([String(host.nodeID)], broker)
        add([String(host.nodeID)], brokerLogger)
        add(host.shares.configuredGroups.sorted(), group)
        reply.send(response)
    }
}
