import KafkaProtocol
import Records

/// What is known of a cluster: brokers, and the topics that were asked for.
public struct Metadata: Sendable {
    public var clusterID: String?
    /// -1 if unknown.
    public var controllerID: Int32 = -1
    public var brokers: [Int32: BrokerAddress] = [:]
    public var topics: [String: Topic] = [:]

    /// Where a broker says that it listens.
    public struct BrokerAddress: Sendable, Equatable {
        public let nodeID: Int32
        public let host: String
        public let port: UInt16
        public let rack: String?
    }

    /// A topic, its partitions ordered by index.
    public struct Topic: Sendable, Equatable {
        public let name: String
        /// Zero on brokers older than Kafka 2.8.
        public let id: UUID
        public let isInternal: Bool
        public var partitions: [Partition]

        /// Nil for a partition that does not exist.
        public func partition(_ index: Int32) -> Partition? {
            let position = Int(index)
            if partitions.indices.contains(position), partitions[position].index == index {
                return partitions[position]
            }
            return partitions.first { $0.index == index }
        }
    }

    /// A partition; without a leader `leader` is -1. `leaderEpoch` is -1 on old brokers.
    public struct Partition: Sendable, Equatable {
        public let index: Int32
        public var leader: Int32
        public var leaderEpoch: Int32
        public let replicas: [Int32]
        public let inSyncReplicas: [Int32]
    }
}

extension Metadata {
    func partition(_ partition: TopicPartition) -> Partition? {
        topics[partition.topic]?.partition(partition.partition)
    }

    /// Takes a response in. Topics that it reports as gone are forgotten; a leader with an older
    /// epoch than the known one is stale news and ignored (KIP-320).
    mutating func merge(_ response: MetadataResponse) {
        clusterID = response.clusterId ?? clusterID
        controllerID = response.controllerId
        if !response.brokers.isEmpty {
            brokers = [:]
            for broker in response.brokers {
                brokers[broker.nodeId] = BrokerAddress(
                    nodeID: broker.nodeId, host: broker.host,
                    port: UInt16(truncatingIfNeeded: broker.port), rack: broker.rack)
            }
        }
        for entry in response.topics {
            guard let name = entry.name else { continue }
            switch entry.errorCode {
            case .none: topics[name] = merged(name, entry)
            case .unknownTopicOrPartition, .unknownTopicId, .topicAuthorizationFailed,
                .invalidTopicException:
                topics[name] = nil
            default: break
            }
        }
    }

    private func merged(
        _ name: String, _ entry: MetadataResponse.MetadataResponseTopic
    ) -> Topic {
        let known = topics[name].flatMap { $0.id == entry.topicId ? $0 : nil }
        let partitions = entry.partitions.map { partition in
            if let old = known?.partition(partition.partitionIndex),
                partition.leaderEpoch >= 0, old.leaderEpoch > partition.leaderEpoch
            {
                return old
            }
            return Partition(
                index: partition.partitionIndex,
                leader: partition.errorCode == .leaderNotAvailable ? -1 : partition.leaderId,
                leaderEpoch: partition.leaderEpoch, replicas: partition.replicaNodes,
                inSyncReplicas: partition.isrNodes)
        }
        return Topic(
            name: name, id: entry.topicId, isInternal: entry.isInternal,
            partitions: partitions.sorted { $0.index < $1.index })
    }

    /// Takes in what an error of leadership told about the new leader (KIP-951). False if it is
    /// nothing new.
    mutating func learnLeader(
        _ partition: TopicPartition, leader: Int32, epoch: Int32
    ) -> Bool {
        guard leader >= 0, brokers[leader] != nil,
            let topic = topics[partition.topic],
            let position = topic.partitions.firstIndex(where: { $0.index == partition.partition }),
            topic.partitions[position].leaderEpoch < epoch
        else { return false }
        topics[partition.topic]?.partitions[position].leader = leader
        topics[partition.topic]?.partitions[position].leaderEpoch = epoch
        return true
    }
}
