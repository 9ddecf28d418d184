/// JoinGroup, key 11: a member enters a group and waits for the others. v4 a member id comes
/// first (KIP-394); v5 static members (KIP-345); v6 flexible; v8 reasons; v9 the leader may skip
/// the assignment.
public struct JoinGroupRequest: KafkaRequest {
    public typealias Response = JoinGroupResponse

    public static let api = API(key: .joinGroup, versions: 0...9, flexibleFrom: 6)

    public var groupId = ""
    public var sessionTimeoutMs: Int32 = 0
    public var rebalanceTimeoutMs: Int32 = -1
    public var memberId = ""
    public var groupInstanceId: String?
    public var protocolType = ""
    public var protocols: [JoinGroupRequestProtocol] = []
    public var reason: String?

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.string(&groupId)
        c.int32(&sessionTimeoutMs)
        if c.version >= 1 { c.int32(&rebalanceTimeoutMs) }
        c.string(&memberId)
        if c.version >= 5 { c.nullableString(&groupInstanceId) }
        c.string(&protocolType)
        c.array(&protocols)
        if c.version >= 8 { c.nullableString(&reason) }
        c.tags()
    }
}

extension JoinGroupRequest {
    /// An element of `protocols`.
    public struct JoinGroupRequestProtocol: MessageStruct {
        public var name = ""
        public var metadata: [UInt8] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&name)
            c.bytes(&metadata)
            c.tags()
        }
    }
}

/// The answer to `JoinGroupRequest`.
public struct JoinGroupResponse: KafkaMessage {
    public var throttleTimeMs: Int32 = 0
    public var errorCode: ErrorCode = .none
    public var generationId: Int32 = -1
    public var protocolType: String?
    /// nil only from v7 on.
    public var protocolName: String?
    public var leader = ""
    public var skipAssignment = false
    public var memberId = ""
    public var members: [JoinGroupResponseMember] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        if c.version >= 2 { c.int32(&throttleTimeMs) }
        c.error(&errorCode)
        c.int32(&generationId)
        if c.version >= 7 { c.nullableString(&protocolType) }
        c.nullableString(&protocolName, nullable: c.version >= 7)
        c.string(&leader)
        if c.version >= 9 { c.bool(&skipAssignment) }
        c.string(&memberId)
        c.array(&members)
        c.tags()
    }
}

extension JoinGroupResponse {
    /// An element of `members`.
    public struct JoinGroupResponseMember: MessageStruct {
        public var memberId = ""
        public var groupInstanceId: String?
        public var metadata: [UInt8] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&memberId)
            if c.version >= 5 { c.nullableString(&groupInstanceId) }
            c.bytes(&metadata)
            c.tags()
        }
    }
}
