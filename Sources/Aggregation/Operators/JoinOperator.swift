import Formats

/// All joins that look at pairs of rows: inner, outer, and semi, anti, mark and single joins with
/// conditions of their own. Input 0 is the left side.
///
/// Incremental by weights: the change of the result is dA * B + A * dB + dA * dB, because each
/// batch is joined with what the other side holds at that moment. Pairs leave at once where nothing
/// can take them back, else netted at the end of the step. What stands beside the pairs (unmatched
/// rows, and all of semi, anti and mark joins) follows from the counts of matches: where the result
/// only grows it leaves when a row's count can no longer change (it is freed by time, or the other
/// side has ended), else at the end of the step. Once a side has ended, rows of the other side are
/// not kept; finite inputs cost one build and one probe.
final class JoinOperator: Operator, ProcessingTimeOperator {
    let shape: JoinShape
    private(set) var table: KeyTable
    let sides: [JoinSide]
    var watermarks = InputWatermarks(2)
    var lag = JoinLag()
    /// Nets pairs and marks where the result changes; nil where it only grows.
    let changes: MarkedChanges?
    /// Where the rows go that do not fit; nil: all stay in memory.
    private let spill: SpillBudget?
    private var spilled: SpilledJoin?
    /// Works on what was spilled.
    var part: JoinOperator?
    /// Keys are let go when they are idle; nil: never.
    let idle: IdleTimes?
    /// What leaves has left before.
    var isSilent = false
    /// The side that ended first.
    private var firstEnded = 0

    private let slots = PlainVector<Int32>()
    private let ids = PlainVector<Int32>()
    /// Of the batch at hand, where some of its rows came late.
    private var late: [Int64]?
    private let pairs = JoinPairs()
    /// Matches of the rows of a batch that are not kept.
    private let localKnown = PlainVector<Int64>()
    private let localUnknown = PlainVector<Int64>()

    init(_ shape: JoinShape, spill: SpillBudget? = nil, idleLimit: Int64? = nil) {
        self.shape = shape
        // Rows that time frees, and what is looked up, are kept till then.
        let isFreed = shape.bounds.contains { $0 != nil } || shape.isLookup
        idle =
            isFreed || shape.keyTypes.isEmpty
            ? nil : idleLimit.map { IdleTimes(IdleClock($0)) }
        self.spill = spill
        table = KeyTable(shape.keyTypes, nullsMatch: shape.nullsMatch)
        sides = [0, 1].map { side in
            JoinSide(
                shape.types[side], expires: shape.bounds[side] != nil,
                countsMatches: shape.preserves(side))
        }
        changes =
            shape.isAppendOnly
            ? nil
            : MarkedChanges(shape.outputTypes, isMarked: shape.isTimed.contains(true))
        super.init("\(shape.kind) join")
        for side in sides { side.matches?.isTracking = !shape.isAppendOnly }
    }

    override var memory: Int {
        table.memory + sides[0].memory + sides[1].memory + (changes?.memory ?? 0)
            + (part?.memory ?? 0) + (idle?.memory ?? 0)
    }

    override var details: String {
        "\(sides[0].store.liveCount) left and \(sides[1].store.liveCount) right rows kept"
    }

    // MARK: rows

    override func push(_ batch: Batch, input side: Int) throws(SQLError) {
        if let spilled { return try spilled.add(batch, side: side, isOld: isSilent) }
        let keys = try shape.keys[side].columns(batch)
        let keeps = !watermarks.hasEnded(1 - side) && !(shape.isLookup && side == 0)
        late = try lateMarks(of: batch, side)
        if keeps {
            table.insert(keys, count: batch.count, into: slots)
            for side in sides { side.growSlots(to: table.slotLimit) }
            guard sides[side].add(batch, slots: slots, ids: ids) else {
                throw Operator.absentRow(name)
            }
            try addExpiries(batch, side)
            noteLate(late, side, ids: ids)
            try emitUnkept(batch, side)
        } else {
            table.find(keys, count: batch.count, into: slots)
            localKnown.removeAll()
            localKnown.resize(to: batch.count, filling: 0)
            localUnknown.removeAll()
            localUnknown.resize(to: batch.count, filling: 0)
            try observeLag(batch, side)
        }
        if let idle { unsafe idle.touch(slots.base, count: batch.count, below: table.slotLimit) }
        if !(shape.isLookup && side == 1) { try probe(batch, side, keeps) }
        if keeps || side == 1 { try settleKept(side) }
        if !keeps, shape.preserves(side) { try emitLocal(batch, side) }
        settledLater.removeAll()
        if keeps { try spillIfLarge() }
    }

