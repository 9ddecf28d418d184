import Records

/// Produce, key 0: appends record batches. v9 flexible; v10 tells the current leader (KIP-951);
/// v13 names topics by id (KIP-516).
public struct ProduceRequest: KafkaRequest {
    public typealias Response = ProduceResponse

    public static let api = API(key: .produce, versions: 3...13, flexibleFrom: 9)

    public var transactionalId: String?
    /// 0 for no answer, 1 for the page cache, -1 for durable.
    public var acks: Int16 = 0
    public var timeoutMs: Int32 = 0
    public var topicData: [TopicProduceData] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.nullableString(&transactionalId)
        c.int16(&acks)
        c.int32(&timeoutMs)
        c.array(&topicData)
        c.tags()
    }
}

extension ProduceRequest {
    /// An element of `topicData`.
    public struct TopicProduceData: MessageStruct {
        public var name = ""
        public var topicId: UUID = .zero
        public var partitionData: [PartitionProduceData] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            if c.version <= 12 { c.string(&name) }
            if c.version >= 13 { c.uuid(&topicId) }
            c.array(&partitionData)
            c.tags()
        }
    }

    /// An element of `partitionData`.
    public struct PartitionProduceData: MessageStruct {
        public var index: Int32 = 0
        public var records: Payload = .null

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int32(&index)
            c.payload(&records)
            c.tags()
        }
    }
}

/// The answer to `ProduceRequest`.
public struct ProduceResponse: KafkaMessage, TaggedStruct {
    public var responses: [TopicProduceResponse] = []
    public var throttleTimeMs: Int32 = 0
    public var nodeEndpoints: [NodeEndpoint] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.array(&responses)
        c.int32(&throttleTimeMs)
        c.tags(of: &self)
    }

    public static let tagCount = 1

    public func carries(tag: Int, version: Int16) -> Bool {
        switch tag {
        case 0: version >= 10 && !nodeEndpoints.isEmpty
        default: false
        }
    }

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(
        tag: Int, _ c: inout C
    ) -> Bool {
        switch tag {
        case 0 where c.version >= 10: c.array(&nodeEndpoints)
        default: return false
        }
        return true
    }
}

extension ProduceResponse {
    /// An element of `responses`.
    public struct TopicProduceResponse: MessageStruct {
        public var name = ""
        public var topicId: UUID = .zero
        public var partitionResponses: [PartitionProduceResponse] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            if c.version <= 12 { c.string(&name) }
            if c.version >= 13 { c.uuid(&topicId) }
            c.array(&partitionResponses)
            c.tags()
        }
    }

    /// Where to reach a leader that `currentLeader` names.
    public struct NodeEndpoint: MessageStruct {
        public var nodeId: Int32 = 0
        public var host = ""
        public var port: Int32 = 0
        public var rack: String?

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int32(&nodeId)
            c.string(&host)
            c.int32(&port)
            c.nullableString(&rack)
            c.tags()
        }
    }

    /// An element of `partitionResponses`.
    public struct PartitionProduceResponse: TaggedStruct {
        public var index: Int32 = 0
        public var errorCode: ErrorCode = .none
        public var baseOffset: Int64 = 0
        public var logAppendTimeMs: Int64 = -1
        public var logStartOffset: Int64 = -1
        public var recordErrors: [BatchIndexAndErrorMessage] = []
        public var errorMessage: String?
        /// Tagged: sent with errors of leadership.
        public var currentLeader = LeaderIdAndEpoch()

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int32(&index)
            c.error(&errorCode)
            c.int64(&baseOffset)
            c.int64(&logAppendTimeMs)
            if c.version >= 5 { c.int64(&logStartOffset) }
            if c.version >= 8 {
                c.array(&recordErrors)
                c.nullableString(&errorMessage)
            }
            c.tags(of: &self)
        }

        public static let tagCount = 1

        public func carries(tag: Int, version: Int16) -> Bool {
            switch tag {
            case 0: version >= 10 && currentLeader != LeaderIdAndEpoch()
            default: false
            }
        }

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(
            tag: Int, _ c: inout C
        ) -> Bool {
            switch tag {
            case 0 where c.version >= 10: currentLeader.code(&c)
            default: return false
            }
            return true
        }
    }

    /// An element of `recordErrors`.
    public struct BatchIndexAndErrorMessage: MessageStruct {
        public var batchIndex: Int32 = 0
        public var batchIndexErrorMessage: String?

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int32(&batchIndex)
            c.nullableString(&batchIndexErrorMessage)
            c.tags()
        }
    }

    /// The leader of a partition; -1 for unknown.
    public struct LeaderIdAndEpoch: MessageStruct {
        public var leaderId: Int32 = -1
        public var leaderEpoch: Int32 = -1

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int32(&leaderId)
            c.int32(&leaderEpoch)
            c.tags()
        }
    }
}
