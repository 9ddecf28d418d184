/// DeleteAcls, key 31: takes back what CreateAcls has said (KIP-140). Flexible from 2.
public struct DeleteAclsRequest: KafkaRequest {
    public typealias Response = DeleteAclsResponse

    public static let api = API(key: .deleteAcls, versions: 1...3, flexibleFrom: 2)

    public var filters: [Filter] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.array(&filters)
        c.tags()
    }
}

extension DeleteAclsRequest {
    /// An element of `filters`.
    public struct Filter: MessageStruct {
        /// 1 is any, 2 a topic, 3 a group, 4 the cluster, 5 a transactional id.
        public var resourceTypeFilter: Int8 = 0
        public var resourceNameFilter: String?
        public var patternTypeFilter: Int8 = 3
        public var principalFilter: String?
        public var hostFilter: String?
        public var operation: Int8 = 0
        public var permissionType: Int8 = 0

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int8(&resourceTypeFilter)
            c.nullableString(&resourceNameFilter)
            c.int8(&patternTypeFilter)
            c.nullableString(&principalFilter)
            c.nullableString(&hostFilter)
            c.int8(&operation)
            c.int8(&permissionType)
            c.tags()
        }
    }
}

/// The answer to `DeleteAclsRequest`.
public struct DeleteAclsResponse: KafkaMessage {
    public var throttleTimeMs: Int32 = 0
    public var filterResults: [FilterResult] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.int32(&throttleTimeMs)
        c.array(&filterResults)
        c.tags()
    }
}

extension DeleteAclsResponse {
    /// An element of `filterResults`.
    public struct FilterResult: MessageStruct {
        public var errorCode: ErrorCode = .none
        public var errorMessage: String?
        public var matchingAcls: [MatchingEntry] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.error(&errorCode)
            c.nullableString(&errorMessage)
            c.array(&matchingAcls)
            c.tags()
        }
    }

    /// An element of `matchingAcls`.
    public struct MatchingEntry: MessageStruct {
        public var errorCode: ErrorCode = .none
        public var errorMessage: String?
        public var resourceType: Int8 = 0
        public var resourceName = ""
        public var patternType: Int8 = 3
        public var principal = ""
        public var host = ""
        public var operation: Int8 = 0
        public var permissionType: Int8 = 0

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.error(&errorCode)
            c.nullableString(&errorMessage)
            c.int8(&resourceType)
            c.string(&resourceName)
            c.int8(&patternType)
            c.string(&principal)
            c.string(&host)
            c.int8(&operation)
            c.int8(&permissionType)
            c.tags()
        }
    }
}