    override func advance(_ watermark: Int64, input side: Int) throws(SQLError) {
        let hadEnded = watermarks.hasEnded(side)
        var least = watermarks.advance(watermark, side)
        // What is looked up holds nothing back.
        if shape.isLookup { least = side == 0 ? watermark : nil }
        if spilled != nil {
            if watermark == Watermark.end, !hadEnded, !watermarks.hasEnded(1 - side) {
                firstEnded = side
            }
            if least == Watermark.end { try finishSpilled() }
        } else if watermark == Watermark.end, !hadEnded {
            try end(side)
        } else {
            try expire(1 - side)
            // Rows that came late, behind what frees them, leave before the watermark goes on.
            try expire(side)
        }
        if let least { idle?.clock.advance(watermark: least) }
        if let least, spilled == nil { try advanceOutput(least) }
    }

    override func endStep() throws(SQLError) {
        for side in [0, 1] { try expire(side) }
        try flush()
        try emitHeldWatermark()
        freeIdle()
        removeEmptySlots()
    }

    override func carry(
        from old: Operator, _ widening: ColumnWidening
    ) throws(SQLError) -> Bool {
        guard let old = old as? JoinOperator, shape.kind == .inner, old.spilled == nil,
            old.changes?.count ?? 0 == 0
        else { return false }
        isSilent = true
        if let idle, let other = old.idle { idle.clock.follow(other.clock) }
        for side in [0, 1] {
            try old.sides[side].handOut(as: sides[side].store.codec.types, widening) {
                batch throws(SQLError) in try push(batch, input: side)
            }
        }
        isSilent = false
        watermarks = old.watermarks
        lag = old.lag
        return true
    }

    override func write(_ state: inout OutputBuffer) {
        watermarks.write(&state)
        lag.write(&state)
        table.write(&state)
        idle?.clock.write(&state)
        idle?.write(&state)
        for side in sides { side.write(&state) }
    }

    override func read(_ state: inout StateReader) throws(SQLError) {
        try watermarks.read(&state)
        try lag.read(&state)
        try table.read(&state)
        try idle?.clock.read(&state)
        try idle?.read(&state)
        for side in sides { try side.read(&state) }
    }

    /// Both sides go to disk. Rows there would lose the watermark that late ones came after.
    private func spillIfLarge() throws(SQLError) {
        guard let spill, (0...1).allSatisfy({ watermarks[$0] == Watermark.none }),
            sides[0].store.liveCount + sides[1].store.liveCount >= Limits.spilledRowsMin,
            try spill.isExceeded(by: self)
        else { return }
        let spilled = try SpilledJoin(shape, spill)
        let isOneSided = sides.contains { $0.store.liveCount == 0 } && !isSilent
        for side in [0, 1] {
            let store = sides[side].store
            var rows: [Int32] = []
            func flush() throws(SQLError) {
                let batch = Batch(store.decode(rows), count: rows.count)
                try spilled.add(batch, side: side, isOld: !isOneSided)
                rows = []
            }
            for id in 0..<Int32(store.idLimit) where store.isLive(id) {
                for _ in 0..<sides[side].weights[Int(id)] {
                    rows.append(id)
                    if rows.count == Batch.rowsMax { try flush() }
                }
            }
            try flush()
            sides[side].removeAll()
        }
        table = KeyTable(shape.keyTypes, nullsMatch: shape.nullsMatch)
        self.spilled = spilled
    }

    private func addExpiries(_ batch: Batch, _ side: Int) throws(SQLError) {
        guard let bound = shape.bounds[side], let queue = sides[side].expiry else { return }
        let times = try bound.column(batch)
        for row in 0..<batch.count where ids[row] >= 0 {
            // Without a time nothing can match it, so it may go with the next watermark.
            let time =
                times.isNull(row)
                ? Watermark.none + 1
                : times.microseconds(row)
            queue.add(ids[row], time)
        }
        try observeLag(batch, side)
    }

