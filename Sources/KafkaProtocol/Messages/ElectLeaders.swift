/// ElectLeaders, key 43: has leaders of partitions elected (KIP-460). Flexible from 2.
public struct ElectLeadersRequest: KafkaRequest {
    public typealias Response = ElectLeadersResponse

    public static let api = API(key: .electLeaders, versions: 0...2, flexibleFrom: 2)

    /// 0 for the preferred replica, 1 for an unclean election.
    public var electionType: Int8 = 0
    /// Nil for all partitions.
    public var topicPartitions: [ElectTopic]?
    public var timeoutMs: Int32 = 60_000

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        if c.version >= 1 { c.int8(&electionType) }
        c.nullableArray(&topicPartitions)
        c.int32(&timeoutMs)
        c.tags()
    }
}

extension ElectLeadersRequest {
    /// An element of `topicPartitions`.
    public struct ElectTopic: MessageStruct {
        public var topic = ""
        public var partitions: [Int32] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&topic)
            c.int32s(&partitions)
            c.tags()
        }
    }
}

/// The answer to `ElectLeadersRequest`.
public struct ElectLeadersResponse: KafkaMessage {
    public var throttleTimeMs: Int32 = 0
    public var errorCode: ErrorCode = .none
    public var replicaElectionResults: [ElectedTopic] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.int32(&throttleTimeMs)
        if c.version >= 1 { c.error(&errorCode) }
        c.array(&replicaElectionResults)
        c.tags()
    }
}

extension ElectLeadersResponse {
    /// An element of `replicaElectionResults`.
    public struct ElectedTopic: MessageStruct {
        public var topic = ""
        public var partitionResult: [ElectedPartition] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&topic)
            c.array(&partitionResult)
            c.tags()
        }
    }

    /// An element of `partitionResult`.
    public struct ElectedPartition: MessageStruct {
        public var partitionId: Int32 = 0
        public var errorCode: ErrorCode = .none
        public var errorMessage: String?

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int32(&partitionId)
            c.error(&errorCode)
            c.nullableString(&errorMessage)
            c.tags()
        }
    }
}
