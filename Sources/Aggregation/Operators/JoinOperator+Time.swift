import Formats

// The end of steps and inputs, and the passing of time.
extension JoinOperator {
    /// Forgets the keys of which neither side keeps a row.
    func removeEmptySlots() {
        guard sides[0].emptied.count + sides[1].emptied.count > 0 else { return }
        for side in sides {
            for index in 0..<side.emptied.count {
                let slot = side.emptied[index]
                // A slot may be named more than once.
                if sides[0].heads[Int(slot)] < 0, sides[1].heads[Int(slot)] < 0 {
                    table.remove(slot)
                }
            }
            side.emptied.removeAll()
            side.store.compactIfSparse()
        }
        table.compactIfSparse()
    }

    /// The net change of the step.
    func flush() throws(SQLError) {
        guard let changes else { return }
        for side in [0, 1] { try flushMarks(side) }
        try changes.emit(from: self)
    }

    /// Takes back what no longer stands for a row, and lets out what stands now.
    private func flushMarks(_ side: Int) throws(SQLError) {
        guard let matches = sides[side].matches else { return }
        let rows = matches.takeTouched()
        guard rows.count > 0 else { return }
        let marks: [MatchCounts.Mark] = [.row, .isTrue, .isFalse, .isUnknown]
        let changed = marks.map { _ in (PlainVector<Int32>(), PlainVector<Int64>()) }
        func note(_ row: Int32, _ mark: UInt8, _ weight: Int64) {
            guard mark > 0, weight != 0 else { return }
            changed[Int(mark) - 1].0.append(row)
            changed[Int(mark) - 1].1.append(weight)
        }
        for position in 0..<rows.count {
            let row = Int(rows[position])
            let weight = sides[side].weights[row]
            if shape.kind == .single, weight > 0, matches.known[row] > 1 {
                throw JoinShape.manyRows
            }
            let mark = shape.mark(
                known: matches.known[row], unknown: matches.unknown[row], side
            ).rawValue
            let now = mark == 0 ? 0 : weight
            if mark == matches.marks[row] {
                note(rows[position], mark, now - matches.leftWeights[row])
            } else {
                note(rows[position], matches.marks[row], -matches.leftWeights[row])
                note(rows[position], mark, now)
            }
            matches.marks[row] = mark
            matches.leftWeights[row] = now
        }
        for (index, mark) in marks.enumerated() {
            try emitAlone(changed[index].0, side, mark, weights: changed[index].1)
        }
        for position in 0..<rows.count where sides[side].weights[Int(rows[position])] == 0 {
            sides[side].free(rows[position])
        }
    }

    func advanceOutput(_ least: Int64) throws(SQLError) {
        if least == Watermark.end {
            try flush()
            try emitWatermark(Watermark.end)
        } else if !keepsForLater, let output = lag.advance(least) {
            if changes == nil { try emitWatermark(output) } else { holdWatermark(output) }
        }
    }

    /// Rows that came before the watermark may leave behind it: those of a side that nothing frees
    /// leave with each partner that comes, or at the other side's end. Where that has none they
    /// have no time (`JoinPlan.keepsForEver`), and nothing waits for it.
    private var keepsForLater: Bool {
        guard !shape.isLookup else { return false }
        return [0, 1].contains { side in
            shape.bounds[side] == nil && !watermarks.hasEnded(1 - side)
                && !shape.isEndless[1 - side]
        }
    }

    /// No more rows of `side`: what is kept of the other is not needed any longer.
    func end(_ side: Int) throws(SQLError) {
        let other = sides[1 - side]
        if shape.isAppendOnly {
            if shape.preserves(1 - side) { try emitUnmatched(1 - side) }
        } else {
            try flushMarks(1 - side)
        }
        other.removeAll()
        other.growSlots(to: table.slotLimit)
    }

