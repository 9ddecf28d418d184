import Formats

/// Each distinct row once. Over an input that only grows a row leaves when it first comes, and only
/// its key is kept, with --state-ttl until it is idle; else rows are counted, and leave or are
/// taken back at the end of a step.
final class DistinctOperator: Operator, ProcessingTimeOperator {
    private let isAppendOnly: Bool
    private let types: [DataType]
    private var table: KeyTable
    private let store: RowStore
    private let slots = PlainVector<Int32>()
    private let ids = PlainVector<Int32>()
    /// Over an input that grows: slots below this have left.
    private var seen: Int32 = 0
    /// Per slot: how often the row stands, its id in the store, whether it has left, whether it is
    /// among `touched`.
    private let counts = PlainVector<Int64>()
    private let rowIDs = PlainVector<Int32>()
    private let hasLeft = PlainVector<Bool>()
    private let isTouched = PlainVector<Bool>()
    private let touched = PlainVector<Int32>()
    /// Where new rows go once the memory is full; nil: all are kept.
    private let spill: SpillBudget?
    private var spilled: SpilledRows?
    private var part: Operator?
    private var watermark = Watermark.none
    /// Over an input that grows; nil: keys are kept for ever.
    private let idle: IdleTimes?

    /// With `spill` the input only grows, and all is one step.
    init(
        _ types: [DataType], isAppendOnly: Bool, spill: SpillBudget? = nil, idle: IdleTimes? = nil
    ) {
        self.idle = isAppendOnly ? idle : nil
        self.types = types
        self.isAppendOnly = isAppendOnly
        self.spill = spill
        table = KeyTable(types)
        store = RowStore(types)
        super.init("distinct")
    }

    override var memory: Int {
        table.memory + store.memory + counts.memory + rowIDs.memory + (part?.memory ?? 0)
            + (idle?.memory ?? 0)
    }

    override func push(_ batch: Batch, input: Int) throws(SQLError) {
        if isAppendOnly { try pushAppendOnly(batch) } else { try count(batch) }
    }

    private func pushAppendOnly(_ batch: Batch) throws(SQLError) {
        if let spilled {
            // What is known has left.
            table.find(batch.columns, count: batch.count, into: slots)
            let unknown = (0..<Int32(batch.count)).filter { slots[Int($0)] < 0 }
            if unknown.isEmpty { return }
            let rows = batch.gather(unknown)
            return try spilled.add(rows, keys: rows.columns)
        }
        table.insert(batch.columns, count: batch.count, into: slots)
        var rows: [Int32] = []
        if let idle {
            unsafe idle.touch(slots.base, count: batch.count, below: table.slotLimit)
            hasLeft.resize(to: max(hasLeft.count, table.slotLimit), filling: false)
            // Slots of keys that were let go are given out again.
            for row in 0..<batch.count where !hasLeft[Int(slots[row])] {
                hasLeft[Int(slots[row])] = true
                rows.append(Int32(truncatingIfNeeded: row))
            }
        } else {
            for row in 0..<batch.count where unsafe slots.base[row] >= seen {
                // Slots are given out in turn, so a new one is the largest so far.
                seen = unsafe slots.base[row] + 1
                rows.append(Int32(truncatingIfNeeded: row))
            }
        }
        guard !rows.isEmpty else { return }
        let picked = rows.count == batch.count ? batch : batch.gather(rows)
        try emit(Batch(picked.columns, count: picked.count, watermarks: picked.watermarks))
        // Rows on disk would lose the watermark that they came after.
        if let spill, !isMuted, watermark == Watermark.none, try spill.isExceeded(by: self) {
            spilled = try SpilledRows(types, keys: types, spill)
        }
    }

    override func carry(
        from old: Operator, _ widening: ColumnWidening
    ) throws(SQLError) -> Bool {
        guard let old = old as? DistinctOperator, isAppendOnly, old.isAppendOnly,
            old.spilled == nil, old.part == nil, let keys = old.table.keys(old.types)
        else { return false }
        isMuted = true
        for batch in keys {
            try push(try widening.batch(batch.columns, batch.count, as: types), input: 0)
        }
        isMuted = false
        watermark = old.watermark
        return true
    }

    private func finishSpilled() throws(SQLError) {
        guard let spilled, let spill else { return }
        self.spilled = nil
        table = KeyTable(types)
        try finish([(spilled, 0)], hold: { self.part = $0 }) {
            DistinctOperator(types, isAppendOnly: true, spill: spill.deeper)
        }
    }

