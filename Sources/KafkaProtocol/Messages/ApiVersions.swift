/// ApiVersions, key 18: what the broker speaks; often a client's first request. v3 flexible and
/// names the client's software (KIP-511); v4 features may start at 0.
public struct ApiVersionsRequest: KafkaRequest {
    public typealias Response = ApiVersionsResponse

    public static let api = API(key: .apiVersions, versions: 0...4, flexibleFrom: 3)

    public var clientSoftwareName = ""
    public var clientSoftwareVersion = ""

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        if c.version >= 3 {
            c.string(&clientSoftwareName)
            c.string(&clientSoftwareVersion)
        }
        c.tags()
    }
}

/// The answer to `ApiVersionsRequest`.
public struct ApiVersionsResponse: KafkaMessage, TaggedStruct {
    public var errorCode: ErrorCode = .none
    public var apiKeys: [ApiVersion] = []
    public var throttleTimeMs: Int32 = 0
    /// Tagged, as the rest.
    public var supportedFeatures: [SupportedFeatureKey] = []
    public var finalizedFeaturesEpoch: Int64 = -1
    public var finalizedFeatures: [FinalizedFeatureKey] = []
    public var zkMigrationReady = false

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.error(&errorCode)
        c.array(&apiKeys)
        if c.version >= 1 { c.int32(&throttleTimeMs) }
        c.tags(of: &self)
    }

    public static let tagCount = 4

    public func carries(tag: Int, version: Int16) -> Bool {
        switch tag {
        case 0: !supportedFeatures.isEmpty
        case 1: finalizedFeaturesEpoch != -1
        case 2: !finalizedFeatures.isEmpty
        case 3: zkMigrationReady
        default: false
        }
    }

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(
        tag: Int, _ c: inout C
    ) -> Bool {
        switch tag {
        case 0: c.array(&supportedFeatures)
        case 1: c.int64(&finalizedFeaturesEpoch)
        case 2: c.array(&finalizedFeatures)
        case 3: c.bool(&zkMigrationReady)
        default: return false
        }
        return true
    }
}

extension ApiVersionsResponse {
    /// An element of `apiKeys`.
    public struct ApiVersion: MessageStruct {
        public var apiKey: Int16 = 0
        public var minVersion: Int16 = 0
        public var maxVersion: Int16 = 0

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int16(&apiKey)
            c.int16(&minVersion)
            c.int16(&maxVersion)
            c.tags()
        }
    }

    /// An element of `supportedFeatures`.
    public struct SupportedFeatureKey: MessageStruct {
        public var name = ""
        public var minVersion: Int16 = 0
        public var maxVersion: Int16 = 0

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&name)
            c.int16(&minVersion)
            c.int16(&maxVersion)
            c.tags()
        }
    }

    /// An element of `finalizedFeatures`.
    public struct FinalizedFeatureKey: MessageStruct {
        public var name = ""
        public var maxVersionLevel: Int16 = 0
        public var minVersionLevel: Int16 = 0

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&name)
            c.int16(&maxVersionLevel)
            c.int16(&minVersionLevel)
            c.tags()
        }
    }
}
