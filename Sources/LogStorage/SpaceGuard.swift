public import Platform

/// Watches the free space of the disk that logs share, asking at most once a second or 64 MiB;
/// called under the locks of many logs.
public final class SpaceGuard: @unchecked Sendable {
    private let fileSystem: any FileSystem
    private let path: String
    private let freeBytesMin: Int64
    private let lock = Lock()
    private var lastAsked: Int64?
    private var bytesSince: Int64 = 0
    private var isLow = false

    /// `freeBytesMin` or 1 % of the disk, whichever is more, stays free; 0 turns the guard off.
    public init(
        fileSystem: any FileSystem, path: String, freeBytesMin: Int64 = Limits.freeBytesMin
    ) {
        self.fileSystem = fileSystem
        self.path = path
        self.freeBytesMin = freeBytesMin
    }

    /// Whether `count` bytes may be written now.
    func admits(_ count: Int, nowMilliseconds: Int64) -> Bool {
        guard freeBytesMin > 0 else { return true }
        return lock.withLock {
            bytesSince &+= Int64(count)
            let isDue = lastAsked.map { abs(nowMilliseconds &- $0) >= 1_000 } ?? true
            if isDue || bytesSince >= Limits.checkpointBytes { ask(nowMilliseconds) }
            return !isLow
        }
    }

    private func ask(_ now: Int64) {
        lastAsked = now
        bytesSince = 0
        // If the system does not tell, the write itself will.
        guard let space = try? fileSystem.space(path) else { return }
        isLow = space.free < max(freeBytesMin, space.total / 100)
    }
}
