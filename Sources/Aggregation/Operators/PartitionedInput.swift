import Formats

/// What operators over ordered partitions do with a batch: the slot of each row's partition, its
/// sort key, and a place in a store for the row with its key behind it.
@safe final class PartitionedInput {
    private(set) var table: KeyTable
    /// The input's columns, what `computed` adds, and the key's bytes.
    let store: RowStore
    let keyColumn: Int
    let slots = PlainVector<Int32>()
    let ids = PlainVector<Int32>()
    private let inputTypes: [DataType]
    private let partitionTypes: [DataType]
    private let partition: RowExpressions
    private let order: RowExpressions
    private let computed: RowExpressions?
    private let codec: SortKeyCodec
    /// Which of the partition's expressions is a time that the watermark speaks of; its partitions
    /// close when the watermark has passed it.
    private let time: Int?
    private let closing = ExpiryQueue()
    /// What rows are ordered by, where late ones are left out: they would change rows below the
    /// watermark.
    private let orderTime: RowExpression?
    /// Rows that came too late.
    private(set) var lateRows = 0
    /// Per slot: its partition is open.
    private let isOpen = PlainVector<Bool>()
    private let keyBytes = KeyBytes()
    private let sizes = PlainVector<Int>()

    /// `computed` are kept beside the row's own columns; the watermark speaks of `timeColumns` of
    /// the input.
    init(
        _ types: [DataType], partition: [Expression], order: [SortKey],
        computed: [Expression] = [], timeColumns: [Int] = [], orderTime: Expression? = nil,
        _ settings: SessionSettings
    ) throws(SQLError) {
        self.orderTime =
            if let orderTime { try RowExpression(orderTime, settings) } else { nil }
        time = partition.firstIndex { expression in
            guard case .column(let index, let type) = expression else { return false }
            return type.isTime && timeColumns.contains(index)
        }
        inputTypes = types
        partitionTypes = partition.map(\.type)
        self.partition = try RowExpressions(partition, settings)
        self.order = try RowExpressions(order.map(\.expression), settings)
        self.computed = computed.isEmpty ? nil : try RowExpressions(computed, settings)
        codec = SortKeyCodec(order)
        table = KeyTable(partition.map(\.type))
        keyColumn = types.count + computed.count
        store = RowStore(types + computed.map(\.type) + [.bytea], keepsOriginals: true)
    }

    var keys: SortKeys { SortKeys(store: store, column: keyColumn) }
    var memory: Int { table.memory + store.memory }

    /// The rows of a batch without those that came after the watermark had passed their partition's
    /// time, by what it was before them: the partition may be gone already. They are counted.
    func timely(_ batch: Batch) throws(SQLError) -> Batch {
        guard let marks = batch.watermarks, time != nil || orderTime != nil else { return batch }
        let times: Column
        if let orderTime {
            times = try orderTime.column(batch)
        } else if let time {
            times = try partition.columns(batch)[time]
        } else {
            return batch
        }
        let kept = (0..<Int32(batch.count)).filter { row in
            times.isNull(Int(row)) || times.microseconds(Int(row)) >= marks[Int(row)]
        }
        guard kept.count < batch.count else { return batch }
        lateRows += batch.count - kept.count
        return batch.gather(kept)
    }

    /// Finds slots and keys of a batch's rows; nothing is stored yet.
    func take(_ batch: Batch) throws(SQLError) {
        let keys = try partition.columns(batch)
        table.insert(keys, count: batch.count, into: slots)
        if let time { open(keys[time], batch.count) }
        codec.encode(
            try order.columns(batch), count: batch.count, into: keyBytes, sizes: sizes)
    }

    private func open(_ times: Column, _ count: Int) {
        isOpen.resize(to: max(isOpen.count, table.slotLimit), filling: false)
        for row in 0..<count where !isOpen[Int(slots[row])] {
            isOpen[Int(slots[row])] = true
            // A partition without a time stays.
            if !times.isNull(row) { closing.add(slots[row], times.microseconds(row)) }
        }
    }

    /// A partition that no further row can belong to; nil: none is left. The caller forgets it.
    func nextClosed(_ watermark: Int64) -> Int32? {
        guard time != nil, watermark != Watermark.none, watermark != Watermark.end else {
            return nil
        }
        return closing.next(below: watermark)
    }

    /// Forgets a partition of which no row is kept.
    func removePartition(_ slot: Int32) {
        table.remove(slot)
        guard time != nil else { return }
        isOpen[Int(slot)] = false
        closing.forget(slot)
    }

    @inline(__always)
    func prefix(_ row: Int) -> UInt64 { keyBytes.prefix(row) }

    /// True if the batch's row sorts before a stored one.
    @inline(__always)
    func isBefore(_ row: Int, _ entry: OrderedEntry) -> Bool {
        let prefix = keyBytes.prefix(row)
        if prefix != entry.prefix { return prefix < entry.prefix }
        return unsafe compareBytes(
            keyBytes.bytes(row), store.stringBytes(entry.row, column: keyColumn)) < 0
    }

    /// Stores rows of the batch that was taken last: all, or those at `rows`. `ids` has them then.
    func keep(_ batch: Batch, rows: PlainVector<Int32>?) throws(SQLError) {
        let views = Buffer<StringView>(capacity: batch.count)
        for row in 0..<batch.count {
            let bytes = unsafe keyBytes.bytes(row)
            guard let start = bytes.baseAddress else { continue }
            views[row] = unsafe StringView(
                start.assumingMemoryBound(to: UInt8.self), count: bytes.count)
        }
        // The views live until the next batch is taken; the store copies their bytes.
        let key = Column(.bytea, count: batch.count, .string(views, owners: [self]))
        var columns = batch.columns
        if let computed { columns += try computed.columns(batch) }
        columns.append(key)
        unsafe store.append(
            columns, rows: rows.map { unsafe UnsafePointer($0.base) },
            count: rows?.count ?? batch.count,
            ids: ids)
    }

    // MARK: disk

    /// Rows on disk, parted by their partitions; none without one.
    func makeSpilledRows(_ budget: SpillBudget) throws(SQLError) -> SpilledRows {
        try SpilledRows(inputTypes, keys: partitionTypes, budget)
    }

    var hasPartitions: Bool { !partitionTypes.isEmpty }

    func spill(_ batch: Batch, to rows: SpilledRows) throws(SQLError) {
        try rows.add(batch, keys: try partition.columns(batch))
    }

    /// Moves kept rows to disk, in this order, and forgets all.
    func spillAll(_ kept: PlainVector<Int32>, to rows: SpilledRows) throws(SQLError) {
        var start = 0
        while start < kept.count {
            let count = min(Batch.rowsMax, kept.count - start)
            let columns = unsafe store.decode(
                UnsafeBufferPointer(start: kept.base + start, count: count), wanted: ownColumns)
            try spill(Batch(columns, count: count), to: rows)
            start += count
        }
        store.removeAll()
        table = KeyTable(partitionTypes)
    }

    /// The columns that an output row begins with.
    var ownColumns: [Int] { Array(inputTypes.indices) }

    func write(_ state: inout OutputBuffer) {
        table.write(&state)
        store.write(&state)
        closing.write(&state)
        isOpen.write(&state)
    }

    func read(_ state: inout StateReader) throws(SQLError) {
        try table.read(&state)
        try store.read(&state)
        try closing.read(&state)
        try isOpen.read(&state)
    }
}
