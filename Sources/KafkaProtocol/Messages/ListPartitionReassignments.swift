/// ListPartitionReassignments, key 46: which partitions are on the way to other brokers (KIP-455).
/// Flexible.
public struct ListPartitionReassignmentsRequest: KafkaRequest {
    public typealias Response = ListPartitionReassignmentsResponse

    public static let api = API(
        key: .listPartitionReassignments, versions: 0...0, flexibleFrom: 0)

    public var timeoutMs: Int32 = 60_000
    /// Nil for all topics.
    public var topics: [ListTopic]?

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.int32(&timeoutMs)
        c.nullableArray(&topics)
        c.tags()
    }
}

extension ListPartitionReassignmentsRequest {
    /// An element of `topics`.
    public struct ListTopic: MessageStruct {
        public var name = ""
        public var partitionIndexes: [Int32] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&name)
            c.int32s(&partitionIndexes)
            c.tags()
        }
    }
}

/// The answer to `ListPartitionReassignmentsRequest`.
public struct ListPartitionReassignmentsResponse: KafkaMessage {
    public var throttleTimeMs: Int32 = 0
    public var errorCode: ErrorCode = .none
    public var errorMessage: String?
    public var topics: [OngoingTopic] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.int32(&throttleTimeMs)
        c.error(&errorCode)
        c.nullableString(&errorMessage)
        c.array(&topics)
        c.tags()
    }
}

extension ListPartitionReassignmentsResponse {
    /// An element of `topics`.
    public struct OngoingTopic: MessageStruct {
        public var name = ""
        public var partitions: [OngoingPartition] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&name)
            c.array(&partitions)
            c.tags()
        }
    }

    /// An element of `partitions`.
    public struct OngoingPartition: MessageStruct {
        public var partitionIndex: Int32 = 0
        public var replicas: [Int32] = []
        public var addingReplicas: [Int32] = []
        public var removingReplicas: [Int32] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int32(&partitionIndex)
            c.int32s(&replicas)
            c.int32s(&addingReplicas)
            c.int32s(&removingReplicas)
            c.tags()
        }
    }
}
