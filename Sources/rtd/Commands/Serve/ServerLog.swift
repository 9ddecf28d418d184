import Platform

/// Where a server tells what whoever runs it should know: stderr, which for a server in the
/// background is `server.log`; that one is kept short.
final class ServerLog: Sendable {
    private let isBounded: Bool
    private let isQuiet: Bool
    private let lock = Lock()
    nonisolated(unsafe) private var written = 0

    private static let bytesMax = 1 << 20

    init(isBounded: Bool, isQuiet: Bool) {
        self.isBounded = isBounded
        self.isQuiet = isQuiet
    }

    /// What must be known.
    func write(_ line: String) {
        lock.withLock {
            if isBounded {
                unsafe written += line.utf8.count
                if unsafe written > Self.bytesMax {
                    unsafe written = 0
                    StandardError.truncate()
                }
            }
            StandardError.write(line: "rtd: \(line)")
        }
    }

    /// What is good to know.
    func inform(_ line: String) {
        if !isQuiet { write(line) }
    }
}
