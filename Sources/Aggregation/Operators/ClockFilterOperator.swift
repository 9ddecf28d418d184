import Bytes
import Formats

/// WHERE with now() over input without end: a row stands from the time on when the condition
/// becomes true until it becomes false, by the clock. Comparisons of a time with now(), or now()
/// moved by a fixed span, all of which must hold; a row is taken back when its time is over.
///
/// The clock is told between steps, so a replay can repeat what it was told.
final class ClockFilterOperator: Operator, ProcessingTimeOperator {
    /// Until when (`<` of now) or from when on a row's time holds, as a time of the clock.
    private struct Bound {
        let time: Evaluator
        /// now() plus this is what the time is compared with.
        let distance: Int64
        let unit: Int64
        let isUntil: Bool
        /// The comparison holds at equality too.
        let isInclusive: Bool
    }

    private struct Waiting {
        var time: Int64
        var batch: Batch
        var row: Int32
    }

    private var bounds: [Bound] = []
    private var now: Int64
    /// Rows that do not stand yet, and those that stand until a time; the earliest first.
    private var coming = TimeHeap()
    private var standing = TimeHeap()
    private var untils: [ObjectIdentifier: [Int64]] = [:]
    private var hasEnded = false

    init(_ conditions: [ClockCondition], settings: SessionSettings) throws(SQLError) {
        now = settings.now
        for condition in conditions {
            bounds.append(
                Bound(
                    time: try Evaluator(condition.time, settings: settings),
                    distance: try condition.distance(settings),
                    unit: condition.time.type == .date ? 86_400_000_000 : 1,
                    isUntil: condition.isUntil, isInclusive: condition.isInclusive))
        }
        super.init("filter by the clock")
    }

    override func push(_ batch: Batch, input: Int) throws(SQLError) {
        if batch.weights != nil {
            throw SQLError(
                "a comparison with now() needs rows that are only inserted",
                .featureNotSupported)
        }
        var from = [Int64](repeating: .min, count: batch.count)
        var until = [Int64](repeating: .max, count: batch.count)
        for bound in bounds {
            let times = try bound.time.evaluate(batch)
            for row in 0..<batch.count {
                guard !times.isNull(row) else {
                    until[row] = .min
                    continue
                }
                let edge = ClockFilterOperator.edge(times, row, bound)
                if bound.isUntil {
                    until[row] = min(until[row], edge)
                } else {
                    from[row] = max(from[row], edge)
                }
            }
        }
        try take(batch, from, until)
    }

    /// The first moment of the clock at which the comparison no longer holds, or at which it does.
    private static func edge(_ times: Column, _ row: Int, _ bound: Bound) -> Int64 {
        let value = unsafe times.integers[row & times.indexMask]
        guard value != .max, value != .min else { return value }
        let moved = value &* bound.unit &- bound.distance
        return bound.isUntil == bound.isInclusive ? moved &+ 1 : moved
    }

    private func take(_ batch: Batch, _ from: [Int64], _ until: [Int64]) throws(SQLError) {
        var rows: [Int32] = []
        for row in 0..<batch.count where until[row] > max(now, from[row]) {
            let entry = Waiting(time: until[row], batch: batch, row: Int32(row))
            if from[row] > now {
                coming.add(Waiting(time: from[row], batch: batch, row: Int32(row)))
                // Needed again when it comes.
                untils[ObjectIdentifier(batch)] = until
            } else {
                rows.append(Int32(row))
                if until[row] != .max { standing.add(entry) }
            }
        }
        try emit(rows.count == batch.count ? batch : batch.gather(rows))
    }

    func advanceTime(to time: Int64) throws(SQLError) {
        guard time > now, !hasEnded else { return }
        now = time
        while let entry = coming.next(to: now) {
            let until = untils[ObjectIdentifier(entry.batch)]?[Int(entry.row)] ?? .max
            guard until > now else { continue }
            try emit(entry.batch.gather([entry.row]))
            if until != .max {
                standing.add(Waiting(time: until, batch: entry.batch, row: entry.row))
            }
        }
        if coming.isEmpty { untils = [:] }
        while let entry = standing.next(to: now) {
            let gone = entry.batch.gather([entry.row])
            try emit(Batch(gone.columns, count: 1, weights: Buffer(repeating: -1, count: 1)))
        }
    }

    override func advance(_ watermark: Int64, input: Int) throws(SQLError) {
        if watermark == Watermark.end { hasEnded = true }
        try emitWatermark(watermark)
    }

    override var keepsState: Bool { false }
    override var memory: Int { (coming.count + standing.count) * MemoryLayout<Waiting>.stride }

    private struct TimeHeap {
        private var entries: [Waiting] = []

        var count: Int { entries.count }
        var isEmpty: Bool { entries.isEmpty }

        mutating func add(_ entry: Waiting) {
            entries.append(entry)
            var index = entries.count - 1
            while index > 0 {
                let parent = (index - 1) / 2
                guard entries[index].time < entries[parent].time else { break }
                entries.swapAt(index, parent)
                index = parent
            }
        }

        /// The earliest, if its time has come.
        mutating func next(to now: Int64) -> Waiting? {
            guard let first = entries.first, first.time <= now else { return nil }
            entries.swapAt(0, entries.count - 1)
            entries.removeLast()
            var index = 0
            while true {
                var least = index
                for child in [2 * index + 1, 2 * index + 2] where child < entries.count {
                    if entries[child].time < entries[least].time { least = child }
                }
                guard least != index else { return first }
                entries.swapAt(index, least)
                index = least
            }
        }
    }
}
