/// ListOffsets, key 2: offsets by time. v2 isolation levels; v4 leader epochs (KIP-320); v6
/// flexible; v7 the largest timestamp (KIP-734); v8 to v11 further special timestamps; v10 a
/// timeout.
public struct ListOffsetsRequest: KafkaRequest {
    public typealias Response = ListOffsetsResponse

    public static let api = API(key: .listOffsets, versions: 1...11, flexibleFrom: 6)

    /// -1 for a client.
    public var replicaId: Int32 = 0
    public var isolationLevel: Int8 = 0
    public var topics: [ListOffsetsTopic] = []
    public var timeoutMs: Int32 = 0

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.int32(&replicaId)
        if c.version >= 2 { c.int8(&isolationLevel) }
        c.array(&topics)
        if c.version >= 10 { c.int32(&timeoutMs) }
        c.tags()
    }
}

extension ListOffsetsRequest {
    /// An element of `topics`.
    public struct ListOffsetsTopic: MessageStruct {
        public var name = ""
        public var partitions: [ListOffsetsPartition] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&name)
            c.array(&partitions)
            c.tags()
        }
    }

    /// An element of `partitions`.
    public struct ListOffsetsPartition: MessageStruct {
        public var partitionIndex: Int32 = 0
        public var currentLeaderEpoch: Int32 = -1
        /// Milliseconds, or -1 latest, -2 earliest, -3 largest timestamp, -4 earliest local,
        /// -5 latest tiered, -6 earliest pending upload.
        public var timestamp: Int64 = 0

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int32(&partitionIndex)
            if c.version >= 4 { c.int32(&currentLeaderEpoch) }
            c.int64(&timestamp)
            c.tags()
        }
    }
}

/// The answer to `ListOffsetsRequest`.
public struct ListOffsetsResponse: KafkaMessage {
    public var throttleTimeMs: Int32 = 0
    public var topics: [ListOffsetsTopicResponse] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        if c.version >= 2 { c.int32(&throttleTimeMs) }
        c.array(&topics)
        c.tags()
    }
}

extension ListOffsetsResponse {
    /// An element of `topics`.
    public struct ListOffsetsTopicResponse: MessageStruct {
        public var name = ""
        public var partitions: [ListOffsetsPartitionResponse] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&name)
            c.array(&partitions)
            c.tags()
        }
    }

    /// An element of `partitions`.
    public struct ListOffsetsPartitionResponse: MessageStruct {
        public var partitionIndex: Int32 = 0
        public var errorCode: ErrorCode = .none
        public var timestamp: Int64 = -1
        public var offset: Int64 = -1
        public var leaderEpoch: Int32 = -1

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int32(&partitionIndex)
            c.error(&errorCode)
            c.int64(&timestamp)
            c.int64(&offset)
            if c.version >= 4 { c.int32(&leaderEpoch) }
            c.tags()
        }
    }
}
