import Formats

/// ASOF joins: each left row with the nearest right row of its key by time. Input 0 is the left.
///
/// Where the result only grows, a left row waits until no nearer row can come: backward until the
/// right side's watermark has passed its time, forward until it has passed the partner's, for the
/// partner lies behind the left row; or until the right side has ended. Else left rows are kept,
/// and at the end of a step those of the keys that have changed are looked up again.
final class AsofOperator: Operator, ProcessingTimeOperator {
    private let kind: JoinPlan.Kind
    private let bound: JoinPlan.AsofBound
    private let isAppendOnly: Bool
    /// Whether the watermark of each side speaks of the time that is compared.
    private let isTimed: [Bool]
    private let keys: [RowExpressions]
    private let times: [RowExpression]
    private let codec: SortKeyCodec
    private let rightTypes: [DataType]
    private let table: KeyTable
    /// Rows with the bytes of their time behind them.
    private let stores: [RowStore]
    private var right: [OrderedRows] = []
    private var watermarks = InputWatermarks(2)

    /// Left rows by slot: those that are kept; where rows wait, those that have no partner yet,
    /// though the right watermark has passed them (forward).
    private var left: [[Int32]] = []
    private let waiting = ExpiryQueue()
    /// By left row, where rows wait, in microseconds.
    private let leftTimes = PlainVector<Int64>()
    /// Forward: rows that wait by their own times, which hold the watermark of the result back.
    private let held: ExpiryQueue?
    /// Forward: by right row.
    private let rightTimes = PlainVector<Int64>()
    /// What has been handed on.
    private var output = Watermark.none
    /// What the watermark of its partition was before a right row that came late: left rows below
    /// it may have left already, so it is for none of them, however the input was cut.
    private var rightMarks: [Int32: Int64] = [:]
    /// The same of left rows that came late: a window above judges them by it.
    private var leftMarks: [Int32: Int64] = [:]
    private let leftSlots = PlainVector<Int32>()
    /// Where the result changes: the right row that has left with each left row; -1: none, -2: the
    /// left row has not left.
    private let partners = PlainVector<Int32>()
    private var touched: Set<Int32> = []
    private let removed = [PlainVector<Int32>(), PlainVector<Int32>()]
    private let changes: MarkedChanges
    /// The times in left rows that the watermark of the result speaks of.
    private let rowTimes: [RowExpression]
    /// Of the left batch at hand: what the watermark was before the rows that came late.
    private var late: [Int64]?
    /// Right rows are let go when their keys are idle; nil: never.
    private let idle: IdleTimes?

    private let slots = PlainVector<Int32>()
    private let ids = PlainVector<Int32>()
    private let keyBytes = KeyBytes()
    private let sizes = PlainVector<Int>()

    init(
        _ join: JoinPlan, _ bound: JoinPlan.AsofBound, left: [DataType], right: [DataType],
        isAppendOnly: Bool, isTimed: [Bool], rowTimes: [Expression],
        idle: IdleTimes? = nil, _ settings: SessionSettings
    ) throws(SQLError) {
        self.idle = isAppendOnly ? idle : nil
        var own: [RowExpression] = []
        for time in rowTimes { own.append(try RowExpression(time, settings)) }
        self.rowTimes = own
        kind = join.kind
        self.bound = bound
        self.isAppendOnly = isAppendOnly
        self.isTimed = isTimed
        held = isAppendOnly && bound.isForward ? ExpiryQueue() : nil
        keys = [
            try RowExpressions(join.leftKeys, settings),
            try RowExpressions(join.rightKeys, settings),
        ]
        times = [
            try RowExpression(bound.left, settings), try RowExpression(bound.right, settings),
        ]
        codec = SortKeyCodec(types: [bound.left.type])
        rightTypes = right
        table = KeyTable(join.leftKeys.map(\.type), nullsMatch: false)
        stores = [left, right].map { RowStore($0 + [.bytea], keepsOriginals: true) }
        changes = MarkedChanges(left + right, isMarked: !own.isEmpty)
        super.init("asof join")
    }

    override var memory: Int {
        table.memory + stores[0].memory + stores[1].memory + changes.memory
            + right.reduce(0) { $0 + $1.memory } + waiting.memory + (held?.memory ?? 0)
            + (idle?.memory ?? 0) + leftTimes.memory + rightTimes.memory + leftMarks.count * 32
            + rightMarks.count * 32
    }

    private func sortKeys(_ side: Int) -> SortKeys {
        SortKeys(store: stores[side], column: stores[side].codec.types.count - 1)
    }

