import Platform

/// What ends a serving process: a signal, or the server itself. The main thread waits for it.
final class Ending: @unchecked Sendable {
    private let lock = Lock()
    private let changed = Condition()
    private var pending: [CInt] = []

    /// The number by which the server itself asks to end.
    private static let ownWish: CInt = 0

    func signal(_ number: CInt) {
        lock.withLock {
            pending.append(number)
            changed.signal()
        }
    }

    func end() { signal(Self.ownWish) }

    /// The next signal; blocks.
    func wait() -> CInt? {
        lock.withLock {
            while pending.isEmpty { lock.wait(changed) }
            return pending.removeFirst()
        }
    }
}
