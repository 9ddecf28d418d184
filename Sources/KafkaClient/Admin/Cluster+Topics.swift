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
            let attempts = Attempts()
            try await retrying { [self] () async throws(ClientError) in
                attempts.count += 1
                let response = try await askController(request)
                for topic in response.topics where topic.errorCode != .none {
                    // An earlier attempt, whose answer got lost, may have made it.
                    let mayExist = ifMissing || attempts.count > 1
                    if mayExist, topic.errorCode == .topicAlreadyExists { continue }
                    throw .topic(topic.name, topic.errorCode, detail: topic.errorMessage)
                }
            }
            try await waitForLeaders(Set(topics.map(\.name)))
        }
    }

    /// How often something was tried; on the loop.
    private final class Attempts: @unchecked Sendable {
        var count = 0
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

extension Cluster {
    /// Deletes topics with all their records.
    public func deleteTopics(_ names: [String]) async throws(ClientError) {
        try await onLoop { [self] () async throws(ClientError) in
            let request = DeleteTopicsRequest.with {
                $0.timeoutMs = Int32(clamping: configuration.requestTimeoutMilliseconds)
                $0.topicNames = names
                $0.topics = names.map { name in .with { $0.name = name } }
            }
            try await retrying { [self] () async throws(ClientError) in
                for topic in try await askController(request).responses {
                    try check(topic.name ?? "", topic.errorCode, topic.errorMessage)
                    topicsInUse.remove(topic.name ?? "")
                    metadata.topics[topic.name ?? ""] = nil
                }
            }
        }
    }

    /// Gives a topic more partitions, `count` in all.
    public func createPartitions(_ topic: String, count: Int32) async throws(ClientError) {
        try await onLoop { [self] () async throws(ClientError) in
            let request = CreatePartitionsRequest.with {
                $0.timeoutMs = Int32(clamping: configuration.requestTimeoutMilliseconds)
                $0.topics = [
                    .with {
                        $0.name = topic
                        $0.count = count
                    }
                ]
            }
            try await retrying { [self] () async throws(ClientError) in
                for answer in try await askController(request).results {
                    try check(answer.name, answer.errorCode, answer.errorMessage)
                }
            }
            try await waitForLeaders([topic])
        }
    }

    /// Deletes the records before these offsets (-1: before the high watermark). Gives where the
    /// logs start then.
    public func deleteRecords(
        before offsets: [TopicPartition: Int64]
    ) async throws(ClientError) -> [TopicPartition: Int64] {
        try await onLoop { [self] () async throws(ClientError) in
            try await retrying { [self] () async throws(ClientError) in
                try await fetchMetadata(Set(offsets.keys.map(\.topic)))
                var starts: [TopicPartition: Int64] = [:]
                for (id, offset) in offsets {
                    guard metadata.topics[id.topic] != nil else { throw .unknownTopic(id.topic) }
                    guard let leader = leader(of: id), let broker = broker(leader.node) else {
                        throw .partition(id, .leaderNotAvailable, detail: nil)
                    }
                    starts[id] = try await deleteRecords(id, before: offset, of: broker)
                }
                return starts
            }
        }
    }

    private func deleteRecords(
        _ id: TopicPartition, before offset: Int64, of broker: Broker
    ) async throws(ClientError) -> Int64 {
        let request = DeleteRecordsRequest.with {
            $0.timeoutMs = Int32(clamping: configuration.requestTimeoutMilliseconds)
            $0.topics = [
                .with {
                    $0.name = id.topic
                    $0.partitions = [
                        .with {
                            $0.partitionIndex = id.partition
                            $0.offset = offset
                        }
                    ]
                }
            ]
        }
        let answer = try await ask(request, of: broker).topics.first?.partitions.first
        guard let answer, answer.errorCode == .none else {
            throw .partition(id, answer?.errorCode ?? .unknownServerError, detail: nil)
        }
        return answer.lowWatermark
    }

    private func check(
        _ name: String, _ code: ErrorCode, _ detail: String?
    ) throws(ClientError) {
        if code == .unknownTopicOrPartition { throw .unknownTopic(name) }
        guard code == .none else { throw .topic(name, code, detail: detail) }
    }
}
