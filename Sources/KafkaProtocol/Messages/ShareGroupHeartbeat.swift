import Records

/// ShareGroupHeartbeat, key 76: a member of a share group joins, stays and leaves (KIP-932). v1 is
/// Kafka 4.1's; v0 was a preview. Flexible.
public struct ShareGroupHeartbeatRequest: KafkaRequest {
    public typealias Response = ShareGroupHeartbeatResponse

    public static let api = API(key: .shareGroupHeartbeat, versions: 1...1, flexibleFrom: 0)

    public var groupId = ""
    public var memberId = ""
    /// 0 joins, -1 leaves.
    public var memberEpoch: Int32 = 0
    public var rackId: String?
    public var subscribedTopicNames: [String]?

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.string(&groupId)
        c.string(&memberId)
        c.int32(&memberEpoch)
        c.nullableString(&rackId)
        c.nullableStrings(&subscribedTopicNames)
        c.tags()
    }
}

/// The answer to `ShareGroupHeartbeatRequest`.
public struct ShareGroupHeartbeatResponse: KafkaMessage {
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

extension ShareGroupHeartbeatResponse {
    /// What a member reads.
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
