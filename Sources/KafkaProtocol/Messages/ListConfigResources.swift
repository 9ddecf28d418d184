/// ListConfigResources, key 74: what has configs (KIP-1142). v0 lists client metrics only.
/// Flexible.
public struct ListConfigResourcesRequest: KafkaRequest {
    public typealias Response = ListConfigResourcesResponse

    public static let api = API(key: .listConfigResources, versions: 0...1, flexibleFrom: 0)

    /// Kinds of resources, empty for all; an array of int8 is on the wire what bytes are.
    public var resourceTypes: [UInt8] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        if c.version >= 1 { c.bytes(&resourceTypes) }
        c.tags()
    }
}

/// The answer to `ListConfigResourcesRequest`.
public struct ListConfigResourcesResponse: KafkaMessage {
    public var throttleTimeMs: Int32 = 0
    public var errorCode: ErrorCode = .none
    public var configResources: [ConfigResource] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.int32(&throttleTimeMs)
        c.error(&errorCode)
        c.array(&configResources)
        c.tags()
    }
}

extension ListConfigResourcesResponse {
    /// An element of `configResources`.
    public struct ConfigResource: MessageStruct {
        public var resourceName = ""
        /// 2 is a topic, 4 a broker, 16 client metrics, 32 a group.
        public var resourceType: Int8 = 16

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&resourceName)
            if c.version >= 1 { c.int8(&resourceType) }
            c.tags()
        }
    }
}
