import Formats

/// The first `limit` rows (nil: all) behind `offset` of each partition, in the order of keys, over
/// input that may change, with any limit and WITH TIES: all rows are kept, in order. At the end of
/// a step the change of what the first rows are leaves, or where all is one step the rows in order.
final class OrderedTopOperator: Operator, ProcessingTimeOperator {
    private struct Partition {
        var rows = OrderedRows()
        /// What has left: rows with their numbers.
        var left: [Place] = []
        var isTouched = false
    }
    private struct Place: Equatable, BitwiseCopyable {
        var row: Int32
        var number: Int64
    }

    private let input: PartitionedInput
    private let offset: Int
    private let limit: Int?
    private let withTies: Bool
    private let appendsRowNumber: Bool
    private let isSingleStep: Bool
    private let changes: NetRows
    private var partitions: [Partition] = []
    private var touched: [Int32] = []
    /// Rows that were taken back and may have left before.
    private let removed = PlainVector<Int32>()
    /// Places to be given out as changes, of many partitions, with their weights.
    private var noted: [Place] = []
    private var notedWeights: [Int64] = []
    /// Where rows go that do not fit, and how an operator of a part of them is made.
    private let spill: SpillBudget?
    private let makePart: (SpillBudget) throws(SQLError) -> OrderedTopOperator
    private var spilled: SpilledRows?
    private var part: Operator?
    private var hasWatermark = false
    /// The watermark goes on at the end only: rows that change have any time.
    private let holdsTime: Bool
    /// Partitions are let go when they are idle; nil: never.
    private let idle: IdleTimes?

    init(
        _ types: [DataType], _ sort: SortPlan, limit: Int?, offset: Int, isSingleStep: Bool,
        timeColumns: [Int], orderTime: Expression? = nil, holdsTime: Bool = false,
        spill: SpillBudget? = nil, idle: IdleTimes? = nil, _ settings: SessionSettings
    ) throws(SQLError) {
        self.holdsTime = holdsTime
        self.idle = isSingleStep || sort.partition.isEmpty ? nil : idle
        self.spill = spill
        makePart = { (spill) throws(SQLError) in
            try OrderedTopOperator(
                types, sort, limit: limit, offset: offset, isSingleStep: true,
                timeColumns: timeColumns, spill: spill, settings)
        }
        input = try PartitionedInput(
            types, partition: sort.partition, order: sort.keys, timeColumns: timeColumns,
            orderTime: orderTime, settings)
        self.limit = limit
        self.offset = offset
        withTies = sort.withTies
        appendsRowNumber = sort.appendsRowNumber
        self.isSingleStep = isSingleStep
        changes = NetRows(types + (sort.appendsRowNumber ? [.bigint] : []))
        super.init(limit.map { "top \($0)" } ?? "ordered rows")
    }

    override var memory: Int {
        // By count, for it is asked often: each row may stand in `rows` and in `left`.
        input.memory + changes.memory + input.store.liveCount * 32 + partitions.count * 96
            + (part?.memory ?? 0) + (idle?.memory ?? 0)
    }

    override func push(_ batch: Batch, input port: Int) throws(SQLError) {
        let batch = try input.timely(batch)
        lateRowsLeftOut = input.lateRows
        guard batch.count > 0 else { return }
        if let spilled { return try input.spill(batch, to: spilled) }
        try keep(batch)
        // Rows on disk would lose the watermark that they came after.
        if let spill, !hasWatermark, input.hasPartitions, try spill.isExceeded(by: self) {
            try spillAll(spill)
        }
    }

