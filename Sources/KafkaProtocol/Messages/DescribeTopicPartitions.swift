import Records

/// DescribeTopicPartitions, key 75: partitions of topics, in pages (KIP-966). v0 is flexible
/// already.
public struct DescribeTopicPartitionsRequest: KafkaRequest {
    public typealias Response = DescribeTopicPartitionsResponse

    public static let api = API(key: .describeTopicPartitions, versions: 0...0, flexibleFrom: 0)

    public var topics: [TopicRequest] = []
    public var responsePartitionLimit: Int32 = 2000
    public var cursor: Cursor?

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.array(&topics)
        c.int32(&responsePartitionLimit)
        c.optional(&cursor)
        c.tags()
    }
}

extension DescribeTopicPartitionsRequest {
    /// An element of `topics`.
    public struct TopicRequest: MessageStruct {
        public var name = ""

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&name)
            c.tags()
        }
    }

    /// Where a page begins.
    public struct Cursor: MessageStruct {
        public var topicName = ""
        public var partitionIndex: Int32 = 0

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&topicName)
            c.int32(&partitionIndex)
            c.tags()
        }
    }
}

/// The answer to `DescribeTopicPartitionsRequest`.
public struct DescribeTopicPartitionsResponse: KafkaMessage {
    public var throttleTimeMs: Int32 = 0
    public var topics: [DescribeTopicPartitionsResponseTopic] = []
    public var nextCursor: Cursor?

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.int32(&throttleTimeMs)
        c.array(&topics)
        c.optional(&nextCursor)
        c.tags()
    }
}

extension DescribeTopicPartitionsResponse {
    /// An element of `topics`.
    public struct DescribeTopicPartitionsResponseTopic: MessageStruct {
        public var errorCode: ErrorCode = .none
        public var name: String?
        public var topicId: UUID = .zero
        public var isInternal = false
        public var partitions: [DescribeTopicPartitionsResponsePartition] = []
        public var topicAuthorizedOperations: Int32 = .min

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.error(&errorCode)
            c.nullableString(&name)
            c.uuid(&topicId)
            c.bool(&isInternal)
            c.array(&partitions)
            c.int32(&topicAuthorizedOperations)
            c.tags()
        }
    }

    /// Where a page begins.
    public struct Cursor: MessageStruct {
        public var topicName = ""
        public var partitionIndex: Int32 = 0

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&topicName)
            c.int32(&partitionIndex)
            c.tags()
        }
    }

    /// An element of `partitions`.
    public struct DescribeTopicPartitionsResponsePartition: MessageStruct {
        public var errorCode: ErrorCode = .none
        public var partitionIndex: Int32 = 0
        public var leaderId: Int32 = 0
        public var leaderEpoch: Int32 = -1
        public var replicaNodes: [Int32] = []
        public var isrNodes: [Int32] = []
        public var eligibleLeaderReplicas: [Int32]?
        public var lastKnownElr: [Int32]?
        public var offlineReplicas: [Int32] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.error(&errorCode)
            c.int32(&partitionIndex)
            c.int32(&leaderId)
            c.int32(&leaderEpoch)
            c.int32s(&replicaNodes)
            c.int32s(&isrNodes)
            c.nullableInt32s(&eligibleLeaderReplicas)
            c.nullableInt32s(&lastKnownElr)
            c.int32s(&offlineReplicas)
            c.tags()
        }
    }
}
