import Formats

/// Inner joins of three and more inputs that only grow and all have the same key: a chain of
/// two-sided joins would keep the rows of the first inputs once more for each join, as pairs. Here
/// each row is kept once, and a new row is joined with what the others hold.
@safe final class SharedKeyJoinOperator: Operator {
    private let keys: [RowExpressions]
    private let keyTypes: [DataType]
    private var table: KeyTable
    private let sides: [JoinSide]
    private var watermarks: InputWatermarks
    private let slots = PlainVector<Int32>()
    private let ids = PlainVector<Int32>()
    /// Combinations that have not left yet: per input a row, of the batch or kept.
    private let chosen: [PlainVector<Int32>]
    /// Per input the kept row of the combination that is looked at.
    private let path: PlainVector<Int32>
    /// Where the rows of all inputs go once the memory is full: those whose combinations have left,
    /// and those that come later. nil: all are kept.
    private let spill: SpillBudget?
    private var spilled: (old: [SpilledRows], new: [SpilledRows])?
    private let makePart: (SpillBudget) throws(SQLError) -> SharedKeyJoinOperator
    /// Kept rows leave again until the inputs that end have ended; what is kept for inputs without
    /// end has no time.
    private let holdsTime: Bool
    /// The times in the rows of each input that the watermark of the result speaks of.
    private let times: [[RowExpression]]
    /// What the watermark was before the rows of the batch at hand that came late; nil: none did.
    private var late: [Int64]?
    private var part: Operator?
    /// What leaves has left before.
    private var isSilent = false

    init(
        _ chain: SharedKeyChain, times: [[Expression]], spill: SpillBudget? = nil,
        _ settings: SessionSettings
    ) throws(SQLError) {
        var rowTimes: [[RowExpression]] = []
        for (input, list) in zip(chain.inputs.indices, times) {
            // Rows that are kept for an input without end have none.
            let isKept = chain.inputs.indices.contains {
                $0 != input && chain.inputs[$0].facts.isEndless
            }
            var row: [RowExpression] = []
            if !isKept { for time in list { row.append(try RowExpression(time, settings)) } }
            rowTimes.append(row)
        }
        self.times = rowTimes
        holdsTime = chain.inputs.count { $0.facts.isEndless } <= 1
        self.spill = spill
        makePart = { (spill) throws(SQLError) in
            try SharedKeyJoinOperator(chain, times: times, spill: spill, settings)
        }
        var keys: [RowExpressions] = []
        for key in chain.keys { keys.append(try RowExpressions(key, settings)) }
        self.keys = keys
        let types = chain.keys[0].map(\.type)
        keyTypes = types
        table = KeyTable(types, nullsMatch: types.map { _ in false })
        sides = chain.inputs.map {
            JoinSide($0.columns.map(\.type), expires: false, countsMatches: false)
        }
        watermarks = InputWatermarks(chain.inputs.count)
        chosen = chain.inputs.map { _ in PlainVector<Int32>(capacity: Batch.rowsMax) }
        let path = PlainVector<Int32>()
        path.resize(to: chain.inputs.count, filling: -1)
        self.path = path
        super.init("inner join")
    }

    override var memory: Int {
        sides.reduce(table.memory + (part?.memory ?? 0)) { $0 + $1.memory }
    }

    override var details: String {
        sides.map { String($0.store.liveCount) }.joined(separator: ", ") + " rows kept"
    }

    override func push(_ batch: Batch, input: Int) throws(SQLError) {
        let columns = try keys[input].columns(batch)
        if let spilled {
            let rows = isSilent ? spilled.old[input] : spilled.new[input]
            return try rows.add(batch, keys: columns)
        }
        let keeps = !othersHaveEnded(input)
        late = times[input].isEmpty ? nil : try batch.lateMarks(by: times[input])
        if !keeps {
            table.find(columns, count: batch.count, into: slots)
        } else {
            table.insert(columns, count: batch.count, into: slots)
            for side in sides { side.growSlots(to: table.slotLimit) }
            guard sides[input].add(batch, slots: slots, ids: ids) else {
                throw Operator.absentRow(name)
            }
            for (row, mark) in (late ?? []).enumerated() where ids[row] >= 0 && mark != .min {
                sides[input].lateMarks[ids[row]] = mark
            }
        }
        for row in 0..<batch.count {
            let slot = slots[row]
            guard slot >= 0, begin(Int(slot), input) else { continue }
            repeat {
                for side in sides.indices {
                    chosen[side].append(side == input ? Int32(row) : path[side])
                }
                if chosen[0].count >= Batch.rowsMax { try leave(batch, input) }
            } while step(Int(slot), input)
        }
        if chosen[0].count > 0 { try leave(batch, input) }
        if keeps { try spillIfLarge() }
    }

