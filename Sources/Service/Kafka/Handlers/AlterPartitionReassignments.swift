import KafkaProtocol
import Streaming

/// AlterPartitionReassignments, key 45, v0-1: a partition may stay where it is. Others than this
/// broker are INVALID_REPLICA_ASSIGNMENT, and there is never a move to give up.
enum AlterPartitionReassignmentsHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 0...1

    static func handle(
        _ request: AlterPartitionReassignmentsRequest, _ context: borrowing RequestContext,
        _ reply: Reply<AlterPartitionReassignmentsRequest>
    ) {
        let broker = context.broker
        var response = AlterPartitionReassignmentsResponse()
        response.allowReplicationFactorChange = request.allowReplicationFactorChange
        response.responses = request.topics.map { wanted in
            let topic = broker.topic(wanted.name)
            return .with { answer in
                answer.name = wanted.name
                answer.partitions = wanted.partitions.map { partition in
                    .with {
                        $0.partitionIndex = partition.partitionIndex
                        ($0.errorCode, $0.errorMessage) = judge(partition, topic, broker.nodeID)
                    }
                }
            }
        }
        reply.send(response)
    }

    private static func judge(
        _ wanted: AlterPartitionReassignmentsRequest.ReassignablePartition, _ topic: Topic?,
        _ node: Int32
    ) -> (ErrorCode, String?) {
        guard topic?.partition(wanted.partitionIndex) != nil else {
            return (.unknownTopicOrPartition, "The partition does not exist.")
        }
        guard let replicas = wanted.replicas else {
            return (.noReassignmentInProgress, "No partition reassignment is in progress.")
        }
        if replicas == [node] { return (.none, nil) }
        if let other = replicas.first(where: { $0 != node }) {
            return (
                .invalidReplicaAssignment,
                "The manual partition assignment includes broker \(other), but no such broker is "
                    + "registered."
            )
        }
        return (
            .invalidReplicaAssignment,
            replicas.isEmpty
                ? "The manual partition assignment includes an empty replica list."
                : "The manual partition assignment includes the broker \(node) more than once."
        )
    }
}
