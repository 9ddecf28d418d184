import Records

/// Fetch, key 1: reads record batches. v7 sessions (KIP-227); v11 racks (KIP-392); v12 flexible,
/// diverging epochs (KIP-595); v13 topic ids (KIP-516); v16 endpoints of new leaders (KIP-951).
public struct FetchRequest: KafkaRequest, TaggedStruct {
    public typealias Response = FetchResponse

    public static let api = API(key: .fetch, versions: 4...18, flexibleFrom: 12)

    /// Tagged, from v12.
    public var clusterId: String?
    public var replicaId: Int32 = -1
    /// Tagged, from v15; before there is `replicaId`.
    public var replicaState = ReplicaState()
    public var maxWaitMs: Int32 = 0
    public var minBytes: Int32 = 0
    public var maxBytes: Int32 = .max
    /// 0 read uncommitted, 1 read committed.
    public var isolationLevel: Int8 = 0
    public var sessionId: Int32 = 0
    /// 0 opens a session, -1 closes it or asks without one.
    public var sessionEpoch: Int32 = -1
    public var topics: [FetchTopic] = []
    public var forgottenTopicsData: [ForgottenTopic] = []
    public var rackId = ""

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        if c.version <= 14 { c.int32(&replicaId) }
        c.int32(&maxWaitMs)
        c.int32(&minBytes)
        c.int32(&maxBytes)
        c.int8(&isolationLevel)
        if c.version >= 7 {
            c.int32(&sessionId)
            c.int32(&sessionEpoch)
        }
        c.array(&topics)
        if c.version >= 7 { c.array(&forgottenTopicsData) }
        if c.version >= 11 { c.string(&rackId) }
        c.tags(of: &self)
    }

    public static let tagCount = 2

    public func carries(tag: Int, version: Int16) -> Bool {
        switch tag {
        case 0: clusterId != nil
        case 1: version >= 15 && replicaState != ReplicaState()
        default: false
        }
    }

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(
        tag: Int, _ c: inout C
    ) -> Bool {
        switch tag {
        case 0: c.nullableString(&clusterId)
        case 1 where c.version >= 15: replicaState.code(&c)
        default: return false
        }
        return true
    }
}

extension FetchRequest {
    /// The broker that follows; -1 for a client.
    public struct ReplicaState: MessageStruct {
        public var replicaId: Int32 = -1
        public var replicaEpoch: Int64 = -1

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int32(&replicaId)
            c.int64(&replicaEpoch)
            c.tags()
        }
    }

    /// An element of `topics`.
    public struct FetchTopic: MessageStruct {
        public var topic = ""
        public var topicId: UUID = .zero
        public var partitions: [FetchPartition] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            if c.version <= 12 { c.string(&topic) }
            if c.version >= 13 { c.uuid(&topicId) }
            c.array(&partitions)
            c.tags()
        }
    }

    /// An element of `forgottenTopicsData`.
    public struct ForgottenTopic: MessageStruct {
        public var topic = ""
        public var topicId: UUID = .zero
        public var partitions: [Int32] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            if c.version <= 12 { c.string(&topic) }
            if c.version >= 13 { c.uuid(&topicId) }
            c.int32s(&partitions)
            c.tags()
        }
    }

    /// An element of `partitions`.
    public struct FetchPartition: TaggedStruct {
        public var partition: Int32 = 0
        public var currentLeaderEpoch: Int32 = -1
        public var fetchOffset: Int64 = 0
        public var lastFetchedEpoch: Int32 = -1
        public var logStartOffset: Int64 = -1
        public var partitionMaxBytes: Int32 = 0
        public var replicaDirectoryId: UUID = .zero
        public var highWatermark: Int64 = .max

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int32(&partition)
            if c.version >= 9 { c.int32(&currentLeaderEpoch) }
            c.int64(&fetchOffset)
            if c.version >= 12 { c.int32(&lastFetchedEpoch) }
            if c.version >= 5 { c.int64(&logStartOffset) }
            c.int32(&partitionMaxBytes)
            c.tags(of: &self)
        }

        public static let tagCount = 2

        public func carries(tag: Int, version: Int16) -> Bool {
            switch tag {
            case 0: version >= 17 && replicaDirectoryId != .zero
            case 1: version >= 18 && highWatermark != .max
            default: false
            }
        }

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(
            tag: Int, _ c: inout C
        ) -> Bool {
            switch tag {
            case 0 where c.version >= 17: c.uuid(&replicaDirectoryId)
            case 1 where c.version >= 18: c.int64(&highWatermark)
            default: return false
            }
            return true
        }
    }
}

