import Records

/// ConsumerGroupDescribe, key 69: epochs, members, what they have and are to have (KIP-848). v1
/// tells classic members apart (KIP-1099). v0 is flexible already.
public struct ConsumerGroupDescribeRequest: KafkaRequest {
    public typealias Response = ConsumerGroupDescribeResponse

    public static let api = API(key: .consumerGroupDescribe, versions: 0...1, flexibleFrom: 0)

    public var groupIds: [String] = []
    public var includeAuthorizedOperations = false

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.strings(&groupIds)
        c.bool(&includeAuthorizedOperations)
        c.tags()
    }
}

/// The answer to `ConsumerGroupDescribeRequest`.
public struct ConsumerGroupDescribeResponse: KafkaMessage {
    public var throttleTimeMs: Int32 = 0
    public var groups: [DescribedGroup] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.int32(&throttleTimeMs)
        c.array(&groups)
        c.tags()
    }
}

extension ConsumerGroupDescribeResponse {
    /// An element of `groups`.
    public struct DescribedGroup: MessageStruct {
        public var errorCode: ErrorCode = .none
        public var errorMessage: String?
        public var groupId = ""
        public var groupState = ""
        public var groupEpoch: Int32 = 0
        public var assignmentEpoch: Int32 = 0
        public var assignorName = ""
        public var members: [Member] = []
        public var authorizedOperations: Int32 = .min

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.error(&errorCode)
            c.nullableString(&errorMessage)
            c.string(&groupId)
            c.string(&groupState)
            c.int32(&groupEpoch)
            c.int32(&assignmentEpoch)
            c.string(&assignorName)
            c.array(&members)
            c.int32(&authorizedOperations)
            c.tags()
        }
    }

    /// An element of `members`.
    public struct Member: MessageStruct {
        public var memberId = ""
        public var instanceId: String?
        public var rackId: String?
        public var memberEpoch: Int32 = 0
        public var clientId = ""
        public var clientHost = ""
        public var subscribedTopicNames: [String] = []
        public var subscribedTopicRegex: String?
        public var assignment = Assignment()
        public var targetAssignment = Assignment()
        /// 0 classic, 1 consumer.
        public var memberType: Int8 = -1

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&memberId)
            c.nullableString(&instanceId)
            c.nullableString(&rackId)
            c.int32(&memberEpoch)
            c.string(&clientId)
            c.string(&clientHost)
            c.strings(&subscribedTopicNames)
            c.nullableString(&subscribedTopicRegex)
            assignment.code(&c)
            targetAssignment.code(&c)
            if c.version >= 1 { c.int8(&memberType) }
            c.tags()
        }
    }

    /// What a member has, or is to have.
    public struct Assignment: MessageStruct {
        public var topicPartitions: [TopicPartitions] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.array(&topicPartitions)
            c.tags()
        }
    }

    /// An element of `topicPartitions`.
    public struct TopicPartitions: MessageStruct {
        public var topicId: UUID = .zero
        public var topicName = ""
        public var partitions: [Int32] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.uuid(&topicId)
            c.string(&topicName)
            c.int32s(&partitions)
            c.tags()
        }
    }
}
