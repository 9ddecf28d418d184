/// Why bytes of the Kafka wire could not be used. The connection that sent them is closed.
public enum WireError: Error, Equatable {
    /// The bytes end early or hold a length, count or number that cannot be.
    case malformed
    /// No API of Kafka's, or none that this target describes, has this key.
    case unsupportedAPI(Int16)
    /// The API is known, this version of it is not.
    case unsupportedVersion(APIKey, Int16)
    /// A frame announces more bytes than the limit. Other protocols' first bytes end here too:
    /// read as a size, "GET " is 1.2 GB and a TLS greeting 369 MB.
    case frameTooLarge(Int)
    /// A message holds more than `Limits.elementsPerMessageMax` structs and strings.
    case tooManyElements
    /// A request of a client that has not logged in, or whose session is over.
    case unauthenticated(APIKey)
}

extension WireError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .malformed:
            "malformed Kafka message"
        case .unsupportedAPI(let key):
            "Kafka API key \(key) is not supported"
        case .unsupportedVersion(let key, let version):
            "version \(version) of Kafka's \(key.name) is not supported"
        case .frameTooLarge(let bytes):
            "a frame of \(bytes) bytes is larger than the limit; does the peer speak Kafka?"
        case .unauthenticated(let key):
            "\(key.name) without a log-in (sasl.mechanism, or its session is over)"
        case .tooManyElements:
            "a message holds more than \(Limits.elementsPerMessageMax) elements"
        }
    }
}
