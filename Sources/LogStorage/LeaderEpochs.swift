/// The leader epochs of a log, each with the offset it began at (KIP-101, KIP-320); ascending.
public struct LeaderEpochs: Sendable, Equatable {
    public struct Entry: Sendable, Equatable {
        public var epoch: Int32
        public var startOffset: Int64

        public init(epoch: Int32, startOffset: Int64) {
            self.epoch = epoch
            self.startOffset = startOffset
        }
    }

    public private(set) var entries: [Entry] = []

    public init() {}

    public var latest: Int32 { entries.last?.epoch ?? 0 }
    /// The one to begin; none comes after the last that there can be.
    var next: Int32 { latest < Int32.max ? latest + 1 : latest }

    /// Begins `epoch` at `offset` if it is newer than all before. An epoch without a batch is
    /// forgotten.
    mutating func begin(_ epoch: Int32, at offset: Int64) {
        guard entries.isEmpty || epoch > latest else { return }
        while let last = entries.last, last.startOffset >= offset { entries.removeLast() }
        entries.append(Entry(epoch: epoch, startOffset: offset))
        if entries.count > Limits.leaderEpochsMax { entries.removeFirst() }
    }

    /// Forgets epochs that ended before `start`.
    mutating func removeBefore(_ start: Int64) {
        while entries.count > 1, entries[1].startOffset <= start { entries.removeFirst() }
        if let first = entries.first, first.startOffset < start { entries[0].startOffset = start }
    }

    /// Forgets what began at or behind `end`, which was cut.
    mutating func removeFrom(_ end: Int64) {
        while entries.count > 1, let last = entries.last, last.startOffset > end {
            entries.removeLast()
        }
    }

    /// OffsetForLeaderEpoch: the largest epoch not above `epoch`, and where it ended; nil if
    /// `epoch` is not known here.
    func end(of epoch: Int32, logEnd: Int64) -> (epoch: Int32, endOffset: Int64)? {
        guard let last = entries.last, epoch <= last.epoch, let first = entries.first else {
            return nil
        }
        if epoch == last.epoch { return (epoch, logEnd) }
        guard epoch >= first.epoch else { return (epoch, first.startOffset) }
        let next = entries.firstIndex { $0.epoch > epoch } ?? entries.count
        return (entries[next - 1].epoch, entries[next].startOffset)
    }

    /// The epoch that `offset` was written in.
    func epoch(at offset: Int64) -> Int32 {
        entries.last { $0.startOffset <= offset }?.epoch ?? entries.first?.epoch ?? 0
    }
}
