import Formats

/// WITH RECURSIVE over finite input: the first rows come in as input 0, what the step reads beside
/// them as the other inputs. When all have ended the step is run over the rows of the last round
/// until a round gives none; without ALL only rows that are new count.
final class RecursiveOperator: Operator {
    private let subplan: Subplan
    private let working: CollectedRelation
    private let seen: KeyTable?
    private let slots = PlainVector<Int32>()
    private var watermarks: InputWatermarks
    private var seenLimit: Int32 = 0

    init(_ subplan: Subplan, working: CollectedRelation, types: [DataType], all: Bool) {
        self.subplan = subplan
        self.working = working
        seen = all ? nil : KeyTable(types)
        watermarks = InputWatermarks(1 + subplan.collected.count)
        super.init("recursive")
    }

    override var keepsState: Bool { false }
    override var memory: Int { seen?.memory ?? 0 }

    override func push(_ batch: Batch, input: Int) throws(SQLError) {
        if input > 0 {
            subplan.collected[input - 1].relation.batches.append(batch)
        } else if let fresh = unseen(batch) {
            working.batches.append(fresh)
            try emit(fresh)
        }
    }

    /// The rows that have not come before; nil: none.
    private func unseen(_ batch: Batch) -> Batch? {
        guard let seen else { return batch }
        seen.insert(batch.columns, count: batch.count, into: slots)
        var rows: [Int32] = []
        for row in 0..<batch.count where slots[row] >= seenLimit {
            seenLimit = slots[row] + 1
            rows.append(Int32(row))
        }
        if rows.isEmpty { return nil }
        return Batch(batch.gather(rows).columns, count: rows.count)
    }

    override func advance(_ watermark: Int64, input: Int) throws(SQLError) {
        // Nothing is known of times in later rounds, so only the end is passed on.
        guard watermarks.advance(watermark, input) == Watermark.end else { return }
        while !working.batches.isEmpty, wantsMore {
            try stopCheck?.look()
            let rows = try Subplan.run(subplan.plan, subplan.settings)
            working.batches = rows.compactMap { unseen($0) }
            for batch in working.batches { try emit(batch) }
        }
        try emitWatermark(Watermark.end)
    }
}
