/// CreateAcls, key 30: lets users do something, or forbids it (KIP-140). Flexible from 2.
public struct CreateAclsRequest: KafkaRequest {
    public typealias Response = CreateAclsResponse

    public static let api = API(key: .createAcls, versions: 1...3, flexibleFrom: 2)

    public var creations: [Creation] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.array(&creations)
        c.tags()
    }
}

extension CreateAclsRequest {
    /// An element of `creations`.
    public struct Creation: MessageStruct {
        public var resourceType: Int8 = 0
        public var resourceName = ""
        public var resourcePatternType: Int8 = 3
        public var principal = ""
        public var host = ""
        public var operation: Int8 = 0
        public var permissionType: Int8 = 0

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int8(&resourceType)
            c.string(&resourceName)
            c.int8(&resourcePatternType)
            c.string(&principal)
            c.string(&host)
            c.int8(&operation)
            c.int8(&permissionType)
            c.tags()
        }
    }
}

/// The answer to `CreateAclsRequest`.
public struct CreateAclsResponse: KafkaMessage {
    public var throttleTimeMs: Int32 = 0
    public var results: [CreationResult] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.int32(&throttleTimeMs)
        c.array(&results)
        c.tags()
    }
}

extension CreateAclsResponse {
    /// An element of `results`.
    public struct CreationResult: MessageStruct {
        public var errorCode: ErrorCode = .none
        public var errorMessage: String?

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.error(&errorCode)
            c.nullableString(&errorMessage)
            c.tags()
        }
    }
}
