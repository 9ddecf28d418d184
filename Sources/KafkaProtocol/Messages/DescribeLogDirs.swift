/// DescribeLogDirs, key 35: bytes on disk. v2 flexible; v3 an error for the whole; v4 room on the
/// volume (KIP-827); v5 cordoned directories.
public struct DescribeLogDirsRequest: KafkaRequest {
    public typealias Response = DescribeLogDirsResponse

    public static let api = API(key: .describeLogDirs, versions: 1...5, flexibleFrom: 2)

    /// nil for all.
    public var topics: [DescribableLogDirTopic]?

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.nullableArray(&topics)
        c.tags()
    }
}

extension DescribeLogDirsRequest {
    /// An element of `topics`.
    public struct DescribableLogDirTopic: MessageStruct {
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

/// The answer to `DescribeLogDirsRequest`.
public struct DescribeLogDirsResponse: KafkaMessage {
    public var throttleTimeMs: Int32 = 0
    public var errorCode: ErrorCode = .none
    public var results: [DescribeLogDirsResult] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.int32(&throttleTimeMs)
        if c.version >= 3 { c.error(&errorCode) }
        c.array(&results)
        c.tags()
    }
}

extension DescribeLogDirsResponse {
    /// An element of `results`.
    public struct DescribeLogDirsResult: MessageStruct {
        public var errorCode: ErrorCode = .none
        public var logDir = ""
        public var topics: [DescribeLogDirsTopic] = []
        public var totalBytes: Int64 = -1
        public var usableBytes: Int64 = -1
        public var isCordoned = false

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.error(&errorCode)
            c.string(&logDir)
            c.array(&topics)
            if c.version >= 4 {
                c.int64(&totalBytes)
                c.int64(&usableBytes)
            }
            if c.version >= 5 { c.bool(&isCordoned) }
            c.tags()
        }
    }

    /// An element of `topics`.
    public struct DescribeLogDirsTopic: MessageStruct {
        public var name = ""
        public var partitions: [DescribeLogDirsPartition] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&name)
            c.array(&partitions)
            c.tags()
        }
    }

    /// An element of `partitions`.
    public struct DescribeLogDirsPartition: MessageStruct {
        public var partitionIndex: Int32 = 0
        public var partitionSize: Int64 = 0
        public var offsetLag: Int64 = 0
        public var isFutureKey = false

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int32(&partitionIndex)
            c.int64(&partitionSize)
            c.int64(&offsetLag)
            c.bool(&isFutureKey)
            c.tags()
        }
    }
}
