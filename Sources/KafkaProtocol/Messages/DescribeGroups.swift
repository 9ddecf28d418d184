/// DescribeGroups, key 15: groups with their members. v3 authorized operations; v4 static members
/// (KIP-345); v5 flexible; v6 error messages.
public struct DescribeGroupsRequest: KafkaRequest {
    public typealias Response = DescribeGroupsResponse

    public static let api = API(key: .describeGroups, versions: 0...6, flexibleFrom: 5)

    public var groups: [String] = []
    public var includeAuthorizedOperations = false

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.strings(&groups)
        if c.version >= 3 { c.bool(&includeAuthorizedOperations) }
        c.tags()
    }
}

/// The answer to `DescribeGroupsRequest`.
public struct DescribeGroupsResponse: KafkaMessage {
    public var throttleTimeMs: Int32 = 0
    public var groups: [DescribedGroup] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        if c.version >= 1 { c.int32(&throttleTimeMs) }
        c.array(&groups)
        c.tags()
    }
}

extension DescribeGroupsResponse {
    /// An element of `groups`.
    public struct DescribedGroup: MessageStruct {
        public var errorCode: ErrorCode = .none
        public var errorMessage: String?
        public var groupId = ""
        public var groupState = ""
        public var protocolType = ""
        public var protocolData = ""
        public var members: [DescribedGroupMember] = []
        public var authorizedOperations: Int32 = .min

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.error(&errorCode)
            if c.version >= 6 { c.nullableString(&errorMessage) }
            c.string(&groupId)
            c.string(&groupState)
            c.string(&protocolType)
            c.string(&protocolData)
            c.array(&members)
            if c.version >= 3 { c.int32(&authorizedOperations) }
            c.tags()
        }
    }

    /// An element of `members`.
    public struct DescribedGroupMember: MessageStruct {
        public var memberId = ""
        public var groupInstanceId: String?
        public var clientId = ""
        public var clientHost = ""
        public var memberMetadata: [UInt8] = []
        public var memberAssignment: [UInt8] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&memberId)
            if c.version >= 4 { c.nullableString(&groupInstanceId) }
            c.string(&clientId)
            c.string(&clientHost)
            c.bytes(&memberMetadata)
            c.bytes(&memberAssignment)
            c.tags()
        }
    }
}
