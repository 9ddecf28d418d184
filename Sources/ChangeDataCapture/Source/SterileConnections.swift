/// Decides when connections that are lost again and again, without having brought anything, are
/// enough. A server that restarts, or a failover, is such a row; but one that falls over what is
/// asked of it must not be asked for ever.
struct SterileConnections {
    private let patience: Int64
    private var count = 0
    /// When the first of the row began.
    private var since: Int64 = 0

    /// A row of them is given up after so long.
    init(_ patienceNanoseconds: Int64) { patience = patienceNanoseconds }

    /// One that began streaming at `began` (or, if it never did, was tried) has ended: how long to
    /// wait before the next; nil: none.
    mutating func ended(hasGiven: Bool, began: Int64, at now: Int64) -> Int64? {
        guard !hasGiven, began > now - Limits.sterileNanoseconds else {
            count = 0
            return 0
        }
        if count == 0 { since = began }
        count += 1
        guard count < Limits.sterileConnectionsMax || now - since < patience else { return nil }
        return min(Limits.retryPauseFirst << Int64(min(count - 1, 8)), Limits.retryPauseLast)
    }
}
