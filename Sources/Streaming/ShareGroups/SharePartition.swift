import Bytes

/// How far a share group has come in one partition (KIP-932): below `start` all is done, from `end`
/// on nothing was handed out, and between them runs of records are in one state each.
///
/// A state machine without clock or disk. A record is in the hands of one member at a time; it is
/// handed out again when that member lets it go or its lock runs out, up to a number of times.
struct SharePartition: Sendable {
    enum State: Int8, Sendable {
        case available = 0
        case acquired = 1
        /// Accepted.
        case acknowledged = 2
        /// Rejected, or delivered too often.
        case archived = 4
    }

    /// Neighbouring records that are alike.
    struct Run: Equatable, Sendable {
        var first: Int64
        var last: Int64
        var state: State
        var deliveries: Int16
        var member: String?
        /// When the lock of an acquired run ends.
        var deadline: Int64 = 0

        var isDone: Bool { state == .acknowledged || state == .archived }
    }

    /// Records handed out together.
    struct Acquired: Equatable, Sendable {
        var first: Int64
        var last: Int64
        var deliveries: Int16
    }

    /// What a member says about a record, by Kafka's numbers.
    enum Verdict: Int8, Sendable {
        /// There is no such record: it was compacted, or is a marker.
        case gap = 0
        case accept = 1
        case release = 2
        case reject = 3
        /// The member is still at it: its lock begins anew (KIP-1222).
        case renew = 4
    }

    private(set) var start: Int64
    private(set) var end: Int64
    private(set) var runs: [Run] = []

    init(start: Int64) {
        self.start = start
        end = start
    }

    /// The first record that can be handed out: one that was let go, else a new one.
    var nextOffset: Int64 {
        runs.first { $0.state == .available }?.first ?? end
    }

    var inFlightCount: Int64 { end - start }

    /// Records behind `start` that are done with.
    var doneCount: Int64 {
        runs.reduce(0) { $1.isDone ? $0 + $1.last - $1.first + 1 : $0 }
    }

    /// Hands out what is free below `limit`, at most `countMax` records, while fewer than
    /// `inFlightMax` are between `start` and `end`.
    mutating func acquire(
        upTo limit: Int64, countMax: Int64, inFlightMax: Int64, member: String, deadline: Int64
    ) -> [Acquired] {
        var acquired: [Acquired] = []
        var left = countMax
        var index = 0
        while left > 0, index < runs.count, runs[index].first < limit {
            guard runs[index].state == .available else {
                index += 1
                continue
            }
            let last = min(runs[index].last, limit - 1, runs[index].first + left - 1)
            split(at: last + 1)
            runs[index].state = .acquired
            runs[index].deliveries += 1
            runs[index].member = member
            runs[index].deadline = deadline
            left -= last - runs[index].first + 1
            acquired.append(
                Acquired(
                    first: runs[index].first, last: last, deliveries: runs[index].deliveries))
            index += 1
        }
        let count = min(left, limit - end, inFlightMax - inFlightCount)
        if count > 0 {
            runs.append(
                Run(
                    first: end, last: end + count - 1, state: .acquired, deliveries: 1,
                    member: member, deadline: deadline))
            acquired.append(Acquired(first: end, last: end + count - 1, deliveries: 1))
            end += count
        }
        return acquired
    }

    /// Records that nobody is to have: those that are free, or were not handed out yet, are done
    /// with. Nothing behind `limit` is touched.
    mutating func discard(_ range: ClosedRange<Int64>, upTo limit: Int64) {
        let last = min(range.upperBound, limit - 1)
        guard last >= start, range.lowerBound <= last else { return }
        if last >= end {
            // What lies before it and was not handed out yet stays free.
            if range.lowerBound > end {
                runs.append(
                    Run(
                        first: end, last: range.lowerBound - 1, state: .available, deliveries: 0,
                        member: nil))
            }
            let first = max(end, range.lowerBound)
            runs.append(
                Run(first: first, last: last, state: .archived, deliveries: 0, member: nil))
            end = last + 1
        }
        split(at: range.lowerBound)
        split(at: last + 1)
        for index in runs.indices
        where runs[index].first >= range.lowerBound && runs[index].last <= last
            && runs[index].state == .available
        {
            finish(index, .archived)
        }
        settle()
    }

    /// Whether `member` holds every record from `first` to `last` that is not done with already.
    private func holds(_ member: String, _ first: Int64, _ last: Int64) -> Bool {
        guard first <= last, first >= start, last < end else { return false }
        return runs.allSatisfy { run in
            run.last < first || run.first > last
                || (run.state == .acquired && run.member == member)
        }
    }

