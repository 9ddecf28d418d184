import Platform

/// Answers `GET /metrics` with a text that is made for each request, on a loop of its own. It
/// speaks as much of HTTP/1.1 as Prometheus and curl need: one request a connection.
final class MetricsListener: @unchecked Sendable {
    private static let connectionsMax = 64

    private let loop = Loop()
    private let listener: any Listener
    /// Touched on the loop.
    private let open = OpenCount()

    /// Owned by the loop.
    private final class OpenCount: @unchecked Sendable { var value = 0 }

    init(_ address: SocketAddress, _ text: @escaping @Sendable () -> String) throws(SystemError) {
        let (loop, open) = (loop, open)
        listener = try loop.listen(address) { stream in
            guard open.value < Self.connectionsMax else { return stream.close() }
            open.value += 1
            let exchange = MetricsExchange(stream, text) { open.value -= 1 }
            stream.start(on: loop, handler: exchange)
            // Who says nothing is not waited for.
            loop.after(10_000_000_000) { exchange.close() }
        }
        loop.start()
    }

    /// With the port that was picked for 0.
    var address: SocketAddress { listener.address }

    func close() {
        let (loop, listener) = (loop, listener)
        loop.post {
            listener.close()
            loop.stop()
        }
    }
}

/// One connection: a request, an answer, the end. On its loop.
final class MetricsExchange: StreamHandler, @unchecked Sendable {
    private static let requestBytesMax = 8_192

    private let stream: any Stream
    private let text: @Sendable () -> String
    private let ended: () -> Void
    private var request: [UInt8] = []
    private var answer: [UInt8] = []
    private var sent = 0
    private var isClosed = false

    init(
        _ stream: any Stream, _ text: @escaping @Sendable () -> String,
        ended: @escaping () -> Void
    ) {
        self.stream = stream
        self.text = text
        self.ended = ended
    }

    func streamReady(readable: Bool, writable: Bool) {
        if answer.isEmpty { read() }
        if !answer.isEmpty { write() }
    }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        stream.close()
        ended()
    }

    private func read() {
        var room = [UInt8](repeating: 0, count: 2_048)
        while answer.isEmpty, !isClosed {
            switch unsafe room.withUnsafeMutableBytes({ unsafe stream.read(into: $0) }) {
            case .moved(let count):
                request += room[..<count]
                if let reply = Self.reply(to: request, text) {
                    answer = reply
                } else if request.count > Self.requestBytesMax {
                    close()
                }
            case .wouldBlock: return
            case .end, .failed: close()
            }
        }
    }

    private func write() {
        while sent < answer.count, !isClosed {
            let result = unsafe answer.withUnsafeBytes { all in
                unsafe stream.write(UnsafeRawBufferPointer(rebasing: all[sent...]))
            }
            switch result {
            case .moved(let count): sent += count
            case .wouldBlock: return
            case .end, .failed: return close()
            }
        }
        close()
    }

    /// The answer to a request whose head is there; nil while it is not.
    static func reply(to request: [UInt8], _ text: () -> String) -> [UInt8]? {
        let words = String(decoding: request, as: UTF8.self)
        guard words.utf8.suffix(4).elementsEqual("\r\n\r\n".utf8) else { return nil }
        let line = words.prefix { $0 != "\r\n" }.split(separator: " ")
        guard line.count == 3, line[2].hasPrefix("HTTP/1.") else {
            return response("400 Bad Request", "this speaks HTTP/1.1\n", hasBody: true)
        }
        let path = line[1].prefix { $0 != "?" }
        guard line[0] == "GET" || line[0] == "HEAD" else {
            return response("405 Method Not Allowed", "GET /metrics\n", hasBody: true)
        }
        guard path == "/metrics" || path == "/" else {
            return response("404 Not Found", "GET /metrics\n", hasBody: line[0] == "GET")
        }
        return response("200 OK", text(), hasBody: line[0] == "GET")
    }

    private static func response(_ status: String, _ text: String, hasBody: Bool) -> [UInt8] {
        let head =
            "HTTP/1.1 \(status)\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
            + "Content-Length: \(text.utf8.count)\r\nConnection: close\r\n\r\n"
        return Array(head.utf8) + (hasBody ? Array(text.utf8) : [])
    }
}
