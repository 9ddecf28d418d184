import Bytes

/// The header of a request, versions 1 and 2 (with tagged fields).
public struct RequestHeader: Sendable, Equatable {
    /// Raw, as it may be no key that is known.
    public var apiKey: Int16
    public var apiVersion: Int16
    public var correlationId: Int32
    public var clientId: String?

    public init(apiKey: Int16, apiVersion: Int16, correlationId: Int32, clientId: String?) {
        self.apiKey = apiKey
        self.apiVersion = apiVersion
        self.correlationId = correlationId
        self.clientId = clientId
    }

    public var key: APIKey? { APIKey(rawValue: apiKey) }
}

/// A request as it came: its header, and where its body begins. The server's side of the wire.
public struct RequestFrame: Sendable, Equatable {
    public let header: RequestHeader
    /// Index of the body's first byte, from the start of the frame's span.
    public let bodyStart: Int

    /// Reads the header of a frame that is given without the four bytes of its size. A key or
    /// version that is not known is no error yet: an ApiVersions request of a future version has to
    /// be answered.
    public init(_ frame: RawSpan) throws(WireError) {
        var reader = ByteReader(frame)
        let key = reader.int16()
        let version = reader.int16()
        let correlation = reader.int32()
        // The client's name keeps its int16 length in all versions (KIP-482).
        let length = Int(reader.int16())
        let client = length < 0 ? nil : reader.string(length)
        if length < -1 || reader.failed { throw .malformed }
        header = RequestHeader(
            apiKey: key, apiVersion: version, correlationId: correlation, clientId: client)
        let api = APIKey(rawValue: key)?.api
        let known = api.map { $0.versions.contains(version) } ?? false
        var tags = MessageReader(
            frame, from: reader.position, version: version,
            flexible: known && api?.isFlexible(version) == true)
        tags.tags()
        try tags.finish()
        bodyStart = tags.position
    }

    /// Reads the body from the same span that gave the header.
    public func decode<R: KafkaRequest>(
        _ type: R.Type, from frame: RawSpan
    ) throws(WireError) -> R {
        let version = header.apiVersion
        guard header.apiKey == R.api.key.rawValue else { throw .unsupportedAPI(header.apiKey) }
        guard R.api.versions.contains(version) else {
            throw .unsupportedVersion(R.api.key, version)
        }
        return try KafkaProtocol.decode(
            type, from: frame, at: bodyStart, version: version,
            flexible: R.api.isFlexible(version))
    }
}
