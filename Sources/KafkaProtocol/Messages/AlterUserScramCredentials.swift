/// AlterUserScramCredentials, key 51 (KIP-554): sets and deletes SCRAM credentials. Passwords come
/// salted and stretched, never as they are.
public struct AlterUserScramCredentialsRequest: KafkaRequest {
    public typealias Response = AlterUserScramCredentialsResponse

    public static let api = API(key: .alterUserScramCredentials, versions: 0...0, flexibleFrom: 0)

    public var deletions: [ScramCredentialDeletion] = []
    public var upsertions: [ScramCredentialUpsertion] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.array(&deletions)
        c.array(&upsertions)
        c.tags()
    }
}

extension AlterUserScramCredentialsRequest {
    /// An element of `deletions`.
    public struct ScramCredentialDeletion: MessageStruct {
        public var name = ""
        /// 1 is SCRAM-SHA-256, 2 is SCRAM-SHA-512.
        public var mechanism: Int8 = 0

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&name)
            c.int8(&mechanism)
            c.tags()
        }
    }

    /// An element of `upsertions`.
    public struct ScramCredentialUpsertion: MessageStruct {
        public var name = ""
        public var mechanism: Int8 = 0
        public var iterations: Int32 = 0
        public var salt: [UInt8] = []
        public var saltedPassword: [UInt8] = []

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&name)
            c.int8(&mechanism)
            c.int32(&iterations)
            c.bytes(&salt)
            c.bytes(&saltedPassword)
            c.tags()
        }
    }
}

/// The answer to `AlterUserScramCredentialsRequest`: a result a user.
public struct AlterUserScramCredentialsResponse: KafkaMessage {
    public var throttleTimeMs: Int32 = 0
    public var results: [AlterUserScramCredentialsResult] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.int32(&throttleTimeMs)
        c.array(&results)
        c.tags()
    }
}

extension AlterUserScramCredentialsResponse {
    /// An element of `results`.
    public struct AlterUserScramCredentialsResult: MessageStruct {
        public var user = ""
        public var errorCode: ErrorCode = .none
        public var errorMessage: String?

        public init() {}

        public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
            c.string(&user)
            c.error(&errorCode)
            c.nullableString(&errorMessage)
            c.tags()
        }
    }
}
