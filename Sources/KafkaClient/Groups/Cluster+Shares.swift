import KafkaProtocol

// Places of share groups (KIP-932).
extension Cluster {
    /// Lets a share group begin at these offsets in those of the partitions that it has not read
    /// yet. Throws what the cluster says: NON_EMPTY_GROUP while somebody is in the group, and an
    /// error of versions where it knows no such request (before Kafka 4.2).
    public func beginShareGroup(
        _ group: String, at offsets: [TopicPartition: Int64]
    ) async throws(ClientError) {
        try await onLoop { [self] () async throws(ClientError) in
            try await withCoordinator(of: group) { [self] broker async throws(ClientError) in
                let known = try await startedPartitions(of: group, broker)
                let new = offsets.filter { !known.contains($0.key) }
                guard !new.isEmpty else { return }
                let request = AlterShareGroupOffsetsRequest.with {
                    $0.groupId = group
                    $0.topics = Dictionary(grouping: new, by: \.key.topic).map { name, entries in
                        .with {
                            $0.topicName = name
                            $0.partitions = entries.map { entry in
                                .with {
                                    $0.partitionIndex = entry.key.partition
                                    $0.startOffset = entry.value
                                }
                            }
                        }
                    }
                }
                let response = try await ask(request, of: broker)
                let partitions = response.responses.flatMap(\.partitions)
                let codes = [response.errorCode] + partitions.map(\.errorCode)
                if let code = codes.first(where: { $0 != .none }) {
                    throw .group(group, code, detail: response.errorMessage)
                }
            }
        }
    }

    /// Where the group is already; nowhere for a group that does not exist.
    private func startedPartitions(
        of group: String, _ broker: Broker
    ) async throws(ClientError) -> Set<TopicPartition> {
        let request = DescribeShareGroupOffsetsRequest.with {
            $0.groups = [.with { $0.groupId = group }]
        }
        let response = try await ask(request, of: broker)
        guard let answer = response.groups.first, answer.errorCode == .none else {
            let code = response.groups.first?.errorCode ?? .unknownServerError
            guard code == .groupIdNotFound else {
                throw .group(group, code, detail: response.groups.first?.errorMessage)
            }
            return []
        }
        return Set(
            answer.topics.flatMap { topic in
                topic.partitions.filter { $0.startOffset >= 0 }
                    .map { TopicPartition(topic.topicName, $0.partitionIndex) }
            })
    }
}
