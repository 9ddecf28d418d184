/// DeleteRecords, key 21: moves the log start offset of partitions. v2 flexible.
public struct DeleteRecordsRequest: KafkaRequest {
    public typealias Response = DeleteRecordsResponse

    public static let api = API(key: .deleteRecords, versions: 0...2, flexibleFrom: 2)

    public var topics: [DeleteRecordsTopic] = []
    public var timeoutMs: Int32 = 0

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.array(&topics)
        c.int32(&timeoutMs)
        c.tags()
    }
}

extension DeleteRecordsRequest {
    /// An element of `topics`.
    public struct DeleteRecordsTopic: MessageStruct {
        public var name = ""
        public var partitions: [DeleteRecordsPartition] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&name)
            c.array(&partitions)
            c.tags()
        }
    }

    /// An element of `partitions`.
    public struct DeleteRecordsPartition: MessageStruct {
        public var partitionIndex: Int32 = 0
        public var offset: Int64 = 0

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int32(&partitionIndex)
            c.int64(&offset)
            c.tags()
        }
    }
}

/// The answer to `DeleteRecordsRequest`.
public struct DeleteRecordsResponse: KafkaMessage {
    public var throttleTimeMs: Int32 = 0
    public var topics: [DeleteRecordsTopicResult] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.int32(&throttleTimeMs)
        c.array(&topics)
        c.tags()
    }
}

extension DeleteRecordsResponse {
    /// An element of `topics`.
    public struct DeleteRecordsTopicResult: MessageStruct {
        public var name = ""
        public var partitions: [DeleteRecordsPartitionResult] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&name)
            c.array(&partitions)
            c.tags()
        }
    }

    /// An element of `partitions`.
    public struct DeleteRecordsPartitionResult: MessageStruct {
        public var partitionIndex: Int32 = 0
        public var lowWatermark: Int64 = 0
        public var errorCode: ErrorCode = .none

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int32(&partitionIndex)
            c.int64(&lowWatermark)
            c.error(&errorCode)
            c.tags()
        }
    }
}
