import Formats

/// INTERSECT and EXCEPT, with ALL or without: the rows of both sides are counted, and how often a
/// row stands in the result follows from its two counts.
final class SetOperator: Operator, ProcessingTimeOperator {
    private let operation: Plan.SetOperation
    private let isAll: Bool
    /// Rows leave as soon as nothing can take them back.
    private let isAppendOnly: Bool
    private let types: [DataType]
    private var table: KeyTable
    private let store: RowStore
    private let slots = PlainVector<Int32>()
    private let ids = PlainVector<Int32>()
    private var watermarks = InputWatermarks(2)
    /// Per slot.
    private let counts = [PlainVector<Int64>(), PlainVector<Int64>()]
    private let leftCounts = PlainVector<Int64>()
    private let rowIDs = PlainVector<Int32>()
    private let isTouched = PlainVector<Bool>()
    private let touched = PlainVector<Int32>()
    /// Where new rows go once the memory is full; nil: all are kept.
    private let spill: SpillBudget?
    private var spilled: [SpilledRows] = []
    private var part: Operator?
    /// Rows are let go when they are idle; nil: never.
    private let idle: IdleTimes?

    /// With `spill` the inputs only grow, and all is one step.
    init(
        _ types: [DataType], _ operation: Plan.SetOperation, isAll: Bool, isAppendOnly: Bool,
        spill: SpillBudget? = nil, idle: IdleTimes? = nil
    ) {
        self.idle = idle
        self.types = types
        self.spill = spill
        self.operation = operation
        self.isAll = isAll
        self.isAppendOnly = isAppendOnly
        table = KeyTable(types)
        store = RowStore(types, keepsOriginals: true)
        super.init("\(operation)\(isAll ? " all" : "")")
    }

    override var memory: Int {
        table.memory + store.memory + counts[0].memory * 3 + rowIDs.memory + (part?.memory ?? 0)
            + (idle?.memory ?? 0)
    }

    override func push(_ batch: Batch, input: Int) throws(SQLError) {
        if spilled.isEmpty {
            try count(batch, input)
            // Rows on disk would lose the watermark that they came after.
            guard let spill,
                (0...1).allSatisfy({ watermarks[$0] == .min || watermarks[$0] == .max }),
                try spill.isExceeded(by: self)
            else { return }
            for _ in 0...1 { spilled.append(try SpilledRows(types, keys: types, spill)) }
            return
        }
        // Rows that are known are counted where they are, so each is in one place.
        table.find(batch.columns, count: batch.count, into: slots)
        let unknown = (0..<Int32(batch.count)).filter { slots[Int($0)] < 0 }
        if unknown.isEmpty { return try count(batch, input) }
        let known = (0..<Int32(batch.count)).filter { slots[Int($0)] >= 0 }
        let rows = batch.gather(unknown)
        try spilled[input].add(rows, keys: rows.columns)
        if !known.isEmpty { try count(batch.gather(known), input) }
    }

    private func finishSpilled() throws(SQLError) {
        guard let spill, !spilled.isEmpty else { return }
        let inputs = [(rows: spilled[1], input: 1), (rows: spilled[0], input: 0)]
        spilled = []
        table = KeyTable(types)
        store.removeAll()
        for vector in counts + [leftCounts] { vector.removeAll() }
        rowIDs.removeAll()
        try finish(inputs, hold: { self.part = $0 }) {
            SetOperator(
                types, operation, isAll: isAll, isAppendOnly: true, spill: spill.deeper)
        }
    }

    private func count(_ batch: Batch, _ input: Int) throws(SQLError) {
        table.insert(batch.columns, count: batch.count, into: slots)
        for vector in counts + [leftCounts] { vector.resize(to: table.slotLimit, filling: 0) }
        rowIDs.resize(to: table.slotLimit, filling: -1)
        isTouched.resize(to: table.slotLimit, filling: false)
        if let idle { unsafe idle.touch(slots.base, count: batch.count, below: table.slotLimit) }
        let fresh = PlainVector<Int32>()
        for row in 0..<batch.count {
            let slot = Int(slots[row])
            counts[input][slot] += batch.weight(row)
            if rowIDs[slot] == -1 {
                rowIDs[slot] = -2
                fresh.append(Int32(row))
            }
            if !isTouched[slot] {
                isTouched[slot] = true
                touched.append(Int32(slot))
            }
        }
        unsafe store.append(
            batch.columns, rows: UnsafePointer(fresh.base), count: fresh.count, ids: ids)
        for index in 0..<fresh.count { rowIDs[Int(slots[Int(fresh[index])])] = ids[index] }
        // Nothing takes a row of a growing intersection back, nor one of a difference from what is
        // complete.
        if isAppendOnly, operation == .intersect || watermarks.hasEnded(1) { try flush() }
    }

