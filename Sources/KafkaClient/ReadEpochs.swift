/// The leader epochs that records of a partition were read in, so that an offset is committed with
/// the one of the record before it: where the log is cut, the next reader finds out (KIP-320).
struct ReadEpochs: Sendable {
    /// From an offset on records have this epoch; ascending.
    private var runs: [(start: Int64, epoch: Int32)] = []

    /// Older ones are forgotten: what is committed is never far behind what is read.
    private static let runsMax = 32

    init() {}

    /// Of an offset that was committed with an epoch.
    init(_ committed: CommittedOffset) {
        note(committed.leaderEpoch, from: committed.offset - 1)
    }

    /// Records from `offset` on are of this epoch.
    mutating func note(_ epoch: Int32, from offset: Int64) {
        guard epoch >= 0, epoch != runs.last?.epoch else { return }
        // After a cut the log goes on in front of what was read.
        while let last = runs.last, last.start >= offset { runs.removeLast() }
        if runs.count == Self.runsMax { runs.removeFirst() }
        runs.append((offset, epoch))
    }

    mutating func append(_ later: ReadEpochs) {
        for run in later.runs { note(run.epoch, from: run.start) }
    }

    /// The epoch of the record in front of `offset`; -1 if it is not known.
    func epoch(before offset: Int64) -> Int32 {
        runs.last { $0.start < offset }?.epoch ?? -1
    }
}
