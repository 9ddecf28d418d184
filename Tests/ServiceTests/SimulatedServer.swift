import KafkaProtocol
import Platform
import Records
import Streaming

@testable import Service

/// A Kafka server on a simulated disk, network and clock, driven by one thread.
final class SimulatedServer {
    let loop: SimulatedLoop
    let fileSystem = SimulatedFileSystem()
    let server: KafkaServer
    let address = SocketAddress.ipv4(host: "127.0.0.1", port: 9_092)

    /// Jobs that block run on the loop itself, as everything here.
    private struct LoopWorkers: Workers {
        let loop: SimulatedLoop
        func submit(_ job: @escaping @Sendable () -> Void) { loop.post(job) }
    }

    init(
        seed: UInt64 = 0, bytesPerMoveMax: Int? = nil, usersAreTransient: Bool = false,
        _ properties: [String: String] = [:]
    ) throws {
        loop = SimulatedLoop(seed: seed)
        loop.bytesPerMoveMax = bytesPerMoveMax
        try fileSystem.makeDirectories("/data")
        let workers = LoopWorkers(loop: loop)
        let broker = try Broker(
            Broker.Environment(
                directory: "/data", fileSystem: fileSystem, clock: loop.clock,
                random: SystemRandom(), workers: workers, clusterID: UUID(high: 1, low: 1),
                nodeID: 1, settings: try BrokerSettings(properties), report: { _ in }))
        server = KafkaServer(
            broker: broker, loops: [loop], workers: workers,
            options: KafkaServer.Options(
                advertise: nil, tracer: nil,
                users: try UserStore(fileSystem, path: "/data/users", random: SystemRandom()),
                usersAreTransient: usersAreTransient, report: { _ in }))
        _ = try server.listen(address)
    }

    func connect() -> SimulatedClient {
        let client = SimulatedClient()
        let loop = self.loop
        loop.connect(address) { result in
            if case .success(let stream) = result {
                client.stream = stream as? SimulatedStream
                stream.start(on: loop, handler: client)
            }
        }
        loop.run(milliseconds: 0)
        return client
    }

    /// Sends a request and gives the decoded answer; nil if the connection is closed instead.
    func ask<R: KafkaRequest>(_ request: R, version: Int16, on client: SimulatedClient) throws
        -> R.Response?
    {
        client.send(encodeRequest(request, version: version, correlationID: 7, clientID: "test"))
        let before = client.frames.count
        loop.run(milliseconds: 5_000) { client.frames.count > before || client.isClosed }
        guard client.frames.count > before, let frame = client.frames.last else { return nil }
        return try ResponseFrame(frame.span.bytes).decode(
            R.self, version: version, from: frame.span.bytes)
    }
}

/// A client that sends what it is told and cuts answers into frames.
final class SimulatedClient: StreamHandler, @unchecked Sendable {
    var stream: SimulatedStream?
    private(set) var frames: [[UInt8]] = []
    private(set) var isClosed = false
    private var received: [UInt8] = []
    private var unsent: [UInt8] = []

    func send(_ frame: EncodedFrame, records: [[UInt8]] = []) {
        var bytes: [UInt8] = []
        var done = 0
        for (hole, filling) in zip(frame.holes, records) {
            bytes += frame.bytes[done..<hole.position] + filling
            done = hole.position
        }
        send(bytes + frame.bytes[done...])
    }

    func send(_ bytes: [UInt8]) {
        unsent += bytes
        flush()
    }

    private func flush() {
        while !unsent.isEmpty {
            let result = unsent.withUnsafeBytes { stream?.write($0) }
            guard case .moved(let count)? = result else { return }
            unsent.removeFirst(count)
        }
    }

    func streamReady(readable: Bool, writable: Bool) {
        flush()
        var buffer = [UInt8](repeating: 0, count: 4_096)
        reading: while true {
            switch buffer.withUnsafeMutableBytes({ stream?.read(into: $0) }) {
            case .moved(let count)?: received += buffer[..<count]
            case .wouldBlock?: break reading
            default:
                isClosed = true
                break reading
            }
        }
        let splitter = FrameSplitter()
        while case .frame(let range)? = try? splitter.next(in: received.span.bytes, from: 0) {
            frames.append(Array(received[range]))
            received.removeFirst(range.upperBound)
        }
    }
}