    private func wanted(_ side: Int) -> [Int] {
        Array(stores[side].codec.types.indices.dropLast())
    }

    override func push(_ batch: Batch, input side: Int) throws(SQLError) {
        let time = try times[side].column(batch)
        table.insert(try keys[side].columns(batch), count: batch.count, into: slots)
        while right.count < table.slotLimit { right.append(OrderedRows()) }
        while left.count < table.slotLimit { left.append([]) }
        if let idle { unsafe idle.touch(slots.base, count: batch.count, below: table.slotLimit) }
        codec.encode([time], count: batch.count, into: keyBytes, sizes: sizes)
        var rows: [Int32] = []
        var alone: [Int32] = []
        for row in 0..<batch.count {
            let matches = slots[row] >= 0 && !time.isNull(row)
            for _ in 0..<abs(batch.weight(row)) where matches { rows.append(Int32(row)) }
            if !matches { alone.append(Int32(row)) }
        }
        late = side == 1 || rowTimes.isEmpty ? nil : try batch.lateMarks(by: rowTimes)
        if side == 0, kind == .asofLeft { try emitAlone(batch, alone) }
        let isComplete = side == 0 && watermarks.hasEnded(1)
        try store(batch, rows, side)
        if side == 1 { return try addRight(batch, rows, time) }
        if isComplete { return try finish(batch, rows, time) }
        try addLeft(batch, rows, time)
    }

    private func store(_ batch: Batch, _ rows: [Int32], _ side: Int) throws(SQLError) {
        let views = Buffer<StringView>(capacity: batch.count)
        for row in 0..<batch.count {
            let bytes = unsafe keyBytes.bytes(row)
            guard let start = bytes.baseAddress else { continue }
            views[row] = unsafe StringView(
                start.assumingMemoryBound(to: UInt8.self), count: bytes.count)
        }
        let key = Column(.bytea, count: batch.count, .string(views, owners: [keyBytes]))
        unsafe rows.withUnsafeBufferPointer { list in
            guard let start = list.baseAddress else { return ids.removeAll() }
            unsafe stores[side].append(
                batch.columns + [key], rows: start, count: list.count, ids: ids)
        }
    }

    private func addRight(
        _ batch: Batch, _ rows: [Int32], _ time: Column
    ) throws(SQLError) {
        if held != nil {
            rightTimes.resize(to: max(rightTimes.count, stores[1].idLimit), filling: 0)
        }
        for (index, row) in rows.enumerated() {
            let slot = Int(slots[Int(row)])
            if isTimed[1], batch.weight(Int(row)) > 0, let mark = batch.watermarks?[Int(row)],
                microseconds(time, row) < mark
            {
                rightMarks[ids[index]] = mark
            }
            if held != nil { rightTimes[Int(ids[index])] = microseconds(time, row) }
            let entry = OrderedEntry(prefix: keyBytes.prefix(Int(row)), row: ids[index])
            if batch.weight(Int(row)) > 0 {
                right[slot].insert(entry, sortKeys(1))
                if held != nil, rightMarks[ids[index]] == nil { findPartners(slot) }
            } else {
                guard let found = right[slot].remove(equalTo: entry, sortKeys(1)) else {
                    throw Operator.absentRow(name)
                }
                stores[1].free(entry.row)
                removed[1].append(found)
            }
            if !isAppendOnly { touched.insert(Int32(slot)) }
        }
    }

    /// Of left rows that had none. They leave once the watermark has passed its time.
    private func findPartners(_ slot: Int) {
        left[slot].removeAll { row in
            let partner = nearest(entry(row), slot, at: leftTimes[Int(row)])
            if partner >= 0 { waiting.add(row, rightTimes[Int(partner)]) }
            return partner >= 0
        }
    }

    /// Of a time; what is none that a watermark speaks of is after all of them.
    private func microseconds(_ time: Column, _ row: Int32) -> Int64 {
        time.type.layout == .integer ? time.microseconds(Int(row)) : .max
    }

