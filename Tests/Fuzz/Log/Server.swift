import Bytes
import KafkaProtocol
import Platform
import Records
import Streaming

@testable import Service

/// What a client sends over one connection: requests, each behind four bytes of size, handled by a
/// whole server on a simulated disk. Each is answered by something that its client can read, or the
/// connection is closed; and others are served as before.
///
/// The size of a frame is put right when it passes the end, and so is the checksum of a batch:
/// else nothing behind those checks would be reached.
func fuzzServer(_ bytes: RawSpan) {
    guard bytes.byteCount < 1 << 16, let rig = try? ServerRig() else { return }
    defer { rig.end() }
    let client = rig.connect()
    var asked: [RequestHeader] = []
    for frame in frames(bytes) {
        if let header = try? RequestFrame(frame.span.bytes.extracting(4...)).header {
            asked.append(header)
        }
        client.send(frame)
        rig.loop.run(milliseconds: 20)
    }
    // Joins wait for others, fetches for records.
    rig.loop.run(milliseconds: 2_000)
    check(client, asked)
    let other = rig.connect()
    other.send(frame(ApiVersionsRequest(), version: 3))
    rig.loop.run(milliseconds: 100) { !other.answers.isEmpty }
    precondition(other.answers.count == 1, "another client is not served any more")
}

/// The answers come in the order of the requests, and can be read.
private func check(_ client: FuzzClient, _ asked: [RequestHeader]) {
    var left = asked[...]
    for answer in client.answers {
        guard let id = try? ResponseFrame(answer.span.bytes).correlationId else {
            fatalError("an answer has no header")
        }
        // Without acknowledgements a request gets none.
        while let next = left.first, next.correlationId != id { left.removeFirst() }
        guard let request = left.popFirst() else { fatalError("an answer that nobody asked for") }
        let served = HandlerTable.byKey[Int(request.apiKey)]?.served
        // An unknown version of ApiVersions is answered in version 0 (KIP-511).
        let version = served?.contains(request.apiVersion) == true ? request.apiVersion : 0
        guard canRead(answer.span.bytes, request.apiKey, version) else {
            fatalError("the answer to \(request) cannot be read")
        }
    }
}

private func canRead(_ answer: RawSpan, _ key: Int16, _ version: Int16) -> Bool {
    (try? MessageCatalog.decodeResponse(answer, key: key, version: version)) != nil
}

private func frame<R: KafkaRequest>(_ request: R, version: Int16) -> [UInt8] {
    encodeRequest(request, version: version, correlationID: 7, clientID: "fuzz").bytes
}

/// Cuts the input into frames, with their sizes, at most 32.
private func frames(_ bytes: RawSpan) -> [[UInt8]] {
    var frames: [[UInt8]] = []
    var reader = ByteReader(bytes)
    while reader.remaining > 4, frames.count < 32 {
        let size = Int(reader.uint32() % 16_384)
        var frame = reader.array(min(size, reader.remaining))
        // A number of its own, so that answers are matched with the right request.
        if frame.count >= 8 { frame.replaceSubrange(4..<8, with: [1, 0, 0, UInt8(frames.count)]) }
        settleChecksums(&frame)
        let count = UInt32(frame.count)
        frames.append([24, 16, 8, 0].map { UInt8(truncatingIfNeeded: count >> $0) } + frame)
    }
    return frames
}

private func settleChecksums(_ frame: inout [UInt8]) {
    guard let (_, body) = try? MessageCatalog.decodeRequest(frame.span.bytes),
        let produce = body as? ProduceRequest
    else { return }
    for partition in produce.topicData.flatMap(\.partitionData) {
        guard case .slice(let range) = partition.records,
            range.count >= RecordBatchHeader.size
        else { continue }
        frame[range].withUnsafeMutableBytes { RecordBatchPatch.checksum($0) }
    }
}

/// A server on a simulated disk, network and clock, driven by the thread that made it; every run of
/// the same input is the same.
private final class ServerRig {
    let loop = SimulatedLoop(seed: 1)
    private let fileSystem = SimulatedFileSystem()
    private let server: KafkaServer
    private var clients: [FuzzClient] = []
    private let address = SocketAddress.ipv4(host: "127.0.0.1", port: 9_092)

    private struct LoopWorkers: Workers {
        let loop: SimulatedLoop
        func submit(_ job: @escaping @Sendable () -> Void) { loop.post(job) }
    }

    /// Numbers that are the same in every run.
    private final class CountingRandom: RandomSource, @unchecked Sendable {
        private var random = SeededRandom(seed: 1)
        func next() -> UInt64 { random.next() }
    }

    init() throws {
        try fileSystem.makeDirectories("/data")
        let workers = LoopWorkers(loop: loop)
        let broker = try Broker(
            Broker.Environment(
                directory: "/data", fileSystem: fileSystem, clock: loop.clock,
                random: CountingRandom(), workers: workers, clusterID: UUID(high: 1, low: 1),
                nodeID: 1, settings: try BrokerSettings([:]), report: { _ in }))
        server = KafkaServer(
            broker: broker, loops: [loop], workers: workers,
            options: KafkaServer.Options(
                advertise: nil, tracer: nil,
                users: try UserStore(fileSystem, path: "/data/users", random: CountingRandom()),
                report: { _ in }))
        _ = try server.listen(address)
    }

    /// Lets everything go: what waits for time, records or others keeps all of it alive.
    func end() {
        server.closeAll()
        for client in clients { client.stream?.close() }
        loop.run(milliseconds: 0)
        loop.discard()
    }

    func connect() -> FuzzClient {
        let client = FuzzClient()
        clients.append(client)
        loop.connect(address) { [loop] result in
            guard case .success(let stream) = result else { return }
            client.stream = stream
            stream.start(on: loop, handler: client)
        }
        loop.run(milliseconds: 0)
        return client
    }
}

/// Sends bytes, and cuts what comes into answers.
private final class FuzzClient: StreamHandler, @unchecked Sendable {
    var stream: (any Platform.Stream)?
    private(set) var answers: [[UInt8]] = []
    private var received: [UInt8] = []
    private var unsent: [UInt8] = []

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
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while case .moved(let count)? = buffer.withUnsafeMutableBytes({ stream?.read(into: $0) }) {
            received += buffer[..<count]
        }
        let splitter = FrameSplitter()
        while case .frame(let range)? = try? splitter.next(in: received.span.bytes, from: 0) {
            answers.append(Array(received[range]))
            received.removeFirst(range.upperBound)
        }
    }
}
