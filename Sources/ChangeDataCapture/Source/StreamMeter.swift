import Bytes
import Formats
import Platform
import PostgresProtocol

/// Receives the stream of a slot and looks no further into it than to count: what the server can
/// give at best, for benchmarks. Acknowledges nothing.
public struct StreamMeter {
    public private(set) var changes = 0
    public private(set) var transactions = 0
    public private(set) var bytes = 0
    private let connection: PostgresConnection
    private let end: LogSequenceNumber
    private var isAtEnd = false
    private var owesReply = false

    /// Reads from where the slot is to the first commit that ends at or behind `end`, or to `stop`.
    public static func count(
        _ address: PostgresAddress, slot: String, publication: String, until end: LogSequenceNumber,
        stop: StopSignal
    ) throws(CaptureError) -> StreamMeter {
        let connection = try PostgresConnection.open(address, replication: true, stop: stop)
        defer { connection.close() }
        try connection.startCopyBoth(
            "START_REPLICATION SLOT \(quotedName(slot)) LOGICAL 0/0 (proto_version '1', "
                + "publication_names \(quotedText(quotedName(publication))))",
            doing: "stream from slot \"\(slot)\"")
        var meter = StreamMeter(connection: connection, end: end)
        try meter.run()
        return meter
    }

    private init(connection: PostgresConnection, end: LogSequenceNumber) {
        self.connection = connection
        self.end = end
    }

    private mutating func run() throws(CaptureError) {
        var pace = ReadingPace(isLocal: connection.isLocal)
        let clock = SystemClock()
        while !connection.isStopped {
            while let frame = try connection.nextFrame() { try take(frame) }
            if isAtEnd { return }
            if owesReply {
                owesReply = false
                try connection.send(
                    FrontendMessage.statusUpdate(
                        written: 0, flushed: 0, applied: 0,
                        microseconds: clock.wallMilliseconds * 1_000, wantsReply: false))
            }
            pace.rest(connection)
            var count = try connection.receiveCount(waitNanoseconds: 0)
            if count == 0 { count = try connection.receiveCount(waitNanoseconds: 1_000_000_000) }
            pace.received(count, at: clock.monotonicNanoseconds)
        }
    }

    private mutating func take(_ frame: BackendFrame) throws(CaptureError) {
        let buffer = connection.buffer
        let body = buffer.rawSpan.extracting(frame.body)
        guard frame.tag == UInt8(ascii: "d") else {
            guard frame.tag == UInt8(ascii: "E") else { return }
            throw CaptureError.of(ServerReport(body), doing: "stream")
        }
        bytes += body.byteCount
        let message: ReplicationMessage
        do throws(ProtocolError) { message = try ReplicationMessage.read(body) } catch {
            throw CaptureError.of(error, doing: "stream", connection.address)
        }
        switch message {
        case .keepalive(let position, _, let wantsReply):
            owesReply = owesReply || wantsReply
            if LogSequenceNumber(position) >= end { isAtEnd = true }
        case .data(_, _, _, let payload) where payload < body.byteCount:
            count(body.extracting(payload..<body.byteCount))
        case .data: break
        }
    }

    private mutating func count(_ message: RawSpan) {
        switch message.byte(at: 0) {
        case UInt8(ascii: "I"), UInt8(ascii: "U"), UInt8(ascii: "D"): changes += 1
        case UInt8(ascii: "C"):
            transactions += 1
            // Flags and where the commit record begins stand before where it ends.
            var reader = ByteReader(message)
            _ = reader.take(10)
            if LogSequenceNumber(reader.uint64()) >= end { isAtEnd = true }
        default: break
        }
    }
}
