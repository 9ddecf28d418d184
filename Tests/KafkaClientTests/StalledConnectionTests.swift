import KafkaProtocol
import Platform
import Testing

@testable import KafkaClient

/// A socket whose peer reads nothing and says nothing.
private final class StalledStream: Platform.Stream, @unchecked Sendable {
    let localAddress = SocketAddress.unix(path: "")
    let peerAddress = SocketAddress.unix(path: "")
    let peerHasEnded = false

    func start(on loop: any EventLoop, handler: any StreamHandler) {}
    func read(into target: UnsafeMutableRawBufferPointer) -> StreamResult { .wouldBlock }
    func write(_ source: UnsafeRawBufferPointer) -> StreamResult { .wouldBlock }
    func send(_ file: any File, at position: Int64, count: Int) -> StreamResult { .wouldBlock }
    func close() {}
}

@Suite struct StalledConnectionTests {
    private let endpoint = Endpoint.unix(path: "/stalled")

    /// What becomes of a request without acknowledgement, over a connection that `end` ends.
    private func outcome(
        timeoutMilliseconds: Int64, isHeld: Bool, _ end: @escaping @Sendable (Connection) -> Void
    ) async -> Result<ProduceResponse, ClientError> {
        let loop = Loop()
        loop.start()
        defer { loop.stop() }
        return await withCheckedContinuation { continuation in
            loop.post {
                let connection = Connection(
                    stream: StalledStream(), endpoint: endpoint, loop: loop,
                    configuration: ClientConfiguration(bootstrap: [endpoint]), pool: FramePool())
                if isHeld { connection.hold() }
                connection.produce(
                    .with { $0.acks = 0 }, batches: [], version: 9,
                    timeoutMilliseconds: timeoutMilliseconds
                ) { result in
                    withExtendedLifetime(connection) { continuation.resume(returning: result) }
                }
                end(connection)
            }
        }
    }

    @Test(arguments: [false, true])
    func `what is not written when a connection is lost fails`(isHeld: Bool) async {
        let lost = ClientError.connectionLost(address: "/stalled", reason: "gone")
        let result = await outcome(timeoutMilliseconds: 60_000, isHeld: isHeld) { $0.close(lost) }
        #expect(result.error == lost)
    }

    @Test func `what cannot be written for the time of a request fails`() async {
        let result = await outcome(timeoutMilliseconds: 1, isHeld: false) { _ in }
        #expect(
            result.error
                == .timedOut(api: .produce, address: "/stalled", milliseconds: 1))
    }
}

extension Result {
    fileprivate var error: Failure? {
        if case .failure(let error) = self { error } else { nil }
    }
}
