import Platform
import Synchronization

/// The socket in the run directory on which a line a request is told to whoever connects.
///
/// Lives on one loop. A reader that does not keep up misses lines; it never holds the server.
final class TraceSocket: @unchecked Sendable {
    private let path: String
    private let loop: any EventLoop
    private let readers = Atomic<Int>(0)
    private var watchers: [ObjectIdentifier: Watcher] = [:]
    private var listener: (any Listener)?

    private static let readersMax = 16

    /// A reader, and what is left of a line that it took in part.
    private struct Watcher {
        let stream: any Stream
        var rest: [UInt8] = []
    }

    init(path: String, loop: any EventLoop) {
        self.path = path
        self.loop = loop
    }

    func listen() throws(SystemError) {
        listener = try loop.listen(.unix(path: path)) { [weak self] in self?.accept($0) }
    }

    /// False while nobody reads, so that no line is made for nothing.
    var isRead: Bool { readers.load(ordering: .relaxed) > 0 }

    private func accept(_ stream: any Stream) {
        guard watchers.count < Self.readersMax else { return stream.close() }
        watchers[ObjectIdentifier(stream)] = Watcher(stream: stream)
        readers.store(watchers.count, ordering: .relaxed)
        stream.start(on: loop, handler: Reader(stream, self))
    }

    /// Sends a line to every reader; from any thread. One that is slow misses lines, and gets none
    /// in part.
    func write(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        loop.post { [self] in
            for (id, watcher) in watchers { watchers[id]?.rest = give(bytes, to: watcher) }
        }
    }

    private func give(_ line: [UInt8], to watcher: Watcher) -> [UInt8] {
        let rest = left(of: watcher.rest, by: watcher.stream)
        guard rest.isEmpty else { return rest }
        let left = left(of: line, by: watcher.stream)
        return left.count == line.count ? [] : left
    }

    private func left(of bytes: [UInt8], by stream: any Stream) -> [UInt8] {
        guard !bytes.isEmpty else { return [] }
        switch unsafe bytes.withUnsafeBytes({ unsafe stream.write($0) }) {
        case .moved(let count): return Array(bytes[count...])
        case .wouldBlock: return bytes
        case .end, .failed:
            forget(stream)
            return []
        }
    }

    private func forget(_ stream: any Stream) {
        watchers[ObjectIdentifier(stream)] = nil
        readers.store(watchers.count, ordering: .relaxed)
        stream.close()
    }

    /// Notices that a reader has left.
    private final class Reader: StreamHandler, @unchecked Sendable {
        private let stream: any Stream
        private weak var socket: TraceSocket?

        init(_ stream: any Stream, _ socket: TraceSocket) {
            self.stream = stream
            self.socket = socket
        }

        func streamReady(readable: Bool, writable: Bool) {
            var scratch = [UInt8](repeating: 0, count: 64)
            while true {
                let result = unsafe scratch.withUnsafeMutableBytes { unsafe stream.read(into: $0) }
                switch result {
                case .moved: continue
                case .wouldBlock: return
                case .end, .failed:
                    socket?.forget(stream)
                    return
                }
            }
        }
    }
}