    /// All kept rows whose counts are now final.
    private func emitUnmatched(_ side: Int) throws(SQLError) {
        guard let matches = sides[side].matches, shape.kind != .semi else { return }
        let store = sides[side].store
        var rows: [UInt8: PlainVector<Int32>] = [:]
        for id in 0..<Int32(store.idLimit) where store.isLive(id) {
            let mark = shape.mark(
                known: matches.known[Int(id)], unknown: matches.unknown[Int(id)], side
            ).rawValue
            if mark == 0 { continue }
            let list = rows[mark] ?? PlainVector()
            list.append(id)
            rows[mark] = list
        }
        for mark in [MatchCounts.Mark.row, .isTrue, .isFalse, .isUnknown] {
            if let list = rows[mark.rawValue] { try emitAlone(list, side, mark) }
        }
    }

    var goesByClock: Bool { idle != nil }

    func advanceTime(to now: Int64) throws(SQLError) { idle?.clock.advance(clock: now) }

    /// Lets the rows of keys go that nothing has touched for too long; the changes of the step have
    /// left. What has left for them stays.
    func freeIdle() {
        guard let idle, idle.clock.takeSweep() else { return }
        for slot in 0..<Int32(table.slotLimit) {
            let heads = sides.map { Int(slot) < $0.heads.count ? $0.heads[Int(slot)] : -1 }
            guard heads.contains(where: { $0 >= 0 }), idle.isIdle(slot) else { continue }
            idleKeysFreed += 1
            for (side, head) in zip(sides, heads) {
                var row = head
                while row >= 0 {
                    let following = side.next[Int(row)]
                    side.remove(row)
                    row = following
                }
            }
        }
    }

    /// Frees the rows of a side that the other's watermark has passed.
    func expire(_ side: Int) throws(SQLError) {
        guard let queue = sides[side].expiry else { return }
        let watermark = watermarks[1 - side]
        guard watermark != Watermark.none, watermark != Watermark.end else { return }
        if !shape.isAppendOnly { try flushMarks(side) }
        let matches = sides[side].matches
        var leaving: [UInt8: PlainVector<Int32>] = [:]
        let freed = PlainVector<Int32>()
        while let row = queue.next(below: watermark) {
            guard sides[side].store.isLive(row), sides[side].weights[Int(row)] != 0 else {
                continue
            }
            freed.append(row)
            guard shape.isAppendOnly, let matches, shape.kind != .semi else { continue }
            let mark = shape.mark(
                known: matches.known[Int(row)], unknown: matches.unknown[Int(row)], side
            ).rawValue
            if mark == 0 { continue }
            let list = leaving[mark] ?? PlainVector()
            list.append(row)
            leaving[mark] = list
        }
        for mark in [MatchCounts.Mark.row, .isTrue, .isFalse, .isUnknown] {
            if let list = leaving[mark.rawValue] { try emitAlone(list, side, mark) }
        }
        // What has left for them stays.
        for index in 0..<freed.count { sides[side].remove(freed[index]) }
        if freed.count > 0 { removeEmptySlots() }
    }
}

/// How far the times in the output of a join lie behind its inputs' watermarks: a kept row may
/// leave until its bound has passed, so the largest distance between the two counts.
struct JoinLag {
    private var largest: Int64 = 0
    private var output = Watermark.none

    mutating func observe(_ bounds: Column, _ times: Column, _ count: Int) {
        for row in 0..<count where !bounds.isNull(row) && !times.isNull(row) {
            let (distance, overflow) = bounds.microseconds(row)
                .subtractingReportingOverflow(times.microseconds(row))
            if !overflow, distance > largest { largest = distance }
        }
    }

    /// The output's watermark, if it has risen.
    mutating func advance(_ least: Int64) -> Int64? {
        guard least != Watermark.none else { return nil }
        let (value, overflow) = least.subtractingReportingOverflow(largest)
        guard !overflow, value > output else { return nil }
        output = value
        return value
    }

    func write(_ state: inout OutputBuffer) {
        state.append(bigEndian: largest)
        state.append(bigEndian: output)
    }

    mutating func read(_ state: inout StateReader) throws(SQLError) {
        largest = try state.integer(Int64.self)
        output = try state.integer(Int64.self)
    }
}

extension Column {
    /// A date, timestamp or bigint of microseconds as microseconds since 1970; infinities stay so.
    func microseconds(_ row: Int) -> Int64 {
        let value = unsafe integers[row & indexMask]
        guard type == .date, value != .min, value != .max else { return value }
        return value &* 86_400_000_000
    }
}
