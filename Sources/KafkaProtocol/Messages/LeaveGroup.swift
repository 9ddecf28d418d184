/// LeaveGroup, key 13: members leave a group. v3 several members (KIP-345); v4 flexible; v5
/// reasons (KIP-800).
public struct LeaveGroupRequest: KafkaRequest {
    public typealias Response = LeaveGroupResponse

    public static let api = API(key: .leaveGroup, versions: 0...5, flexibleFrom: 4)

    public var groupId = ""
    public var memberId = ""
    public var members: [MemberIdentity] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.string(&groupId)
        if c.version <= 2 { c.string(&memberId) }
        if c.version >= 3 { c.array(&members) }
        c.tags()
    }
}

extension LeaveGroupRequest {
    /// An element of `members`.
    public struct MemberIdentity: MessageStruct {
        public var memberId = ""
        public var groupInstanceId: String?
        public var reason: String?

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&memberId)
            c.nullableString(&groupInstanceId)
            if c.version >= 5 { c.nullableString(&reason) }
            c.tags()
        }
    }
}

/// The answer to `LeaveGroupRequest`.
public struct LeaveGroupResponse: KafkaMessage {
    public var throttleTimeMs: Int32 = 0
    public var errorCode: ErrorCode = .none
    public var members: [MemberResponse] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        if c.version >= 1 { c.int32(&throttleTimeMs) }
        c.error(&errorCode)
        if c.version >= 3 { c.array(&members) }
        c.tags()
    }
}

extension LeaveGroupResponse {
    /// An element of `members`.
    public struct MemberResponse: MessageStruct {
        public var memberId = ""
        public var groupInstanceId: String?
        public var errorCode: ErrorCode = .none

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&memberId)
            c.nullableString(&groupInstanceId)
            c.error(&errorCode)
            c.tags()
        }
    }
}
