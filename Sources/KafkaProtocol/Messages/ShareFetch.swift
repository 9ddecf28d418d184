import Records

/// ShareFetch, key 78: takes records into a member's hands, and brings its word for others
/// (KIP-932). v1 is Kafka 4.1's, v2 renews locks and takes a strict limit (KIP-1222, KIP-1206); v0
/// was a preview. Flexible.
public struct ShareFetchRequest: KafkaRequest {
    public typealias Response = ShareFetchResponse

    public static let api = API(key: .shareFetch, versions: 1...2, flexibleFrom: 0)

    public var groupId: String?
    public var memberId: String?
    /// 0 begins a share session, -1 ends it.
    public var shareSessionEpoch: Int32 = 0
    public var maxWaitMs: Int32 = 0
    public var minBytes: Int32 = 0
    public var maxBytes: Int32 = .max
    public var maxRecords: Int32 = 0
    public var batchSize: Int32 = 0
    /// 0 for whole batches where that is cheaper, 1 for `maxRecords` at the most.
    public var shareAcquireMode: Int8 = 0
    /// Whether locks are renewed among what is acknowledged.
    public var isRenewAck = false
    public var topics: [FetchTopic] = []
    public var forgottenTopicsData: [ForgottenTopic] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.nullableString(&groupId)
        c.nullableString(&memberId)
        c.int32(&shareSessionEpoch)
        c.int32(&maxWaitMs)
        c.int32(&minBytes)
        c.int32(&maxBytes)
        c.int32(&maxRecords)
        c.int32(&batchSize)
        if c.version >= 2 {
            c.int8(&shareAcquireMode)
            c.bool(&isRenewAck)
        }
        c.array(&topics)
        c.array(&forgottenTopicsData)
        c.tags()
    }
}

extension ShareFetchRequest {
    /// An element of `topics`.
    public struct FetchTopic: MessageStruct {
        public var topicId: UUID = .zero
        public var partitions: [FetchPartition] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.uuid(&topicId)
            c.array(&partitions)
            c.tags()
        }
    }

    /// An element of `partitions`.
    public struct FetchPartition: MessageStruct {
        public var partitionIndex: Int32 = 0
        public var acknowledgementBatches: [AcknowledgementBatch] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int32(&partitionIndex)
            c.array(&acknowledgementBatches)
            c.tags()
        }
    }

    /// An element of `forgottenTopicsData`.
    public struct ForgottenTopic: MessageStruct {
        public var topicId: UUID = .zero
        public var partitions: [Int32] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.uuid(&topicId)
            c.int32s(&partitions)
            c.tags()
        }
    }
}

/// Some records and a member's word for them: one for all, or one for each. 0 gap, 1 accept,
/// 2 release, 3 reject, 4 renew.
public struct AcknowledgementBatch: MessageStruct {
    public var firstOffset: Int64 = 0
    public var lastOffset: Int64 = 0
    public var acknowledgeTypes: [UInt8] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.int64(&firstOffset)
        c.int64(&lastOffset)
        // An array of int8 is on the wire what bytes are.
        c.bytes(&acknowledgeTypes)
        c.tags()
    }
}

/// The answer to `ShareFetchRequest`.
public struct ShareFetchResponse: KafkaMessage {
    public var throttleTimeMs: Int32 = 0
    public var errorCode: ErrorCode = .none
    public var errorMessage: String?
    public var acquisitionLockTimeoutMs: Int32 = 0
    public var responses: [ShareFetchableTopicResponse] = []
    public var nodeEndpoints: [NodeEndpoint] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.int32(&throttleTimeMs)
        c.error(&errorCode)
        c.nullableString(&errorMessage)
        c.int32(&acquisitionLockTimeoutMs)
        c.array(&responses)
        c.array(&nodeEndpoints)
        c.tags()
    }
}

extension ShareFetchResponse {
    /// An element of `responses`.
    public struct ShareFetchableTopicResponse: MessageStruct {
        public var topicId: UUID = .zero
        public var partitions: [PartitionData] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.uuid(&topicId)
            c.array(&partitions)
            c.tags()
        }
    }

    /// An element of `partitions`.
    public struct PartitionData: MessageStruct {
        public var partitionIndex: Int32 = 0
        public var errorCode: ErrorCode = .none
        public var errorMessage: String?
        public var acknowledgeErrorCode: ErrorCode = .none
        public var acknowledgeErrorMessage: String?
        public var currentLeader = LeaderIdAndEpoch()
        public var records = Payload.null
        public var acquiredRecords: [AcquiredRecords] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int32(&partitionIndex)
            c.error(&errorCode)
            c.nullableString(&errorMessage)
            c.error(&acknowledgeErrorCode)
            c.nullableString(&acknowledgeErrorMessage)
            currentLeader.code(&c)
            c.payload(&records)
            c.array(&acquiredRecords)
            c.tags()
        }
    }

    /// An element of `acquiredRecords`.
    public struct AcquiredRecords: MessageStruct {
        public var firstOffset: Int64 = 0
        public var lastOffset: Int64 = 0
        public var deliveryCount: Int16 = 0

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int64(&firstOffset)
            c.int64(&lastOffset)
            c.int16(&deliveryCount)
            c.tags()
        }
    }
}

/// The leader of a partition, for clients that asked another.
public struct LeaderIdAndEpoch: MessageStruct {
    public var leaderId: Int32 = 0
    public var leaderEpoch: Int32 = 0

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.int32(&leaderId)
        c.int32(&leaderEpoch)
        c.tags()
    }
}

/// Where a leader listens.
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
