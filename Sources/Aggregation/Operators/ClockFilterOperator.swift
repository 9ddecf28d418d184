import Bytes
import Formats

/// WHERE with now() over input without end: a row stands from the time on when the condition
/// becomes true until it becomes false, by the clock. Comparisons of a time with now(), or now()
/// moved by a fixed span, all of which must hold; a row is taken back when its time is over.
/// Rows that are still to come hold the watermark back, or they would be late when they come.
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

    private var bounds: [Bound] = []
    private var now: Int64
    /// The times in the rows that the watermark speaks of.
    private let times: [RowExpression]
    private let store: RowStore
    /// Rows that do not stand yet, and those that stand until a time.
    private let coming = ExpiryQueue()
    private let standing = ExpiryQueue()
    /// By row, until when it stands; what the watermark of its partition was before it.
    private let untils = PlainVector<Int64>()
    private let marks = PlainVector<Int64>()
    private var hasMarks = false
    /// The rows that do not stand yet by their own times.
    private let held = ExpiryQueue()
    private var watermark = Watermark.none
    /// What has been handed on.
    private var output = Watermark.none
    private var hasEnded = false
    private let ids = PlainVector<Int32>()

    init(
        _ conditions: [ClockCondition], _ types: [DataType], times: [Expression],
        settings: SessionSettings
    ) throws(SQLError) {
        now = settings.now
        store = RowStore(types, keepsOriginals: true)
        var rowTimes: [RowExpression] = []
        for time in times { rowTimes.append(try RowExpression(time, settings)) }
        self.times = rowTimes
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
        var kept: [Int32] = []
        for row in 0..<batch.count where until[row] > max(now, from[row]) {
            if from[row] <= now { rows.append(Int32(row)) }
            if from[row] > now || until[row] != .max { kept.append(Int32(row)) }
        }
        if !kept.isEmpty { try keep(batch, kept, from, until) }
        try emit(rows.count == batch.count ? batch : batch.gather(rows))
    }

    private func keep(
        _ batch: Batch, _ rows: [Int32], _ from: [Int64], _ until: [Int64]
    ) throws(SQLError) {
        var columns: [Column] = []
        for time in times { columns.append(try time.column(batch)) }
        unsafe rows.withUnsafeBufferPointer { list in
            unsafe store.append(
                batch.columns, rows: list.baseAddress, count: list.count, ids: ids)
        }
        untils.resize(to: max(untils.count, store.idLimit), filling: .max)
        marks.resize(to: untils.count, filling: Watermark.none)
        for (index, row) in rows.enumerated() {
            let (id, place) = (ids[index], Int(row))
            untils[Int(id)] = until[place]
            guard from[place] > now else {
                standing.add(id, until[place])
                continue
            }
            coming.add(id, from[place])
            marks[Int(id)] = batch.watermarks?[place] ?? Watermark.none
            hasMarks = hasMarks || batch.watermarks != nil
            let own = columns.lazy.filter { !$0.isNull(place) }.map { $0.microseconds(place) }
            // Late rows hold nothing back.
            if let least = own.min(), least >= output { held.add(id, least) }
        }
    }

    func advanceTime(to time: Int64) throws(SQLError) {
        guard time > now, !hasEnded else { return }
        now = time
        var rows: [Int32] = []
        var gone: [Int32] = []
        while let row = coming.next(below: now, inclusive: true) {
            held.forget(row)
            let until = untils[Int(row)]
            if until > now { rows.append(row) }
            if until > now, until != .max {
                standing.add(row, until)
            } else {
                gone.append(row)
            }
        }
        try hand(rows, weight: 1)
        let first = gone.count
        while let row = standing.next(below: now, inclusive: true) { gone.append(row) }
        try hand(Array(gone[first...]), weight: -1)
        for row in gone { store.free(row) }
        store.compactIfSparse()
        try advanceOutput()
    }

    private func hand(_ rows: [Int32], weight: Int64) throws(SQLError) {
        for start in stride(from: 0, to: rows.count, by: Batch.rowsMax) {
            let part = Array(rows[start..<min(start + Batch.rowsMax, rows.count)])
            let weights = weight == 1 ? nil : Buffer(repeating: weight, count: part.count)
            let isMarked = hasMarks && weight == 1
            try emit(
                Batch(
                    store.decode(part), count: part.count, weights: weights,
                    watermarks: isMarked ? Buffer(part.map { marks[Int($0)] }) : nil))
        }
    }

    override func advance(_ watermark: Int64, input: Int) throws(SQLError) {
        self.watermark = watermark
        if watermark == Watermark.end {
            hasEnded = true
            return try emitWatermark(watermark)
        }
        try advanceOutput()
    }

    private func advanceOutput() throws(SQLError) {
        let next = min(watermark, held.least ?? Watermark.end)
        guard next > output else { return }
        output = next
        try emitWatermark(next)
    }

    override var keepsState: Bool { false }
    override var memory: Int {
        store.memory + coming.memory + standing.memory + held.memory + untils.memory
            + marks.memory
    }
}
