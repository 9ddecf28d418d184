/// DescribeClientQuotas, key 48: what users and clients may use of a broker (KIP-546). Flexible
/// from 1.
public struct DescribeClientQuotasRequest: KafkaRequest {
    public typealias Response = DescribeClientQuotasResponse

    public static let api = API(key: .describeClientQuotas, versions: 0...1, flexibleFrom: 1)

    public var components: [Component] = []
    /// Whether whom it is for may not be told apart by more than `components` name.
    public var strict = false

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.array(&components)
        c.bool(&strict)
        c.tags()
    }
}

extension DescribeClientQuotasRequest {
    /// An element of `components`.
    public struct Component: MessageStruct {
        public var entityType = ""
        /// 0 that name, 1 the default, 2 any name.
        public var matchType: Int8 = 0
        public var match: String?

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&entityType)
            c.int8(&matchType)
            c.nullableString(&match)
            c.tags()
        }
    }
}

/// The answer to `DescribeClientQuotasRequest`.
public struct DescribeClientQuotasResponse: KafkaMessage {
    public var throttleTimeMs: Int32 = 0
    public var errorCode: ErrorCode = .none
    public var errorMessage: String?
    /// Nil for an error.
    public var entries: [Entry]?

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.int32(&throttleTimeMs)
        c.error(&errorCode)
        c.nullableString(&errorMessage)
        c.nullableArray(&entries)
        c.tags()
    }
}

extension DescribeClientQuotasResponse {
    /// An element of `entries`.
    public struct Entry: MessageStruct {
        public var entity: [Entity] = []
        public var values: [Value] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.array(&entity)
            c.array(&values)
            c.tags()
        }
    }

    /// An element of `entity`.
    public struct Entity: MessageStruct {
        public var entityType = ""
        /// Nil for the default of all.
        public var entityName: String?

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&entityType)
            c.nullableString(&entityName)
            c.tags()
        }
    }

    /// An element of `values`.
    public struct Value: MessageStruct {
        public var key = ""
        /// The bits of a double.
        public var value: Int64 = 0

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&key)
            c.int64(&value)
            c.tags()
        }
    }
}
