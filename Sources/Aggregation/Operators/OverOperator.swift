import Formats

/// Window functions over one partitioning and order: appends a column a call.
///
/// All rows are kept. Where all is one step they are sorted at its end and leave with their
/// results; else the partitions that have changed are computed again at the end of each step, and
/// what differs leaves.
final class OverOperator: Operator {
    private let input: PartitionedInput
    private let computation: OverComputation
    private let isSingleStep: Bool

    /// In one step: the rows as they came.
    private struct Arrival: BitwiseCopyable {
        var prefix: UInt64
        var slot: Int32
        var row: Int32
    }
    private let arrivals = PlainVector<Arrival>()

    /// Over steps: rows in order, and what has left for each.
    private struct Partition {
        var rows = OrderedRows()
        var isTouched = false
    }
    private var partitions: [Partition] = []
    private var touched: [Int32] = []
    private let removed = PlainVector<Int32>()
    private let results: RowStore
    /// Per row its results, an id of `results`; -1: it has not left.
    private let resultIDs = PlainVector<Int32>()
    private let changes: NetRows
    /// Where rows go that do not fit, and how an operator of a part of them is made.
    private let spill: SpillBudget?
    private let makePart: (SpillBudget) throws(SQLError) -> OverOperator
    private var spilled: SpilledRows?
    private var part: Operator?
    private var hasWatermark = false

    init(
        _ types: [DataType], _ over: OverPlan, isSingleStep: Bool, timeColumns: [Int],
        spill: SpillBudget? = nil, _ settings: SessionSettings
    ) throws(SQLError) {
        self.spill = spill
        makePart = { (spill) throws(SQLError) in
            try OverOperator(
                types, over, isSingleStep: true, timeColumns: timeColumns, spill: spill, settings)
        }
        computation = try OverComputation(over, inputTypes: types, settings)
        input = try PartitionedInput(
            types, partition: over.partition, order: over.order, computed: computation.computed,
            timeColumns: timeColumns, settings)
        self.isSingleStep = isSingleStep
        results = RowStore(computation.resultTypes)
        changes = NetRows(types + computation.resultTypes)
        super.init("over")
    }

    override var memory: Int {
        input.memory + results.memory + arrivals.memory + changes.memory
            + partitions.reduce(0) { $0 + $1.rows.memory } + (part?.memory ?? 0)
    }

    override func push(_ batch: Batch, input port: Int) throws(SQLError) {
        let batch = try input.timely(batch)
        lateRowsLeftOut = input.lateRows
        guard batch.count > 0 else { return }
        if let spilled { return try input.spill(batch, to: spilled) }
        try keep(batch)
        // Rows on disk would lose the watermark that they came after.
        if let spill, !hasWatermark, input.hasPartitions, try spill.isExceeded(by: self) {
            let spilled = try input.makeSpilledRows(spill)
            let rows = PlainVector<Int32>(capacity: arrivals.count)
            for index in 0..<arrivals.count { rows.append(arrivals[index].row) }
            try input.spillAll(rows, to: spilled)
            arrivals.removeAll()
            self.spilled = spilled
        }
    }

    private func finishSpilled() throws(SQLError) {
        guard let spilled, let spill else { return }
        self.spilled = nil
        try finish([(spilled, 0)], hold: { self.part = $0 }) { () throws(SQLError) in
            try makePart(spill.deeper)
        }
    }

    private func keep(_ batch: Batch) throws(SQLError) {
        try input.take(batch)
        let copies = PlainVector<Int32>(capacity: batch.count)
        for row in 0..<batch.count {
            for _ in 0..<abs(batch.weight(row)) {
                copies.append(Int32(truncatingIfNeeded: row))
            }
        }
        try input.keep(batch, rows: copies)
        for index in 0..<copies.count {
            let row = unsafe Int(copies.base[index])
            let slot = unsafe input.slots.base[row]
            let id = unsafe input.ids.base[index]
            if isSingleStep, batch.weight(row) > 0 {
                arrivals.append(Arrival(prefix: input.prefix(row), slot: slot, row: id))
            } else {
                try place(
                    OrderedEntry(prefix: input.prefix(row), row: id), Int(slot),
                    isInsertion: batch.weight(row) > 0)
            }
        }
    }

