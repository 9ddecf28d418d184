import Formats

/// The first `limit` rows behind `offset` of each partition of a growing input, in the order of
/// keys, equal keys in the order of arrival. No more rows than these are kept.
///
/// Where all is one step they leave at its end; else the change of what they are leaves at the end
/// of each step.
final class TopOperator: Operator, ProcessingTimeOperator {
    /// Up to so many rows a partition; more are kept by `OrderedTopOperator`.
    static let rowsMax = 64

    private let types: [DataType]
    private let input: PartitionedInput
    private let offset: Int
    private let size: Int
    private let appendsRowNumber: Bool
    private let isSingleStep: Bool
    private let changes: NetRows
    /// `size` places a slot.
    private let entries = PlainVector<OrderedEntry>()
    private let counts = PlainVector<Int32>()
    /// What has left: row ids, `size` places a slot; -1 where there is none.
    private let left = PlainVector<Int32>()
    private let isTouched = PlainVector<Bool>()
    private let touched = PlainVector<Int32>()
    private let candidates = PlainVector<Int32>()
    /// Rows that were pushed out and may have left before.
    private let displaced = PlainVector<Int32>()
    /// Rows to be given out as changes, of many partitions, with their numbers and weights.
    private let notedRows = PlainVector<Int32>()
    private let notedNumbers = PlainVector<Int64>()
    private let notedWeights = PlainVector<Int64>()
    /// Where rows go that do not fit, and how an operator of a part of them is made.
    private let spill: SpillBudget?
    private let makePart: (SpillBudget) throws(SQLError) -> TopOperator
    private var spilled: SpilledRows?
    private var part: Operator?
    private var hasWatermark = false
    /// The watermark goes on at the end only: rows that change have any time.
    private let holdsTime: Bool
    /// Partitions are let go when they are idle; nil: never.
    private let idle: IdleTimes?

    init(
        _ types: [DataType], _ sort: SortPlan, limit: Int, offset: Int, isSingleStep: Bool,
        timeColumns: [Int], orderTime: Expression? = nil, holdsTime: Bool = false,
        spill: SpillBudget? = nil, idle: IdleTimes? = nil, _ settings: SessionSettings
    ) throws(SQLError) {
        self.holdsTime = holdsTime
        self.idle = isSingleStep || sort.partition.isEmpty ? nil : idle
        self.types = types
        self.spill = spill
        makePart = { (spill) throws(SQLError) in
            try TopOperator(
                types, sort, limit: limit, offset: offset, isSingleStep: true,
                timeColumns: timeColumns, spill: spill, settings)
        }
        input = try PartitionedInput(
            types, partition: sort.partition, order: sort.keys, timeColumns: timeColumns,
            orderTime: orderTime, settings)
        self.offset = offset
        size = limit + offset
        appendsRowNumber = sort.appendsRowNumber
        self.isSingleStep = isSingleStep
        changes = NetRows(types + (sort.appendsRowNumber ? [.bigint] : []))
        super.init("top \(limit)")
    }

    override var memory: Int {
        input.memory + entries.memory + counts.memory + left.memory + changes.memory
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
        for slot in 0..<counts.count {
            for place in 0..<Int(counts[slot]) { rows.append(entries[slot * size + place].row) }
        }
        counts.removeAll()
        entries.removeAll()
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
        guard size > 0 else { return }
        try input.take(batch)
        growSlots()
        if let idle {
            unsafe idle.touch(
                input.slots.base, count: batch.count, below: input.table.slotLimit)
        }
        // Most rows of a full partition lose against the last that is kept.
        candidates.removeAll()
        for row in 0..<batch.count where batch.weight(row) > 0 {
            let slot = unsafe Int(input.slots.base[row])
            if unsafe counts.base[slot] == Int32(size),
                unsafe !input.isBefore(row, entries.base[slot * size + size - 1])
            {
                continue
            }
            // A row of weight n takes n places.
            for _ in 0..<min(batch.weight(row), Int64(size)) {
                candidates.append(Int32(truncatingIfNeeded: row))
            }
        }
        guard candidates.count > 0 else { return }
        try input.keep(batch, rows: candidates)
        for index in 0..<candidates.count {
            unsafe place(input.ids.base[index], Int(candidates.base[index]))
        }
        if isSingleStep { input.store.compactIfSparse() }
    }

