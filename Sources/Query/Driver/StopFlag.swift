import Synchronization

/// Asks a running query to take what has come as the end of its input; set from any thread.
public final class StopFlag: Sendable {
    private let flag = Atomic(false)

    public init() {}

    public var isSet: Bool { flag.load(ordering: .relaxed) }

    public func set() { flag.store(true, ordering: .relaxed) }

    /// Before another query is run.
    public func clear() { flag.store(false, ordering: .relaxed) }
}
