/// SaslHandshake, key 17: chooses the SASL mechanism. After v0 tokens follow as bare sized frames,
/// after v1 in SaslAuthenticate requests (KIP-152).
public struct SaslHandshakeRequest: KafkaRequest {
    public typealias Response = SaslHandshakeResponse

    public static let api = API(key: .saslHandshake, versions: 0...1)

    public var mechanism = ""

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.string(&mechanism)
    }
}

/// The answer to `SaslHandshakeRequest`.
public struct SaslHandshakeResponse: KafkaMessage {
    public var errorCode: ErrorCode = .none
    /// What the broker offers.
    public var mechanisms: [String] = []

    public init() {}

    public mutating func code<C: MessageCoder & ~Copyable & ~Escapable>(_ c: inout C) {
        c.error(&errorCode)
        c.strings(&mechanisms)
    }
}
