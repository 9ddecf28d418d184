/// AddPartitionsToTxn, key 24: names partitions that a transaction will write to. v3 flexible; v4
/// many transactions in one request, and verification alone, as brokers ask each other (KIP-890).
public struct AddPartitionsToTxnRequest: KafkaRequest {
    public typealias Response = AddPartitionsToTxnResponse

    public static let api = API(key: .addPartitionsToTxn, versions: 0...5, flexibleFrom: 3)

    /// v4 and later.
    public var transactions: [AddPartitionsToTxnTransaction] = []
    /// v0 to v3, as the rest.
    public var v3AndBelowTransactionalId = ""
    public var v3AndBelowProducerId: Int64 = 0
    public var v3AndBelowProducerEpoch: Int16 = 0
    public var v3AndBelowTopics: [AddPartitionsToTxnTopic] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        if c.version >= 4 {
            c.array(&transactions)
        } else {
            c.string(&v3AndBelowTransactionalId)
            c.int64(&v3AndBelowProducerId)
            c.int16(&v3AndBelowProducerEpoch)
            c.array(&v3AndBelowTopics)
        }
        c.tags()
    }
}

extension AddPartitionsToTxnRequest {
    /// An element of `transactions`.
    public struct AddPartitionsToTxnTransaction: MessageStruct {
        public var transactionalId = ""
        public var producerId: Int64 = 0
        public var producerEpoch: Int16 = 0
        /// Asks whether the partitions are in the transaction, and adds none.
        public var verifyOnly = false
        public var topics: [AddPartitionsToTxnTopic] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&transactionalId)
            c.int64(&producerId)
            c.int16(&producerEpoch)
            c.bool(&verifyOnly)
            c.array(&topics)
            c.tags()
        }
    }

    /// An element of `topics`.
    public struct AddPartitionsToTxnTopic: MessageStruct {
        public var name = ""
        public var partitions: [Int32] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&name)
            c.int32s(&partitions)
            c.tags()
        }
    }
}

/// The answer to `AddPartitionsToTxnRequest`.
public struct AddPartitionsToTxnResponse: KafkaMessage {
    public var throttleTimeMs: Int32 = 0
    /// v4 and later, as `resultsByTransaction`.
    public var errorCode: ErrorCode = .none
    public var resultsByTransaction: [AddPartitionsToTxnResult] = []
    /// v0 to v3.
    public var resultsByTopicV3AndBelow: [AddPartitionsToTxnTopicResult] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.int32(&throttleTimeMs)
        if c.version >= 4 {
            c.error(&errorCode)
            c.array(&resultsByTransaction)
        } else {
            c.array(&resultsByTopicV3AndBelow)
        }
        c.tags()
    }
}

extension AddPartitionsToTxnResponse {
    /// An element of `resultsByTransaction`.
    public struct AddPartitionsToTxnResult: MessageStruct {
        public var transactionalId = ""
        public var topicResults: [AddPartitionsToTxnTopicResult] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&transactionalId)
            c.array(&topicResults)
            c.tags()
        }
    }

    /// An element of `resultsByTopicV3AndBelow` and of `topicResults`.
    public struct AddPartitionsToTxnTopicResult: MessageStruct {
        public var name = ""
        public var resultsByPartition: [AddPartitionsToTxnPartitionResult] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&name)
            c.array(&resultsByPartition)
            c.tags()
        }
    }

    /// An element of `resultsByPartition`.
    public struct AddPartitionsToTxnPartitionResult: MessageStruct {
        public var partitionIndex: Int32 = 0
        public var partitionErrorCode: ErrorCode = .none

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int32(&partitionIndex)
            c.error(&partitionErrorCode)
            c.tags()
        }
    }
}