    /// Takes a member's word for some records: one verdict for all, or one for each. False, and
    /// nothing is changed, if it does not hold them. `deadline` is that of locks begun anew.
    mutating func acknowledge(
        _ first: Int64, _ last: Int64, _ verdicts: [Verdict], member: String, deliveriesMax: Int16,
        deadline: Int64
    ) -> Bool {
        guard holds(member, first, last), !verdicts.isEmpty,
            verdicts.count == 1 || Int64(verdicts.count) == last - first + 1
        else { return false }
        var from = first
        while from <= last {
            let verdict = verdicts.count == 1 ? verdicts[0] : verdicts[Int(from - first)]
            var to = verdicts.count == 1 ? last : from
            while to < last, verdicts.count > 1, verdicts[Int(to + 1 - first)] == verdict {
                to += 1
            }
            judge(from, to, verdict, deliveriesMax, deadline)
            from = to + 1
        }
        settle()
        return true
    }

    private mutating func judge(
        _ first: Int64, _ last: Int64, _ verdict: Verdict, _ deliveriesMax: Int16,
        _ deadline: Int64
    ) {
        split(at: first)
        split(at: last + 1)
        for index in runs.indices where runs[index].first >= first && runs[index].last <= last {
            switch verdict {
            case .accept: finish(index, .acknowledged)
            case .gap, .reject: finish(index, .archived)
            case .release: letGo(index, deliveriesMax)
            case .renew: runs[index].deadline = deadline
            }
        }
    }

    private mutating func finish(_ index: Int, _ state: State) {
        runs[index].state = state
        runs[index].member = nil
        runs[index].deadline = 0
    }

    private mutating func letGo(_ index: Int, _ deliveriesMax: Int16) {
        finish(index, runs[index].deliveries >= deliveriesMax ? .archived : .available)
    }

    /// A member has gone: what it held is free. True if it held anything.
    mutating func release(member: String, deliveriesMax: Int16) -> Bool {
        letGo(deliveriesMax) { $0.member == member }
    }

    /// Locks that have run out. True if there were any.
    mutating func expire(now: Int64, deliveriesMax: Int16) -> Bool {
        letGo(deliveriesMax) { $0.deadline <= now }
    }

    private mutating func letGo(_ deliveriesMax: Int16, _ isIt: (Run) -> Bool) -> Bool {
        var hasAny = false
        for index in runs.indices where runs[index].state == .acquired && isIt(runs[index]) {
            letGo(index, deliveriesMax)
            hasAny = true
        }
        if hasAny { settle() }
        return hasAny
    }

    /// The log begins there now: what is below is gone.
    mutating func advance(to logStart: Int64) -> Bool {
        guard logStart > start else { return false }
        split(at: logStart)
        runs.removeAll { $0.first < logStart }
        start = logStart
        end = max(end, logStart)
        settle()
        return true
    }

    /// The log ends there: what lay behind was lost with the power before it was durable, and the
    /// records that come will have its offsets.
    mutating func retreat(to logEnd: Int64) -> Bool {
        guard end > logEnd else { return false }
        split(at: logEnd)
        runs.removeAll { $0.first >= logEnd }
        start = min(start, logEnd)
        end = logEnd
        settle()
        return true
    }

    private mutating func split(at offset: Int64) {
        guard let index = runs.firstIndex(where: { $0.first < offset && offset <= $0.last })
        else { return }
        var tail = runs[index]
        tail.first = offset
        runs[index].last = offset - 1
        runs.insert(tail, at: index + 1)
    }

    /// What is done at the front is forgotten, and neighbours that are alike become one.
    private mutating func settle() {
        let done = runs.prefix { $0.isDone }.count
        if done > 0 {
            start = runs[done - 1].last + 1
            runs.removeFirst(done)
        }
        var merged: [Run] = []
        for run in runs {
            if let last = merged.last, last.state == run.state, last.member == run.member,
                last.deadline == run.deadline, last.isDone || last.deliveries == run.deliveries
            {
                merged[merged.count - 1].last = run.last
            } else {
                merged.append(run)
            }
        }
        runs = merged
    }
}

// As a record: what is in a member's hands is free after a start, with its delivery counted.
extension SharePartition {
    var bytes: [UInt8] {
        var writer = ByteWriter(reserving: 32 + 19 * runs.count)
        writer.int16(0)
        writer.int64(start)
        writer.int32(Int32(runs.count))
        for run in runs {
            writer.int64(run.first)
            writer.int64(run.last)
            writer.int8((run.state == .acquired ? .available : run.state).rawValue)
            writer.int16(run.deliveries)
        }
        return writer.bytes
    }

    init(_ bytes: [UInt8]) throws(MalformedBytes) {
        var reader = ByteReader(bytes.span)
        guard reader.int16() == 0 else { throw MalformedBytes() }
        self.init(start: reader.int64())
        let count = reader.count(Int(reader.int32()), elementSize: 19)
        for _ in 0..<count where !reader.failed {
            let run = Run(
                first: reader.int64(), last: reader.int64(),
                state: State(rawValue: reader.int8()) ?? .available, deliveries: reader.int16())
            guard run.first == end, run.last >= run.first else { throw MalformedBytes() }
            runs.append(run)
            end = run.last + 1
        }
        try reader.finish()
        settle()
    }
}
