/// TxnOffsetCommit, key 28: a group's offsets, true when the transaction commits. v2 leader epochs;
/// v3 flexible and names the member (KIP-447); v5 needs no AddOffsetsToTxn before it (KIP-890).
public struct TxnOffsetCommitRequest: KafkaRequest {
    public typealias Response = TxnOffsetCommitResponse

    public static let api = API(key: .txnOffsetCommit, versions: 0...5, flexibleFrom: 3)

    public var transactionalId = ""
    public var groupId = ""
    public var producerId: Int64 = 0
    public var producerEpoch: Int16 = 0
    public var generationId: Int32 = -1
    public var memberId = ""
    public var groupInstanceId: String?
    public var topics: [TxnOffsetCommitRequestTopic] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.string(&transactionalId)
        c.string(&groupId)
        c.int64(&producerId)
        c.int16(&producerEpoch)
        if c.version >= 3 {
            c.int32(&generationId)
            c.string(&memberId)
            c.nullableString(&groupInstanceId)
        }
        c.array(&topics)
        c.tags()
    }
}

extension TxnOffsetCommitRequest {
    /// An element of `topics`.
    public struct TxnOffsetCommitRequestTopic: MessageStruct {
        public var name = ""
        public var partitions: [TxnOffsetCommitRequestPartition] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&name)
            c.array(&partitions)
            c.tags()
        }
    }

    /// An element of `partitions`.
    public struct TxnOffsetCommitRequestPartition: MessageStruct {
        public var partitionIndex: Int32 = 0
        public var committedOffset: Int64 = 0
        public var committedLeaderEpoch: Int32 = -1
        public var committedMetadata: String?

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int32(&partitionIndex)
            c.int64(&committedOffset)
            if c.version >= 2 { c.int32(&committedLeaderEpoch) }
            c.nullableString(&committedMetadata)
            c.tags()
        }
    }
}

/// The answer to `TxnOffsetCommitRequest`.
public struct TxnOffsetCommitResponse: KafkaMessage {
    public var throttleTimeMs: Int32 = 0
    public var topics: [TxnOffsetCommitResponseTopic] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.int32(&throttleTimeMs)
        c.array(&topics)
        c.tags()
    }
}

extension TxnOffsetCommitResponse {
    /// An element of `topics`.
    public struct TxnOffsetCommitResponseTopic: MessageStruct {
        public var name = ""
        public var partitions: [TxnOffsetCommitResponsePartition] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&name)
            c.array(&partitions)
            c.tags()
        }
    }

    /// An element of `partitions`.
    public struct TxnOffsetCommitResponsePartition: MessageStruct {
        public var partitionIndex: Int32 = 0
        public var errorCode: ErrorCode = .none

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int32(&partitionIndex)
            c.error(&errorCode)
            c.tags()
        }
    }
}