    /// The first combination of the other inputs' rows of a key; false if one of them has none.
    private func begin(_ slot: Int, _ input: Int) -> Bool {
        for (index, side) in sides.enumerated() where index != input {
            guard slot < side.heads.count, side.heads[slot] >= 0 else { return false }
            path[index] = side.heads[slot]
        }
        return true
    }

    /// The next one: the last input moves fastest.
    private func step(_ slot: Int, _ input: Int) -> Bool {
        for index in sides.indices.reversed() where index != input {
            let next = sides[index].next[Int(path[index])]
            if next >= 0 {
                path[index] = next
                return true
            }
            path[index] = sides[index].heads[slot]
        }
        return false
    }

    private func leave(_ batch: Batch, _ input: Int) throws(SQLError) {
        if isSilent {
            for list in chosen { list.removeAll() }
            return
        }
        let count = chosen[0].count
        var columns: [Column] = []
        for (index, side) in sides.enumerated() {
            let rows = unsafe UnsafeBufferPointer(start: chosen[index].base, count: count)
            if index == input {
                columns += batch.columns.map { unsafe $0.gather(rows) }
            } else {
                columns += unsafe side.store.decode(rows)
            }
        }
        let weights = weights(batch, input, count)
        let marks = marks(input, count)
        for list in chosen { list.removeAll() }
        try emit(Batch(columns, count: count, weights: weights, watermarks: marks))
    }

    /// A combination is late if all of its rows with a time are; nil: none is.
    private func marks(_ input: Int, _ count: Int) -> Buffer<Int64>? {
        let timed = sides.indices.filter { !times[$0].isEmpty }
        guard !timed.isEmpty,
            timed.allSatisfy({ $0 == input ? late != nil : !sides[$0].lateMarks.isEmpty })
        else { return nil }
        return Buffer(
            (0..<count).map { place in
                timed.reduce(Int64.max) { least, side in
                    let row = chosen[side][place]
                    let mark = side == input ? late?[Int(row)] : sides[side].lateMarks[row]
                    return min(least, mark ?? Watermark.none)
                }
            })
    }

    /// nil: all 1.
    private func weights(_ batch: Batch, _ input: Int, _ count: Int) -> Buffer<Int64>? {
        let result = Buffer<Int64>(capacity: count)
        var isPlain = true
        for place in 0..<count {
            var weight = batch.weight(Int(chosen[input][place]))
            for (index, side) in sides.enumerated() where index != input {
                weight *= side.weights[Int(chosen[index][place])]
            }
            result[place] = weight
            if weight != 1 { isPlain = false }
        }
        return isPlain ? nil : result
    }

    private func othersHaveEnded(_ input: Int) -> Bool {
        sides.indices.allSatisfy { $0 == input || watermarks.hasEnded($0) }
    }

    override func advance(_ watermark: Int64, input: Int) throws(SQLError) {
        let least = watermarks.advance(watermark, input)
        if spilled != nil {
            guard least == Watermark.end else { return }
            try finishSpilled()
        }
        // No row will come that could meet what is kept here.
        for side in sides.indices where othersHaveEnded(side) {
            sides[side].removeAll()
            sides[side].growSlots(to: table.slotLimit)
        }
        guard let least else { return }
        // Kept rows leave again with each partner that comes.
        let keepsRows = holdsTime && !sides.indices.contains(where: othersHaveEnded)
        if !keepsRows || least == Watermark.end { try emitWatermark(least) }
    }

    // MARK: disk

    /// Rows on disk would lose the watermark that they came after.
    private func spillIfLarge() throws(SQLError) {
        guard let spill,
            sides.indices.allSatisfy({ watermarks[$0] == .min || watermarks[$0] == .max }),
            sides.reduce(0, { $0 + $1.store.liveCount }) >= Limits.spilledRowsMin,
            try spill.isExceeded(by: self)
        else { return }
        func make() throws(SQLError) -> [SpilledRows] {
            var list: [SpilledRows] = []
            for side in sides {
                list.append(try SpilledRows(side.store.codec.types, keys: keyTypes, spill))
            }
            return list
        }
        let old = try make()
        for (index, side) in sides.enumerated() {
            var rows: [Int32] = []
            func flush() throws(SQLError) {
                let batch = Batch(side.store.decode(rows), count: rows.count)
                if batch.count > 0 {
                    try old[index].add(batch, keys: try keys[index].columns(batch))
                }
                rows = []
            }
            for id in 0..<Int32(side.store.idLimit) where side.store.isLive(id) {
                for _ in 0..<side.weights[Int(id)] {
                    rows.append(id)
                    if rows.count == Batch.rowsMax { try flush() }
                }
            }
            try flush()
            side.removeAll()
        }
        table = KeyTable(keyTypes, nullsMatch: keyTypes.map { _ in false })
        spilled = (old, try make())
    }

