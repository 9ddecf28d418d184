import Records

/// DescribeShareGroupOffsets, key 90: where share groups are in partitions (KIP-932). v1 tells how
/// much is left as well (KIP-1226). Flexible.
public struct DescribeShareGroupOffsetsRequest: KafkaRequest {
    public typealias Response = DescribeShareGroupOffsetsResponse

    public static let api = API(
        key: .describeShareGroupOffsets, versions: 0...1, flexibleFrom: 0)

    public var groups: [DescribeGroup] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.array(&groups)
        c.tags()
    }
}

extension DescribeShareGroupOffsetsRequest {
    /// An element of `groups`.
    public struct DescribeGroup: MessageStruct {
        public var groupId = ""
        /// Nil for all that the group reads.
        public var topics: [DescribeTopic]?

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&groupId)
            c.nullableArray(&topics)
            c.tags()
        }
    }

    /// An element of `topics`.
    public struct DescribeTopic: MessageStruct {
        public var topicName = ""
        public var partitions: [Int32] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&topicName)
            c.int32s(&partitions)
            c.tags()
        }
    }
}

/// The answer to `DescribeShareGroupOffsetsRequest`.
public struct DescribeShareGroupOffsetsResponse: KafkaMessage {
    public var throttleTimeMs: Int32 = 0
    public var groups: [DescribedGroup] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.int32(&throttleTimeMs)
        c.array(&groups)
        c.tags()
    }
}

extension DescribeShareGroupOffsetsResponse {
    /// An element of `groups`.
    public struct DescribedGroup: MessageStruct {
        public var groupId = ""
        public var topics: [DescribedTopic] = []
        public var errorCode: ErrorCode = .none
        public var errorMessage: String?

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&groupId)
            c.array(&topics)
            c.error(&errorCode)
            c.nullableString(&errorMessage)
            c.tags()
        }
    }

    /// An element of `topics`.
    public struct DescribedTopic: MessageStruct {
        public var topicName = ""
        public var topicId: UUID = .zero
        public var partitions: [DescribedPartition] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&topicName)
            c.uuid(&topicId)
            c.array(&partitions)
            c.tags()
        }
    }

    /// An element of `partitions`.
    public struct DescribedPartition: MessageStruct {
        public var partitionIndex: Int32 = 0
        /// -1 if the group has not begun to read the partition.
        public var startOffset: Int64 = 0
        public var leaderEpoch: Int32 = 0
        /// Records that are not done with; -1 if that is not known.
        public var lag: Int64 = -1
        public var errorCode: ErrorCode = .none
        public var errorMessage: String?

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int32(&partitionIndex)
            c.int64(&startOffset)
            c.int32(&leaderEpoch)
            if c.version >= 1 { c.int64(&lag) }
            c.error(&errorCode)
            c.nullableString(&errorMessage)
            c.tags()
        }
    }
}
