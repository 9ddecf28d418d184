import Records

/// CreateTopics, key 19: creates topics. v4 the broker's default counts by -1; v5 flexible,
/// answers with the configs (KIP-525); v7 topic ids.
public struct CreateTopicsRequest: KafkaRequest {
    public typealias Response = CreateTopicsResponse

    public static let api = API(key: .createTopics, versions: 2...7, flexibleFrom: 5)

    public var topics: [CreatableTopic] = []
    public var timeoutMs: Int32 = 60000
    public var validateOnly = false

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.array(&topics)
        c.int32(&timeoutMs)
        c.bool(&validateOnly)
        c.tags()
    }
}

extension CreateTopicsRequest {
    /// An element of `topics`.
    public struct CreatableTopic: MessageStruct {
        public var name = ""
        /// -1 for the broker's default (v4), or with `assignments`.
        public var numPartitions: Int32 = 0
        /// -1 for the broker's default (v4), or with `assignments`.
        public var replicationFactor: Int16 = 0
        public var assignments: [CreatableReplicaAssignment] = []
        public var configs: [CreatableTopicConfig] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&name)
            c.int32(&numPartitions)
            c.int16(&replicationFactor)
            c.array(&assignments)
            c.array(&configs)
            c.tags()
        }
    }

    /// An element of `assignments`.
    public struct CreatableReplicaAssignment: MessageStruct {
        public var partitionIndex: Int32 = 0
        public var brokerIds: [Int32] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int32(&partitionIndex)
            c.int32s(&brokerIds)
            c.tags()
        }
    }

    /// An element of `configs`.
    public struct CreatableTopicConfig: MessageStruct {
        public var name = ""
        public var value: String?

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&name)
            c.nullableString(&value)
            c.tags()
        }
    }
}

/// The answer to `CreateTopicsRequest`.
public struct CreateTopicsResponse: KafkaMessage {
    public var throttleTimeMs: Int32 = 0
    public var topics: [CreatableTopicResult] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.int32(&throttleTimeMs)
        c.array(&topics)
        c.tags()
    }
}

extension CreateTopicsResponse {
    /// An element of `topics`.
    public struct CreatableTopicResult: TaggedStruct {
        public var name = ""
        public var topicId: UUID = .zero
        public var errorCode: ErrorCode = .none
        public var errorMessage: String?
        public var topicConfigErrorCode: ErrorCode = .none
        public var numPartitions: Int32 = -1
        public var replicationFactor: Int16 = -1
        public var configs: [CreatableTopicConfigs]?

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&name)
            if c.version >= 7 { c.uuid(&topicId) }
            c.error(&errorCode)
            c.nullableString(&errorMessage)
            if c.version >= 5 {
                c.int32(&numPartitions)
                c.int16(&replicationFactor)
                c.nullableArray(&configs)
            }
            c.tags(of: &self)
        }

        public static let tagCount = 1

        public func carries(tag: Int, version: Int16) -> Bool {
            switch tag {
            case 0: topicConfigErrorCode != .none
            default: false
            }
        }

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(
            tag: Int, _ c: inout C
        ) -> Bool {
            switch tag {
            case 0: c.error(&topicConfigErrorCode)
            default: return false
            }
            return true
        }
    }

    /// An element of `configs`.
    public struct CreatableTopicConfigs: MessageStruct {
        public var name = ""
        public var value: String?
        public var readOnly = false
        public var configSource: Int8 = -1
        public var isSensitive = false

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&name)
            c.nullableString(&value)
            c.bool(&readOnly)
            c.int8(&configSource)
            c.bool(&isSensitive)
            c.tags()
        }
    }
}
