import KafkaClient
import KafkaProtocol

extension ClusterConnection {
    /// What there is to know of a topic that is written to; a missing one is created.
    func route(
        to topic: String, newPartitions: Int32
    ) async throws(ClientError) -> TopicRoute {
        let partitions = try await partitionCount(topic, newPartitions)
        return TopicRoute(partitions: partitions, batchBytesMax: await batchBytesMax(of: topic))
    }

    private func partitionCount(
        _ topic: String, _ newPartitions: Int32
    ) async throws(ClientError) -> Int32 {
        do throws(ClientError) {
            return Int32(clamping: try await cluster.topic(topic).partitions.count)
        } catch {
            guard case .unknownTopic = error else { throw error }
        }
        let new = NewTopic(topic, partitions: newPartitions)
        try await cluster.createTopics([new], ifMissing: true)
        return Int32(clamping: try await cluster.topic(topic).partitions.count)
    }

    /// The largest batch that the topic takes; Kafka's default where the cluster does not tell.
    private func batchBytesMax(of topic: String) async -> Int {
        let configs = try? await cluster.describeConfigs(.topic(topic))
        let entry = configs?.first { $0.name == "max.message.bytes" }
        return entry?.value.flatMap { Int($0) } ?? ProduceLimits.topicBatchBytes
    }
}
