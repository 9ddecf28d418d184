import Formats

// Late rows of joins. A row that came after its own partition's watermark may find a partner that
// time has freed, or not yet: that depends on how the input was cut. So it is judged by the
// watermarks that the two rows came after: a row does not match one whose bound the watermark
// before it had passed. And what leaves for a late row says what the watermark was before it, or it
// would depend on the cut, too, whether a window above is closed by then.
extension JoinOperator {
    /// What the watermark was before the rows of a batch that came late, `Watermark.none` for the
    /// others; nil: none is late.
    func lateMarks(of batch: Batch, _ side: Int) throws(SQLError) -> [Int64]? {
        guard hasBounds || shape.isTimed[side] else { return nil }
        return try batch.lateMarks(by: shape.times[side])
    }

    /// Keeps them for those rows that are matched later.
    func noteLate(_ marks: [Int64]?, _ side: Int, ids: PlainVector<Int32>) {
        guard let marks else { return }
        for (row, mark) in marks.enumerated() where ids[row] >= 0 && mark != Watermark.none {
            sides[side].lateMarks[ids[row]] = mark
        }
    }

    private var hasBounds: Bool { shape.bounds[0] != nil || shape.bounds[1] != nil }

    /// The places of the pairs that stand; nil: all.
    func timely(
        _ pairs: JoinPairs, _ batch: Batch, _ side: Int
    ) throws(SQLError) -> [Int32]? {
        let other = sides[1 - side]
        guard hasBounds, batch.watermarks != nil || !other.lateMarks.isEmpty else { return nil }
        var bounds: Column?
        if let bound = shape.bounds[1 - side], batch.watermarks != nil {
            let kept = unsafe other.store.decode(
                UnsafeBufferPointer(start: pairs.others.base, count: pairs.count))
            bounds = try bound.column(Batch(kept, count: pairs.count))
        }
        var own: Column?
        if let bound = shape.bounds[side], !other.lateMarks.isEmpty {
            own = try bound.column(batch)
        }
        var places: [Int32] = []
        for place in 0..<pairs.count {
            let row = Int(pairs.rows[place])
            if let bounds, let mark = batch.watermarks?[row],
                JoinOperator.hasPassed(mark, bounds, place)
            {
                continue
            }
            if let own, let mark = other.lateMarks[pairs.others[place]],
                JoinOperator.hasPassed(mark, own, row)
            {
                continue
            }
            places.append(Int32(truncatingIfNeeded: place))
        }
        return places.count == pairs.count ? nil : places
    }

    private static func hasPassed(_ mark: Int64, _ bounds: Column, _ row: Int) -> Bool {
        !bounds.isNull(row) && bounds.microseconds(row) < mark
    }

    /// What the watermark of the result was before each of the pairs, the columns of `joined`; nil:
    /// none has a row that came late. Where time frees rows that is what it was before the later
    /// one, less what the result lies behind (`JoinLag`). Else only one side has times that speak
    /// of the result; where both have, a pair is late if both of its rows are.
    func pairMarks(
        _ pairs: JoinPairs, _ late: [Int64]?, _ joined: Batch, _ side: Int
    ) throws(SQLError) -> Buffer<Int64>? {
        let kept = sides[1 - side].lateMarks
        guard late != nil || !kept.isEmpty else { return nil }
        let areBothTimed = shape.isTimed[0] && shape.isTimed[1]
        let marks = Buffer<Int64>(capacity: pairs.count)
        var isAny = false
        for place in 0..<pairs.count {
            let own = late?[Int(pairs.rows[place])] ?? Watermark.none
            let other = kept[pairs.others[place]] ?? Watermark.none
            if hasBounds {
                marks[place] = max(own, other)
            } else if areBothTimed {
                marks[place] = min(own, other)
            } else {
                marks[place] = shape.isTimed[side] ? own : other
            }
            isAny = isAny || marks[place] != Watermark.none
        }
        guard isAny else { return nil }
        let width = shape.types[0].count
        try subtractLags(
            marks,
            [(0, Array(joined.columns[..<width])), (1, Array(joined.columns[width...]))],
            joined.count)
        return marks
    }

