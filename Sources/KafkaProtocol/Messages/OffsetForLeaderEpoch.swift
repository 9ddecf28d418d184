/// OffsetForLeaderEpoch, key 23: where a leader epoch ended, to find truncation (KIP-320). v3 a
/// replica id; v4 flexible.
public struct OffsetForLeaderEpochRequest: KafkaRequest {
    public typealias Response = OffsetForLeaderEpochResponse

    public static let api = API(key: .offsetForLeaderEpoch, versions: 2...4, flexibleFrom: 4)

    public var replicaId: Int32 = -2
    public var topics: [OffsetForLeaderTopic] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        if c.version >= 3 { c.int32(&replicaId) }
        c.array(&topics)
        c.tags()
    }
}

extension OffsetForLeaderEpochRequest {
    /// An element of `topics`.
    public struct OffsetForLeaderTopic: MessageStruct {
        public var topic = ""
        public var partitions: [OffsetForLeaderPartition] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&topic)
            c.array(&partitions)
            c.tags()
        }
    }

    /// An element of `partitions`.
    public struct OffsetForLeaderPartition: MessageStruct {
        public var partition: Int32 = 0
        public var currentLeaderEpoch: Int32 = -1
        public var leaderEpoch: Int32 = 0

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int32(&partition)
            c.int32(&currentLeaderEpoch)
            c.int32(&leaderEpoch)
            c.tags()
        }
    }
}

/// The answer to `OffsetForLeaderEpochRequest`.
public struct OffsetForLeaderEpochResponse: KafkaMessage {
    public var throttleTimeMs: Int32 = 0
    public var topics: [OffsetForLeaderTopicResult] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.int32(&throttleTimeMs)
        c.array(&topics)
        c.tags()
    }
}

extension OffsetForLeaderEpochResponse {
    /// An element of `topics`.
    public struct OffsetForLeaderTopicResult: MessageStruct {
        public var topic = ""
        public var partitions: [EpochEndOffset] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&topic)
            c.array(&partitions)
            c.tags()
        }
    }

    /// An element of `partitions`.
    public struct EpochEndOffset: MessageStruct {
        public var errorCode: ErrorCode = .none
        public var partition: Int32 = 0
        public var leaderEpoch: Int32 = -1
        public var endOffset: Int64 = -1

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.error(&errorCode)
            c.int32(&partition)
            c.int32(&leaderEpoch)
            c.int64(&endOffset)
            c.tags()
        }
    }
}
