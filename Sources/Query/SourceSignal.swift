import Platform

/// Wakes the thread that drives a query: sources signal it from their reader threads.
public final class SourceSignal: @unchecked Sendable {
    private let lock = Lock()
    private let condition = Condition()
    private var isRaised = false

    public init() {}

    public func signal() {
        lock.withLock {
            isRaised = true
            condition.signal()
        }
    }

    /// Returns when it was signalled since the last wait ended, or when the time is over (nil:
    /// never). False when the time is over.
    public func wait(nanoseconds: Int64?) -> Bool {
        lock.withLock {
            while !isRaised {
                if let nanoseconds {
                    if !lock.wait(condition, nanoseconds: nanoseconds) { break }
                } else {
                    lock.wait(condition)
                }
            }
            defer { isRaised = false }
            return isRaised
        }
    }
}
