import KafkaProtocol
import Records
import Streaming

/// DescribeCluster, key 60, v0-2: the cluster's id and its one broker.
enum DescribeClusterHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 0...2

    static func handle(
        _ request: DescribeClusterRequest, _ context: borrowing RequestContext,
        _ reply: Reply<DescribeClusterRequest>
    ) {
        var response = DescribeClusterResponse()
        response.endpointType = request.endpointType
        guard request.endpointType == 1 else {
            let isKnown = request.endpointType == 2
            response.errorCode = isKnown ? .mismatchedEndpointType : .unsupportedEndpointType
            response.errorMessage =
                isKnown
                ? "This is a broker endpoint."
                : "Endpoint type \(request.endpointType) does not exist."
            return reply.send(response)
        }
        var broker = DescribeClusterResponse.DescribeClusterBroker()
        broker.brokerId = context.broker.nodeID
        (broker.host, broker.port) = context.advertisedAddress
        response.clusterId = context.broker.clusterID.description
        response.controllerId = context.broker.nodeID
        response.brokers = [broker]
        if request.includeClusterAuthorizedOperations {
            response.clusterAuthorizedOperations = AuthorizedOperations.cluster
        }
        reply.send(response)
    }
}