    private func standing(_ slot: Int) -> Int64 {
        let a = counts[0][slot]
        let b = counts[1][slot]
        switch (operation, isAll) {
        case (.intersect, true): return min(a, b)
        case (.intersect, false): return a > 0 && b > 0 ? 1 : 0
        case (.except, true): return max(0, a - b)
        case (.except, false): return a > 0 && b == 0 ? 1 : 0
        }
    }

    private func flush() throws(SQLError) {
        guard touched.count > 0 else { return }
        let rows = PlainVector<Int32>()
        let weights = PlainVector<Int64>()
        for index in 0..<touched.count {
            let slot = Int(touched[index])
            isTouched[slot] = false
            guard counts[0][slot] >= 0, counts[1][slot] >= 0 else {
                throw Operator.absentRow(name)
            }
            let now = standing(slot)
            if now != leftCounts[slot] {
                rows.append(rowIDs[slot])
                weights.append(now - leftCounts[slot])
                leftCounts[slot] = now
            }
        }
        let isPlain = (0..<weights.count).allSatisfy { weights[$0] == 1 }
        try emit(store, rows, weights: isPlain ? nil : weights)
        for index in 0..<touched.count {
            let slot = Int(touched[index])
            guard counts[0][slot] == 0, counts[1][slot] == 0 else { continue }
            store.free(rowIDs[slot])
            rowIDs[slot] = -1
            table.remove(Int32(slot))
        }
        touched.removeAll()
        store.compactIfSparse()
        table.compactIfSparse()
    }

    override func endStep() throws(SQLError) {
        // In one step a difference waits for what is taken off.
        if !isAppendOnly || watermarks.hasEnded(1) { try flush() }
        guard let idle, touched.count == 0 else { return }
        let freed = try idle.sweep(below: rowIDs.count) { slot in
            let index = Int(slot)
            guard rowIDs[index] >= 0 else { return false }
            store.free(rowIDs[index])
            rowIDs[index] = -1
            for vector in counts + [leftCounts] { vector[index] = 0 }
            table.remove(slot)
            return true
        }
        if freed > 0 {
            store.compactIfSparse()
            table.compactIfSparse()
        }
        idleKeysFreed += freed
    }

    var goesByClock: Bool { idle != nil }

    func advanceTime(to now: Int64) throws(SQLError) { idle?.clock.advance(clock: now) }

    override func advance(_ watermark: Int64, input: Int) throws(SQLError) {
        let least = watermarks.advance(watermark, input)
        if input == 1, watermark == Watermark.end, isAppendOnly { try flush() }
        if let least {
            idle?.clock.advance(watermark: least)
            if least == Watermark.end {
                try flush()
                try finishSpilled()
            } else if !spilled.isEmpty {
                return
            }
            try emitWatermark(least)
        }
    }

    override func write(_ state: inout OutputBuffer) {
        watermarks.write(&state)
        table.write(&state)
        store.write(&state)
        for vector in counts + [leftCounts] { vector.write(&state) }
        rowIDs.write(&state)
        idle?.clock.write(&state)
        idle?.write(&state)
    }

    override func read(_ state: inout StateReader) throws(SQLError) {
        try watermarks.read(&state)
        try table.read(&state)
        try store.read(&state)
        for vector in counts + [leftCounts] { try vector.read(&state) }
        try rowIDs.read(&state)
        // Earlier builds let no row go.
        if let idle, state.remaining > 0 {
            try idle.clock.read(&state)
            try idle.read(&state)
        }
        isTouched.removeAll()
        isTouched.resize(to: rowIDs.count, filling: false)
    }
}