    private func count(_ batch: Batch) throws(SQLError) {
        table.insert(batch.columns, count: batch.count, into: slots)
        growSlots()
        var rows: [Int32] = []
        for row in 0..<batch.count {
            let slot = Int(slots[row])
            if rowIDs[slot] < 0 {
                // -2 until the row is stored below; a second of the same batch is not stored.
                if rowIDs[slot] == -1 { rows.append(Int32(row)) }
                rowIDs[slot] = -2
            }
            counts[slot] += batch.weight(row)
            if !isTouched[slot] {
                isTouched[slot] = true
                touched.append(Int32(slot))
            }
        }
        unsafe rows.withUnsafeBufferPointer { list in
            guard let start = list.baseAddress else { return }
            unsafe store.append(batch.columns, rows: start, count: list.count, ids: ids)
        }
        for (index, row) in rows.enumerated() { rowIDs[Int(slots[Int(row)])] = ids[index] }
    }

    private func growSlots() {
        counts.resize(to: table.slotLimit, filling: 0)
        rowIDs.resize(to: table.slotLimit, filling: -1)
        hasLeft.resize(to: table.slotLimit, filling: false)
        isTouched.resize(to: table.slotLimit, filling: false)
    }

    override func endStep() throws(SQLError) {
        try flush()
        try emitHeldWatermark()
        guard let idle else { return }
        let freed = try idle.sweep(below: table.slotLimit) { slot in
            guard hasLeft[Int(slot)] else { return false }
            hasLeft[Int(slot)] = false
            table.remove(slot)
            return true
        }
        if freed > 0 { table.compactIfSparse() }
        idleKeysFreed += freed
    }

    var goesByClock: Bool { idle != nil }

    func advanceTime(to now: Int64) throws(SQLError) { idle?.clock.advance(clock: now) }

    private func flush() throws(SQLError) {
        guard touched.count > 0 else { return }
        let changed = PlainVector<Int32>()
        let weights = PlainVector<Int64>()
        for index in 0..<touched.count {
            let slot = Int(touched[index])
            isTouched[slot] = false
            let stands = counts[slot] > 0
            guard counts[slot] >= 0 else { throw Operator.absentRow(name) }
            if stands != hasLeft[slot] {
                changed.append(rowIDs[slot])
                weights.append(stands ? 1 : -1)
                hasLeft[slot] = stands
            }
        }
        let hasRetractions = (0..<weights.count).contains { weights[$0] < 0 }
        try emit(store, changed, weights: hasRetractions ? weights : nil)
        for index in 0..<touched.count where counts[Int(touched[index])] == 0 {
            let slot = Int(touched[index])
            store.free(rowIDs[slot])
            rowIDs[slot] = -1
            table.remove(Int32(slot))
        }
        touched.removeAll()
        store.compactIfSparse()
        table.compactIfSparse()
    }

    override func advance(_ watermark: Int64, input: Int) throws(SQLError) {
        self.watermark = watermark
        idle?.clock.advance(watermark: watermark)
        if watermark == Watermark.end {
            try flush()
            try finishSpilled()
        } else if spilled != nil {
            return
        } else if !isAppendOnly {
            return holdWatermark(watermark)
        }
        try emitWatermark(watermark)
    }

    override func write(_ state: inout OutputBuffer) {
        table.write(&state)
        state.append(bigEndian: Int64(seen))
        if let idle {
            hasLeft.write(&state)
            idle.clock.write(&state)
            idle.write(&state)
        }
        guard !isAppendOnly else { return }
        store.write(&state)
        counts.write(&state)
        rowIDs.write(&state)
        hasLeft.write(&state)
    }

    override func read(_ state: inout StateReader) throws(SQLError) {
        try table.read(&state)
        seen = Int32(truncatingIfNeeded: try state.integer(Int64.self))
        if let idle, state.remaining > 0 {
            try hasLeft.read(&state)
            try idle.clock.read(&state)
            try idle.read(&state)
        } else if idle != nil {
            // Earlier builds kept all keys.
            hasLeft.resize(to: Int(seen), filling: true)
        }
        guard !isAppendOnly else { return }
        try store.read(&state)
        try counts.read(&state)
        try rowIDs.read(&state)
        try hasLeft.read(&state)
        isTouched.removeAll()
        growSlots()
    }
}

extension Operator {
    /// A row is taken back that never came: a broken invariant of whoever sent it.
    static func absentRow(_ name: String) -> SQLError {
        SQLError("\(name) was asked to take back a row that it does not have", .internalError)
    }
}
