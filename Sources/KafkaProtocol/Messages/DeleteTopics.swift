import Records

/// DeleteTopics, key 20: deletes topics. v4 flexible; v5 error messages; v6 topic ids (KIP-516).
public struct DeleteTopicsRequest: KafkaRequest {
    public typealias Response = DeleteTopicsResponse

    public static let api = API(key: .deleteTopics, versions: 1...6, flexibleFrom: 4)

    public var topics: [DeleteTopicState] = []
    public var topicNames: [String] = []
    public var timeoutMs: Int32 = 0

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        if c.version >= 6 { c.array(&topics) }
        if c.version <= 5 { c.strings(&topicNames) }
        c.int32(&timeoutMs)
        c.tags()
    }
}

extension DeleteTopicsRequest {
    /// An element of `topics`.
    public struct DeleteTopicState: MessageStruct {
        public var name: String?
        public var topicId: UUID = .zero

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.nullableString(&name)
            c.uuid(&topicId)
            c.tags()
        }
    }
}

/// The answer to `DeleteTopicsRequest`.
public struct DeleteTopicsResponse: KafkaMessage {
    public var throttleTimeMs: Int32 = 0
    public var responses: [DeletableTopicResult] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.int32(&throttleTimeMs)
        c.array(&responses)
        c.tags()
    }
}

extension DeleteTopicsResponse {
    /// An element of `responses`.
    public struct DeletableTopicResult: MessageStruct {
        public var name: String?
        public var topicId: UUID = .zero
        public var errorCode: ErrorCode = .none
        public var errorMessage: String?

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.nullableString(&name, nullable: c.version >= 6)
            if c.version >= 6 { c.uuid(&topicId) }
            c.error(&errorCode)
            if c.version >= 5 { c.nullableString(&errorMessage) }
            c.tags()
        }
    }
}
