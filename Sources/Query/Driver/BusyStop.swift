import Aggregation
import Formats
import Platform

/// Cancels a query that was asked to stop and does not come back to its driver, because one of its
/// operators is busy with what one batch of input makes. Used on the query's thread.
final class BusyStop: StopCheck {
    private let stop: StopFlag
    private let clock: any Clock
    /// When the stop was seen first.
    private var seen: Int64?
    /// The driver has seen it, and what comes now is the result.
    var isEnding = false

    /// Within it a query ends as at the end of its input.
    static let grace: Int64 = 1_000_000_000

    init(_ stop: StopFlag, _ clock: any Clock) {
        self.stop = stop
        self.clock = clock
    }

    func look() throws(SQLError) {
        guard stop.isSet else { return }
        if let cancellation = stop.cancellation { throw cancellation }
        guard !isEnding else { return }
        let now = clock.monotonicNanoseconds
        guard let seen else {
            seen = now
            return
        }
        guard now - seen > BusyStop.grace else { return }
        throw StopFlag.userRequest
    }
}
