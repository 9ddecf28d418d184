import KafkaProtocol
import Streaming

/// ListPartitionReassignments, key 46, v0: on a cluster of one nothing is ever on the way.
enum ListPartitionReassignmentsHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 0...0

    static func handle(
        _ request: ListPartitionReassignmentsRequest, _ context: borrowing RequestContext,
        _ reply: Reply<ListPartitionReassignmentsRequest>
    ) {
        reply.send(ListPartitionReassignmentsResponse())
    }
}
