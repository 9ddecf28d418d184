import Records

/// ShareAcknowledge, key 79: a member's word for records in its hands (KIP-932). v1 is Kafka 4.1's,
/// v2 renews locks (KIP-1222); v0 was a preview. Flexible.
public struct ShareAcknowledgeRequest: KafkaRequest {
    public typealias Response = ShareAcknowledgeResponse

    public static let api = API(key: .shareAcknowledge, versions: 1...2, flexibleFrom: 0)

    public var groupId: String?
    public var memberId: String?
    public var shareSessionEpoch: Int32 = 0
    /// Whether locks are renewed among what is acknowledged.
    public var isRenewAck = false
    public var topics: [AcknowledgeTopic] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.nullableString(&groupId)
        c.nullableString(&memberId)
        c.int32(&shareSessionEpoch)
        if c.version >= 2 { c.bool(&isRenewAck) }
        c.array(&topics)
        c.tags()
    }
}

extension ShareAcknowledgeRequest {
    /// An element of `topics`.
    public struct AcknowledgeTopic: MessageStruct {
        public var topicId: UUID = .zero
        public var partitions: [AcknowledgePartition] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.uuid(&topicId)
            c.array(&partitions)
            c.tags()
        }
    }

    /// An element of `partitions`.
    public struct AcknowledgePartition: MessageStruct {
        public var partitionIndex: Int32 = 0
        public var acknowledgementBatches: [AcknowledgementBatch] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int32(&partitionIndex)
            c.array(&acknowledgementBatches)
            c.tags()
        }
    }
}

/// The answer to `ShareAcknowledgeRequest`.
public struct ShareAcknowledgeResponse: KafkaMessage {
    public var throttleTimeMs: Int32 = 0
    public var errorCode: ErrorCode = .none
    public var errorMessage: String?
    /// How long a member may keep a record.
    public var acquisitionLockTimeoutMs: Int32 = 0
    public var responses: [ShareAcknowledgeTopicResponse] = []
    public var nodeEndpoints: [NodeEndpoint] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.int32(&throttleTimeMs)
        c.error(&errorCode)
        c.nullableString(&errorMessage)
        if c.version >= 2 { c.int32(&acquisitionLockTimeoutMs) }
        c.array(&responses)
        c.array(&nodeEndpoints)
        c.tags()
    }
}

extension ShareAcknowledgeResponse {
    /// An element of `responses`.
    public struct ShareAcknowledgeTopicResponse: MessageStruct {
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
        public var currentLeader = LeaderIdAndEpoch()

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int32(&partitionIndex)
            c.error(&errorCode)
            c.nullableString(&errorMessage)
            currentLeader.code(&c)
            c.tags()
        }
    }
}
