/// The requests of Kafka 4.3 by their numbers, also those that rtd does not speak, for traces.
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
