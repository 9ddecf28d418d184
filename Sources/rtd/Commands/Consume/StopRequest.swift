import Platform

/// What asks the reading task to end from outside, at most once. From any thread.
final class StopRequest: @unchecked Sendable {
    enum Reason: Sendable {
        case signal
        /// The reader of stdout has left.
        case outputClosed
        /// No record within `--timeout`, while the cluster was waited for.
        case idle
    }

    private let lock = Lock()
    private var requested: Reason?
    private var cancel: (@Sendable () -> Void)?

    /// The first reason that came.
    var reason: Reason? { lock.withLock { requested } }

    /// Sets what a request does; it is done at once if one has come.
    func handle(_ cancel: @escaping @Sendable () -> Void) {
        let isLate = lock.withLock {
            self.cancel = cancel
            return requested != nil
        }
        if isLate { cancel() }
    }

    func request(_ reason: Reason) {
        let cancel = lock.withLock { () -> (@Sendable () -> Void)? in
            guard requested == nil else { return nil }
            requested = reason
            return self.cancel
        }
        cancel?()
    }
}
