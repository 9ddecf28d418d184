import KafkaClient
import Platform

/// Says that records wait to be delivered, when the same has failed for some seconds: a full disk
/// stands still for minutes before it is an error, while the database keeps its log. On the
/// cluster's loop.
final class DeliveryNotice: @unchecked Sendable {
    private static let patienceNanoseconds: Int64 = 3_000_000_000
    /// A failure so long after another is a new one; and how often it is told.
    private static let restNanoseconds: Int64 = 30_000_000_000

    private let notices: @Sendable (String) -> Void
    private let clock = SystemClock()
    private var first: Int64 = 0
    private var last: Int64 = 0
    private var isTold = false

    init(_ notices: @escaping @Sendable (String) -> Void) { self.notices = notices }

    func failed(_ error: ClientError) {
        let now = clock.monotonicNanoseconds
        if now - last > Self.restNanoseconds { (first, isTold) = (now, false) }
        last = now
        guard !isTold, now - first > Self.patienceNanoseconds else { return }
        isTold = true
        notices("records wait to be delivered: \(error)")
    }
}
