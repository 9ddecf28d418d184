/// DescribeAcls, key 29: who may do what (KIP-140). Flexible from 2.
public struct DescribeAclsRequest: KafkaRequest {
    public typealias Response = DescribeAclsResponse

    public static let api = API(key: .describeAcls, versions: 1...3, flexibleFrom: 2)

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

/// The answer to `DescribeAclsRequest`.
public struct DescribeAclsResponse: KafkaMessage {
    public var throttleTimeMs: Int32 = 0
    public var errorCode: ErrorCode = .none
    public var errorMessage: String?
    public var resources: [Resource] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.int32(&throttleTimeMs)
        c.error(&errorCode)
        c.nullableString(&errorMessage)
        c.array(&resources)
        c.tags()
    }
}

extension DescribeAclsResponse {
    /// An element of `resources`.
    public struct Resource: MessageStruct {
        public var resourceType: Int8 = 0
        public var resourceName = ""
        public var patternType: Int8 = 3
        public var acls: [Entry] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int8(&resourceType)
            c.string(&resourceName)
            c.int8(&patternType)
            c.array(&acls)
            c.tags()
        }
    }

    /// An element of `acls`.
    public struct Entry: MessageStruct {
        public var principal = ""
        public var host = ""
        public var operation: Int8 = 0
        public var permissionType: Int8 = 0

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&principal)
            c.string(&host)
            c.int8(&operation)
            c.int8(&permissionType)
            c.tags()
        }
    }
}
