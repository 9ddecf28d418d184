/// OffsetDelete, key 47: deletes a group's offsets of partitions. Never flexible.
public struct OffsetDeleteRequest: KafkaRequest {
    public typealias Response = OffsetDeleteResponse

    public static let api = API(key: .offsetDelete, versions: 0...0)

    public var groupId = ""
    public var topics: [OffsetDeleteRequestTopic] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.string(&groupId)
        c.array(&topics)
    }
}

extension OffsetDeleteRequest {
    /// An element of `topics`.
    public struct OffsetDeleteRequestTopic: MessageStruct {
        public var name = ""
        public var partitions: [OffsetDeleteRequestPartition] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&name)
            c.array(&partitions)
        }
    }

    /// An element of `partitions`.
    public struct OffsetDeleteRequestPartition: MessageStruct {
        public var partitionIndex: Int32 = 0

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int32(&partitionIndex)
        }
    }
}

/// The answer to `OffsetDeleteRequest`.
public struct OffsetDeleteResponse: KafkaMessage {
    public var errorCode: ErrorCode = .none
    public var throttleTimeMs: Int32 = 0
    public var topics: [OffsetDeleteResponseTopic] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.error(&errorCode)
        c.int32(&throttleTimeMs)
        c.array(&topics)
    }
}

extension OffsetDeleteResponse {
    /// An element of `topics`.
    public struct OffsetDeleteResponseTopic: MessageStruct {
        public var name = ""
        public var partitions: [OffsetDeleteResponsePartition] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&name)
            c.array(&partitions)
        }
    }

    /// An element of `partitions`.
    public struct OffsetDeleteResponsePartition: MessageStruct {
        public var partitionIndex: Int32 = 0
        public var errorCode: ErrorCode = .none

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int32(&partitionIndex)
            c.error(&errorCode)
        }
    }
}
