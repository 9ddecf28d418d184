import KafkaProtocol
import Platform

/// Makes a line a request (`rtd serve --trace`): API, version, client, bytes, microseconds.
///
/// Called on any thread; while nobody reads, nothing is made.
final class RequestTracer: Sendable {
    private let clock: any Clock
    private let also: (@Sendable (String) -> Void)?
    private let socket: TraceSocket

    /// `also` gets every line, besides those who read the socket.
    init(clock: any Clock, also: (@Sendable (String) -> Void)?, socket: TraceSocket) {
        self.clock = clock
        self.also = also
        self.socket = socket
    }

    func answered<Request: KafkaRequest>(_ reply: Reply<Request>, bytes: Int) {
        guard also != nil || socket.isRead else { return }
        let micros = (clock.monotonicNanoseconds - reply.startedNanoseconds) / 1_000
        let client = reply.connection.printableClientID
        let line =
            "\(Request.api.key.name) v\(reply.version) #\(reply.correlationID) "
            + "client=\(client.isEmpty ? "-" : client) "
            + "peer=\(reply.connection.stream.peerAddress) out=\(bytes) us=\(micros)"
        also?(line)
        if socket.isRead { socket.write(line) }
    }
}
