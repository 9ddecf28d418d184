/// Heartbeat, key 12: a member says that it lives. v3 static members (KIP-345); v4 flexible.
public struct HeartbeatRequest: KafkaRequest {
    public typealias Response = HeartbeatResponse

    public static let api = API(key: .heartbeat, versions: 0...4, flexibleFrom: 4)

    public var groupId = ""
    public var generationId: Int32 = 0
    public var memberId = ""
    public var groupInstanceId: String?

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.string(&groupId)
        c.int32(&generationId)
        c.string(&memberId)
        if c.version >= 3 { c.nullableString(&groupInstanceId) }
        c.tags()
    }
}

/// The answer to `HeartbeatRequest`.
public struct HeartbeatResponse: KafkaMessage {
    public var throttleTimeMs: Int32 = 0
    public var errorCode: ErrorCode = .none

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        if c.version >= 1 { c.int32(&throttleTimeMs) }
        c.error(&errorCode)
        c.tags()
    }
}
