/// ListGroups, key 16: all groups. v3 flexible; v4 states (KIP-518); v5 types (KIP-848).
public struct ListGroupsRequest: KafkaRequest {
    public typealias Response = ListGroupsResponse

    public static let api = API(key: .listGroups, versions: 0...5, flexibleFrom: 3)

    public var statesFilter: [String] = []
    public var typesFilter: [String] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        if c.version >= 4 { c.strings(&statesFilter) }
        if c.version >= 5 { c.strings(&typesFilter) }
        c.tags()
    }
}

/// The answer to `ListGroupsRequest`.
public struct ListGroupsResponse: KafkaMessage {
    public var throttleTimeMs: Int32 = 0
    public var errorCode: ErrorCode = .none
    public var groups: [ListedGroup] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        if c.version >= 1 { c.int32(&throttleTimeMs) }
        c.error(&errorCode)
        c.array(&groups)
        c.tags()
    }
}

extension ListGroupsResponse {
    /// An element of `groups`.
    public struct ListedGroup: MessageStruct {
        public var groupId = ""
        public var protocolType = ""
        public var groupState = ""
        public var groupType = ""

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&groupId)
            c.string(&protocolType)
            if c.version >= 4 { c.string(&groupState) }
            if c.version >= 5 { c.string(&groupType) }
            c.tags()
        }
    }
}
