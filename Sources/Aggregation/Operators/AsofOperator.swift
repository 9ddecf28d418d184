import Formats

/// ASOF joins: each left row with the nearest right row of its key by time. Input 0 is the left.
///
/// Where the result only grows, a left row waits until the right side's watermark has passed its
/// time (or the right side has ended), for then no nearer row can come. Else left rows are kept,
/// and at the end of a step those of the keys that have changed are looked up again.
final class AsofOperator: Operator {
    private let kind: JoinPlan.Kind
    private let bound: JoinPlan.AsofBound
    private let isAppendOnly: Bool
    private let keys: [RowExpressions]
    private let times: [RowExpression]
    private let codec: SortKeyCodec
    private let rightTypes: [DataType]
    private let table: KeyTable
    /// Rows with the bytes of their time behind them.
    private let stores: [RowStore]
    private var right: [OrderedRows] = []
    private var watermarks = InputWatermarks(2)

    /// Left rows that wait, by slot; their times in microseconds.
    private var left: [[Int32]] = []
    private let waiting = ExpiryQueue()
    /// By left row, where rows wait.
    private let leftTimes = PlainVector<Int64>()
    /// What the watermark of its partition was before a right row that came late: left rows below
    /// it may have left already, so it is for none of them, however the input was cut.
    private var rightMarks: [Int32: Int64] = [:]
    private let leftSlots = PlainVector<Int32>()
    /// Where the result changes: the right row that has left with each left row; -1: none, -2: the
    /// left row has not left.
    private let partners = PlainVector<Int32>()
    private var touched: Set<Int32> = []
    private let removed = [PlainVector<Int32>(), PlainVector<Int32>()]
    private let changes: NetRows

    private let slots = PlainVector<Int32>()
    private let ids = PlainVector<Int32>()
    private let keyBytes = KeyBytes()
    private let sizes = PlainVector<Int>()

    init(
        _ join: JoinPlan, _ bound: JoinPlan.AsofBound, left: [DataType], right: [DataType],
        isAppendOnly: Bool, _ settings: SessionSettings
    ) throws(SQLError) {
        kind = join.kind
        self.bound = bound
        self.isAppendOnly = isAppendOnly
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
        changes = NetRows(left + right)
        super.init("asof join")
    }

    override var memory: Int {
        table.memory + stores[0].memory + stores[1].memory + changes.memory
            + right.reduce(0) { $0 + $1.memory }
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
        codec.encode([time], count: batch.count, into: keyBytes, sizes: sizes)
        var rows: [Int32] = []
        var alone: [Int32] = []
        for row in 0..<batch.count {
            let matches = slots[row] >= 0 && !time.isNull(row)
            for _ in 0..<abs(batch.weight(row)) where matches { rows.append(Int32(row)) }
            if !matches { alone.append(Int32(row)) }
        }
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
        for (index, row) in rows.enumerated() {
            let slot = Int(slots[Int(row)])
            if isAppendOnly, let mark = batch.watermarks?[Int(row)], microseconds(time, row) < mark
            {
                rightMarks[ids[index]] = mark
            }
            let entry = OrderedEntry(prefix: keyBytes.prefix(Int(row)), row: ids[index])
            if batch.weight(Int(row)) > 0 {
                right[slot].insert(entry, sortKeys(1))
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
            if isAppendOnly {
                leftTimes.resize(to: max(leftTimes.count, stores[0].idLimit), filling: 0)
                leftTimes[Int(id)] = microseconds(time, row)
                waiting.add(id, leftTimes[Int(id)])
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
        try hand(Batch(columns, count: places.count, weights: weights))
    }

    private func emitAlone(_ batch: Batch, _ rows: [Int32]) throws(SQLError) {
        guard !rows.isEmpty else { return }
        let picked = batch.gather(rows)
        let nulls = rightTypes.map { Column.constant(.null, $0, count: rows.count) }
        try hand(Batch(picked.columns + nulls, count: rows.count, weights: picked.weights))
    }

    private func hand(_ batch: Batch) throws(SQLError) {
        if isAppendOnly {
            return try emit(rows: batch.columns, count: batch.count, weights: batch.weights)
        }
        changes.add(batch.columns, count: batch.count) { batch.weight($0) }
    }

    /// The right row nearest to a left one; -1: there is none.
    private func nearest(_ entry: OrderedEntry, _ slot: Int, at time: Int64? = nil) -> Int32 {
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
        if let time, !rightMarks.isEmpty {
            while let row = right[slot].row(at: best), let mark = rightMarks[row], mark > time {
                best += bound.isForward ? 1 : -1
            }
        }
        return right[slot].row(at: best) ?? -1
    }

    // MARK: time and steps

    override func advance(_ watermark: Int64, input side: Int) throws(SQLError) {
        let least = watermarks.advance(watermark, side)
        if side == 1, isAppendOnly {
            try release(below: watermark)
            if watermark == Watermark.end { try release(below: Watermark.end, inclusive: true) }
        } else if watermarks.hasEnded(1), watermarks.hasEnded(0) || side == 1 {
            try flush()
        }
        guard let least else { return }
        if least == Watermark.end {
            try flush()
        } else if !isAppendOnly {
            return holdWatermark(least)
        }
        try emitWatermark(least)
    }

    /// Left rows that no nearer right row can come for.
    private func release(below watermark: Int64, inclusive: Bool = false) throws(SQLError) {
        let rows = PlainVector<Int32>()
        while let row = waiting.next(below: watermark, inclusive: inclusive) { rows.append(row) }
        guard rows.count > 0 else { return }
        var places: [Int32] = []
        var found: [Int32] = []
        for index in 0..<rows.count {
            let row = Int(rows[index])
            let partner = nearest(
                entry(rows[index]), Int(leftSlots[row]), at: leftTimes[row])
            if partner < 0, kind == .asof { continue }
            places.append(rows[index])
            found.append(partner)
        }
        let columns =
            stores[0].decode(places, wanted: wanted(0)) + stores[1].decode(found, wanted: wanted(1))
        try emit(rows: columns, count: places.count)
        for index in 0..<rows.count { stores[0].free(rows[index]) }
        stores[0].compactIfSparse()
    }

    private func entry(_ row: Int32) -> OrderedEntry {
        unsafe OrderedEntry(
            prefix: keyPrefix(stores[0].stringBytes(row, column: sortKeys(0).column)), row: row)
    }

    override func endStep() throws(SQLError) {
        try flush()
        try emitHeldWatermark()
    }

    private func flush() throws(SQLError) {
        guard !isAppendOnly else { return }
        var rows: [Int32] = []
        var old: [Int32] = []
        for index in 0..<removed[0].count where partners[Int(removed[0][index])] != -2 {
            rows.append(removed[0][index])
            old.append(partners[Int(removed[0][index])])
        }
        var changed: [(row: Int32, now: Int32)] = []
        for slot in touched {
            for row in left[Int(slot)] {
                let now = nearest(entry(row), Int(slot))
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
        for side in 0...1 {
            for index in 0..<removed[side].count { stores[side].free(removed[side][index]) }
            removed[side].removeAll()
            stores[side].compactIfSparse()
        }
        guard changes.count > 0 else { return }
        let (net, weights) = changes.netRows()
        let isPlain = (0..<weights.count).allSatisfy { weights[$0] == 1 }
        try emit(changes.store, net, weights: isPlain ? nil : weights)
        changes.removeAll()
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
        changes.add(columns, count: places.count) { _ in weight }
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
    }
}
