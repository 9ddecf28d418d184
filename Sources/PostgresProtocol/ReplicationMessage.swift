import Bytes

/// A piece of the log as it lies among the bytes of a connection: what nearly all that a stream
/// brings is, read in one go.
public struct LogPiece: Equatable, Sendable {
    public let position: UInt64
    /// Where the server's log ended when it was sent.
    public let end: UInt64
    /// Where the message of the output plugin lies.
    public let payload: Range<Int>

    /// A letter, a length, a letter, two positions and a time stand before the payload.
    @usableFromInline static let headerBytes = 30

    /// The piece that begins at `start`; nil if it is not there as a whole or is something else.
    @inlinable
    public static func next(in bytes: RawSpan, at start: Int) -> LogPiece? {
        let left = bytes.byteCount &- start
        guard start >= 0, left >= headerBytes else { return nil }
        var reader = ByteReader(bytes.extracting(start..<start &+ headerBytes))
        guard reader.uint8() == UInt8(ascii: "d") else { return nil }
        // The length counts itself and what follows.
        let size = Int(reader.int32()) &+ 1
        guard reader.uint8() == UInt8(ascii: "w"), size >= headerBytes, size <= left else {
            return nil
        }
        return LogPiece(
            position: reader.uint64(), end: reader.uint64(),
            payload: start &+ headerBytes..<start &+ size)
    }

    @inlinable
    init(position: UInt64, end: UInt64, payload: Range<Int>) {
        self.position = position
        self.end = end
        self.payload = payload
    }
}

/// What travels in the CopyBoth data of a replication connection.
public enum ReplicationMessage: Equatable, Sendable {
    /// A piece of the log: a message of the output plugin, which begins at `payload` of the body.
    case data(start: UInt64, end: UInt64, sent: Int64, payload: Int)
    /// How far the server is, and whether it wants to hear of us at once.
    case keepalive(end: UInt64, sent: Int64, wantsReply: Bool)

    /// Times are microseconds since 1970.
    @inlinable
    public static func read(_ body: RawSpan) throws(ProtocolError) -> ReplicationMessage {
        var reader = ByteReader(body)
        switch reader.uint8() {
        case UInt8(ascii: "w"):
            let (start, end, sent) = (reader.uint64(), reader.uint64(), reader.int64())
            guard !reader.failed else { break }
            return .data(
                start: start, end: end, sent: sent &+ postgresEpochMicroseconds,
                payload: reader.position)
        case UInt8(ascii: "k"):
            let (end, sent, reply) = (reader.uint64(), reader.int64(), reader.uint8())
            guard !reader.failed else { break }
            return .keepalive(
                end: end, sent: sent &+ postgresEpochMicroseconds, wantsReply: reply != 0)
        default: break
        }
        throw .malformed("replication data of \(body.byteCount) bytes")
    }
}
