/// AlterPartitionReassignments, key 45: moves partitions to other brokers (KIP-455). Flexible. v1
/// whether their number may change (KIP-860).
public struct AlterPartitionReassignmentsRequest: KafkaRequest {
    public typealias Response = AlterPartitionReassignmentsResponse

    public static let api = API(
        key: .alterPartitionReassignments, versions: 0...1, flexibleFrom: 0)

    public var timeoutMs: Int32 = 60_000
    public var allowReplicationFactorChange = true
    public var topics: [ReassignableTopic] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.int32(&timeoutMs)
        if c.version >= 1 { c.bool(&allowReplicationFactorChange) }
        c.array(&topics)
        c.tags()
    }
}

extension AlterPartitionReassignmentsRequest {
    /// An element of `topics`.
    public struct ReassignableTopic: MessageStruct {
        public var name = ""
        public var partitions: [ReassignablePartition] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&name)
            c.array(&partitions)
            c.tags()
        }
    }

    /// An element of `partitions`.
    public struct ReassignablePartition: MessageStruct {
        public var partitionIndex: Int32 = 0
        /// Nil to give up the move that is under way.
        public var replicas: [Int32]?

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int32(&partitionIndex)
            c.nullableInt32s(&replicas)
            c.tags()
        }
    }
}

/// The answer to `AlterPartitionReassignmentsRequest`.
public struct AlterPartitionReassignmentsResponse: KafkaMessage {
    public var throttleTimeMs: Int32 = 0
    public var allowReplicationFactorChange = true
    public var errorCode: ErrorCode = .none
    public var errorMessage: String?
    public var responses: [ReassignedTopic] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.int32(&throttleTimeMs)
        if c.version >= 1 { c.bool(&allowReplicationFactorChange) }
        c.error(&errorCode)
        c.nullableString(&errorMessage)
        c.array(&responses)
        c.tags()
    }
}

extension AlterPartitionReassignmentsResponse {
    /// An element of `responses`.
    public struct ReassignedTopic: MessageStruct {
        public var name = ""
        public var partitions: [ReassignedPartition] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&name)
            c.array(&partitions)
            c.tags()
        }
    }

    /// An element of `partitions`.
    public struct ReassignedPartition: MessageStruct {
        public var partitionIndex: Int32 = 0
        public var errorCode: ErrorCode = .none
        public var errorMessage: String?

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int32(&partitionIndex)
            c.error(&errorCode)
            c.nullableString(&errorMessage)
            c.tags()
        }
    }
}
