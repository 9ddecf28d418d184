import Formats

/// INTERSECT and EXCEPT, with ALL or without: the rows of both sides are counted, and how often a
/// row stands in the result follows from its two counts.
final class SetOperator: Operator {
    private let operation: Plan.SetOperation
    private let isAll: Bool
    /// Rows leave as soon as nothing can take them back.
    private let isAppendOnly: Bool
    private let table: KeyTable
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

    init(_ types: [DataType], _ operation: Plan.SetOperation, isAll: Bool, isAppendOnly: Bool) {
        self.operation = operation
        self.isAll = isAll
        self.isAppendOnly = isAppendOnly
        table = KeyTable(types)
        store = RowStore(types, keepsOriginals: true)
        super.init("\(operation)\(isAll ? " all" : "")")
    }

    override var memory: Int {
        table.memory + store.memory + counts[0].memory * 3 + rowIDs.memory
    }

    override func push(_ batch: Batch, input: Int) throws(SQLError) {
        table.insert(batch.columns, count: batch.count, into: slots)
        for vector in counts + [leftCounts] { vector.resize(to: table.slotLimit, filling: 0) }
        rowIDs.resize(to: table.slotLimit, filling: -1)
        isTouched.resize(to: table.slotLimit, filling: false)
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
        if isAppendOnly, !watermarks.hasEnded(1) { return }
        try flush()
    }

    override func advance(_ watermark: Int64, input: Int) throws(SQLError) {
        let least = watermarks.advance(watermark, input)
        if input == 1, watermark == Watermark.end, isAppendOnly { try flush() }
        if let least {
            if least == Watermark.end { try flush() }
            try emitWatermark(least)
        }
    }

    override func write(_ state: inout OutputBuffer) {
        watermarks.write(&state)
        table.write(&state)
        store.write(&state)
        for vector in counts + [leftCounts] { vector.write(&state) }
        rowIDs.write(&state)
    }

    override func read(_ state: inout StateReader) throws(SQLError) {
        try watermarks.read(&state)
        try table.read(&state)
        try store.read(&state)
        for vector in counts + [leftCounts] { try vector.read(&state) }
        try rowIDs.read(&state)
        isTouched.removeAll()
        isTouched.resize(to: rowIDs.count, filling: false)
    }
}
