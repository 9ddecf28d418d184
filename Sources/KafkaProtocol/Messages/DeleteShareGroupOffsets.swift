import Records

/// DeleteShareGroupOffsets, key 92: forgets what an empty share group has done in topics (KIP-932).
/// Flexible.
public struct DeleteShareGroupOffsetsRequest: KafkaRequest {
    public typealias Response = DeleteShareGroupOffsetsResponse

    public static let api = API(key: .deleteShareGroupOffsets, versions: 0...0, flexibleFrom: 0)

    public var groupId = ""
    public var topics: [DeleteTopic] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.string(&groupId)
        c.array(&topics)
        c.tags()
    }
}

extension DeleteShareGroupOffsetsRequest {
    /// An element of `topics`.
    public struct DeleteTopic: MessageStruct {
        public var topicName = ""

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&topicName)
            c.tags()
        }
    }
}

/// The answer to `DeleteShareGroupOffsetsRequest`.
public struct DeleteShareGroupOffsetsResponse: KafkaMessage {
    public var throttleTimeMs: Int32 = 0
    public var errorCode: ErrorCode = .none
    public var errorMessage: String?
    public var responses: [DeletedTopic] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.int32(&throttleTimeMs)
        c.error(&errorCode)
        c.nullableString(&errorMessage)
        c.array(&responses)
        c.tags()
    }
}

extension DeleteShareGroupOffsetsResponse {
    /// An element of `responses`.
    public struct DeletedTopic: MessageStruct {
        public var topicName = ""
        public var topicId: UUID = .zero
        public var errorCode: ErrorCode = .none
        public var errorMessage: String?

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&topicName)
            c.uuid(&topicId)
            c.error(&errorCode)
            c.nullableString(&errorMessage)
            c.tags()
        }
    }
}
