import KafkaProtocol

extension Cluster {
    /// Bytes on disk of a topic's partitions, as their leaders tell them; without those that have
    /// no leader.
    public func partitionSizes(
        of topic: String
    ) async throws(ClientError) -> [TopicPartition: Int64] {
        try await onLoop { [self] () async throws(ClientError) in
            try await retrying { [self] () async throws(ClientError) in
                try await fetchMetadata([topic])
                guard let known = metadata.topics[topic] else { throw .unknownTopic(topic) }
                let byLeader = Dictionary(grouping: known.partitions, by: \.leader)
                var sizes: [TopicPartition: Int64] = [:]
                for (node, partitions) in byLeader {
                    guard let broker = broker(node) else { continue }
                    let indexes = partitions.map(\.index)
                    let some = try await partitionSizes(topic, indexes, of: broker)
                    sizes.merge(some) { first, _ in first }
                }
                return sizes
            }
        }
    }

    private func partitionSizes(
        _ topic: String, _ indexes: [Int32], of broker: Broker
    ) async throws(ClientError) -> [TopicPartition: Int64] {
        let request = DescribeLogDirsRequest.with {
            $0.topics = [
                .with {
                    $0.topic = topic
                    $0.partitions = indexes
                }
            ]
        }
        let response = try await ask(request, of: broker)
        guard response.errorCode == .none else {
            throw .refused(api: .describeLogDirs, response.errorCode, detail: nil)
        }
        var sizes: [TopicPartition: Int64] = [:]
        for directory in response.results where directory.errorCode == .none {
            for entry in directory.topics where entry.name == topic {
                // A future replica is a copy on its way to another directory.
                for partition in entry.partitions where !partition.isFutureKey {
                    sizes[TopicPartition(topic, partition.partitionIndex)] =
                        partition.partitionSize
                }
            }
        }
        return sizes
    }
}
