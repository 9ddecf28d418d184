import Records

/// OffsetFetch, key 9: a group's stored offsets. v2 null topics for all; v6 flexible; v7 stable
/// offsets only (KIP-447); v8 several groups; v9 member epochs (KIP-848); v10 topic ids.
public struct OffsetFetchRequest: KafkaRequest {
    public typealias Response = OffsetFetchResponse

    public static let api = API(key: .offsetFetch, versions: 1...10, flexibleFrom: 6)

    public var groupId = ""
    /// nil for all, from v2.
    public var topics: [OffsetFetchRequestTopic]?
    public var groups: [OffsetFetchRequestGroup] = []
    public var requireStable = false

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        if c.version <= 7 {
            c.string(&groupId)
            c.nullableArray(&topics, nullable: c.version >= 2)
        }
        if c.version >= 8 { c.array(&groups) }
        if c.version >= 7 { c.bool(&requireStable) }
        c.tags()
    }
}

extension OffsetFetchRequest {
    /// An element of `topics`.
    public struct OffsetFetchRequestTopic: MessageStruct {
        public var name = ""
        public var partitionIndexes: [Int32] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&name)
            c.int32s(&partitionIndexes)
            c.tags()
        }
    }

    /// An element of `groups`.
    public struct OffsetFetchRequestGroup: MessageStruct {
        public var groupId = ""
        public var memberId: String?
        public var memberEpoch: Int32 = -1
        /// nil for all.
        public var topics: [OffsetFetchRequestTopics]?

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&groupId)
            if c.version >= 9 {
                c.nullableString(&memberId)
                c.int32(&memberEpoch)
            }
            c.nullableArray(&topics)
            c.tags()
        }
    }

    /// An element of `topics`.
    public struct OffsetFetchRequestTopics: MessageStruct {
        public var name = ""
        public var topicId: UUID = .zero
        public var partitionIndexes: [Int32] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            if c.version <= 9 { c.string(&name) }
            if c.version >= 10 { c.uuid(&topicId) }
            c.int32s(&partitionIndexes)
            c.tags()
        }
    }
}

/// The answer to `OffsetFetchRequest`.
public struct OffsetFetchResponse: KafkaMessage {
    public var throttleTimeMs: Int32 = 0
    public var topics: [OffsetFetchResponseTopic] = []
    public var errorCode: ErrorCode = .none
    public var groups: [OffsetFetchResponseGroup] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        if c.version >= 3 { c.int32(&throttleTimeMs) }
        if c.version <= 7 { c.array(&topics) }
        if c.version >= 2 && c.version <= 7 { c.error(&errorCode) }
        if c.version >= 8 { c.array(&groups) }
        c.tags()
    }
}

extension OffsetFetchResponse {
    /// An element of `topics`.
    public struct OffsetFetchResponseTopic: MessageStruct {
        public var name = ""
        public var partitions: [OffsetFetchResponsePartition] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&name)
            c.array(&partitions)
            c.tags()
        }
    }

    /// An element of `groups`.
    public struct OffsetFetchResponseGroup: MessageStruct {
        public var groupId = ""
        public var topics: [OffsetFetchResponseTopics] = []
        public var errorCode: ErrorCode = .none

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&groupId)
            c.array(&topics)
            c.error(&errorCode)
            c.tags()
        }
    }

    /// An element of `partitions`.
    public struct OffsetFetchResponsePartition: MessageStruct {
        public var partitionIndex: Int32 = 0
        public var committedOffset: Int64 = 0
        public var committedLeaderEpoch: Int32 = -1
        public var metadata: String?
        public var errorCode: ErrorCode = .none

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int32(&partitionIndex)
            c.int64(&committedOffset)
            if c.version >= 5 { c.int32(&committedLeaderEpoch) }
            c.nullableString(&metadata)
            c.error(&errorCode)
            c.tags()
        }
    }

    /// An element of `topics`.
    public struct OffsetFetchResponseTopics: MessageStruct {
        public var name = ""
        public var topicId: UUID = .zero
        public var partitions: [OffsetFetchResponsePartitions] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            if c.version <= 9 { c.string(&name) }
            if c.version >= 10 { c.uuid(&topicId) }
            c.array(&partitions)
            c.tags()
        }
    }

    /// An element of `partitions`.
    public struct OffsetFetchResponsePartitions: MessageStruct {
        public var partitionIndex: Int32 = 0
        public var committedOffset: Int64 = 0
        public var committedLeaderEpoch: Int32 = -1
        public var metadata: String?
        public var errorCode: ErrorCode = .none

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int32(&partitionIndex)
            c.int64(&committedOffset)
            c.int32(&committedLeaderEpoch)
            c.nullableString(&metadata)
            c.error(&errorCode)
            c.tags()
        }
    }
}
