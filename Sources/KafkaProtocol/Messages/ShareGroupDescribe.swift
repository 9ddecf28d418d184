import Records

/// ShareGroupDescribe, key 77: epochs, members and what they read (KIP-932). v1 is Kafka 4.1's; v0
/// was a preview. Flexible.
public struct ShareGroupDescribeRequest: KafkaRequest {
    public typealias Response = ShareGroupDescribeResponse

    public static let api = API(key: .shareGroupDescribe, versions: 1...1, flexibleFrom: 0)

    public var groupIds: [String] = []
    public var includeAuthorizedOperations = false

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.strings(&groupIds)
        c.bool(&includeAuthorizedOperations)
        c.tags()
    }
}

/// The answer to `ShareGroupDescribeRequest`.
public struct ShareGroupDescribeResponse: KafkaMessage {
    public var throttleTimeMs: Int32 = 0
    public var groups: [DescribedGroup] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.int32(&throttleTimeMs)
        c.array(&groups)
        c.tags()
    }
}

extension ShareGroupDescribeResponse {
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
        public var rackId: String?
        public var memberEpoch: Int32 = 0
        public var clientId = ""
        public var clientHost = ""
        public var subscribedTopicNames: [String] = []
        public var assignment = Assignment()

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&memberId)
            c.nullableString(&rackId)
            c.int32(&memberEpoch)
            c.string(&clientId)
            c.string(&clientHost)
            c.strings(&subscribedTopicNames)
            assignment.code(&c)
            c.tags()
        }
    }

    /// What a member reads.
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