    /// In the order of their keys: of equal keys the one that came first stays first.
    private func spillAll(_ spill: SpillBudget) throws(SQLError) {
        let spilled = try input.makeSpilledRows(spill)
        let rows = PlainVector<Int32>()
        for partition in partitions {
            partition.rows.forEach { entry in
                rows.append(entry.row)
                return true
            }
        }
        partitions = []
        touched = []
        try input.spillAll(rows, to: spilled)
        self.spilled = spilled
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
        if let idle {
            unsafe idle.touch(
                input.slots.base, count: batch.count, below: input.table.slotLimit)
        }
        let copies = PlainVector<Int32>()
        for row in 0..<batch.count {
            for _ in 0..<abs(batch.weight(row)) { copies.append(Int32(row)) }
        }
        try input.keep(batch, rows: copies)
        while partitions.count < input.table.slotLimit { partitions.append(Partition()) }
        for index in 0..<copies.count {
            let row = Int(copies[index])
            let slot = Int(input.slots[row])
            let entry = OrderedEntry(prefix: input.prefix(row), row: input.ids[index])
            if batch.weight(row) > 0 {
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
    }

    override func endStep() throws(SQLError) {
        try flush()
        try emitHeldWatermark()
        guard let idle else { return }
        let freed = try idle.sweep(below: partitions.count) { slot in
            guard partitions[Int(slot)].rows.count > 0 else { return false }
            free(slot)
            return true
        }
        if freed > 0 { compact() }
        idleKeysFreed += freed
    }

    var goesByClock: Bool { idle != nil }

    func advanceTime(to now: Int64) throws(SQLError) { idle?.clock.advance(clock: now) }

    private func flush() throws(SQLError) {
        if isSingleStep || touched.isEmpty { return }
        for slot in touched { compare(Int(slot)) }
        addNoted()
        if changes.count > 0 {
            let (rows, weights) = changes.netRows()
            let isPlain = (0..<weights.count).allSatisfy { weights[$0] == 1 }
            try emit(changes.store, rows, weights: isPlain ? nil : weights)
            changes.removeAll()
        }
        for index in 0..<removed.count { input.store.free(removed[index]) }
        removed.removeAll()
        for slot in touched where partitions[Int(slot)].rows.count == 0 {
            input.removePartition(slot)
        }
        touched = []
        input.store.compactIfSparse()
        input.table.compactIfSparse()
    }

    /// The rows that stand in the result for a partition.
    private func places(_ slot: Int) -> [Place] {
        var list: [Place] = []
        var number = Int64(offset)
        var last: OrderedEntry?
        let limit = limit ?? Int.max
        if limit == 0 { return [] }
        partitions[slot].rows.forEach(from: offset) { entry in
            if list.count >= limit {
                guard withTies, let last, input.keys.isEqual(last, entry) else { return false }
            }
            number += 1
            list.append(Place(row: entry.row, number: appendsRowNumber ? number : 0))
            last = entry
            return true
        }
        return list
    }

    private func compare(_ slot: Int) {
        partitions[slot].isTouched = false
        let now = places(slot)
        let before = partitions[slot].left
        partitions[slot].left = now
        // Equal beginnings and ends need no look.
        var start = 0
        while start < min(now.count, before.count), now[start] == before[start] { start += 1 }
        var same = 0
        while same < min(now.count, before.count) - start,
            now[now.count - 1 - same] == before[before.count - 1 - same]
        {
            same += 1
        }
        note(before[start..<(before.count - same)], -1)
        note(now[start..<(now.count - same)], 1)
    }

    private func note(_ places: ArraySlice<Place>, _ weight: Int64) {
        for place in places {
            noted.append(place)
            notedWeights.append(weight)
            if noted.count == Batch.rowsMax { addNoted() }
        }
    }

    /// Makes changes of what was noted: of many rows at once, as most partitions have a few.
    private func addNoted() {
        guard !noted.isEmpty else { return }
        changes.add(columns(noted[...]), count: noted.count) { notedWeights[$0] }
        noted.removeAll(keepingCapacity: true)
        notedWeights.removeAll(keepingCapacity: true)
    }

    private func columns(_ places: ArraySlice<Place>) -> [Column] {
        var columns = input.store.decode(places.map(\.row), wanted: input.ownColumns)
        if appendsRowNumber {
            let numbers = Buffer(places.map(\.number))
            columns.append(Column(.bigint, count: places.count, .integer(numbers)))
        }
        return columns
    }

    override func advance(_ watermark: Int64, input port: Int) throws(SQLError) {
        idle?.clock.advance(watermark: watermark)
        if watermark == Watermark.end {
            if isSingleStep { try emitAll() } else { try flush() }
            try finishSpilled()
            try emitWatermark(watermark)
        } else {
            hasWatermark = true
            try close(watermark)
            // In a single step rows of open partitions wait for the end.
            if !isSingleStep, !holdsTime { holdWatermark(watermark) }
        }
    }

    /// Lets the partitions out that can no longer change, and frees them.
    private func close(_ watermark: Int64) throws(SQLError) {
        guard let first = input.nextClosed(watermark) else { return }
        try flush()
        var slot: Int32? = first
        while let closed = slot {
            let index = Int(closed)
            if isSingleStep {
                let list = places(index)
                try emit(rows: columns(list[...]), count: list.count)
            }
            free(closed)
            slot = input.nextClosed(watermark)
        }
        compact()
    }

    private func free(_ slot: Int32) {
        partitions[Int(slot)].rows.forEach { entry in
            input.store.free(entry.row)
            return true
        }
        partitions[Int(slot)] = Partition()
        input.removePartition(slot)
    }

    private func compact() {
        input.store.compactIfSparse()
        input.table.compactIfSparse()
    }

    private func emitAll() throws(SQLError) {
        var waiting: [Place] = []
        for slot in partitions.indices {
            waiting += places(slot)
            if waiting.count < Batch.rowsMax { continue }
            try emit(rows: columns(waiting[...]), count: waiting.count)
            waiting = []
        }
        try emit(rows: columns(waiting[...]), count: waiting.count)
    }

    override func write(_ state: inout OutputBuffer) {
        input.write(&state)
        state.append(bigEndian: Int64(partitions.count))
        for partition in partitions {
            let rows = PlainVector<OrderedEntry>()
            for entry in partition.rows.entries { rows.append(entry) }
            rows.write(&state)
            let left = PlainVector<Place>()
            for place in partition.left { left.append(place) }
            left.write(&state)
        }
        idle?.clock.write(&state)
        idle?.write(&state)
    }

    override func read(_ state: inout StateReader) throws(SQLError) {
        try input.read(&state)
        let count = try state.integer(Int64.self)
        partitions = []
        for _ in 0..<count {
            let rows = PlainVector<OrderedEntry>()
            try rows.read(&state)
            let left = PlainVector<Place>()
            try left.read(&state)
            var partition = Partition()
            partition.rows = OrderedRows((0..<rows.count).map { rows[$0] })
            partition.left = (0..<left.count).map { left[$0] }
            partitions.append(partition)
        }
        // Earlier builds let no partition go.
        if let idle, state.remaining > 0 {
            try idle.clock.read(&state)
            try idle.read(&state)
        }
    }
}
