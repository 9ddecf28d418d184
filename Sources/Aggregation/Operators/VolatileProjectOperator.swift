import Bytes
import Formats

/// A projection with random() and the like over rows that may be taken back: a row that is taken
/// back goes with the values that it came with, which are kept for each row that stands. Equal rows
/// are told apart by nothing, so the last that came is taken back first.
final class VolatileProjectOperator: Operator {
    private let plain: RowExpressions
    private let volatile: RowExpressions
    /// For each column of the output its place among the plain or the volatile ones.
    private let places: [(isVolatile: Bool, index: Int)]
    /// The batch at hand as bytes.
    private let scratch: RowStore
    /// Rows by their bytes.
    private let table = KeyTable([.bytea])
    /// What the volatile expressions gave.
    private let store: RowStore
    /// By slot the values of the row that came last, and by values those before; -1: none.
    private let heads = PlainVector<Int32>()
    private let previous = PlainVector<Int32>()
    private let slots = PlainVector<Int32>()
    private let ids = PlainVector<Int32>()

    init(
        _ expressions: [Expression], _ input: [DataType], _ settings: SessionSettings
    ) throws(SQLError) {
        var plain: [Expression] = []
        var volatile: [Expression] = []
        var places: [(isVolatile: Bool, index: Int)] = []
        for expression in expressions {
            let isVolatile = expression.isVolatile
            places.append((isVolatile, isVolatile ? volatile.count : plain.count))
            if isVolatile { volatile.append(expression) } else { plain.append(expression) }
        }
        self.plain = try RowExpressions(plain, settings)
        self.volatile = try RowExpressions(volatile, settings)
        self.places = places
        scratch = RowStore(input, keepsOriginals: true)
        store = RowStore(volatile.map(\.type), keepsOriginals: true)
        super.init("project")
    }

    override var memory: Int {
        table.memory + store.memory + heads.memory + previous.memory + scratch.memory
    }

    override func push(_ batch: Batch, input: Int) throws(SQLError) {
        guard batch.weights != nil else { return try take(batch) }
        // A row for each unit of weight, as each has values of its own.
        var rows: [Int32] = []
        for row in 0..<batch.count {
            for _ in 0..<abs(batch.weight(row)) {
                rows.append(Int32(row))
                guard rows.count == Batch.rowsMax else { continue }
                try take(batch.gather(rows))
                rows.removeAll(keepingCapacity: true)
            }
        }
        if !rows.isEmpty { try take(batch.gather(rows)) }
    }

    /// Weights count by their sign.
    private func take(_ batch: Batch) throws(SQLError) {
        table.insert([bytes(of: batch)], count: batch.count, into: slots)
        heads.resize(to: max(heads.count, table.slotLimit), filling: -1)
        let inserted = (0..<Int32(batch.count)).filter { batch.weight(Int($0)) > 0 }
        if !inserted.isEmpty {
            let rows = inserted.count == batch.count ? batch : batch.gather(inserted)
            store.append(try volatile.columns(rows), count: rows.count, ids: ids)
            previous.resize(to: max(previous.count, store.idLimit), filling: -1)
        }
        var values: [Int32] = []
        var gone: [Int32] = []
        var emptied: Set<Int32> = []
        var next = 0
        for row in 0..<batch.count {
            let slot = Int(slots[row])
            if batch.weight(row) > 0 {
                let id = ids[next]
                next += 1
                previous[Int(id)] = heads[slot]
                heads[slot] = id
                values.append(id)
                continue
            }
            let id = heads[slot]
            guard id >= 0 else { throw Operator.absentRow(name) }
            heads[slot] = previous[Int(id)]
            if heads[slot] < 0 { emptied.insert(Int32(slot)) }
            values.append(id)
            gone.append(id)
        }
        try hand(batch, values)
        for id in gone { store.free(id) }
        for slot in emptied where heads[Int(slot)] < 0 { table.remove(slot) }
        if !gone.isEmpty {
            store.compactIfSparse()
            table.compactIfSparse()
        }
    }

    private func hand(_ batch: Batch, _ values: [Int32]) throws(SQLError) {
        let own = try plain.columns(batch)
        let kept = store.decode(values)
        let columns = places.map { $0.isVolatile ? kept[$0.index] : own[$0.index] }
        var weights: Buffer<Int64>?
        if batch.weights != nil {
            weights = Buffer((0..<batch.count).map { batch.weight($0).signum() })
        }
        try emit(
            Batch(columns, count: batch.count, weights: weights, watermarks: batch.watermarks))
    }

    private func bytes(of batch: Batch) -> Column {
        scratch.removeAll()
        scratch.append(batch.columns, count: batch.count, ids: ids)
        let views = Buffer<StringView>(capacity: batch.count)
        for row in 0..<batch.count {
            let bytes = unsafe scratch.bytes(ids[row])
            guard let start = bytes.baseAddress else { continue }
            views[row] = unsafe StringView(
                start.assumingMemoryBound(to: UInt8.self), count: bytes.count)
        }
        return Column(.bytea, count: batch.count, .string(views, owners: [scratch]))
    }

    override func advance(_ watermark: Int64, input: Int) throws(SQLError) {
        try emitWatermark(watermark)
    }

    override func write(_ state: inout OutputBuffer) {
        table.write(&state)
        store.write(&state)
        heads.write(&state)
        previous.write(&state)
    }

    override func read(_ state: inout StateReader) throws(SQLError) {
        try table.read(&state)
        try store.read(&state)
        try heads.read(&state)
        try previous.read(&state)
    }
}

extension Expression {
    /// Evaluated anew for each row, with another result.
    public var isVolatile: Bool {
        if case .call(let function, _, _) = self, function.volatility == .volatile { return true }
        return children.contains { $0.isVolatile }
    }
}