    /// In each part the old rows are joined in silence before the others come.
    private func finishSpilled() throws(SQLError) {
        guard let spilled, let spill else { return }
        self.spilled = nil
        let output = ForwardingOperator { (batch) throws(SQLError) in try self.emit(batch) }
        for index in 0..<SpilledRows.partCount where wantsMore {
            if spilled.new.allSatisfy({ $0.isEmpty(index) }) { continue }
            let node = try makePart(spill.deeper)
            node.connect(to: output, input: 0)
            part = node
            defer { part = nil }
            for rows in [spilled.old, spilled.new] {
                node.isSilent = rows[0] === spilled.old[0]
                for (input, side) in rows.enumerated() {
                    try side.take(index) { (batch) throws(SQLError) in
                        try node.push(batch, input: input)
                    }
                }
            }
            for input in sides.indices { try node.advance(Watermark.end, input: input) }
        }
    }

    override func carry(
        from old: Operator, _ widening: ColumnWidening
    ) throws(SQLError) -> Bool {
        guard let old = old as? SharedKeyJoinOperator, old.spilled == nil,
            sides.count == old.sides.count
        else { return false }
        isSilent = true
        for (index, side) in old.sides.enumerated() {
            try side.handOut(as: sides[index].store.codec.types, widening) {
                batch throws(SQLError) in try push(batch, input: index)
            }
        }
        isSilent = false
        watermarks = old.watermarks
        return true
    }

    override func write(_ state: inout OutputBuffer) {
        watermarks.write(&state)
        table.write(&state)
        for side in sides { side.write(&state) }
    }

    override func read(_ state: inout StateReader) throws(SQLError) {
        try watermarks.read(&state)
        try table.read(&state)
        for side in sides { try side.read(&state) }
    }
}

/// A chain of inner joins, all on one key, as the inputs side by side with the key of each.
struct SharedKeyChain {
    private(set) var inputs: [Plan]
    private(set) var keys: [[Expression]]

    /// nil where a join of two sides does as well, or is needed.
    init?(_ left: Plan, _ right: Plan, _ join: JoinPlan) {
        guard var chain = SharedKeyChain(whole: left), chain.take(right, join),
            chain.inputs.allSatisfy(SharedKeyChain.onlyGrows)
        else { return nil }
        self = chain
    }

    private init?(whole plan: Plan) {
        guard case .join(let left, let right, let join) = plan.node,
            SharedKeyChain.isPlain(join)
        else { return nil }
        if var chain = SharedKeyChain(whole: left) {
            guard chain.take(right, join) else { return nil }
            self = chain
            return
        }
        inputs = [left, right]
        keys = [join.leftKeys, join.rightKeys]
    }

    /// Adds an input whose key is compared with that of one before.
    private mutating func take(_ right: Plan, _ join: JoinPlan) -> Bool {
        guard SharedKeyChain.isPlain(join), join.leftKeys.count == keys[0].count else {
            return false
        }
        for (index, key) in join.leftKeys.enumerated() {
            guard case .column(let column, _) = key, isKey(column, index),
                join.rightKeys[index].type == keys[0][index].type
            else { return false }
        }
        inputs.append(right)
        keys.append(join.rightKeys)
        return true
    }

    /// Whether a column of the chain is part `index` of an input's key.
    private func isKey(_ column: Int, _ index: Int) -> Bool {
        var start = 0
        for (input, plan) in inputs.enumerated() {
            if column < start + plan.columns.count {
                guard case .column(column - start, _) = keys[input][index] else { return false }
                return true
            }
            start += plan.columns.count
        }
        return false
    }

    private static func isPlain(_ join: JoinPlan) -> Bool {
        join.kind == .inner && !join.isLookup && join.bounds.isEmpty && join.condition == nil
            && join.time == nil && join.nullAwareKeys == 0 && !join.leftKeys.isEmpty
            && zip(join.leftKeys, join.rightKeys).allSatisfy { $0.type == $1.type }
    }

    private static func onlyGrows(_ plan: Plan) -> Bool {
        switch plan.node {
        case .scan(let relation, _): relation.isAppendOnly
        case .filter(let input, _), .project(let input, _): onlyGrows(input)
        case .shared(let shared): onlyGrows(shared.plan)
        default: false
        }
    }
}
