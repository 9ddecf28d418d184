import KafkaProtocol
import Streaming

/// ElectLeaders, key 43, v0-2: this server leads all partitions, so none needs an election.
enum ElectLeadersHandler: KafkaHandler {
    static let versions: ClosedRange<Int16> = 0...2

    static func handle(
        _ request: ElectLeadersRequest, _ context: borrowing RequestContext,
        _ reply: Reply<ElectLeadersRequest>
    ) {
        var response = ElectLeadersResponse()
        let broker = context.broker
        // Asked for all, Kafka names only those that did need one.
        response.replicaElectionResults = (request.topicPartitions ?? []).map { wanted in
            let topic = broker.topic(wanted.topic)
            return .with { answer in
                answer.topic = wanted.topic
                answer.partitionResult = wanted.partitions.map { number in
                    .with {
                        $0.partitionId = number
                        let isThere = topic?.partition(number) != nil
                        $0.errorCode = isThere ? .electionNotNeeded : .unknownTopicOrPartition
                        $0.errorMessage =
                            isThere
                            ? "Leader election not needed for topic partition."
                            : "The partition does not exist."
                    }
                }
            }
        }
        reply.send(response)
    }
}