    private func growSlots() {
        let limit = input.table.slotLimit
        guard limit > counts.count else { return }
        counts.resize(to: limit, filling: 0)
        entries.resize(to: limit * size, filling: OrderedEntry(prefix: 0, row: -1))
        if isSingleStep { return }
        left.resize(to: limit * size, filling: -1)
        isTouched.resize(to: limit, filling: false)
    }

    private func place(_ id: Int32, _ row: Int) {
        let slot = unsafe Int(input.slots.base[row])
        var count = unsafe Int(counts.base[slot])
        let base = unsafe entries.base + slot * size
        if count == size {
            // A row of the same batch may have taken the place.
            guard unsafe input.isBefore(row, base[size - 1]) else { return input.store.free(id) }
            unsafe drop(base[size - 1].row)
            count -= 1
        }
        var place = count
        while place > 0, unsafe input.isBefore(row, base[place - 1]) {
            unsafe base[place] = unsafe base[place - 1]
            place -= 1
        }
        unsafe base[place] = OrderedEntry(prefix: input.prefix(row), row: id)
        unsafe counts.base[slot] = Int32(truncatingIfNeeded: count + 1)
        if !isSingleStep, !isTouched[slot] {
            isTouched[slot] = true
            touched.append(Int32(truncatingIfNeeded: slot))
        }
    }

    private func drop(_ row: Int32) {
        if isSingleStep { input.store.free(row) } else { displaced.append(row) }
    }

    override func endStep() throws(SQLError) {
        try flush()
        try emitHeldWatermark()
        guard let idle else { return }
        let freed = try idle.sweep(below: counts.count) { slot in
            guard counts[Int(slot)] > 0 else { return false }
            free(slot)
            return true
        }
        if freed > 0 { compact() }
        idleKeysFreed += freed
    }

    var goesByClock: Bool { idle != nil }

    func advanceTime(to now: Int64) throws(SQLError) { idle?.clock.advance(clock: now) }

    private func flush() throws(SQLError) {
        if isSingleStep { return }
        for index in 0..<touched.count {
            compare(Int(touched[index]))
            if notedRows.count > Batch.rowsMax - 2 * size { addNoted() }
        }
        addNoted()
        touched.removeAll()
        for index in 0..<displaced.count { input.store.free(displaced[index]) }
        displaced.removeAll()
        try emitChanges()
        input.store.compactIfSparse()
    }

    private func emitChanges() throws(SQLError) {
        guard changes.count > 0 else { return }
        let (rows, weights) = changes.netRows()
        let isPlain = (0..<weights.count).allSatisfy { weights[$0] == 1 }
        try emit(changes.store, rows, weights: isPlain ? nil : weights)
        changes.removeAll()
    }

    /// Notes what the rows of a partition are now, and what they were.
    private func compare(_ slot: Int) {
        isTouched[slot] = false
        for place in offset..<size {
            let index = slot * size + place
            let now = place < Int(counts[slot]) ? entries[index].row : -1
            let before = left[index]
            if now == before { continue }
            if before >= 0 { note(before, place + 1, -1) }
            if now >= 0 { note(now, place + 1, 1) }
            left[index] = now
        }
    }

    private func note(_ row: Int32, _ number: Int, _ weight: Int64) {
        notedRows.append(row)
        notedNumbers.append(Int64(number))
        notedWeights.append(weight)
    }

