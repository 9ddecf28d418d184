/// AlterConfigs, key 33: replaces all configs of topics or brokers. v2 flexible.
public struct AlterConfigsRequest: KafkaRequest {
    public typealias Response = AlterConfigsResponse

    public static let api = API(key: .alterConfigs, versions: 0...2, flexibleFrom: 2)

    public var resources: [AlterConfigsResource] = []
    public var validateOnly = false

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.array(&resources)
        c.bool(&validateOnly)
        c.tags()
    }
}

extension AlterConfigsRequest {
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
        public var value: String?

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&name)
            c.nullableString(&value)
            c.tags()
        }
    }
}

/// The answer to `AlterConfigsRequest`.
public struct AlterConfigsResponse: KafkaMessage {
    public var throttleTimeMs: Int32 = 0
    public var responses: [AlterConfigsResourceResponse] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.int32(&throttleTimeMs)
        c.array(&responses)
        c.tags()
    }
}

extension AlterConfigsResponse {
    /// An element of `responses`.
    public struct AlterConfigsResourceResponse: MessageStruct {
        public var errorCode: ErrorCode = .none
        public var errorMessage: String?
        public var resourceType: Int8 = 0
        public var resourceName = ""

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.error(&errorCode)
            c.nullableString(&errorMessage)
            c.int8(&resourceType)
            c.string(&resourceName)
            c.tags()
        }
    }
}