    private func addLeft(_ batch: Batch, _ rows: [Int32], _ time: Column) throws(SQLError) {
        leftSlots.resize(to: max(leftSlots.count, stores[0].idLimit), filling: -1)
        partners.resize(to: leftSlots.count, filling: -2)
        for (index, row) in rows.enumerated() {
            let slot = slots[Int(row)]
            let id = ids[index]
            if batch.weight(Int(row)) < 0 {
                guard
                    let place = left[Int(slot)].firstIndex(where: {
                        stores[0].isEqual($0, stores[0], id)
                    })
                else { throw Operator.absentRow(name) }
                removed[0].append(left[Int(slot)].remove(at: place))
                stores[0].free(id)
                touched.insert(slot)
                continue
            }
            leftSlots[Int(id)] = slot
            partners[Int(id)] = -2
            if let mark = late?[Int(row)], mark != Watermark.none { leftMarks[id] = mark }
            leftTimes.resize(to: max(leftTimes.count, stores[0].idLimit), filling: 0)
            leftTimes[Int(id)] = microseconds(time, row)
            if isAppendOnly {
                waiting.add(id, leftTimes[Int(id)])
                held?.add(id, leftTimes[Int(id)])
            } else {
                left[Int(slot)].append(id)
                touched.insert(slot)
            }
        }
    }

    /// Rows of a batch, just stored, over a right side that is complete.
    private func finish(
        _ batch: Batch, _ rows: [Int32], _ time: Column
    ) throws(SQLError) {
        var found: [Int32] = []
        var places: [Int32] = []
        for (index, row) in rows.enumerated() {
            let entry = OrderedEntry(prefix: keyBytes.prefix(Int(row)), row: ids[index])
            let partner = nearest(entry, Int(slots[Int(row)]), at: microseconds(time, row))
            if partner < 0, kind == .asof { continue }
            places.append(row)
            found.append(partner)
        }
        for index in 0..<ids.count { stores[0].free(ids[index]) }
        let columns =
            batch.columns.map { $0.gather(places) } + stores[1].decode(found, wanted: wanted(1))
        let weights = batch.weights.map { all in
            Buffer(places.map { all[Int($0)] < 0 ? Int64(-1) : 1 })
        }
        try hand(
            Batch(
                columns, count: places.count, weights: weights,
                watermarks: late.map { late in Buffer(places.map { late[Int($0)] }) }))
    }

    private func emitAlone(_ batch: Batch, _ rows: [Int32]) throws(SQLError) {
        guard !rows.isEmpty else { return }
        let picked = batch.gather(rows)
        let nulls = rightTypes.map { Column.constant(.null, $0, count: rows.count) }
        try hand(
            Batch(
                picked.columns + nulls, count: rows.count, weights: picked.weights,
                watermarks: late.map { late in Buffer(rows.map { late[Int($0)] }) }))
    }

    private func hand(_ batch: Batch) throws(SQLError) {
        if isAppendOnly {
            return try emit(
                rows: batch.columns, count: batch.count, weights: batch.weights,
                watermarks: batch.watermarks)
        }
        changes.add(batch)
    }

    /// What the watermark was before kept left rows; nil: none came late.
    private func marks(of rows: [Int32]) -> Buffer<Int64>? {
        guard !leftMarks.isEmpty, rows.contains(where: { leftMarks[$0] != nil }) else { return nil }
        return Buffer(rows.map { leftMarks[$0] ?? Watermark.none })
    }

    private func freeLeft(_ row: Int32) {
        stores[0].free(row)
        leftMarks[row] = nil
    }

    /// The right row nearest to a left one; -1: there is none.
    private func nearest(_ entry: OrderedEntry, _ slot: Int, at time: Int64) -> Int32 {
        let leftKeys = sortKeys(0)
        let rightKeys = sortKeys(1)
        let key = unsafe stores[0].stringBytes(entry.row, column: leftKeys.column)
        // Backward: the last that is not behind; forward: the first that is not before.
        let place = right[slot].partitionPoint { other in
            let order = unsafe compareBytes(
                stores[1].stringBytes(other.row, column: rightKeys.column), key)
            return bound.isForward == bound.isStrict ? order <= 0 : order < 0
        }
        var best = bound.isForward ? place : place - 1
        if !rightMarks.isEmpty {
            while let row = right[slot].row(at: best), let mark = rightMarks[row], mark > time {
                best += bound.isForward ? 1 : -1
            }
        }
        return right[slot].row(at: best) ?? -1
    }

    // MARK: time and steps

    override func advance(_ watermark: Int64, input side: Int) throws(SQLError) {
        let least = watermarks.advance(watermark, side)
        if let least { idle?.clock.advance(watermark: least) }
        if isAppendOnly {
            try release()
            return try advanceOutput()
        }
        if watermarks.hasEnded(1), watermarks.hasEnded(0) || side == 1 { try flush() }
        guard let least else { return }
        if least == Watermark.end {
            try flush()
            try emitWatermark(least)
        } else if watermarks.hasEnded(1) {
            // Until then any left row may get another partner.
            holdWatermark(least)
        }
    }