/// The answer to `FetchRequest`.
public struct FetchResponse: KafkaMessage, TaggedStruct {
    public var throttleTimeMs: Int32 = 0
    public var errorCode: ErrorCode = .none
    public var sessionId: Int32 = 0
    public var responses: [FetchableTopicResponse] = []
    public var nodeEndpoints: [NodeEndpoint] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.int32(&throttleTimeMs)
        if c.version >= 7 {
            c.error(&errorCode)
            c.int32(&sessionId)
        }
        c.array(&responses)
        c.tags(of: &self)
    }

    public static let tagCount = 1

    public func carries(tag: Int, version: Int16) -> Bool {
        switch tag {
        case 0: version >= 16 && !nodeEndpoints.isEmpty
        default: false
        }
    }

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(
        tag: Int, _ c: inout C
    ) -> Bool {
        switch tag {
        case 0 where c.version >= 16: c.array(&nodeEndpoints)
        default: return false
        }
        return true
    }
}

extension FetchResponse {
    /// An element of `responses`.
    public struct FetchableTopicResponse: MessageStruct {
        /// Up to v12; then there is `topicId`.
        public var topic = ""
        public var topicId: UUID = .zero
        public var partitions: [PartitionData] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            if c.version <= 12 { c.string(&topic) }
            if c.version >= 13 { c.uuid(&topicId) }
            c.array(&partitions)
            c.tags()
        }
    }

    /// Where to reach a leader that `currentLeader` names.
    public struct NodeEndpoint: MessageStruct {
        public var nodeId: Int32 = 0
        public var host = ""
        public var port: Int32 = 0
        public var rack: String?

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int32(&nodeId)
            c.string(&host)
            c.int32(&port)
            c.nullableString(&rack)
            c.tags()
        }
    }

    /// An element of `partitions`.
    public struct PartitionData: TaggedStruct {
        public var partitionIndex: Int32 = 0
        public var errorCode: ErrorCode = .none
        public var highWatermark: Int64 = 0
        public var lastStableOffset: Int64 = -1
        public var logStartOffset: Int64 = -1
        /// Tagged: where the log of the asker left this one.
        public var divergingEpoch = EpochEndOffset()
        /// Tagged: sent with errors of leadership.
        public var currentLeader = LeaderIdAndEpoch()
        public var snapshotId = SnapshotId()
        /// nil unless read committed was asked for.
        public var abortedTransactions: [AbortedTransaction]?
        public var preferredReadReplica: Int32 = -1
        public var records: Payload = .null

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int32(&partitionIndex)
            c.error(&errorCode)
            c.int64(&highWatermark)
            c.int64(&lastStableOffset)
            if c.version >= 5 { c.int64(&logStartOffset) }
            c.nullableArray(&abortedTransactions)
            if c.version >= 11 { c.int32(&preferredReadReplica) }
            c.payload(&records)
            c.tags(of: &self)
        }

        public static let tagCount = 3

        public func carries(tag: Int, version: Int16) -> Bool {
            switch tag {
            case 0: divergingEpoch != EpochEndOffset()
            case 1: currentLeader != LeaderIdAndEpoch()
            case 2: snapshotId != SnapshotId()
            default: false
            }
        }

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(
            tag: Int, _ c: inout C
        ) -> Bool {
            switch tag {
            case 0: divergingEpoch.code(&c)
            case 1: currentLeader.code(&c)
            case 2: snapshotId.code(&c)
            default: return false
            }
            return true
        }
    }

    /// An epoch and the offset where it ends.
    public struct EpochEndOffset: MessageStruct {
        public var epoch: Int32 = -1
        public var endOffset: Int64 = -1

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int32(&epoch)
            c.int64(&endOffset)
            c.tags()
        }
    }

    /// The leader of a partition; -1 for unknown.
    public struct LeaderIdAndEpoch: MessageStruct {
        public var leaderId: Int32 = -1
        public var leaderEpoch: Int32 = -1

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int32(&leaderId)
            c.int32(&leaderEpoch)
            c.tags()
        }
    }

    /// A snapshot to fetch instead; only the controllers of a cluster use it.
    public struct SnapshotId: MessageStruct {
        public var endOffset: Int64 = -1
        public var epoch: Int32 = -1

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int64(&endOffset)
            c.int32(&epoch)
            c.tags()
        }
    }

    /// A producer whose records from an offset on are to be skipped.
    public struct AbortedTransaction: MessageStruct {
        public var producerId: Int64 = 0
        public var firstOffset: Int64 = 0

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int64(&producerId)
            c.int64(&firstOffset)
            c.tags()
        }
    }
}
