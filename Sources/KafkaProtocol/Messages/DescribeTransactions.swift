/// DescribeTransactions, key 65: what the coordinator knows of transactional ids (KIP-664).
/// Flexible.
public struct DescribeTransactionsRequest: KafkaRequest {
    public typealias Response = DescribeTransactionsResponse

    public static let api = API(key: .describeTransactions, versions: 0...0, flexibleFrom: 0)

    public var transactionalIds: [String] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.strings(&transactionalIds)
        c.tags()
    }
}

/// The answer to `DescribeTransactionsRequest`.
public struct DescribeTransactionsResponse: KafkaMessage {
    public var throttleTimeMs: Int32 = 0
    public var transactionStates: [TransactionState] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.int32(&throttleTimeMs)
        c.array(&transactionStates)
        c.tags()
    }
}

extension DescribeTransactionsResponse {
    /// An element of `transactionStates`.
    public struct TransactionState: MessageStruct {
        public var errorCode: ErrorCode = .none
        public var transactionalId = ""
        /// Kafka's name, such as `CompleteCommit`.
        public var transactionState = ""
        public var transactionTimeoutMs: Int32 = 0
        /// Milliseconds; -1 without a transaction under way.
        public var transactionStartTimeMs: Int64 = 0
        public var producerId: Int64 = 0
        public var producerEpoch: Int16 = 0
        public var topics: [TopicData] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.error(&errorCode)
            c.string(&transactionalId)
            c.string(&transactionState)
            c.int32(&transactionTimeoutMs)
            c.int64(&transactionStartTimeMs)
            c.int64(&producerId)
            c.int16(&producerEpoch)
            c.array(&topics)
            c.tags()
        }
    }

    /// An element of `topics`.
    public struct TopicData: MessageStruct {
        public var topic = ""
        public var partitions: [Int32] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&topic)
            c.int32s(&partitions)
            c.tags()
        }
    }
}