    private func advanceOutput() throws(SQLError) {
        var next = watermarks.least
        if !watermarks.hasEnded(1) {
            guard isTimed[0], isTimed[1] else { return }
            if let first = held?.least { next = min(next, first) }
        }
        guard next > output else { return }
        output = next
        try emitWatermark(next)
    }

    /// Left rows that no nearer right row can come for.
    private func release() throws(SQLError) {
        let isEnd = watermarks.hasEnded(1)
        let watermark = watermarks[1]
        guard isEnd || isTimed[1] && watermark != Watermark.none else { return }
        var gone: [Int32] = []
        var places: [Int32] = []
        var found: [Int32] = []
        func take(_ row: Int32) {
            let slot = Int(leftSlots[Int(row)])
            let partner = nearest(entry(row), slot, at: leftTimes[Int(row)])
            if held != nil, !isEnd {
                guard partner >= 0 else { return left[slot].append(row) }
                let time = rightTimes[Int(partner)]
                guard time < watermark else { return waiting.add(row, time) }
            }
            held?.forget(row)
            gone.append(row)
            if partner < 0, kind == .asof { return }
            places.append(row)
            found.append(partner)
        }
        while let row = waiting.next(below: watermark, inclusive: isEnd) { take(row) }
        if isEnd {
            for slot in left.indices {
                left[slot].forEach(take)
                left[slot] = []
            }
        }
        guard !gone.isEmpty else { return }
        let columns =
            stores[0].decode(places, wanted: wanted(0)) + stores[1].decode(found, wanted: wanted(1))
        try emit(rows: columns, count: places.count, watermarks: marks(of: places))
        for row in gone { freeLeft(row) }
        stores[0].compactIfSparse()
    }

    private func entry(_ row: Int32) -> OrderedEntry {
        unsafe OrderedEntry(
            prefix: keyPrefix(stores[0].stringBytes(row, column: sortKeys(0).column)), row: row)
    }

    override func endStep() throws(SQLError) {
        if isAppendOnly {
            // Rows that came behind a watermark that had passed them.
            try release()
            try advanceOutput()
            return try freeIdle()
        }
        try flush()
        try emitHeldWatermark()
    }

    /// Lets the right rows of keys go that nothing has touched for too long, and of the others all
    /// but the last of those that are as old: a left row that is no older finds that one.
    private func freeIdle() throws(SQLError) {
        guard let idle else { return }
        guard idle.clock.takeSweep() else { return }
        let oldest = idle.clock.now.saturatingMinus(idle.clock.limit)
        for slot in 0..<Int32(right.count) where right[Int(slot)].count > 0 {
            if idle.isIdle(slot), left[Int(slot)].isEmpty {
                freeRight(slot, first: right[Int(slot)].count)
                idleKeysFreed += 1
            } else if !bound.isForward, isTimed[1] {
                let old = right[Int(slot)].partitionPoint { time(of: $0.row) < oldest }
                if old > 1 { freeRight(slot, first: old - 1) }
            }
        }
        stores[1].compactIfSparse()
    }

    private func freeRight(_ slot: Int32, first count: Int) {
        for row in right[Int(slot)].removeFirst(count) {
            stores[1].free(row)
            rightMarks[row] = nil
        }
    }

    /// Of a right row, from the bytes of its key.
    private func time(of row: Int32) -> Int64 {
        let key = unsafe codec.values(
            stores[1].stringBytes(row, column: sortKeys(1).column))
        guard case .integer(let value)? = key.first else { return Watermark.none }
        guard bound.left.type == .date, value != .min, value != .max else { return value }
        return value &* 86_400_000_000
    }

    var goesByClock: Bool { idle != nil }

    func advanceTime(to now: Int64) throws(SQLError) { idle?.clock.advance(clock: now) }

    private func flush() throws(SQLError) {
        var rows: [Int32] = []
        var old: [Int32] = []
        for index in 0..<removed[0].count where partners[Int(removed[0][index])] != -2 {
            rows.append(removed[0][index])
            old.append(partners[Int(removed[0][index])])
        }
        var changed: [(row: Int32, now: Int32)] = []
        for slot in touched {
            for row in left[Int(slot)] {
                let now = nearest(entry(row), Int(slot), at: leftTimes[Int(row)])
                let before = partners[Int(row)]
                if now == before { continue }
                changed.append((row, now))
                if before != -2 {
                    rows.append(row)
                    old.append(before)
                }
            }
        }
        note(rows, old, -1)
        for (row, now) in changed { partners[Int(row)] = now }
        note(changed.map(\.row), changed.map(\.now), 1)
        touched = []
        for index in 0..<removed[0].count { freeLeft(removed[0][index]) }
        for index in 0..<removed[1].count {
            stores[1].free(removed[1][index])
            rightMarks[removed[1][index]] = nil
        }
        for side in 0...1 {
            removed[side].removeAll()
            stores[side].compactIfSparse()
        }
        try changes.emit(from: self)
    }