    /// The same of rows of one side that leave alone; nil: none of them came late.
    func rowMarks(
        _ columns: [Column], _ count: Int, _ side: Int, _ late: (Int) -> Int64?
    ) throws(SQLError) -> Buffer<Int64>? {
        guard shape.isTimed[side] else { return nil }
        let marks = Buffer<Int64>(capacity: count)
        var isAny = false
        for row in 0..<count {
            marks[row] = late(row) ?? Watermark.none
            isAny = isAny || marks[row] != Watermark.none
        }
        guard isAny else { return nil }
        try subtractLags(marks, [(side, columns)], count)
        return marks
    }

    /// Of the rows at hand, not the largest so far, which depends on what came before.
    private func subtractLags(
        _ marks: Buffer<Int64>, _ parts: [(side: Int, columns: [Column])], _ count: Int
    ) throws(SQLError) {
        var lags = [Int64](repeating: 0, count: count)
        for (side, columns) in parts {
            guard let bound = shape.bounds[side] else { continue }
            let rows = Batch(columns, count: count)
            let bounds = try bound.column(rows)
            for time in shape.times[side] {
                let times = try time.column(rows)
                for row in 0..<count where !bounds.isNull(row) && !times.isNull(row) {
                    let (lag, isBeyond) = bounds.microseconds(row)
                        .subtractingReportingOverflow(times.microseconds(row))
                    if !isBeyond { lags[row] = max(lags[row], lag) }
                }
            }
        }
        for row in 0..<count { marks[row] = marks[row].saturatingMinus(lags[row]) }
    }
}

extension Batch {
    /// What the watermark was before the rows that came late by one of these times, or by any where
    /// there are none; `Watermark.none` for the others. nil: none is late.
    func lateMarks(by expressions: [RowExpression]) throws(SQLError) -> [Int64]? {
        guard let watermarks else { return nil }
        var times: [Column] = []
        for expression in expressions { times.append(try expression.column(self)) }
        var marks = [Int64](repeating: Watermark.none, count: count)
        var isAny = false
        for row in 0..<count {
            let mark = watermarks[row]
            let isLate =
                times.isEmpty
                || times.contains { !$0.isNull(row) && $0.microseconds(row) < mark }
            guard isLate, mark != Watermark.none else { continue }
            marks[row] = mark
            isAny = true
        }
        return isAny ? marks : nil
    }
}

/// The changes of a step, netted, with what the watermark was before rows that came late: a row and
/// the same one late are two, for a window may hold the one and not the other.
@safe final class MarkedChanges {
    private let rows: NetRows
    private let isMarked: Bool

    init(_ types: [DataType], isMarked: Bool) {
        self.isMarked = isMarked
        rows = NetRows(types + (isMarked ? [.bigint] : []))
    }

    var count: Int { rows.count }
    var memory: Int { rows.memory }

    func add(_ batch: Batch) {
        guard isMarked else {
            return rows.add(batch.columns, count: batch.count) { batch.weight($0) }
        }
        let marks =
            batch.watermarks.map { Column(.bigint, count: batch.count, .integer($0)) }
            ?? .constant(.integer(Watermark.none), .bigint, count: batch.count)
        rows.add(batch.columns + [marks], count: batch.count) { batch.weight($0) }
    }

    /// Hands the net rows on and forgets them.
    func emit(from node: Operator) throws(SQLError) {
        guard rows.count > 0 else { return }
        let (ids, weights) = rows.netRows()
        let isPlain = (0..<weights.count).allSatisfy { weights[$0] == 1 }
        for start in stride(from: 0, to: ids.count, by: Batch.rowsMax) {
            let range = start..<min(start + Batch.rowsMax, ids.count)
            var columns = rows.store.decode(range.map { ids[$0] })
            var marks: Buffer<Int64>?
            if isMarked, let last = columns.popLast() {
                let all = range.indices.map { unsafe last.integers[($0 - start) & last.indexMask] }
                if all.contains(where: { $0 != Watermark.none }) { marks = Buffer(all) }
            }
            try node.emit(
                Batch(
                    columns, count: range.count,
                    weights: isPlain ? nil : Buffer(range.map { weights[$0] }), watermarks: marks))
        }
        rows.removeAll()
    }
}
