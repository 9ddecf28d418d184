/// DeleteGroups, key 42: deletes empty groups. v2 flexible.
public struct DeleteGroupsRequest: KafkaRequest {
    public typealias Response = DeleteGroupsResponse

    public static let api = API(key: .deleteGroups, versions: 0...2, flexibleFrom: 2)

    public var groupsNames: [String] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.strings(&groupsNames)
        c.tags()
    }
}

/// The answer to `DeleteGroupsRequest`.
public struct DeleteGroupsResponse: KafkaMessage {
    public var throttleTimeMs: Int32 = 0
    public var results: [DeletableGroupResult] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.int32(&throttleTimeMs)
        c.array(&results)
        c.tags()
    }
}

extension DeleteGroupsResponse {
    /// An element of `results`.
    public struct DeletableGroupResult: MessageStruct {
        public var groupId = ""
        public var errorCode: ErrorCode = .none

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&groupId)
            c.error(&errorCode)
            c.tags()
        }
    }
}
