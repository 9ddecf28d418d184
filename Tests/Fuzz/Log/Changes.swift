import Bytes
import PostgresProtocol

/// What a PostgreSQL server sends on a replication connection, message by message. The first byte
/// says whether the changes of a large transaction are being streamed.
func fuzzChanges(_ bytes: RawSpan) {
    guard bytes.byteCount > 1 else { return }
    let isStreaming = bytes.withUnsafeBytes { $0[0] } & 1 != 0
    var position = 1
    var needs = 0
    while let frame = try? BackendFrame.next(
        in: bytes, at: position, bytesMax: 1 << 20, needs: &needs)
    {
        position = frame.body.upperBound
        let body = bytes.extracting(frame.body)
        _ = try? BackendMessage.read(frame.tag, body)
        guard frame.tag == UInt8(ascii: "d"),
            case .data(_, _, _, let payload)? = try? ReplicationMessage.read(body)
        else { continue }
        let message = body.extracting(payload...)
        guard let read = try? LogicalMessage.read(message, inStream: isStreaming) else { continue }
        check(read, message)
    }
}

/// What a message says of its own bytes lies within them.
private func check(_ message: LogicalMessage, _ bytes: RawSpan) {
    var ranges: [Range<Int>?] = []
    switch message {
    case .row(let row): ranges = [row.before, row.after]
    case .message(let content): ranges = [content.prefix, content.content]
    default: break
    }
    for case let range? in ranges {
        precondition(range.upperBound <= bytes.byteCount, "a range lies outside of its message")
    }
}
