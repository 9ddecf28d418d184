import Platform

/// What a change of the broker's registry or configs is about.
public enum ChangeTarget: Hashable, Sendable {
    /// Names that differ in `.` and `_` only are one: they exclude each other (`TopicName`).
    case topic(String)
    case broker
    case group(String)

    /// The target of whatever concerns the topic of this name, whether it exists or not.
    public init(topic name: String) {
        self = .topic(String(name.map { $0 == "." ? "_" : $0 }))
    }
}

/// Lets changes of one target happen one after the other, each from what the one before has left,
/// as Kafka's controller makes them. Those of different targets go side by side and share a sync.
///
/// Owned by the broker, called from any thread; its lock is held for the queues only.
final class ChangeTurns: @unchecked Sendable {
    private typealias Change = @Sendable () -> Void

    /// Changes of one target, which is there while one of them is under way or waits.
    private struct Queue {
        var waiting: [Change] = []
        var isBusy = false
        /// Somebody is in `begin`: what is over meanwhile is seen by his loop.
        var isBeginning = false
    }

    private let lock = Lock()
    private var queues: [ChangeTarget: Queue] = [:]

    /// Runs `change` when those before it are over; it calls what it is given once it is.
    func take(
        _ target: ChangeTarget,
        _ change: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void
    ) {
        lock.withLock {
            queues[target, default: Queue()].waiting.append { [self] in
                change { [self] in
                    lock.withLock { queues[target]?.isBusy = false }
                    begin(target)
                }
            }
        }
        begin(target)
    }

    /// Begins what waits until one of them is not over at once. Changes that are do not nest.
    private func begin(_ target: ChangeTarget) {
        let begins = lock.withLock {
            guard queues[target]?.isBeginning == false else { return false }
            queues[target]?.isBeginning = true
            return true
        }
        guard begins else { return }
        while let change = next(target) { change() }
    }

    private func next(_ target: ChangeTarget) -> Change? {
        lock.withLock {
            guard var queue = queues[target] else { return nil }
            guard !queue.isBusy, !queue.waiting.isEmpty else {
                queue.isBeginning = false
                queues[target] = queue.isBusy ? queue : nil
                return nil
            }
            queue.isBusy = true
            let change = queue.waiting.removeFirst()
            queues[target] = queue
            return change
        }
    }
}

extension Broker {
    /// Makes a change in its turn: `done` is told how it ended, then the next one begins. What the
    /// change looks at stays as it is until it calls its own `done`.
    public func inTurn<Value>(
        _ target: ChangeTarget,
        _ done: @escaping @Sendable (Result<Value, StreamingError>) -> Void,
        _ change:
            @escaping @Sendable (
                _ done: @escaping @Sendable (Result<Value, StreamingError>) -> Void
            ) throws(StreamingError) -> Void
    ) {
        turns.take(target) { over in
            let finish: @Sendable (Result<Value, StreamingError>) -> Void = {
                done($0)
                over()
            }
            do throws(StreamingError) { try change(finish) } catch { finish(.failure(error)) }
        }
    }
}
