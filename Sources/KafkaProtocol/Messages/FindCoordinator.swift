/// FindCoordinator, key 10: which broker keeps a group or transactional id. v1 kinds of keys; v3
/// flexible; v4 several keys; v6 share groups.
public struct FindCoordinatorRequest: KafkaRequest {
    public typealias Response = FindCoordinatorResponse

    public static let api = API(key: .findCoordinator, versions: 0...6, flexibleFrom: 3)

    public var key = ""
    /// 0 group, 1 transaction, 2 share group.
    public var keyType: Int8 = 0
    public var coordinatorKeys: [String] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        if c.version <= 3 { c.string(&key) }
        if c.version >= 1 { c.int8(&keyType) }
        if c.version >= 4 { c.strings(&coordinatorKeys) }
        c.tags()
    }
}

/// The answer to `FindCoordinatorRequest`.
public struct FindCoordinatorResponse: KafkaMessage {
    public var throttleTimeMs: Int32 = 0
    public var errorCode: ErrorCode = .none
    public var errorMessage: String?
    public var nodeId: Int32 = 0
    public var host = ""
    public var port: Int32 = 0
    public var coordinators: [Coordinator] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        if c.version >= 1 { c.int32(&throttleTimeMs) }
        if c.version <= 3 { c.error(&errorCode) }
        if c.version >= 1 && c.version <= 3 { c.nullableString(&errorMessage) }
        if c.version <= 3 {
            c.int32(&nodeId)
            c.string(&host)
            c.int32(&port)
        }
        if c.version >= 4 { c.array(&coordinators) }
        c.tags()
    }
}

extension FindCoordinatorResponse {
    /// An element of `coordinators`.
    public struct Coordinator: MessageStruct {
        public var key = ""
        public var nodeId: Int32 = 0
        public var host = ""
        public var port: Int32 = 0
        public var errorCode: ErrorCode = .none
        public var errorMessage: String?

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&key)
            c.int32(&nodeId)
            c.string(&host)
            c.int32(&port)
            c.error(&errorCode)
            c.nullableString(&errorMessage)
            c.tags()
        }
    }
}
