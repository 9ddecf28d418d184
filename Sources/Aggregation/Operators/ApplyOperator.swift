import Formats

/// A dependent join over finite input: for each distinct set of the left values that it reads the
/// right plan is run once, its result kept and joined with the left rows. Input 0 is the left side,
/// the others are what the right plan reads.
final class ApplyOperator: Operator {
    private let subplan: Subplan
    private let kind: JoinPlan.Kind
    private let outer: [Int]
    private let outerTypes: [DataType]
    private let rightTypes: [DataType]
    private let table: KeyTable
    private let store: RowStore
    /// Per slot the rows of its result; nil: it was not run.
    private var results: [PlainVector<Int32>?] = []
    private var waiting: [Batch] = []
    private var watermarks: InputWatermarks
    private let slots = PlainVector<Int32>()
    private let ids = PlainVector<Int32>()

    init(
        _ subplan: Subplan, _ kind: JoinPlan.Kind, left: [DataType], right: [DataType],
        outer: Set<Int>
    ) {
        self.subplan = subplan
        self.kind = kind
        self.outer = outer.sorted()
        outerTypes = self.outer.map { left[$0] }
        rightTypes = right
        table = KeyTable(outerTypes)
        store = RowStore(right, keepsOriginals: true)
        watermarks = InputWatermarks(1 + subplan.collected.count)
        super.init("\(kind) apply")
    }

    override var keepsState: Bool { false }
    override var memory: Int { table.memory + store.memory }

    private var isReady: Bool {
        (1..<watermarks.inputs.count).allSatisfy { watermarks.hasEnded($0) }
    }

    override func push(_ batch: Batch, input: Int) throws(SQLError) {
        if input > 0 {
            subplan.collected[input - 1].relation.batches.append(batch)
        } else if isReady {
            try join(batch)
        } else {
            waiting.append(batch)
        }
    }

    override func advance(_ watermark: Int64, input: Int) throws(SQLError) {
        let least = watermarks.advance(watermark, input)
        if isReady, !waiting.isEmpty {
            let batches = waiting
            waiting = []
            for batch in batches { try join(batch) }
        }
        if least == Watermark.end { try emitWatermark(Watermark.end) }
    }

    private func join(_ batch: Batch) throws(SQLError) {
        let keys = outer.map { batch.columns[$0] }
        table.insert(keys, count: batch.count, into: slots)
        while results.count < table.slotLimit { results.append(nil) }
        for row in 0..<batch.count where results[Int(slots[row])] == nil {
            var values: [Int: Value] = [:]
            for (index, column) in outer.enumerated() { values[column] = keys[index].value(row) }
            results[Int(slots[row])] = try run(values)
        }
        var rows: [Int32] = []
        var partners: [Int32] = []
        for row in 0..<batch.count {
            try match(row, &rows, &partners)
            if rows.count >= Batch.rowsMax {
                try flush(batch, rows, partners)
                rows = []
                partners = []
            }
        }
        try flush(batch, rows, partners)
    }

    private func run(_ values: [Int: Value]) throws(SQLError) -> PlainVector<Int32> {
        let batches = try Subplan.run(subplan.plan.binding(outer: values), subplan.settings)
        let all = PlainVector<Int32>()
        for batch in batches {
            store.append(batch.columns, count: batch.count, ids: ids)
            for row in 0..<batch.count {
                for _ in 0..<max(0, batch.weight(row)) { all.append(ids[row]) }
            }
        }
        return all
    }

    /// The partners of a row; -1: it stands alone, or for mark joins has none.
    private func match(
        _ row: Int, _ rows: inout [Int32], _ partners: inout [Int32]
    ) throws(SQLError) {
        guard let found = results[Int(slots[row])] else { return }
        func add(_ partner: Int32) {
            rows.append(Int32(row))
            partners.append(partner)
        }
        switch kind {
        case .semi: if found.count > 0 { add(-1) }
        case .anti: if found.count == 0 { add(-1) }
        case .mark: add(found.count > 0 ? 0 : -1)
        default:
            if kind == .single, found.count > 1 { throw JoinShape.manyRows }
            for index in 0..<found.count { add(found[index]) }
            if found.count == 0, kind != .inner { add(-1) }
        }
    }

    private func flush(
        _ batch: Batch, _ rows: [Int32], _ partners: [Int32]
    ) throws(SQLError) {
        guard !rows.isEmpty else { return }
        var columns = batch.columns.map { $0.gather(rows) }
        switch kind {
        case .semi, .anti: break
        case .mark:
            let marks = Buffer<UInt8>(partners.map { $0 < 0 ? 0 : 1 })
            columns.append(Column(.boolean, count: rows.count, .boolean(marks)))
        default: columns += store.decode(partners)
        }
        let weights = batch.weights.map { all in Buffer(rows.map { all[Int($0)] }) }
        try emit(rows: columns, count: rows.count, weights: weights)
    }
}
