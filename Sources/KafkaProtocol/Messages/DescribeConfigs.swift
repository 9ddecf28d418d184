/// DescribeConfigs, key 32: configs of topics and brokers. v3 types and documentation (KIP-569);
/// v4 flexible.
public struct DescribeConfigsRequest: KafkaRequest {
    public typealias Response = DescribeConfigsResponse

    public static let api = API(key: .describeConfigs, versions: 1...4, flexibleFrom: 4)

    public var resources: [DescribeConfigsResource] = []
    public var includeSynonyms = false
    public var includeDocumentation = false

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.array(&resources)
        c.bool(&includeSynonyms)
        if c.version >= 3 { c.bool(&includeDocumentation) }
        c.tags()
    }
}

extension DescribeConfigsRequest {
    /// An element of `resources`.
    public struct DescribeConfigsResource: MessageStruct {
        /// 2 topic, 4 broker, 8 broker logger.
        public var resourceType: Int8 = 0
        public var resourceName = ""
        /// nil for all.
        public var configurationKeys: [String]?

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int8(&resourceType)
            c.string(&resourceName)
            c.nullableStrings(&configurationKeys)
            c.tags()
        }
    }
}

/// The answer to `DescribeConfigsRequest`.
public struct DescribeConfigsResponse: KafkaMessage {
    public var throttleTimeMs: Int32 = 0
    public var results: [DescribeConfigsResult] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.int32(&throttleTimeMs)
        c.array(&results)
        c.tags()
    }
}

extension DescribeConfigsResponse {
    /// An element of `results`.
    public struct DescribeConfigsResult: MessageStruct {
        public var errorCode: ErrorCode = .none
        public var errorMessage: String?
        public var resourceType: Int8 = 0
        public var resourceName = ""
        public var configs: [DescribeConfigsResourceResult] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.error(&errorCode)
            c.nullableString(&errorMessage)
            c.int8(&resourceType)
            c.string(&resourceName)
            c.array(&configs)
            c.tags()
        }
    }

    /// An element of `configs`.
    public struct DescribeConfigsResourceResult: MessageStruct {
        public var name = ""
        public var value: String?
        public var readOnly = false
        /// 1 topic, 2 dynamic broker, 4 static broker, 5 default.
        public var configSource: Int8 = -1
        public var isSensitive = false
        public var synonyms: [DescribeConfigsSynonym] = []
        /// 1 boolean, 2 string, 3 int, 4 short, 5 long, 6 double, 7 list, 8 class, 9 password.
        public var configType: Int8 = 0
        public var documentation: String?

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&name)
            c.nullableString(&value)
            c.bool(&readOnly)
            c.int8(&configSource)
            c.bool(&isSensitive)
            c.array(&synonyms)
            if c.version >= 3 {
                c.int8(&configType)
                c.nullableString(&documentation)
            }
            c.tags()
        }
    }

    /// An element of `synonyms`.
    public struct DescribeConfigsSynonym: MessageStruct {
        public var name = ""
        public var value: String?
        public var source: Int8 = 0

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&name)
            c.nullableString(&value)
            c.int8(&source)
            c.tags()
        }
    }
}