    private func observeLag(_ batch: Batch, _ side: Int) throws(SQLError) {
        guard let bound = shape.bounds[side] else { return }
        let bounds = try bound.column(batch)
        for own in shape.times[side] {
            lag.observe(bounds, try own.column(batch), batch.count)
        }
    }

    /// Rows whose key matches nothing, now and ever.
    private func emitUnkept(_ batch: Batch, _ side: Int) throws(SQLError) {
        guard shape.preserves(side) else { return }
        var rows: [Int32] = []
        for row in 0..<batch.count where slots[row] < 0 { rows.append(Int32(row)) }
        guard !rows.isEmpty else { return }
        try emitAlone(batch, rows, side, shape.mark(known: 0, unknown: 0, side))
    }

    private func finishSpilled() throws(SQLError) {
        try spilled?.finish(first: firstEnded, for: self) { (batch) throws(SQLError) in
            try self.emit(batch)
        }
        spilled = nil
    }

    private func probe(_ batch: Batch, _ side: Int, _ keeps: Bool) throws(SQLError) {
        let other = sides[1 - side]
        let heads = other.heads
        pairs.removeAll()
        for row in 0..<batch.count {
            let slot = unsafe Int(slots.base[row])
            if slot < 0 || slot >= heads.count { continue }
            var match = unsafe heads.base[slot]
            while match >= 0 {
                pairs.append(Int32(truncatingIfNeeded: row), match)
                // Read before the pairs are handed on; nothing is removed meanwhile.
                match = unsafe other.next.base[Int(match)]
                if pairs.isFull { try take(batch, side, keeps) }
            }
        }
        if pairs.count > 0 { try take(batch, side, keeps) }
    }

    /// Judges the collected pairs, hands on those that match and counts them.
    private func take(_ batch: Batch, _ side: Int, _ keeps: Bool) throws(SQLError) {
        if let places = try timely(pairs, batch, side) { pairs.keep(places) }
        if pairs.count == 0 { return }
        if let truth = shape.truth {
            let joined = joinedBatch(batch, side, weights: nil)
            let unknown = PlainVector<Int32>()
            let places = try truth.places(joined, unknown: unknown)
            for index in 0..<unknown.count { count(unknown[index], batch, side, keeps, false) }
            if places.count < pairs.count { pairs.keep(places) }
        }
        if shape.countsMatches {
            for place in 0..<pairs.count { count(Int32(place), batch, side, keeps, true) }
        }
        if shape.emitsPairs, pairs.count > 0 {
            let weights = pairWeights(batch, side)
            let joined = joinedBatch(batch, side, weights: weights)
            let marks = try pairMarks(pairs, late, joined, side)
            try hand(
                marks.map {
                    Batch(joined.columns, count: joined.count, weights: weights, watermarks: $0)
                } ?? joined)
        }
        pairs.removeAll()
    }

    private func count(
        _ place: Int32, _ batch: Batch, _ side: Int, _ keeps: Bool, _ isKnown: Bool
    ) {
        let row = Int(pairs.rows[Int(place)])
        let other = pairs.others[Int(place)]
        if shape.preserves(side) {
            let weight = sides[1 - side].weights[Int(other)]
            if !keeps {
                if isKnown { localKnown[row] += weight } else { localUnknown[row] += weight }
            } else if ids[row] >= 0, let matches = sides[side].matches {
                let id = Int(ids[row])
                if isKnown { matches.known[id] += weight } else { matches.unknown[id] += weight }
            }
        }
        if let matches = sides[1 - side].matches {
            let weight = batch.weight(row)
            let id = Int(other)
            if isKnown { matches.known[id] += weight } else { matches.unknown[id] += weight }
            matches.touch(other)
            if shape.isAppendOnly { settledLater.append(other) }
        }
    }

    /// Rows of the other side whose counts have just grown, where nothing is netted.
    private let settledLater = PlainVector<Int32>()

    /// The pairs as rows of the left columns and the right ones.
    private func joinedBatch(_ batch: Batch, _ side: Int, weights: Buffer<Int64>?) -> Batch {
        let own =
            pairs.areAllRows(batch.count)
            ? batch.columns
            : batch.columns.map { column in
                unsafe column.gather(
                    UnsafeBufferPointer(start: pairs.rows.base, count: pairs.count))
            }
        let kept = unsafe sides[1 - side].store.decode(
            UnsafeBufferPointer(start: pairs.others.base, count: pairs.count))
        return Batch(
            side == 0 ? own + kept : kept + own, count: pairs.count, weights: weights)
    }

