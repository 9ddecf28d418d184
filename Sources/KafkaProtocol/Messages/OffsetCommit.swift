import Records

/// OffsetCommit, key 8: stores a group's offsets. v6 leader epochs; v7 static members (KIP-345);
/// v8 flexible; v9 member epochs (KIP-848); v10 topic ids.
public struct OffsetCommitRequest: KafkaRequest {
    public typealias Response = OffsetCommitResponse

    public static let api = API(key: .offsetCommit, versions: 2...10, flexibleFrom: 8)

    public var groupId = ""
    public var generationIdOrMemberEpoch: Int32 = -1
    public var memberId = ""
    public var groupInstanceId: String?
    public var retentionTimeMs: Int64 = -1
    public var topics: [OffsetCommitRequestTopic] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.string(&groupId)
        c.int32(&generationIdOrMemberEpoch)
        c.string(&memberId)
        if c.version >= 7 { c.nullableString(&groupInstanceId) }
        if c.version <= 4 { c.int64(&retentionTimeMs) }
        c.array(&topics)
        c.tags()
    }
}

extension OffsetCommitRequest {
    /// An element of `topics`.
    public struct OffsetCommitRequestTopic: MessageStruct {
        public var name = ""
        public var topicId: UUID = .zero
        public var partitions: [OffsetCommitRequestPartition] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            if c.version <= 9 { c.string(&name) }
            if c.version >= 10 { c.uuid(&topicId) }
            c.array(&partitions)
            c.tags()
        }
    }

    /// An element of `partitions`.
    public struct OffsetCommitRequestPartition: MessageStruct {
        public var partitionIndex: Int32 = 0
        public var committedOffset: Int64 = 0
        public var committedLeaderEpoch: Int32 = -1
        public var committedMetadata: String?

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int32(&partitionIndex)
            c.int64(&committedOffset)
            if c.version >= 6 { c.int32(&committedLeaderEpoch) }
            c.nullableString(&committedMetadata)
            c.tags()
        }
    }
}

/// The answer to `OffsetCommitRequest`.
public struct OffsetCommitResponse: KafkaMessage {
    public var throttleTimeMs: Int32 = 0
    public var topics: [OffsetCommitResponseTopic] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        if c.version >= 3 { c.int32(&throttleTimeMs) }
        c.array(&topics)
        c.tags()
    }
}

extension OffsetCommitResponse {
    /// An element of `topics`.
    public struct OffsetCommitResponseTopic: MessageStruct {
        public var name = ""
        public var topicId: UUID = .zero
        public var partitions: [OffsetCommitResponsePartition] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            if c.version <= 9 { c.string(&name) }
            if c.version >= 10 { c.uuid(&topicId) }
            c.array(&partitions)
            c.tags()
        }
    }

    /// An element of `partitions`.
    public struct OffsetCommitResponsePartition: MessageStruct {
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
