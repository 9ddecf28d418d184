import Platform

/// The bytes that a producer may hold; those who want more wait in line. For any thread.
final class ProducerMemory: @unchecked Sendable {
    private struct Waiter {
        let bytes: Int
        let ready: @Sendable () -> Void
    }

    private let lock = Lock()
    private let bytesMax: Int
    private var used = 0
    private var waiters = Queue<Waiter>()

    init(bytesMax: Int) {
        self.bytesMax = bytesMax
    }

    /// Takes `bytes` if they are free now. One batch alone is let in whatever its size.
    func reserve(_ bytes: Int) -> Bool {
        lock.withLock {
            guard waiters.isEmpty, fits(bytes) else { return false }
            used += bytes
            return true
        }
    }

    /// Takes `bytes` as soon as they are free, then calls `ready`, on any thread.
    func reserve(_ bytes: Int, ready: @escaping @Sendable () -> Void) {
        let now = lock.withLock {
            guard waiters.isEmpty, fits(bytes) else {
                waiters.append(Waiter(bytes: bytes, ready: ready))
                return false
            }
            used += bytes
            return true
        }
        if now { ready() }
    }

    /// Takes `bytes`, and blocks the thread until they are free.
    func reserveBlocking(_ bytes: Int) {
        guard !reserve(bytes) else { return }
        let gate = Gate()
        reserve(bytes) { gate.open() }
        gate.wait()
    }

    func release(_ bytes: Int) {
        var woken: [Waiter] = []
        lock.withLock {
            used -= bytes
            while let next = waiters.first, fits(next.bytes) {
                used += next.bytes
                _ = waiters.popFirst()
                woken.append(next)
            }
        }
        for waiter in woken { waiter.ready() }
    }

    private func fits(_ bytes: Int) -> Bool { used == 0 || used + bytes <= bytesMax }
}

/// Lets one thread wait for another's call, once.
private final class Gate: @unchecked Sendable {
    private let lock = Lock()
    private let opened = Condition()
    private var isOpen = false

    func open() {
        lock.withLock {
            isOpen = true
            opened.signal()
        }
    }

    func wait() {
        lock.lock()
        while !isOpen { lock.wait(opened) }
        lock.unlock()
    }
}