    private func place(
        _ entry: OrderedEntry, _ slot: Int, isInsertion: Bool
    ) throws(SQLError) {
        while partitions.count <= slot { partitions.append(Partition()) }
        resultIDs.resize(to: max(resultIDs.count, input.store.idLimit), filling: -1)
        if isInsertion {
            partitions[slot].rows.insert(entry, input.keys)
        } else {
            guard let found = partitions[slot].rows.remove(equalTo: entry, input.keys) else {
                throw Operator.absentRow(name)
            }
            input.store.free(entry.row)
            removed.append(found)
        }
        if !partitions[slot].isTouched {
            partitions[slot].isTouched = true
            touched.append(Int32(slot))
        }
    }

    // MARK: one step

    private func emitAll() throws(SQLError) {
        let keys = input.keys
        let list = PlainVector<OrderedEntry>(capacity: arrivals.count)
        let slots = PlainVector<Int32>()
        slots.resize(to: input.store.idLimit, filling: 0)
        for index in 0..<arrivals.count {
            let arrival = arrivals[index]
            list.append(OrderedEntry(prefix: arrival.prefix, row: arrival.row))
            slots[Int(arrival.row)] = arrival.slot
        }
        // Nothing was freed, so ids are in the order of arrival.
        unsafe KeySorter.sort(list) { unsafe keys.store.stringBytes($0, column: keys.column) }
        KeySorter.group(list) { unsafe UInt64(slots.base[Int($0)]) }
        var start = 0
        while start < list.count {
            // Whole partitions, up to about a batch.
            var starts: [Int] = []
            var end = start
            while end < list.count, end - start < Batch.rowsMax {
                starts.append(end - start)
                let slot = list[end].prefix
                while end < list.count, list[end].prefix == slot { end += 1 }
            }
            let rows = PlainVector<Int32>(capacity: end - start)
            for index in start..<end { rows.append(list[index].row) }
            let (own, results) = try compute(rows, starts + [rows.count])
            try emit(rows: own + results, count: rows.count)
            start = end
        }
        arrivals.removeAll()
        input.store.removeAll()
    }

    /// The input's columns and the results for rows of whole partitions.
    private func compute(
        _ rows: PlainVector<Int32>, _ starts: [Int]
    ) throws(SQLError) -> (own: [Column], results: [Column]) {
        let columns = unsafe input.store.decode(
            UnsafeBufferPointer(start: rows.base, count: rows.count))
        let order = OverRows(partitionStarts: starts, keys: columns[input.keyColumn])
        let results = try computation.results(order) { columns[$0] }
        return (Array(columns[..<input.ownColumns.count]), results)
    }

    // MARK: steps

    override func endStep() throws(SQLError) {
        if isSingleStep { return }
        try emitChanges()
        try emitHeldWatermark()
    }

    private func emitChanges() throws(SQLError) {
        if touched.isEmpty { return }
        try takeBackRemoved()
        var start = 0
        while start < touched.count {
            let rows = PlainVector<Int32>()
            var starts: [Int] = []
            while start < touched.count, rows.count < Batch.rowsMax {
                let slot = Int(touched[start])
                start += 1
                partitions[slot].isTouched = false
                if partitions[slot].rows.count == 0 {
                    input.removePartition(Int32(slot))
                    continue
                }
                starts.append(rows.count)
                partitions[slot].rows.forEach { entry in
                    rows.append(entry.row)
                    return true
                }
            }
            if rows.count > 0 { try compare(rows, starts + [rows.count]) }
        }
        touched = []
        if changes.count > 0 {
            let (rows, weights) = changes.netRows()
            let isPlain = (0..<weights.count).allSatisfy { weights[$0] == 1 }
            try emit(changes.store, rows, weights: isPlain ? nil : weights)
            changes.removeAll()
        }
        for store in [input.store, results] { store.compactIfSparse() }
        input.table.compactIfSparse()
    }

