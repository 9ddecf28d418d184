/// IncrementalAlterConfigs, key 44: sets, removes, appends to and subtracts from configs
/// (KIP-339). v1 flexible.
public struct IncrementalAlterConfigsRequest: KafkaRequest {
    public typealias Response = IncrementalAlterConfigsResponse

    public static let api = API(key: .incrementalAlterConfigs, versions: 0...1, flexibleFrom: 1)

    public var resources: [AlterConfigsResource] = []
    public var validateOnly = false

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.array(&resources)
        c.bool(&validateOnly)
        c.tags()
    }
}

extension IncrementalAlterConfigsRequest {
    /// An element of `resources`.
    public struct AlterConfigsResource: MessageStruct {
        /// 2 topic, 4 broker, 8 broker logger.
        public var resourceType: Int8 = 0
        public var resourceName = ""
        public var configs: [AlterableConfig] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int8(&resourceType)
            c.string(&resourceName)
            c.array(&configs)
            c.tags()
        }
    }

    /// An element of `configs`.
    public struct AlterableConfig: MessageStruct {
        public var name = ""
        /// 0 set, 1 delete, 2 append, 3 subtract.
        public var configOperation: Int8 = 0
        public var value: String?

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&name)
            c.int8(&configOperation)
            c.nullableString(&value)
            c.tags()
        }
    }
}

/// The answer to `IncrementalAlterConfigsRequest`.
public struct IncrementalAlterConfigsResponse: KafkaMessage {
    public var throttleTimeMs: Int32 = 0
    public var responses: [AlterConfigsResourceResponse] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.int32(&throttleTimeMs)
        c.array(&responses)
        c.tags()
    }
}

extension IncrementalAlterConfigsResponse {
    /// An element of `responses`.
    public typealias AlterConfigsResourceResponse =
        AlterConfigsResponse.AlterConfigsResourceResponse
}
