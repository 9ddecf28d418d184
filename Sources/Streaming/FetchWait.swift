import Platform
import Synchronization

/// A fetch that waits for records; woken once, from whatever thread appends or syncs.
public final class FetchWait: Sendable {
    private let woken = Atomic<Bool>(false)
    private let action: @Sendable () -> Void

    /// `action` must hand over to the loop of the client that waits.
    public init(_ action: @escaping @Sendable () -> Void) {
        self.action = action
    }

    /// The first call runs the action, later ones do nothing.
    public func wake() {
        if woken.exchange(true, ordering: .acquiringAndReleasing) == false { action() }
    }
}

/// The fetches that wait on one partition.
final class FetchWaits: @unchecked Sendable {
    private let lock = Lock()
    private var waiting: [ObjectIdentifier: FetchWait] = [:]

    func add(_ wait: FetchWait) {
        let full = lock.withLock {
            waiting[ObjectIdentifier(wait)] = wait
            return waiting.count > Limits.fetchWaitsPerPartitionMax
        }
        // Past the limit a fetch is answered with what there is, as if its time were up.
        if full { wait.wake() }
    }

    func remove(_ wait: FetchWait) {
        lock.withLock { _ = waiting.removeValue(forKey: ObjectIdentifier(wait)) }
    }

    func wakeAll() {
        let woken = lock.withLock { () -> [ObjectIdentifier: FetchWait] in
            guard !waiting.isEmpty else { return [:] }
            var taken: [ObjectIdentifier: FetchWait] = [:]
            swap(&taken, &waiting)
            return taken
        }
        for wait in woken.values { wait.wake() }
    }
}
