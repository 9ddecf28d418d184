import KafkaProtocol

/// A topic to be made. -1 leaves a count to the broker.
public struct NewTopic: Sendable {
    public var name: String
    public var partitions: Int32
    public var replicationFactor: Int16
    public var configs: [String: String]

    public init(
        _ name: String, partitions: Int32 = 1, replicationFactor: Int16 = -1,
        configs: [String: String] = [:]
    ) {
        self.name = name
        self.partitions = partitions
        self.replicationFactor = replicationFactor
        self.configs = configs
    }
}

extension Cluster {
    /// Creates topics, and waits until their partitions have leaders. With `ifMissing` a topic that
    /// exists already is no error.
    public func createTopics(
        _ topics: [NewTopic], ifMissing: Bool = false
    ) async throws(ClientError) {
        try await onLoop { [self] () async throws(ClientError) in
            let request = CreateTopicsRequest.with {
                $0.timeoutMs = Int32(clamping: configuration.requestTimeoutMilliseconds)
                $0.topics = topics.map { topic in
                    .with {
                        $0.name = topic.name
                        $0.numPartitions = topic.partitions
                        $0.replicationFactor = topic.replicationFactor
                        $0.configs = topic.configs.sorted { $0.key < $1.key }.map { key, value in
                            .with {
                                $0.name = key
                                $0.value = value
                            }
                        }
                    }
                }
            }
            try await retrying { [self] () async throws(ClientError) in
                let response = try await askController(request)
                for topic in response.topics where topic.errorCode != .none {
                    if ifMissing, topic.errorCode == .topicAlreadyExists { continue }
                    throw .topic(topic.name, topic.errorCode, detail: topic.errorMessage)
                }
            }
            try await waitForLeaders(Set(topics.map(\.name)))
        }
    }

    /// Asks the broker that the metadata names as the controller; where it names none, any.
    func askController<R: KafkaRequest>(_ request: R) async throws(ClientError) -> R.Response {
        guard let controller = broker(metadata.controllerID) else {
            return try await askAny(request)
        }
        return try await ask(request, of: controller)
    }

    private func waitForLeaders(_ names: Set<String>) async throws(ClientError) {
        let limit = Int64(Limits.topicVisibleMilliseconds)
        try await retrying(forMilliseconds: limit) { [self] () async throws(ClientError) in
            try await fetchMetadata(names)
            for name in names {
                guard let topic = metadata.topics[name] else {
                    throw .topic(name, .unknownTopicOrPartition, detail: nil)
                }
                for partition in topic.partitions where partition.leader < 0 {
                    throw .partition(
                        TopicPartition(name, partition.index), .leaderNotAvailable, detail: nil)
                }
            }
        }
    }
}
