import Foundation
import Platform
import Testing

/// Echoes what it reads, for the tests of a loop.
private final class Echo: StreamHandler, @unchecked Sendable {
    let stream: any Platform.Stream
    init(_ stream: any Platform.Stream) { self.stream = stream }
    func streamReady(readable: Bool, writable: Bool) {
        var buffer = [UInt8](repeating: 0, count: 4_096)
        while true {
            let result = buffer.withUnsafeMutableBytes { stream.read(into: $0) }
            guard case .moved(let count) = result else {
                if result != .wouldBlock { stream.close() }
                return
            }
            _ = buffer[..<count].withUnsafeBytes { stream.write($0) }
        }
    }
}

/// Sends a text and resumes when as many bytes came back.
private final class Caller: StreamHandler, @unchecked Sendable {
    let stream: any Platform.Stream
    var received: [UInt8] = []
    let wanted: Int
    var continuation: CheckedContinuation<[UInt8], Never>?
    init(_ stream: any Platform.Stream, wanted: Int) {
        self.stream = stream
        self.wanted = wanted
    }
    func streamReady(readable: Bool, writable: Bool) {
        var buffer = [UInt8](repeating: 0, count: 4_096)
        while case .moved(let count) = buffer.withUnsafeMutableBytes({ stream.read(into: $0) }) {
            received += buffer[..<count]
        }
        if received.count >= wanted {
            continuation?.resume(returning: received)
            continuation = nil
        }
    }
}

@Suite struct LoopTests {
    private func echoed(over address: SocketAddress) async throws -> String {
        let loop = Loop()
        loop.start()
        defer { loop.stop() }
        let bytes: [UInt8] = await withCheckedContinuation { continuation in
            loop.post {
                do throws(SystemError) {
                    let listener = try loop.listen(address) { stream in
                        stream.start(on: loop, handler: Echo(stream))
                    }
                    loop.connect(listener.address) { result in
                        guard case .success(let stream) = result else { return }
                        let caller = Caller(stream, wanted: 5)
                        caller.continuation = continuation
                        stream.start(on: loop, handler: caller)
                        _ = Array("hello".utf8).withUnsafeBytes { stream.write($0) }
                        _ = listener
                    }
                } catch {
                    continuation.resume(returning: Array("\(error)".utf8))
                }
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test func `bytes go around over TCP`() async throws {
        #expect(try await echoed(over: .ipv4(host: "127.0.0.1", port: 0)) == "hello")
    }

    @Test func `bytes go around over a Unix socket`() async throws {
        let path = NSTemporaryDirectory() + "rtd-loop-\(UInt32.random(in: 0 ... .max))"
        defer { try? FileManager.default.removeItem(atPath: path) }
        #expect(try await echoed(over: .unix(path: path)) == "hello")
    }

    @Test func `a refused connection names the address`() async throws {
        let loop = Loop()
        loop.start()
        defer { loop.stop() }
        let error: SystemError? = await withCheckedContinuation { continuation in
            loop.post {
                loop.connect(.ipv4(host: "127.0.0.1", port: 1)) { result in
                    if case .failure(let error) = result {
                        continuation.resume(returning: error)
                    } else {
                        continuation.resume(returning: nil)
                    }
                }
            }
        }
        #expect(error?.isRefused == true)
        #expect(error?.description == "cannot reach 127.0.0.1:1: Connection refused")
    }

    @Test func `timers fire in order and cancelled ones do not`() async {
        let loop = Loop()
        loop.start()
        defer { loop.stop() }
        let order: [Int] = await withCheckedContinuation { continuation in
            loop.post {
                let seen = Seen()
                loop.after(3_000_000) {
                    seen.values.append(3)
                    continuation.resume(returning: seen.values)
                }
                loop.after(1_000_000) { seen.values.append(1) }
                let cancelled = loop.after(2_000_000) { seen.values.append(2) }
                loop.cancel(cancelled)
            }
        }
        #expect(order == [1, 3])
    }

    @Test func `what a job held ends without holding other jobs up`() {
        let workers = WorkerThreads(threadsMax: 1)
        let ended = DispatchSemaphore(value: 0)
        for _ in 0..<3 {
            let held = Held { workers.submit { ended.signal() } }
            workers.submit { withExtendedLifetime(held) {} }
        }
        for _ in 0..<3 { #expect(ended.wait(timeout: .now() + 60) == .success) }
    }

    @Test func `a task stays on its loop across suspensions`() async {
        let loop = Loop()
        loop.start()
        defer { loop.stop() }
        let always = await Task(executorPreference: loop) {
            var always = loop.isCurrent
            for _ in 0..<100 {
                await loop.sleep(nanoseconds: 1)
                always = always && loop.isCurrent
            }
            return always
        }.value
        #expect(always)
    }
}

/// Does something when it is let go.
private final class Held: Sendable {
    private let last: @Sendable () -> Void
    init(_ last: @escaping @Sendable () -> Void) { self.last = last }
    deinit { last() }
}

private final class Seen: @unchecked Sendable {
    var values: [Int] = []
}
