import Platform
import Testing

@testable import Service

/// A stream that takes so many bytes each time it is asked twice.
private final class SlowStream: Stream, @unchecked Sendable {
    let localAddress = SocketAddress.unix(path: "/here")
    let peerAddress = SocketAddress.unix(path: "/there")
    let peerHasEnded = false
    private let bytesMax: Int
    private var isFull = false
    private(set) var taken = 0

    init(bytesMax: Int) { self.bytesMax = bytesMax }

    func start(on loop: any EventLoop, handler: any StreamHandler) {}
    func read(into target: UnsafeMutableRawBufferPointer) -> StreamResult { .wouldBlock }
    func write(_ source: UnsafeRawBufferPointer) -> StreamResult { take(source.count) }
    func send(_ file: any File, at position: Int64, count: Int) -> StreamResult { take(count) }
    func close() {}

    private func take(_ count: Int) -> StreamResult {
        defer { isFull.toggle() }
        guard !isFull else { return .wouldBlock }
        taken += min(count, bytesMax)
        return .moved(min(count, bytesMax))
    }
}

@Suite struct OutputQueueTests {
    @Test func `a reader that always leaves something does not make the queue grow`() {
        let size = 100_000
        let stream = SlowStream(bytesMax: size)
        var queue = OutputQueue()
        queue.append([UInt8](repeating: 0, count: size))
        for _ in 0..<10_000 {
            queue.append([UInt8](repeating: 1, count: size))
            #expect(queue.flush(to: stream) == .wouldBlock)
            #expect(queue.pieceCount == 1 && queue.byteCount == size)
        }
        #expect(queue.keptCount < 1_000)
        #expect(stream.taken == 10_000 * size)
    }
}
