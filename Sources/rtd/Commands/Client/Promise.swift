import Platform

/// A value that is set once and waited for, by a thread or by a task. Later values are dropped.
final class Promise<Value: Sendable>: @unchecked Sendable {
    private let lock = Lock()
    private let changed = Condition()
    private var value: Value?
    private var waiter: CheckedContinuation<Value, Never>?

    func set(_ new: Value) {
        let waiting = lock.withLock { () -> CheckedContinuation<Value, Never>? in
            guard value == nil else { return nil }
            value = new
            changed.broadcast()
            defer { waiter = nil }
            return waiter
        }
        waiting?.resume(returning: new)
    }

    /// Blocks the thread until there is a value.
    func waitBlocking() -> Value {
        lock.lock()
        defer { lock.unlock() }
        while true {
            if let value { return value }
            lock.wait(changed)
        }
    }

    /// Suspends the task until there is a value; one task at a time.
    func wait() async -> Value {
        await withCheckedContinuation { continuation in
            let ready = lock.withLock { () -> Value? in
                if value == nil { waiter = continuation }
                return value
            }
            if let ready { continuation.resume(returning: ready) }
        }
    }
}
