import Bytes

/// A message ready to send: `bytes` with the caller's own bytes put in at the holes.
public struct EncodedFrame: Sendable, Equatable {
    /// Bytes that are kept elsewhere (a file, the page cache) and go out before `bytes[position]`.
    public struct Hole: Sendable, Equatable {
        public let position: Int
        public let count: Int
    }

    /// Starts with the frame's int32 size, which includes the bytes of the holes.
    public let bytes: [UInt8]
    /// In the order of their positions.
    public let holes: [Hole]

    /// A frame of bytes alone, as the tokens after SaslHandshake v0 are.
    public init(bare bytes: [UInt8]) {
        var writer = ByteWriter(reserving: bytes.count + FrameSplitter.sizeBytes)
        writer.int32(Int32(clamping: bytes.count))
        writer.append(bytes)
        self.bytes = writer.bytes
        holes = []
    }

    init(bytes: [UInt8], holes: [Hole]) {
        self.bytes = bytes
        self.holes = holes
    }

    /// Bytes that go over the wire.
    public var totalCount: Int { holes.reduce(bytes.count) { $0 + $1.count } }
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
