/// SaslAuthenticate, key 36: one token of the mechanism that SaslHandshake v1 has chosen. v1 tells
/// how long the session lasts (KIP-368); v2 flexible.
public struct SaslAuthenticateRequest: KafkaRequest {
    public typealias Response = SaslAuthenticateResponse

    public static let api = API(key: .saslAuthenticate, versions: 0...2, flexibleFrom: 2)

    public var authBytes: [UInt8] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.bytes(&authBytes)
        c.tags()
    }
}

/// The answer to `SaslAuthenticateRequest`.
public struct SaslAuthenticateResponse: KafkaMessage {
    public var errorCode: ErrorCode = .none
    public var errorMessage: String?
    public var authBytes: [UInt8] = []
    /// After so long the client must authenticate again; 0 for never.
    public var sessionLifetimeMs: Int64 = 0

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.error(&errorCode)
        c.nullableString(&errorMessage)
        c.bytes(&authBytes)
        if c.version >= 1 { c.int64(&sessionLifetimeMs) }
        c.tags()
    }
}
