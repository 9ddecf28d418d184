/// DescribeProducers, key 61: the producers that a partition remembers (KIP-664). Flexible.
public struct DescribeProducersRequest: KafkaRequest {
    public typealias Response = DescribeProducersResponse

    public static let api = API(key: .describeProducers, versions: 0...0, flexibleFrom: 0)

    public var topics: [TopicRequest] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.array(&topics)
        c.tags()
    }
}

extension DescribeProducersRequest {
    /// An element of `topics`.
    public struct TopicRequest: MessageStruct {
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

/// The answer to `DescribeProducersRequest`.
public struct DescribeProducersResponse: KafkaMessage {
    public var throttleTimeMs: Int32 = 0
    public var topics: [TopicResponse] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.int32(&throttleTimeMs)
        c.array(&topics)
        c.tags()
    }
}

extension DescribeProducersResponse {
    /// An element of `topics`.
    public struct TopicResponse: MessageStruct {
        public var name = ""
        public var partitions: [PartitionResponse] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&name)
            c.array(&partitions)
            c.tags()
        }
    }

    /// An element of `partitions`.
    public struct PartitionResponse: MessageStruct {
        public var partitionIndex: Int32 = 0
        public var errorCode: ErrorCode = .none
        public var errorMessage: String?
        public var activeProducers: [ProducerState] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int32(&partitionIndex)
            c.error(&errorCode)
            c.nullableString(&errorMessage)
            c.array(&activeProducers)
            c.tags()
        }
    }

    /// An element of `activeProducers`.
    public struct ProducerState: MessageStruct {
        public var producerId: Int64 = 0
        public var producerEpoch: Int32 = 0
        public var lastSequence: Int32 = -1
        /// Milliseconds, or -1.
        public var lastTimestamp: Int64 = -1
        public var coordinatorEpoch: Int32 = 0
        /// First offset of the transaction under way, or -1.
        public var currentTxnStartOffset: Int64 = -1

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int64(&producerId)
            c.int32(&producerEpoch)
            c.int32(&lastSequence)
            c.int64(&lastTimestamp)
            c.int32(&coordinatorEpoch)
            c.int64(&currentTxnStartOffset)
            c.tags()
        }
    }
}
