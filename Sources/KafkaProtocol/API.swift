/// The requests of Kafka 4.3 by their numbers, also those that rtd does not speak: traces name them.
public enum APIKey: Int16, Sendable, CaseIterable {
    case produce = 0
    case fetch
    case listOffsets
    case metadata
    case leaderAndIsr
    case stopReplica
    case updateMetadata
    case controlledShutdown
    case offsetCommit
    case offsetFetch
    case findCoordinator
    case joinGroup
    case heartbeat
    case leaveGroup
    case syncGroup
    case describeGroups
    case listGroups
    case saslHandshake
    case apiVersions
    case createTopics
    case deleteTopics
    case deleteRecords
    case initProducerId
    case offsetForLeaderEpoch
    case addPartitionsToTxn
    case addOffsetsToTxn
    case endTxn
    case writeTxnMarkers
    case txnOffsetCommit
    case describeAcls
    case createAcls
    case deleteAcls
    case describeConfigs
    case alterConfigs
    case alterReplicaLogDirs
    case describeLogDirs
    case saslAuthenticate
    case createPartitions
    case createDelegationToken
    case renewDelegationToken
    case expireDelegationToken
    case describeDelegationToken
    case deleteGroups
    case electLeaders
    case incrementalAlterConfigs
    case alterPartitionReassignments
    case listPartitionReassignments
    case offsetDelete
    case describeClientQuotas
    case alterClientQuotas
    case describeUserScramCredentials
    case alterUserScramCredentials
    case vote
    case beginQuorumEpoch
    case endQuorumEpoch
    case describeQuorum
    case alterPartition
    case updateFeatures
    case envelope
    case fetchSnapshot
    case describeCluster
    case describeProducers
    case brokerRegistration
    case brokerHeartbeat
    case unregisterBroker
    case describeTransactions
    case listTransactions
    case allocateProducerIds
    case consumerGroupHeartbeat
    case consumerGroupDescribe
    case controllerRegistration
    case getTelemetrySubscriptions
    case pushTelemetry
    case assignReplicasToDirs
    case listConfigResources
    case describeTopicPartitions
    case shareGroupHeartbeat
    case shareGroupDescribe
    case shareFetch
    case shareAcknowledge
    case addRaftVoter
    case removeRaftVoter
    case updateRaftVoter
    case initializeShareGroupState
    case readShareGroupState
    case writeShareGroupState
    case deleteShareGroupState
    case readShareGroupStateSummary
    case streamsGroupHeartbeat
    case streamsGroupDescribe
    case describeShareGroupOffsets
    case alterShareGroupOffsets
    case deleteShareGroupOffsets

    /// Kafka's name, such as `ListOffsets`.
    public var name: String {
        let label = String(describing: self)
        return label.prefix(1).uppercased() + label.dropFirst()
    }

    /// What this target can encode and decode of it; nil for nothing.
    public var api: API? { MessageCatalog.api(of: self) }
}

/// The versions of a request whose fields are described, for both directions.
public struct API: Sendable, Equatable {
    public let key: APIKey
    public let versions: ClosedRange<Int16>
    /// The first version with compact lengths and tagged fields (KIP-482); Int16.max for none.
    public let flexibleFrom: Int16

    public init(key: APIKey, versions: ClosedRange<Int16>, flexibleFrom: Int16 = .max) {
        self.key = key
        self.versions = versions
        self.flexibleFrom = flexibleFrom
    }

    @inlinable
    public func isFlexible(_ version: Int16) -> Bool { version >= flexibleFrom }

    /// The versions to list in ApiVersions. Produce is listed from 0 though it is served from 3:
    /// librdkafka before 2.11.1 else sends uncompressed without a word (KAFKA-18659).
    public var advertised: ClosedRange<Int16> {
        key == .produce ? 0...versions.upperBound : versions
    }
}