    private func takeBackRemoved() throws(SQLError) {
        let rows = PlainVector<Int32>()
        for index in 0..<removed.count where resultIDs[Int(removed[index])] >= 0 {
            rows.append(removed[index])
        }
        noteOld(rows)
        for index in 0..<removed.count {
            let row = Int(removed[index])
            if resultIDs[row] >= 0 { results.free(resultIDs[row]) }
            resultIDs[row] = -1
            input.store.free(removed[index])
        }
        removed.removeAll()
    }

    /// What has left for some rows is taken back.
    private func noteOld(_ rows: PlainVector<Int32>) {
        guard rows.count > 0 else { return }
        let own = unsafe input.store.decode(
            UnsafeBufferPointer(start: rows.base, count: rows.count), wanted: input.ownColumns)
        let old = results.decode((0..<rows.count).map { resultIDs[Int(rows[$0])] })
        changes.add(own + old, count: rows.count) { _ in -1 }
    }

    /// Computes partitions again; rows whose results differ from what has left leave.
    private func compare(_ rows: PlainVector<Int32>, _ starts: [Int]) throws(SQLError) {
        let (own, now) = try compute(rows, starts)
        let ids = PlainVector<Int32>()
        results.append(now, count: rows.count, ids: ids)
        let old = PlainVector<Int32>()
        var changed: [Int32] = []
        for index in 0..<rows.count {
            let before = resultIDs[Int(rows[index])]
            if before >= 0 {
                if results.isEqual(before, results, ids[index]) {
                    results.free(ids[index])
                    continue
                }
                old.append(rows[index])
            }
            changed.append(Int32(index))
        }
        noteOld(old)
        for index in changed {
            let row = Int(rows[Int(index)])
            if resultIDs[row] >= 0 { results.free(resultIDs[row]) }
            resultIDs[row] = ids[Int(index)]
        }
        let columns = (own + now).map { $0.gather(changed) }
        changes.add(columns, count: changed.count) { _ in 1 }
    }

    override func advance(_ watermark: Int64, input port: Int) throws(SQLError) {
        if watermark == Watermark.end {
            if isSingleStep { try emitAll() } else { try emitChanges() }
            try finishSpilled()
            try emitWatermark(watermark)
        } else if !isSingleStep {
            try close(watermark)
            holdWatermark(watermark)
        } else {
            hasWatermark = true
        }
    }

    /// Frees the partitions that can no longer change; what has left for them stays.
    private func close(_ watermark: Int64) throws(SQLError) {
        guard let first = input.nextClosed(watermark) else { return }
        try emitChanges()
        var slot: Int32? = first
        while let closed = slot {
            partitions[Int(closed)].rows.forEach { entry in
                let row = Int(entry.row)
                if resultIDs[row] >= 0 { results.free(resultIDs[row]) }
                resultIDs[row] = -1
                input.store.free(entry.row)
                return true
            }
            partitions[Int(closed)] = Partition()
            input.removePartition(closed)
            slot = input.nextClosed(watermark)
        }
        for store in [input.store, results] { store.compactIfSparse() }
        input.table.compactIfSparse()
    }

    override func write(_ state: inout OutputBuffer) {
        input.write(&state)
        results.write(&state)
        resultIDs.write(&state)
        state.append(bigEndian: Int64(partitions.count))
        for partition in partitions {
            let rows = PlainVector<OrderedEntry>()
            for entry in partition.rows.entries { rows.append(entry) }
            rows.write(&state)
        }
    }

    override func read(_ state: inout StateReader) throws(SQLError) {
        try input.read(&state)
        try results.read(&state)
        try resultIDs.read(&state)
        partitions = []
        for _ in 0..<(try state.integer(Int64.self)) {
            let rows = PlainVector<OrderedEntry>()
            try rows.read(&state)
            partitions.append(Partition(rows: OrderedRows((0..<rows.count).map { rows[$0] })))
        }
    }
}
