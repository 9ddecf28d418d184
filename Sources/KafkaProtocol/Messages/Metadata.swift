import Records

/// Metadata, key 3: brokers, topics, partitions and their leaders. v1 null topics for all; v4
/// auto-creation; v7 leader epochs; v9 flexible; v10 topic ids; v12 look-up by id; v13 an error
/// for the whole.
public struct MetadataRequest: KafkaRequest {
    public typealias Response = MetadataResponse

    public static let api = API(key: .metadata, versions: 0...13, flexibleFrom: 9)

    /// nil for all topics. In v0 that is the empty list, and no topics cannot be asked for.
    public var topics: [MetadataRequestTopic]?
    public var allowAutoTopicCreation = true
    public var includeClusterAuthorizedOperations = false
    public var includeTopicAuthorizedOperations = false

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.nullableArray(&topics, nullable: c.version >= 1)
        if c.version >= 4 { c.bool(&allowAutoTopicCreation) }
        if c.version >= 8 && c.version <= 10 { c.bool(&includeClusterAuthorizedOperations) }
        if c.version >= 8 { c.bool(&includeTopicAuthorizedOperations) }
        // Version 0 has no null: its empty list asks for all topics.
        if c.version == 0 && topics?.isEmpty == true { topics = nil }
        c.tags()
    }
}

extension MetadataRequest {
    /// An element of `topics`.
    public struct MetadataRequestTopic: MessageStruct {
        public var topicId: UUID = .zero
        public var name: String?

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            if c.version >= 10 { c.uuid(&topicId) }
            c.nullableString(&name, nullable: c.version >= 10)
            c.tags()
        }
    }
}

/// The answer to `MetadataRequest`.
public struct MetadataResponse: KafkaMessage {
    public var throttleTimeMs: Int32 = 0
    public var brokers: [MetadataResponseBroker] = []
    public var clusterId: String?
    public var controllerId: Int32 = -1
    public var topics: [MetadataResponseTopic] = []
    public var clusterAuthorizedOperations: Int32 = .min
    public var errorCode: ErrorCode = .none

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        if c.version >= 3 { c.int32(&throttleTimeMs) }
        c.array(&brokers)
        if c.version >= 2 { c.nullableString(&clusterId) }
        if c.version >= 1 { c.int32(&controllerId) }
        c.array(&topics)
        if c.version >= 8 && c.version <= 10 { c.int32(&clusterAuthorizedOperations) }
        if c.version >= 13 { c.error(&errorCode) }
        c.tags()
    }
}

extension MetadataResponse {
    /// An element of `brokers`.
    public struct MetadataResponseBroker: MessageStruct {
        public var nodeId: Int32 = 0
        public var host = ""
        public var port: Int32 = 0
        public var rack: String?

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int32(&nodeId)
            c.string(&host)
            c.int32(&port)
            if c.version >= 1 { c.nullableString(&rack) }
            c.tags()
        }
    }

    /// An element of `topics`.
    public struct MetadataResponseTopic: MessageStruct {
        public var errorCode: ErrorCode = .none
        public var name: String?
        public var topicId: UUID = .zero
        public var isInternal = false
        public var partitions: [MetadataResponsePartition] = []
        public var topicAuthorizedOperations: Int32 = .min

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.error(&errorCode)
            c.nullableString(&name, nullable: c.version >= 12)
            if c.version >= 10 { c.uuid(&topicId) }
            if c.version >= 1 { c.bool(&isInternal) }
            c.array(&partitions)
            if c.version >= 8 { c.int32(&topicAuthorizedOperations) }
            c.tags()
        }
    }

    /// An element of `partitions`.
    public struct MetadataResponsePartition: MessageStruct {
        public var errorCode: ErrorCode = .none
        public var partitionIndex: Int32 = 0
        public var leaderId: Int32 = 0
        public var leaderEpoch: Int32 = -1
        public var replicaNodes: [Int32] = []
        public var isrNodes: [Int32] = []
        public var offlineReplicas: [Int32] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.error(&errorCode)
            c.int32(&partitionIndex)
            c.int32(&leaderId)
            if c.version >= 7 { c.int32(&leaderEpoch) }
            c.int32s(&replicaNodes)
            c.int32s(&isrNodes)
            if c.version >= 5 { c.int32s(&offlineReplicas) }
            c.tags()
        }
    }
}
