import Formats

/// Puts the rows of a step in order: what has come leaves at the end of the input or of the step,
/// equal keys in the order of arrival, with OFFSET and LIMIT where the whole is one step.
final class SortOperator: Operator {
    private let keys: RowExpressions
    private let sorter: RowSorter
    private let limit: Int64?
    private let offset: Int64
    /// Where sorted runs go that do not fit; nil: all stays in memory.
    private let spill: SpillBudget?
    private var runs: SortedRuns?

    init(
        _ types: [DataType], _ keys: [SortKey], limit: Int64?, offset: Int64,
        spill: SpillBudget? = nil, _ settings: SessionSettings
    ) throws(SQLError) {
        self.spill = spill
        self.keys = try RowExpressions(keys.map(\.expression), settings)
        sorter = RowSorter(types, SortKeyCodec(keys))
        self.limit = limit
        self.offset = offset
        super.init("sort")
    }

    override var memory: Int { sorter.memory }

    override func push(_ batch: Batch, input: Int) throws(SQLError) {
        sorter.add(batch, try keys.columns(batch))
        if let spill, !sorter.hasWeights, sorter.count >= Limits.spilledRowsMin,
            sorter.memory > spill.memoryMax
        {
            let runs = runs ?? SortedRuns(spill.store)
            self.runs = runs
            try sorter.spill(to: runs, stopCheck)
        }
    }

    override func carry(
        from old: Operator, _ widening: ColumnWidening
    ) throws(SQLError) -> Bool {
        guard let old = old as? SortOperator, old.runs == nil, !old.sorter.hasWeights else {
            return false
        }
        let store = old.sorter.store
        let rows = (0..<Int32(store.idLimit)).filter { store.isLive($0) }
        for start in stride(from: 0, to: rows.count, by: Batch.rowsMax) {
            let part = Array(rows[start..<min(start + Batch.rowsMax, rows.count)])
            let batch = try widening.batch(
                store.decode(part), part.count, as: sorter.store.codec.types)
            try push(batch, input: 0)
        }
        return true
    }

    private func emitMerged(_ runs: SortedRuns) throws(SQLError) {
        try sorter.spill(to: runs, stopCheck)
        self.runs = nil
        let store = sorter.store
        var skip = offset
        var left = limit ?? Int64.max
        let rows = PlainVector<Int32>()
        try runs.merge { (row) throws(SQLError) in
            if left == 0 { return false }
            if skip > 0 {
                skip -= 1
                return true
            }
            left -= 1
            unsafe rows.append(row.withUnsafeBytes { unsafe store.append(encoded: $0) })
            if rows.count == Batch.rowsMax {
                try emit(store, rows)
                rows.removeAll()
                store.removeAll()
            }
            return wantsMore
        }
        try emit(store, rows)
        store.removeAll()
    }

    /// With a limit, an offset or rows on disk the whole is one step, which the input's end ends.
    override func endStep() throws(SQLError) {
        guard limit == nil, offset == 0, runs == nil else { return }
        try flush()
        try emitHeldWatermark()
    }

    private func flush() throws(SQLError) {
        if let runs { return try emitMerged(runs) }
        let order = try sorter.sortedRows(stopCheck)
        let weights = sorter.weights(of: order)
        if let weights {
            try emitNet(order, weights)
        } else {
            let start = Int(min(offset, Int64(order.count)))
            let end = limit.map { Int(min(Int64(order.count - start), $0)) + start } ?? order.count
            let part = PlainVector<Int32>(capacity: end - start)
            for index in start..<end { part.append(order[index]) }
            try emit(sorter.store, part)
        }
        sorter.removeAll()
    }

    /// Equal rows are merged, those that cancel out are gone; a weight of n counts as n rows.
    private func emitNet(
        _ order: PlainVector<Int32>, _ weights: PlainVector<Int64>
    ) throws(SQLError) {
        let (rows, sums) = sorter.net(order, weights)
        var skip = offset
        var left = limit ?? Int64.max
        let picked = PlainVector<Int32>()
        let pickedWeights = PlainVector<Int64>()
        for index in 0..<rows.count where left > 0 {
            var weight = sums[index]
            if weight > 0 {
                let skipped = min(skip, weight)
                skip -= skipped
                weight = min(weight - skipped, left)
                if limit != nil { left -= weight }
            }
            if weight == 0 { continue }
            picked.append(rows[index])
            pickedWeights.append(weight)
        }
        try emit(sorter.store, picked, weights: pickedWeights)
    }

    override func advance(_ watermark: Int64, input: Int) throws(SQLError) {
        guard watermark == Watermark.end else { return holdWatermark(watermark) }
        try flush()
        try emitWatermark(watermark)
    }
}
