/// DescribeCluster, key 60: brokers and controller. v0 is flexible already; v1 endpoint types
/// (KIP-919); v2 fenced brokers.
public struct DescribeClusterRequest: KafkaRequest {
    public typealias Response = DescribeClusterResponse

    public static let api = API(key: .describeCluster, versions: 0...2, flexibleFrom: 0)

    public var includeClusterAuthorizedOperations = false
    /// 1 brokers, 2 controllers.
    public var endpointType: Int8 = 1
    public var includeFencedBrokers = false

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.bool(&includeClusterAuthorizedOperations)
        if c.version >= 1 { c.int8(&endpointType) }
        if c.version >= 2 { c.bool(&includeFencedBrokers) }
        c.tags()
    }
}

/// The answer to `DescribeClusterRequest`.
public struct DescribeClusterResponse: KafkaMessage {
    public var throttleTimeMs: Int32 = 0
    public var errorCode: ErrorCode = .none
    public var errorMessage: String?
    public var endpointType: Int8 = 1
    public var clusterId = ""
    public var controllerId: Int32 = -1
    public var brokers: [DescribeClusterBroker] = []
    public var clusterAuthorizedOperations: Int32 = .min

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.int32(&throttleTimeMs)
        c.error(&errorCode)
        c.nullableString(&errorMessage)
        if c.version >= 1 { c.int8(&endpointType) }
        c.string(&clusterId)
        c.int32(&controllerId)
        c.array(&brokers)
        c.int32(&clusterAuthorizedOperations)
        c.tags()
    }
}

extension DescribeClusterResponse {
    /// An element of `brokers`.
    public struct DescribeClusterBroker: MessageStruct {
        public var brokerId: Int32 = 0
        public var host = ""
        public var port: Int32 = 0
        public var rack: String?
        public var isFenced = false

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int32(&brokerId)
            c.string(&host)
            c.int32(&port)
            c.nullableString(&rack)
            if c.version >= 2 { c.bool(&isFenced) }
            c.tags()
        }
    }
}
