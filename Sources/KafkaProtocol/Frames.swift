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

/// A response as it came: what it answers, and where the rest begins. The client's side.
public struct ResponseFrame: Sendable, Equatable {
    public let correlationId: Int32

    /// Reads the correlation id of a frame that is given without the four bytes of its size.
    public init(_ frame: RawSpan) throws(WireError) {
        var reader = ByteReader(frame)
        correlationId = reader.int32()
        if reader.failed { throw .malformed }
    }

    /// Reads the answer to a request that was sent in `version`, from the same span.
    public func decode<R: KafkaRequest>(
        _ type: R.Type, version: Int16, from frame: RawSpan
    ) throws(WireError) -> R.Response {
        guard R.api.versions.contains(version) else {
            throw .unsupportedVersion(R.api.key, version)
        }
        var version = version
        if R.api.key == .apiVersions && isUnsupportedVersion(frame) { version = 0 }
        let flexible = R.api.isFlexible(version)
        var header = MessageReader(
            frame, from: MemoryLayout<Int32>.size, version: version,
            flexible: flexible && R.api.key != .apiVersions)
        header.tags()
        try header.finish()
        return try KafkaProtocol.decode(
            R.Response.self, from: frame, at: header.position, version: version,
            flexible: flexible)
    }

    /// A broker that does not know our version of ApiVersions answers in version 0 (KIP-511).
    func isUnsupportedVersion(_ frame: RawSpan) -> Bool {
        var reader = ByteReader(frame)
        _ = reader.int32()
        return reader.int16() == ErrorCode.unsupportedVersion.rawValue
    }
}

/// Reads a message's body at an index of a frame. Bytes after it are left alone, as Kafka does.
public func decode<M: KafkaMessage>(
    _ type: M.Type, from frame: RawSpan, at start: Int, version: Int16, flexible: Bool
) throws(WireError) -> M {
    var reader = MessageReader(frame, from: start, version: version, flexible: flexible)
    var message = M()
    message.decode(&reader)
    try reader.finish()
    return message
}

/// A request as it goes over the wire. `version` is one of `R.api.versions`.
public func encodeRequest<R: KafkaRequest>(
    _ request: R, version: Int16, correlationID: Int32, clientID: String?
) -> EncodedFrame {
    var writer = MessageWriter(
        version: version, flexible: R.api.isFlexible(version), reserving: 128)
    writer.writer.int32(0)
    writer.writer.int16(R.api.key.rawValue)
    writer.writer.int16(version)
    writer.writer.int32(correlationID)
    if let clientID, clientID.utf8.count <= Limits.shortStringBytesMax {
        writer.writer.int16(Int16(clientID.utf8.count))
        writer.writer.append(utf8: clientID)
    } else {
        writer.writer.int16(-1)
    }
    writer.tags()
    request.encode(&writer)
    return writer.frame()
}

/// A response as it goes over the wire, in the version of the request.
public func encodeResponse<M: KafkaMessage>(
    _ message: M, api: API, version: Int16, correlationID: Int32
) -> EncodedFrame {
    var version = version
    // A client whose ApiVersions is newer than ours understands version 0 only (KIP-511).
    if api.key == .apiVersions && !api.versions.contains(version) { version = 0 }
    var writer = MessageWriter(version: version, flexible: api.isFlexible(version), reserving: 128)
    writer.writer.int32(0)
    writer.writer.int32(correlationID)
    // ApiVersions is read before versions are agreed on, so its header never has tagged fields.
    if api.key != .apiVersions { writer.tags() }
    message.encode(&writer)
    return writer.frame()
}
