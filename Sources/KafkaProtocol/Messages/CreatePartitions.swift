/// CreatePartitions, key 37: adds partitions to topics. v2 flexible; v3 answers quota errors
/// (KIP-599).
public struct CreatePartitionsRequest: KafkaRequest {
    public typealias Response = CreatePartitionsResponse

    public static let api = API(key: .createPartitions, versions: 0...3, flexibleFrom: 2)

    public var topics: [CreatePartitionsTopic] = []
    public var timeoutMs: Int32 = 0
    public var validateOnly = false

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.array(&topics)
        c.int32(&timeoutMs)
        c.bool(&validateOnly)
        c.tags()
    }
}

extension CreatePartitionsRequest {
    /// An element of `topics`.
    public struct CreatePartitionsTopic: MessageStruct {
        public var name = ""
        /// The new total, not the number to add.
        public var count: Int32 = 0
        /// nil to let the broker choose.
        public var assignments: [CreatePartitionsAssignment]?

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&name)
            c.int32(&count)
            c.nullableArray(&assignments)
            c.tags()
        }
    }

    /// An element of `assignments`.
    public struct CreatePartitionsAssignment: MessageStruct {
        public var brokerIds: [Int32] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int32s(&brokerIds)
            c.tags()
        }
    }
}

/// The answer to `CreatePartitionsRequest`.
public struct CreatePartitionsResponse: KafkaMessage {
    public var throttleTimeMs: Int32 = 0
    public var results: [CreatePartitionsTopicResult] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.int32(&throttleTimeMs)
        c.array(&results)
        c.tags()
    }
}

extension CreatePartitionsResponse {
    /// An element of `results`.
    public struct CreatePartitionsTopicResult: MessageStruct {
        public var name = ""
        public var errorCode: ErrorCode = .none
        public var errorMessage: String?

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&name)
            c.error(&errorCode)
            c.nullableString(&errorMessage)
            c.tags()
        }
    }
}
