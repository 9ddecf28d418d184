import LogStorage
import Platform

/// Keeps a server in memory within its size: past it the oldest segments go, of whatever topic.
///
/// Told of every append, from any loop; looks at the logs only after a part of the size was
/// appended.
final class MemoryBudget: @unchecked Sendable {
    private let bytesMax: Int64
    private let lock = Lock()
    private var bytesSinceLook: Int64 = 0
    private var logs: @Sendable () -> [Log] = { [] }

    /// Segments are so small that letting one go is a small loss.
    static let segmentsInMemory: Int64 = 16

    init(bytesMax: Int64) {
        self.bytesMax = bytesMax
    }

    /// The largest segment that a log in memory should have.
    var segmentBytesMax: Int64 { max(64 * 1024, bytesMax / Self.segmentsInMemory) }

    func watch(_ logs: @escaping @Sendable () -> [Log]) {
        self.logs = logs
    }

    func appended(_ count: Int) {
        let isDue = lock.withLock {
            bytesSinceLook += Int64(count)
            guard bytesSinceLook >= segmentBytesMax / 4 else { return false }
            bytesSinceLook = 0
            return true
        }
        if isDue { trim() }
    }

    private func trim() {
        let logs = self.logs()
        var used = logs.reduce(Int64(0)) { $0 + $1.sizeInBytes }
        while used > bytesMax - segmentBytesMax {
            let sealed = logs.compactMap { log in
                log.oldestSealedMilliseconds.map { (log, $0) }
            }
            guard let log = sealed.min(by: { $0.1 < $1.1 })?.0 ?? sealedLargest(logs, used)
            else { return }
            let before = log.sizeInBytes
            // In memory nothing can fail to be removed; a closed log is skipped the next time.
            guard let removed = try? log.removeOldestSegment(), removed else { return }
            let freed = before - log.sizeInBytes
            guard freed > 0 else { return }
            used -= freed
        }
    }

    /// Many logs fill the memory although none has filled a segment: the largest is sealed, so that
    /// what it has can go. Nil while there is room.
    private func sealedLargest(_ logs: [Log], _ used: Int64) -> Log? {
        guard used > bytesMax - segmentBytesMax / 2,
            let largest = logs.max(by: { $0.sizeInBytes < $1.sizeInBytes }),
            largest.sizeInBytes > 0, (try? largest.beginSegment()) != nil
        else { return nil }
        return largest
    }
}
