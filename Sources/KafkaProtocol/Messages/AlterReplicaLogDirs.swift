/// AlterReplicaLogDirs, key 34: moves partitions to another of a broker's directories (KIP-113).
/// Flexible from 2.
public struct AlterReplicaLogDirsRequest: KafkaRequest {
    public typealias Response = AlterReplicaLogDirsResponse

    public static let api = API(key: .alterReplicaLogDirs, versions: 1...2, flexibleFrom: 2)

    public var dirs: [LogDir] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.array(&dirs)
        c.tags()
    }
}

extension AlterReplicaLogDirsRequest {
    /// An element of `dirs`.
    public struct LogDir: MessageStruct {
        public var path = ""
        public var topics: [LogDirTopic] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&path)
            c.array(&topics)
            c.tags()
        }
    }

    /// An element of `topics`.
    public struct LogDirTopic: MessageStruct {
        public var name = ""
        public var partitions: [Int32] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&name)
            c.int32s(&partitions)
            c.tags()
        }
    }
}

/// The answer to `AlterReplicaLogDirsRequest`.
public struct AlterReplicaLogDirsResponse: KafkaMessage {
    public var throttleTimeMs: Int32 = 0
    public var results: [TopicResult] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.int32(&throttleTimeMs)
        c.array(&results)
        c.tags()
    }
}

extension AlterReplicaLogDirsResponse {
    /// An element of `results`.
    public struct TopicResult: MessageStruct {
        public var topicName = ""
        public var partitions: [PartitionResult] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&topicName)
            c.array(&partitions)
            c.tags()
        }
    }

    /// An element of `partitions`.
    public struct PartitionResult: MessageStruct {
        public var partitionIndex: Int32 = 0
        public var errorCode: ErrorCode = .none

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int32(&partitionIndex)
            c.error(&errorCode)
            c.tags()
        }
    }
}
