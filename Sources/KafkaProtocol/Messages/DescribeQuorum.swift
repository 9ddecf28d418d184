import Records

/// DescribeQuorum, key 55: who keeps the cluster's metadata, and how far each is (KIP-595).
/// Flexible. v1 times of fetches (KIP-836); v2 messages, directories and addresses (KIP-853).
public struct DescribeQuorumRequest: KafkaRequest {
    public typealias Response = DescribeQuorumResponse

    public static let api = API(key: .describeQuorum, versions: 0...2, flexibleFrom: 0)

    public var topics: [TopicData] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.array(&topics)
        c.tags()
    }
}

extension DescribeQuorumRequest {
    /// An element of `topics`.
    public struct TopicData: MessageStruct {
        public var topicName = ""
        public var partitions: [PartitionData] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&topicName)
            c.array(&partitions)
            c.tags()
        }
    }

    /// An element of `partitions`.
    public struct PartitionData: MessageStruct {
        public var partitionIndex: Int32 = 0

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int32(&partitionIndex)
            c.tags()
        }
    }
}

/// The answer to `DescribeQuorumRequest`.
public struct DescribeQuorumResponse: KafkaMessage {
    public var errorCode: ErrorCode = .none
    public var errorMessage: String?
    public var topics: [TopicData] = []
    public var nodes: [Node] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.error(&errorCode)
        if c.version >= 2 { c.nullableString(&errorMessage) }
        c.array(&topics)
        if c.version >= 2 { c.array(&nodes) }
        c.tags()
    }
}

extension DescribeQuorumResponse {
    /// An element of `topics`.
    public struct TopicData: MessageStruct {
        public var topicName = ""
        public var partitions: [PartitionData] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&topicName)
            c.array(&partitions)
            c.tags()
        }
    }

    /// An element of `partitions`.
    public struct PartitionData: MessageStruct {
        public var partitionIndex: Int32 = 0
        public var errorCode: ErrorCode = .none
        public var errorMessage: String?
        public var leaderId: Int32 = 0
        public var leaderEpoch: Int32 = 0
        public var highWatermark: Int64 = 0
        public var currentVoters: [ReplicaState] = []
        public var observers: [ReplicaState] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int32(&partitionIndex)
            c.error(&errorCode)
            if c.version >= 2 { c.nullableString(&errorMessage) }
            c.int32(&leaderId)
            c.int32(&leaderEpoch)
            c.int64(&highWatermark)
            c.array(&currentVoters)
            c.array(&observers)
            c.tags()
        }
    }

    /// How far one of those is who keep the log.
    public struct ReplicaState: MessageStruct {
        public var replicaId: Int32 = 0
        public var replicaDirectoryId = UUID.zero
        public var logEndOffset: Int64 = 0
        /// Milliseconds of the wall clock; -1 for the leader, or unknown.
        public var lastFetchTimestamp: Int64 = -1
        public var lastCaughtUpTimestamp: Int64 = -1

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int32(&replicaId)
            if c.version >= 2 { c.uuid(&replicaDirectoryId) }
            c.int64(&logEndOffset)
            if c.version >= 1 {
                c.int64(&lastFetchTimestamp)
                c.int64(&lastCaughtUpTimestamp)
            }
            c.tags()
        }
    }

    /// An element of `nodes`.
    public struct Node: MessageStruct {
        public var nodeId: Int32 = 0
        public var listeners: [Listener] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int32(&nodeId)
            c.array(&listeners)
            c.tags()
        }
    }

    /// An element of `listeners`.
    public struct Listener: MessageStruct {
        public var name = ""
        public var host = ""
        public var port: UInt16 = 0

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&name)
            c.string(&host)
            var bits = Int16(bitPattern: port)
            c.int16(&bits)
            port = UInt16(bitPattern: bits)
            c.tags()
        }
    }
}
