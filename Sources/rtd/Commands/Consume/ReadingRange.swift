/// The part of one partition that is read.
struct ReadingRange: Equatable, Sendable {
    /// Where fetching begins; inside the log.
    var start: Int64
    /// The first offset that is shown. Behind `start` when it lies beyond the end of the log.
    var from: Int64
    /// Exclusive; nil follows.
    var end: Int64?
    /// The end of the log when reading began.
    let logEnd: Int64

    /// What is known of a partition when reading begins.
    struct Facts: Equatable, Sendable {
        var logStart: Int64 = 0
        /// The high watermark; with committed records only, the last stable offset.
        var logEnd: Int64 = 0
        /// The first record at or after the time that `-o` starts or ends at; -1 for none.
        var startTimeOffset: Int64 = -1
        var endTimeOffset: Int64 = -1
    }

    /// `atEnd` ends where the log ends now, if the range does not end before.
    init(_ range: OffsetSpecification, _ facts: Facts, atEnd: Bool) {
        let wanted = range.start.map { Self.offset($0, facts, facts.startTimeOffset) }
        from = max(wanted ?? facts.logStart, facts.logStart)
        start = min(from, facts.logEnd)
        end = range.end.map { Self.offset($0, facts, facts.endTimeOffset) }
        if atEnd { end = min(end ?? facts.logEnd, facts.logEnd) }
        logEnd = facts.logEnd
    }

    /// Nothing has to be waited for: all of it is in the log.
    var isFinite: Bool { end.map { $0 <= logEnd } ?? false }
    /// There is nothing to read.
    var isEmpty: Bool { end.map { $0 <= from } ?? false }

    private static func offset(
        _ bound: OffsetSpecification.Bound, _ facts: Facts, _ timeOffset: Int64
    ) -> Int64 {
        switch bound {
        case .beginning, .stored: facts.logStart
        case .end: facts.logEnd
        case .offset(let offset): offset
        case .beforeEnd(let count): max(facts.logStart, facts.logEnd.subtractingClamped(count))
        case .afterBeginning(let count): facts.logStart.addingClamped(count)
        case .time: timeOffset >= 0 ? timeOffset : facts.logEnd
        }
    }
}

extension Int64 {
    fileprivate func addingClamped(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }

    fileprivate func subtractingClamped(_ other: Int64) -> Int64 {
        let (difference, overflow) = subtractingReportingOverflow(other)
        return overflow ? .min : difference
    }
}
