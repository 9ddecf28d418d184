import Formats

// Late rows of joins that free rows by time. A row that came after its own partition's watermark
// may find a partner that has been freed, or not yet: that depends on how the input was cut. So it
// is judged by the watermarks that the two rows came after: a row does not match one whose bound
// the watermark before it had passed.
extension JoinOperator {
    /// Keeps what the watermark was before late rows, for those that are matched with them later.
    func noteLate(
        _ batch: Batch, _ side: Int, ids: PlainVector<Int32>
    ) throws(SQLError) {
        guard hasBounds, let marks = batch.watermarks else { return }
        var times: [Column] = []
        for time in shape.times[side] { times.append(try time.column(batch)) }
        for row in 0..<batch.count where ids[row] >= 0 {
            let isLate =
                times.isEmpty
                || times.contains { !$0.isNull(row) && $0.microseconds(row) < marks[row] }
            if isLate { sides[side].lateMarks[ids[row]] = marks[row] }
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
}
