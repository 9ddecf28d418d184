import Bytes

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