    private func note(_ rows: [Int32], _ partners: [Int32], _ weight: Int64) {
        var places: [Int32] = []
        var found: [Int32] = []
        for (row, partner) in zip(rows, partners) where partner >= 0 || kind == .asofLeft {
            places.append(row)
            found.append(partner)
        }
        guard !places.isEmpty else { return }
        let columns =
            stores[0].decode(places, wanted: wanted(0)) + stores[1].decode(found, wanted: wanted(1))
        changes.add(
            Batch(
                columns, count: places.count,
                weights: Buffer(repeating: weight, count: places.count),
                watermarks: marks(of: places)))
    }

    // MARK: state

    override func write(_ state: inout OutputBuffer) {
        watermarks.write(&state)
        table.write(&state)
        for store in stores { store.write(&state) }
        waiting.write(&state)
        leftSlots.write(&state)
        leftTimes.write(&state)
        partners.write(&state)
        state.append(bigEndian: Int64(rightMarks.count))
        for (row, mark) in rightMarks {
            state.append(bigEndian: row)
            state.append(bigEndian: mark)
        }
        state.append(bigEndian: Int64(right.count))
        for slot in right.indices {
            let entries = PlainVector<OrderedEntry>()
            for entry in right[slot].entries { entries.append(entry) }
            entries.write(&state)
            let rows = PlainVector<Int32>()
            for row in left[slot] { rows.append(row) }
            rows.write(&state)
        }
        state.append(bigEndian: Int64(leftMarks.count))
        for (row, mark) in leftMarks {
            state.append(bigEndian: row)
            state.append(bigEndian: mark)
        }
        idle?.clock.write(&state)
        idle?.write(&state)
    }

    override func read(_ state: inout StateReader) throws(SQLError) {
        try watermarks.read(&state)
        try table.read(&state)
        for store in stores { try store.read(&state) }
        try waiting.read(&state)
        try leftSlots.read(&state)
        try leftTimes.read(&state)
        try partners.read(&state)
        rightMarks = [:]
        for _ in 0..<(try state.count()) {
            let row = try state.integer(Int32.self)
            rightMarks[row] = try state.integer(Int64.self)
        }
        right = []
        left = []
        for _ in 0..<(try state.integer(Int64.self)) {
            let entries = PlainVector<OrderedEntry>()
            try entries.read(&state)
            right.append(OrderedRows((0..<entries.count).map { entries[$0] }))
            let rows = PlainVector<Int32>()
            try rows.read(&state)
            left.append((0..<rows.count).map { rows[$0] })
        }
        leftMarks = [:]
        // Earlier builds did not keep them.
        for _ in 0..<(state.remaining > 0 ? try state.count() : 0) {
            let row = try state.integer(Int32.self)
            leftMarks[row] = try state.integer(Int64.self)
        }
        if let idle, state.remaining > 0 {
            try idle.clock.read(&state)
            try idle.read(&state)
        }
        try readTimes()
    }

    /// What follows from the rows that were read.
    private func readTimes() throws(SQLError) {
        output = watermarks.least
        // Earlier builds kept them only where rows wait.
        leftTimes.resize(to: max(leftTimes.count, stores[0].idLimit), filling: .max)
        guard let held else { return }
        for row in 0..<Int32(stores[0].idLimit) where stores[0].isLive(row) {
            held.add(row, leftTimes[Int(row)])
        }
        rightTimes.resize(to: stores[1].idLimit, filling: 0)
        let rows = (0..<Int32(stores[1].idLimit)).filter { stores[1].isLive($0) }
        for start in stride(from: 0, to: rows.count, by: Batch.rowsMax) {
            let part = Array(rows[start..<min(start + Batch.rowsMax, rows.count)])
            let columns = stores[1].decode(part, wanted: wanted(1))
            let time = try times[1].column(Batch(columns, count: part.count))
            for (place, row) in part.enumerated() {
                rightTimes[Int(row)] = microseconds(time, Int32(place))
            }
        }
    }
}
