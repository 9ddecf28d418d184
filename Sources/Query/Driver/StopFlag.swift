import Formats
import Synchronization

/// Asks what runs to stop; set from any thread.
///
/// A running query takes the first wish as the end of its input; the others end it without more
/// rows.
public final class StopFlag: Sendable {
    private enum Wish {
        static let none = 0
        static let endOfInput = 1
        static let cancel = 2
        static let timeout = 3
    }

    private let wish = Atomic(Wish.none)

    public init() {}

    public var isSet: Bool { wish.load(ordering: .relaxed) != Wish.none }

    /// Take what has come as the end of the input.
    public func set() { raise(to: Wish.endOfInput) }

    /// Give up at once.
    public func cancel() { raise(to: Wish.cancel) }

    /// The statement has run for too long.
    func expire() { raise(to: Wish.timeout) }

    private func raise(to new: Int) {
        let isFirst = wish.compareExchange(
            expected: Wish.none, desired: new, ordering: .relaxed
        ).exchanged
        if !isFirst, new > Wish.endOfInput {
            _ = wish.compareExchange(
                expected: Wish.endOfInput, desired: new, ordering: .relaxed)
        }
    }

    /// The statement that ran for too long has ended.
    func forgetTimeout() {
        _ = wish.compareExchange(
            expected: Wish.timeout, desired: Wish.none, ordering: .relaxed)
    }

    /// Before another query is run.
    public func clear() { wish.store(Wish.none, ordering: .relaxed) }

    /// Why what runs has to be given up; nil: it need not.
    var cancellation: SQLError? {
        switch wish.load(ordering: .relaxed) {
        case Wish.cancel: StopFlag.userRequest
        case Wish.timeout:
            SQLError("canceling statement due to statement timeout", .queryCanceled)
        default: nil
        }
    }

    static let userRequest = SQLError(
        "canceling statement due to user request", .queryCanceled)
}
