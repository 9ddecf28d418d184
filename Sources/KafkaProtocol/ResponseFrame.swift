import Bytes

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