    /// nil: all 1.
    private func pairWeights(_ batch: Batch, _ side: Int) -> Buffer<Int64>? {
        let weights = sides[1 - side].weights
        if batch.weights == nil {
            var index = 0
            while index < pairs.count, unsafe weights.base[Int(pairs.others.base[index])] == 1 {
                index &+= 1
            }
            if index == pairs.count { return nil }
        }
        let result = Buffer<Int64>(capacity: pairs.count)
        for index in 0..<pairs.count {
            result[index] =
                batch.weight(Int(pairs.rows[index])) * weights[Int(pairs.others[index])]
        }
        return result
    }

    // MARK: what stands beside the pairs

    /// After a batch, where nothing is netted: semi joins let kept rows out with their first match,
    /// single joins fail with the second.
    private func settleKept(_ side: Int) throws(SQLError) {
        guard shape.isAppendOnly, let matches = sides[0].matches else { return }
        let rows = side == 0 ? ids : settledLater
        guard shape.kind == .semi || shape.kind == .single else { return }
        let found = PlainVector<Int32>()
        for index in 0..<rows.count where rows[index] >= 0 {
            let row = Int(rows[index])
            if shape.kind == .single {
                if matches.known[row] > 1 { throw JoinShape.manyRows }
            } else if matches.known[row] > 0, matches.marks[row] == 0 {
                matches.marks[row] = MatchCounts.Mark.row.rawValue
                found.append(rows[index])
            }
        }
        if found.count > 0 { try emitAlone(found, 0, .row) }
    }

    private func emitLocal(_ batch: Batch, _ side: Int) throws(SQLError) {
        var rows: [MatchCounts.Mark: [Int32]] = [:]
        for row in 0..<batch.count {
            if shape.kind == .single, localKnown[row] > 1 { throw JoinShape.manyRows }
            let mark = shape.mark(known: localKnown[row], unknown: localUnknown[row], side)
            if mark != .nothing { rows[mark, default: []].append(Int32(row)) }
        }
        for mark in [MatchCounts.Mark.row, .isTrue, .isFalse, .isUnknown] {
            if let list = rows[mark] { try emitAlone(batch, list, side, mark) }
        }
    }

    /// Rows of a batch without a partner.
    private func emitAlone(
        _ batch: Batch, _ rows: [Int32], _ side: Int, _ mark: MatchCounts.Mark
    ) throws(SQLError) {
        if mark == .nothing { return }
        let picked = rows.count == batch.count ? batch : batch.gather(rows)
        let late = late
        let marks = try rowMarks(picked.columns, picked.count, side) { late?[Int(rows[$0])] }
        try hand(
            Batch(
                shape.alone(picked.columns, picked.count, side, mark), count: picked.count,
                weights: picked.weights, watermarks: marks))
    }

    /// Kept rows without a partner.
    func emitAlone(
        _ rows: PlainVector<Int32>, _ side: Int, _ mark: MatchCounts.Mark,
        weights: PlainVector<Int64>? = nil
    ) throws(SQLError) {
        if mark == .nothing { return }
        var start = 0
        while start < rows.count {
            let count = min(Batch.rowsMax, rows.count - start)
            let columns = unsafe sides[side].store.decode(
                UnsafeBufferPointer(start: rows.base + start, count: count))
            let all = Buffer<Int64>(capacity: count)
            for index in 0..<count {
                let row = rows[start + index]
                all[index] = weights?[start + index] ?? sides[side].weights[Int(row)]
            }
            let isPlain = (0..<count).allSatisfy { all[$0] == 1 }
            let kept = sides[side].lateMarks
            let marks =
                kept.isEmpty ? nil : try rowMarks(columns, count, side) { kept[rows[start + $0]] }
            try hand(
                Batch(
                    shape.alone(columns, count, side, mark), count: count,
                    weights: isPlain ? nil : all, watermarks: marks))
            start += count
        }
    }

    /// Out, or to what is netted.
    func hand(_ batch: Batch) throws(SQLError) {
        if isSilent { return }
        guard let changes else { return try emit(batch) }
        changes.add(batch)
    }
}
