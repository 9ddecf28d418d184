/// DescribeUserScramCredentials, key 50 (KIP-554): which SCRAM credentials users have.
public struct DescribeUserScramCredentialsRequest: KafkaRequest {
    public typealias Response = DescribeUserScramCredentialsResponse

    public static let api = API(
        key: .describeUserScramCredentials, versions: 0...0, flexibleFrom: 0)

    /// Nil or empty for all users.
    public var users: [UserName]?

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.nullableArray(&users)
        c.tags()
    }
}

extension DescribeUserScramCredentialsRequest {
    /// An element of `users`.
    public struct UserName: MessageStruct {
        public var name = ""

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&name)
            c.tags()
        }
    }
}

/// The answer to `DescribeUserScramCredentialsRequest`.
public struct DescribeUserScramCredentialsResponse: KafkaMessage {
    public var throttleTimeMs: Int32 = 0
    public var errorCode: ErrorCode = .none
    public var errorMessage: String?
    public var results: [DescribeUserScramCredentialsResult] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.int32(&throttleTimeMs)
        c.error(&errorCode)
        c.nullableString(&errorMessage)
        c.array(&results)
        c.tags()
    }
}

extension DescribeUserScramCredentialsResponse {
    /// An element of `results`.
    public struct DescribeUserScramCredentialsResult: MessageStruct {
        public var user = ""
        public var errorCode: ErrorCode = .none
        public var errorMessage: String?
        public var credentialInfos: [CredentialInfo] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&user)
            c.error(&errorCode)
            c.nullableString(&errorMessage)
            c.array(&credentialInfos)
            c.tags()
        }
    }

    /// An element of `credentialInfos`.
    public struct CredentialInfo: MessageStruct {
        /// 1 is SCRAM-SHA-256, 2 is SCRAM-SHA-512.
        public var mechanism: Int8 = 0
        public var iterations: Int32 = 0

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.int8(&mechanism)
            c.int32(&iterations)
            c.tags()
        }
    }
}
