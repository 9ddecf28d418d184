import Records

/// AlterShareGroupOffsets, key 91: where an empty share group goes on in partitions (KIP-932).
/// Flexible.
public struct AlterShareGroupOffsetsRequest: KafkaRequest {
    public typealias Response = AlterShareGroupOffsetsResponse

    public static let api = API(key: .alterShareGroupOffsets, versions: 0...0, flexibleFrom: 0)

    public var groupId = ""
    public var topics: [AlterTopic] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.string(&groupId)
        c.array(&topics)
        c.tags()
    }
}

extension AlterShareGroupOffsetsRequest {
    /// An element of `topics`.
    public struct AlterTopic: MessageStruct {
        public var topicName = ""
        public var partitions: [AlterPartition] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&topicName)
            c.array(&partitions)
            c.tags()
        }
    }

    /// An element of `partitions`.
    public struct AlterPartition: MessageStruct {
        public var partitionIndex: Int32 = 0
        public var startOffset: Int64 = 0

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int32(&partitionIndex)
            c.int64(&startOffset)
            c.tags()
        }
    }
}

/// The answer to `AlterShareGroupOffsetsRequest`.
public struct AlterShareGroupOffsetsResponse: KafkaMessage {
    public var throttleTimeMs: Int32 = 0
    public var errorCode: ErrorCode = .none
    public var errorMessage: String?
    public var responses: [AlteredTopic] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.int32(&throttleTimeMs)
        c.error(&errorCode)
        c.nullableString(&errorMessage)
        c.array(&responses)
        c.tags()
    }
}

extension AlterShareGroupOffsetsResponse {
    /// An element of `responses`.
    public struct AlteredTopic: MessageStruct {
        public var topicName = ""
        public var topicId: UUID = .zero
        public var partitions: [AlteredPartition] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&topicName)
            c.uuid(&topicId)
            c.array(&partitions)
            c.tags()
        }
    }

    /// An element of `partitions`.
    public struct AlteredPartition: MessageStruct {
        public var partitionIndex: Int32 = 0
        public var errorCode: ErrorCode = .none
        public var errorMessage: String?

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int32(&partitionIndex)
            c.error(&errorCode)
            c.nullableString(&errorMessage)
            c.tags()
        }
    }
}