    /// Makes changes of what was noted: of many rows at once, as most partitions have a few.
    private func addNoted() {
        guard notedRows.count > 0 else { return }
        changes.add(columns(notedRows, notedNumbers), count: notedRows.count) { notedWeights[$0] }
        notedRows.removeAll()
        notedNumbers.removeAll()
        notedWeights.removeAll()
    }

    private func columns(_ rows: PlainVector<Int32>, _ numbers: PlainVector<Int64>) -> [Column] {
        var columns = unsafe input.store.decode(
            UnsafeBufferPointer(start: rows.base, count: rows.count), wanted: input.ownColumns)
        if appendsRowNumber { columns.append(numbers.column(.bigint)) }
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
            if isSingleStep { try emit(partitions: Int(closed)..<Int(closed) + 1) }
            free(closed)
            slot = input.nextClosed(watermark)
        }
        compact()
    }

    private func free(_ slot: Int32) {
        let index = Int(slot)
        for place in 0..<Int(counts[index]) {
            input.store.free(entries[index * size + place].row)
        }
        counts[index] = 0
        if !isSingleStep { for place in 0..<size { left[index * size + place] = -1 } }
        input.removePartition(slot)
    }

    private func compact() {
        input.store.compactIfSparse()
        input.table.compactIfSparse()
    }

    private func emitAll() throws(SQLError) { try emit(partitions: 0..<counts.count) }

    private func emit(partitions: Range<Int>) throws(SQLError) {
        let rows = PlainVector<Int32>(capacity: Batch.rowsMax)
        let numbers = PlainVector<Int64>(capacity: Batch.rowsMax)
        for slot in partitions {
            var place = offset
            while place < Int(counts[slot]) {
                rows.append(entries[slot * size + place].row)
                numbers.append(Int64(place + 1))
                place += 1
                if rows.count == Batch.rowsMax {
                    try emit(Batch(columns(rows, numbers), count: rows.count))
                    rows.removeAll()
                    numbers.removeAll()
                }
            }
        }
        try emit(Batch(columns(rows, numbers), count: rows.count))
    }

    override func carry(
        from old: Operator, _ widening: ColumnWidening
    ) throws(SQLError) -> Bool {
        guard let old = old as? TopOperator, old.spilled == nil, old.part == nil,
            old.touched.count == 0, size == old.size
        else { return false }
        var rows: [Int32] = []
        for slot in 0..<old.counts.count {
            for place in 0..<Int(old.counts[slot]) {
                rows.append(old.entries[slot * size + place].row)
            }
        }
        isMuted = true
        for start in stride(from: 0, to: rows.count, by: Batch.rowsMax) {
            let part = Array(rows[start..<min(start + Batch.rowsMax, rows.count)])
            let columns = old.input.store.decode(part, wanted: old.input.ownColumns)
            try push(try widening.batch(columns, part.count, as: types), input: 0)
        }
        if !isSingleStep { try endStep() }
        isMuted = false
        hasWatermark = old.hasWatermark
        return true
    }

    override func write(_ state: inout OutputBuffer) {
        input.write(&state)
        entries.write(&state)
        counts.write(&state)
        left.write(&state)
        idle?.clock.write(&state)
        idle?.write(&state)
    }

    override func read(_ state: inout StateReader) throws(SQLError) {
        try input.read(&state)
        try entries.read(&state)
        try counts.read(&state)
        try left.read(&state)
        // Earlier builds let no partition go.
        if let idle, state.remaining > 0 {
            try idle.clock.read(&state)
            try idle.read(&state)
        }
        isTouched.removeAll()
        isTouched.resize(to: counts.count, filling: false)
    }
}

extension PlainVector<Int64> {
    /// A column of the same values.
    func column(_ type: DataType) -> Column {
        let buffer = Buffer<Int64>(capacity: count)
        unsafe buffer.base.update(from: base, count: count)
        return Column(type, count: count, .integer(buffer))
    }
}
