import Records

/// ConsumerGroupHeartbeat, key 68: a member of a group that the server shares out joins, follows
/// and leaves (KIP-848). v1 subscribes by regular expression. v0 is flexible already.
public struct ConsumerGroupHeartbeatRequest: KafkaRequest {
    public typealias Response = ConsumerGroupHeartbeatResponse

    public static let api = API(key: .consumerGroupHeartbeat, versions: 0...1, flexibleFrom: 0)

    public var groupId = ""
    public var memberId = ""
    /// 0 joins, -1 leaves, -2 leaves for a while.
    public var memberEpoch: Int32 = 0
    public var instanceId: String?
    public var rackId: String?
    public var rebalanceTimeoutMs: Int32 = -1
    public var subscribedTopicNames: [String]?
    public var subscribedTopicRegex: String?
    public var serverAssignor: String?
    public var topicPartitions: [TopicPartitions]?

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.string(&groupId)
        c.string(&memberId)
        c.int32(&memberEpoch)
        c.nullableString(&instanceId)
        c.nullableString(&rackId)
        c.int32(&rebalanceTimeoutMs)
        c.nullableStrings(&subscribedTopicNames)
        if c.version >= 1 { c.nullableString(&subscribedTopicRegex) }
        c.nullableString(&serverAssignor)
        c.nullableArray(&topicPartitions)
        c.tags()
    }
}

extension ConsumerGroupHeartbeatRequest {
    /// An element of `topicPartitions`.
    public struct TopicPartitions: MessageStruct {
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

/// The answer to `ConsumerGroupHeartbeatRequest`.
public struct ConsumerGroupHeartbeatResponse: KafkaMessage {
    public var throttleTimeMs: Int32 = 0
    public var errorCode: ErrorCode = .none
    public var errorMessage: String?
    public var memberId: String?
    public var memberEpoch: Int32 = 0
    public var heartbeatIntervalMs: Int32 = 0
    /// Null for "as before".
    public var assignment: Assignment?

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.int32(&throttleTimeMs)
        c.error(&errorCode)
        c.nullableString(&errorMessage)
        c.nullableString(&memberId)
        c.int32(&memberEpoch)
        c.int32(&heartbeatIntervalMs)
        c.optional(&assignment)
        c.tags()
    }
}

extension ConsumerGroupHeartbeatResponse {
    /// What a member has.
    public struct Assignment: MessageStruct {
        public var topicPartitions: [TopicPartitions] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.array(&topicPartitions)
            c.tags()
        }
    }

    /// An element of `topicPartitions`.
    public struct TopicPartitions: MessageStruct {
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
