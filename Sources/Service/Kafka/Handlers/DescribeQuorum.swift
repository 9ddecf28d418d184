import KafkaProtocol
import LogStorage
import Platform
import Streaming

/// DescribeQuorum, key 55, v0-2: this server is the one voter and the leader of its own metadata,
/// which Kafka's tools know as partition 0 of `__cluster_metadata`.
enum DescribeQuorumHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 0...2
    private static let metadataTopic = "__cluster_metadata"

    private typealias Response = DescribeQuorumResponse

    static func handle(
        _ request: DescribeQuorumRequest, _ context: borrowing RequestContext,
        _ reply: Reply<DescribeQuorumRequest>
    ) {
        let broker = context.broker
        var response = Response()
        response.topics = request.topics.map { asked in
            .with {
                $0.topicName = asked.topicName
                $0.partitions = asked.partitions.map {
                    describe($0.partitionIndex, of: asked.topicName, broker)
                }
            }
        }
        // Its controller has no address of its own to vote at.
        response.nodes = [.with { $0.nodeId = broker.nodeID }]
        reply.send(response)
    }

    private static func describe(_ index: Int32, of topic: String, _ broker: Broker)
        -> Response.PartitionData
    {
        .with {
            $0.partitionIndex = index
            guard index == 0, topic == metadataTopic,
                let partition = broker.topic(Broker.metadataTopic)?.partition(0)
            else {
                $0.errorCode = .unknownTopicOrPartition
                $0.errorMessage = "A quorum keeps partition 0 of \(metadataTopic)."
                return
            }
            $0.leaderId = broker.nodeID
            $0.leaderEpoch = partition.log.leaderEpoch
            $0.highWatermark = partition.log.highWatermark
            $0.currentVoters = [
                .with {
                    $0.replicaId = broker.nodeID
                    $0.logEndOffset = partition.log.endOffset
                    $0.lastCaughtUpTimestamp = broker.clock.wallMilliseconds
                    $0.lastFetchTimestamp = broker.clock.wallMilliseconds
                }
            ]
        }
    }
}
