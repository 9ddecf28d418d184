/// SyncGroup, key 14: the leader hands in the assignment, each member gets its part. v3 static
/// members (KIP-345); v4 flexible; v5 protocol type and name (KIP-559).
public struct SyncGroupRequest: KafkaRequest {
    public typealias Response = SyncGroupResponse

    public static let api = API(key: .syncGroup, versions: 0...5, flexibleFrom: 4)

    public var groupId = ""
    public var generationId: Int32 = 0
    public var memberId = ""
    public var groupInstanceId: String?
    public var protocolType: String?
    public var protocolName: String?
    public var assignments: [SyncGroupRequestAssignment] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.string(&groupId)
        c.int32(&generationId)
        c.string(&memberId)
        if c.version >= 3 { c.nullableString(&groupInstanceId) }
        if c.version >= 5 {
            c.nullableString(&protocolType)
            c.nullableString(&protocolName)
        }
        c.array(&assignments)
        c.tags()
    }
}

extension SyncGroupRequest {
    /// An element of `assignments`.
    public struct SyncGroupRequestAssignment: MessageStruct {
        public var memberId = ""
        public var assignment: [UInt8] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&memberId)
            c.bytes(&assignment)
            c.tags()
        }
    }
}

/// The answer to `SyncGroupRequest`.
public struct SyncGroupResponse: KafkaMessage {
    public var throttleTimeMs: Int32 = 0
    public var errorCode: ErrorCode = .none
    public var protocolType: String?
    public var protocolName: String?
    public var assignment: [UInt8] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        if c.version >= 1 { c.int32(&throttleTimeMs) }
        c.error(&errorCode)
        if c.version >= 5 {
            c.nullableString(&protocolType)
            c.nullableString(&protocolName)
        }
        // Some brokers give null beside an error, which the schema does not foresee.
        var assigned: [UInt8]? = assignment
        c.nullableBytes(&assigned)
        assignment = assigned ?? []
        c.tags()
    }
}
