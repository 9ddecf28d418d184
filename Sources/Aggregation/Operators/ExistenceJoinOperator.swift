import Formats

/// Semi, anti and mark joins by equal keys alone: the right side is counted by key, its rows are
/// not kept. Whether left rows have a partner is a matter of their key's slot.
///
/// With one null-aware key (IN), the other keys make groups: a group with a row whose first key is
/// null, or for a null on the left any row, makes the answer unknown.
final class ExistenceJoinOperator: Operator {
    private let shape: JoinShape
    private let isNullAware: Bool
    private let leftKeys: RowExpressions
    private let rightKeys: RowExpressions
    /// By all keys; nulls of the null-aware one are keys too.
    private let table: KeyTable
    /// By the keys behind it.
    private let groups: KeyTable
    private let keyTypes: [DataType]
    private let left: JoinSide
    private let changes: MarkedChanges?
    private var watermarks = InputWatermarks(2)

    /// Right rows by slot; their group and whether their null-aware key is null.
    private let totals = PlainVector<Int64>()
    private let slotGroups = PlainVector<Int32>()
    private let slotIsNull = PlainVector<Bool>()
    /// Right rows by group, and those of them with a null.
    private let groupTotals: PlainVector<Int64>
    private let groupNulls: PlainVector<Int64>

    /// Slots that have lost their last right row.
    private let emptied = PlainVector<Int32>()

    private let slots = PlainVector<Int32>()
    private let groupSlots = PlainVector<Int32>()
    private let ids = PlainVector<Int32>()
    /// What the watermark was before the left rows of the batch at hand that came late.
    private var late: [Int64]?

    /// Where left rows and right ones of new keys go once the memory is full.
    private let spill: SpillBudget?
    private var spilled: [SpilledRows] = []
    private var part: Operator?
    /// True: works on a part of the rows; the groups are those of the whole.
    private let isPart: Bool
    private let makePart: (ExistenceJoinOperator) throws(SQLError) -> ExistenceJoinOperator

    init(
        _ shape: JoinShape, _ join: JoinPlan, spill: SpillBudget? = nil,
        whole: ExistenceJoinOperator? = nil, _ settings: SessionSettings
    ) throws(SQLError) {
        self.spill = spill
        isPart = whole != nil
        makePart = { (whole) throws(SQLError) in
            try ExistenceJoinOperator(
                shape, join, spill: spill?.deeper, whole: whole, settings)
        }
        groupTotals = whole?.groupTotals ?? PlainVector()
        groupNulls = whole?.groupNulls ?? PlainVector()
        self.shape = shape
        isNullAware = join.nullAwareKeys == 1
        leftKeys = try RowExpressions(join.leftKeys, settings)
        rightKeys = try RowExpressions(join.rightKeys, settings)
        let types = join.leftKeys.map(\.type)
        table = KeyTable(
            types, nullsMatch: types.indices.map { $0 == 0 && join.nullAwareKeys == 1 })
        keyTypes = types
        groups =
            whole?.groups
            ?? KeyTable(isNullAware ? Array(types.dropFirst()) : [], nullsMatch: false)
        left = JoinSide(shape.types[0], expires: false, countsMatches: true)
        left.matches?.isTracking = !shape.isAppendOnly
        changes =
            shape.isAppendOnly
            ? nil : MarkedChanges(shape.outputTypes, isMarked: shape.isTimed[0])
        super.init("\(shape.kind) join by key")
    }

    override var memory: Int {
        table.memory + groups.memory + left.memory + (changes?.memory ?? 0) + totals.memory
            + slotGroups.memory + groupTotals.memory * 2 + (part?.memory ?? 0)
    }

    override func push(_ batch: Batch, input side: Int) throws(SQLError) {
        late = nil
        if !spilled.isEmpty {
            return try side == 0 ? spillLeft(batch) : spillRight(batch)
        }
        try side == 0 ? pushLeft(batch) : pushRight(batch)
        try spillIfLarge()
    }

    private func pushLeft(_ batch: Batch) throws(SQLError) {
        late = shape.isTimed[0] ? try batch.lateMarks(by: shape.times[0]) : nil
        let keys = try leftKeys.columns(batch)
        guard !watermarks.hasEnded(1) else {
            find(keys, batch.count)
            return try emitRows(batch)
        }
        insert(keys, batch.count)
        try emitUnkeyed(batch)
        if shape.isAppendOnly, shape.kind == .semi { return try pushSemi(batch) }
        try keep(batch)
    }

    private func keep(_ batch: Batch) throws(SQLError) {
        guard left.add(batch, slots: slots, ids: ids) else { throw Operator.absentRow(name) }
        guard let late else { return }
        for (row, mark) in late.enumerated() where ids[row] >= 0 && mark != Watermark.none {
            left.lateMarks[ids[row]] = mark
        }
    }

    /// Rows with a partner leave; only the others are kept.
    private func pushSemi(_ batch: Batch) throws(SQLError) {
        var leaving: [Int32] = []
        for row in 0..<batch.count where slots[row] >= 0 && totals[Int(slots[row])] > 0 {
            leaving.append(Int32(row))
            slots[row] = -1
        }
        try keep(batch)
        try emitAlone(batch, leaving, .row)
    }

    // MARK: slots

    private func insert(_ keys: [Column], _ count: Int) {
        table.insert(keys, count: count, into: slots)
        if isNullAware { groups.insert(Array(keys.dropFirst()), count: count, into: groupSlots) }
        totals.resize(to: max(totals.count, table.slotLimit), filling: 0)
        slotGroups.resize(to: totals.count, filling: 0)
        slotIsNull.resize(to: totals.count, filling: false)
        left.growSlots(to: table.slotLimit)
        guard isNullAware else { return }
        groupTotals.resize(to: max(groupTotals.count, groups.slotLimit), filling: 0)
        groupNulls.resize(to: groupTotals.count, filling: 0)
        for row in 0..<count where slots[row] >= 0 {
            slotGroups[Int(slots[row])] = groupSlots[row]
            slotIsNull[Int(slots[row])] = keys[0].isNull(row)
        }
    }

    private var foundNulls: Column?

    private func find(_ keys: [Column], _ count: Int) {
        table.find(keys, count: count, into: slots)
        if isNullAware {
            groups.find(Array(keys.dropFirst()), count: count, into: groupSlots)
            foundNulls = keys[0]
        }
    }

    private func mark(slot: Int) -> MatchCounts.Mark {
        var known = totals[slot]
        var unknown: Int64 = 0
        if isNullAware {
            let group = Int(slotGroups[slot])
            if slotIsNull[slot] { known = 0 }
            unknown = slotIsNull[slot] ? groupTotals[group] : groupNulls[group]
        }
        return shape.mark(known: known, unknown: unknown, 0)
    }

    /// Of a row whose slots were looked up.
    private func mark(row: Int) -> MatchCounts.Mark {
        let slot = Int(slots[row])
        guard isNullAware else {
            return shape.mark(known: slot >= 0 ? totals[slot] : 0, unknown: 0, 0)
        }
        let group = Int(groupSlots[row])
        let isNull = foundNulls?.isNull(row) == true
        let known = isNull || slot < 0 ? 0 : totals[slot]
        let unknown = group < 0 ? 0 : isNull ? groupTotals[group] : groupNulls[group]
        return shape.mark(known: known, unknown: unknown, 0)
    }

    // MARK: the right side

    private func pushRight(_ batch: Batch) throws(SQLError) {
        insert(try rightKeys.columns(batch), batch.count)
        let gained = PlainVector<Int32>()
        var changedGroups: Set<Int32> = []
        for row in 0..<batch.count where slots[row] >= 0 {
            let slot = Int(slots[row])
            let weight = batch.weight(row)
            let before = totals[slot]
            totals[slot] = before + weight
            if totals[slot] == 0 { emptied.append(Int32(slot)) }
            if (before > 0) != (totals[slot] > 0) {
                touchRows(slot)
                gained.append(Int32(slot))
            }
            guard isNullAware else { continue }
            if isPart { continue }
            let group = Int(slotGroups[slot])
            let wasUnknown = (groupTotals[group] > 0, groupNulls[group] > 0)
            groupTotals[group] += weight
            if slotIsNull[slot] { groupNulls[group] += weight }
            if wasUnknown != (groupTotals[group] > 0, groupNulls[group] > 0) {
                changedGroups.insert(Int32(group))
            }
        }
        if !changedGroups.isEmpty, !shape.isAppendOnly { touchRows(in: changedGroups) }
        if shape.isAppendOnly, shape.kind == .semi { try leave(gained) }
    }

    private func touchRows(_ slot: Int) {
        guard !shape.isAppendOnly else { return }
        var row = left.heads[slot]
        while row >= 0 {
            left.matches?.touch(row)
            row = left.next[Int(row)]
        }
    }

    /// Rare: the first null of a group, or its first row at all.
    private func touchRows(in changed: Set<Int32>) {
        for id in 0..<Int32(left.store.idLimit)
        where left.store.isLive(id) && left.weights[Int(id)] > 0
            && changed.contains(slotGroups[Int(left.slots[Int(id)])])
        {
            left.matches?.touch(id)
        }
    }

    /// Left rows that have found their partner leave and are no longer kept.
    private func leave(_ gained: PlainVector<Int32>) throws(SQLError) {
        let rows = PlainVector<Int32>()
        for index in 0..<gained.count {
            var row = left.heads[Int(gained[index])]
            while row >= 0 {
                rows.append(row)
                row = left.next[Int(row)]
            }
        }
        try emitAlone(rows, .row)
        for index in 0..<rows.count { left.remove(rows[index]) }
        left.emptied.removeAll()
    }

    // MARK: output

    /// Rows whose key matches nothing, now and ever.
    private func emitUnkeyed(_ batch: Batch) throws(SQLError) {
        var rows: [Int32] = []
        for row in 0..<batch.count where slots[row] < 0 { rows.append(Int32(row)) }
        if !rows.isEmpty {
            try emitAlone(batch, rows, shape.mark(known: 0, unknown: 0, 0))
        }
    }

    /// Rows that are not kept, for the right side is complete.
    private func emitRows(_ batch: Batch, onlyKnown: Bool = false) throws(SQLError) {
        var rows: [MatchCounts.Mark: [Int32]] = [:]
        for row in 0..<batch.count where !onlyKnown || slots[row] >= 0 {
            let mark = mark(row: row)
            if mark != .nothing { rows[mark, default: []].append(Int32(row)) }
        }
        for mark in MatchCounts.Mark.standing {
            if let list = rows[mark] { try emitAlone(batch, list, mark) }
        }
    }

    private func emitAlone(
        _ batch: Batch, _ rows: [Int32], _ mark: MatchCounts.Mark
    ) throws(SQLError) {
        if mark == .nothing || rows.isEmpty { return }
        let picked = rows.count == batch.count ? batch : batch.gather(rows)
        let columns = shape.alone(picked.columns, picked.count, 0, mark)
        let marks = late.map { late in Buffer(rows.map { late[Int($0)] }) }
        try hand(
            Batch(columns, count: picked.count, weights: picked.weights, watermarks: marks))
    }

    private func emitAlone(
        _ rows: PlainVector<Int32>, _ mark: MatchCounts.Mark, weights: PlainVector<Int64>? = nil
    ) throws(SQLError) {
        if mark == .nothing { return }
        var start = 0
        while start < rows.count {
            let count = min(Batch.rowsMax, rows.count - start)
            let columns = unsafe left.store.decode(
                UnsafeBufferPointer(start: rows.base + start, count: count))
            let all = Buffer<Int64>(capacity: count)
            for index in 0..<count {
                all[index] =
                    weights?[start + index] ?? left.weights[Int(rows[start + index])]
            }
            let isPlain = (0..<count).allSatisfy { all[$0] == 1 }
            let marks = left.lateMarks
            let late =
                marks.isEmpty
                ? nil
                : Buffer((0..<count).map { marks[rows[start + $0]] ?? Watermark.none })
            try hand(
                Batch(
                    shape.alone(columns, count, 0, mark), count: count,
                    weights: isPlain ? nil : all, watermarks: late))
            start += count
        }
    }

    private func hand(_ batch: Batch) throws(SQLError) {
        guard let changes else { return try emit(batch) }
        changes.add(batch)
    }

    // MARK: steps

    override func endStep() throws(SQLError) {
        try flush()
        try emitHeldWatermark()
        removeEmptySlots()
        left.store.compactIfSparse()
    }

    /// Forgets the keys that neither side has a row of.
    private func removeEmptySlots() {
        guard emptied.count + left.emptied.count > 0 else { return }
        var seen: Set<Int32> = []
        for list in [emptied, left.emptied] {
            for index in 0..<list.count {
                let slot = list[index]
                // A side that is not kept any more has given up its rows.
                let isFree = Int(slot) >= left.heads.count || left.heads[Int(slot)] < 0
                if totals[Int(slot)] == 0, isFree, seen.insert(slot).inserted {
                    table.remove(slot)
                }
            }
            list.removeAll()
        }
        table.compactIfSparse()
    }

    private func flush() throws(SQLError) {
        guard let changes else { return }
        try flushMarks()
        try changes.emit(from: self)
    }

    private func flushMarks() throws(SQLError) {
        guard let matches = left.matches else { return }
        let rows = matches.takeTouched()
        let marks = MatchCounts.Mark.standing
        let changed = marks.map { _ in (PlainVector<Int32>(), PlainVector<Int64>()) }
        func note(_ row: Int32, _ mark: UInt8, _ weight: Int64) {
            guard mark > 0, weight != 0 else { return }
            changed[Int(mark) - 1].0.append(row)
            changed[Int(mark) - 1].1.append(weight)
        }
        for position in 0..<rows.count {
            let row = Int(rows[position])
            let weight = left.weights[row]
            let mark = mark(slot: Int(left.slots[row])).rawValue
            let now = mark == 0 ? 0 : weight
            if mark == matches.marks[row] {
                note(rows[position], mark, now - matches.leftWeights[row])
            } else {
                note(rows[position], matches.marks[row], -matches.leftWeights[row])
                note(rows[position], mark, now)
            }
            matches.marks[row] = mark
            matches.leftWeights[row] = now
        }
        for (index, mark) in marks.enumerated() {
            try emitAlone(changed[index].0, mark, weights: changed[index].1)
        }
        for position in 0..<rows.count where left.weights[Int(rows[position])] == 0 {
            left.free(rows[position])
        }
    }

    override func advance(_ watermark: Int64, input side: Int) throws(SQLError) {
        let hadEnded = watermarks.hasEnded(side)
        let least = watermarks.advance(watermark, side)
        if watermark == Watermark.end, !hadEnded, side == 1 { try endRight() }
        guard let least else { return }
        if least == Watermark.end {
            try flush()
            try finishSpilled()
        } else if !spilled.isEmpty {
            return
        } else if !watermarks.hasEnded(1), !shape.isEndless[1] {
            // Left rows leave, or are taken back, until the right side's end.
            return
        } else if !shape.isAppendOnly {
            return holdWatermark(least)
        }
        try emitWatermark(least)
    }

    /// The marks of all left rows are final.
    private func endRight() throws(SQLError) {
        if shape.isAppendOnly {
            var rows: [MatchCounts.Mark: PlainVector<Int32>] = [:]
            for id in 0..<Int32(left.store.idLimit) where left.store.isLive(id) {
                let mark = mark(slot: Int(left.slots[Int(id)]))
                if mark == .nothing { continue }
                let list = rows[mark] ?? PlainVector()
                list.append(id)
                rows[mark] = list
            }
            for mark in MatchCounts.Mark.standing {
                if let list = rows[mark] { try emitAlone(list, mark) }
            }
        } else {
            try flushMarks()
        }
        left.removeAll()
    }

    // MARK: disk

    /// Keys that are known by then stay in memory with their counts. Rows on disk would lose the
    /// watermark that they came after.
    private func spillIfLarge() throws(SQLError) {
        guard let spill, [0, 1].allSatisfy({ watermarks[$0] == .min || watermarks[$0] == .max }),
            try spill.isExceeded(by: self, keepsOn: true)
        else { return }
        for types in shape.types {
            spilled.append(try SpilledRows(types, keys: keyTypes, spill))
        }
        var rows: [Int32] = []
        func flush() throws(SQLError) {
            let batch = Batch(left.store.decode(rows), count: rows.count)
            if batch.count > 0 { try spilled[0].add(batch, keys: leftKeys.columns(batch)) }
            rows = []
        }
        for id in 0..<Int32(left.store.idLimit) where left.store.isLive(id) {
            for _ in 0..<left.weights[Int(id)] {
                rows.append(id)
                if rows.count == Batch.rowsMax { try flush() }
            }
        }
        try flush()
        left.removeAll()
        left.growSlots(to: table.slotLimit)
    }

    private func spillRight(_ batch: Batch) throws(SQLError) {
        let keys = try rightKeys.columns(batch)
        table.find(keys, count: batch.count, into: slots)
        if isNullAware, !isPart {
            groups.insert(Array(keys.dropFirst()), count: batch.count, into: groupSlots)
            groupTotals.resize(to: max(groupTotals.count, groups.slotLimit), filling: 0)
            groupNulls.resize(to: groupTotals.count, filling: 0)
            for row in 0..<batch.count where groupSlots[row] >= 0 {
                let group = Int(groupSlots[row])
                groupTotals[group] += batch.weight(row)
                if keys[0].isNull(row) { groupNulls[group] += batch.weight(row) }
            }
        }
        for row in 0..<batch.count where slots[row] >= 0 {
            totals[Int(slots[row])] += batch.weight(row)
        }
        let unknown = (0..<Int32(batch.count)).filter { slots[Int($0)] < 0 }
        if unknown.isEmpty { return }
        try spilled[1].add(batch.gather(unknown), keys: keys.map { $0.gather(unknown) })
    }

    /// Rows of known keys leave if the right side is complete.
    private func spillLeft(_ batch: Batch) throws(SQLError) {
        if !watermarks.hasEnded(1) {
            return try spilled[0].add(batch, keys: try leftKeys.columns(batch))
        }
        let rest = try emitKnown(batch)
        if rest.count > 0 { try spilled[0].add(rest, keys: try leftKeys.columns(rest)) }
    }

    /// Gives the rows whose keys are not in memory.
    private func emitKnown(_ batch: Batch) throws(SQLError) -> Batch {
        find(try leftKeys.columns(batch), batch.count)
        let unknown = (0..<Int32(batch.count)).filter { slots[Int($0)] < 0 }
        if unknown.count == batch.count { return batch }
        try emitRows(batch, onlyKnown: true)
        return batch.gather(unknown)
    }

    private func finishSpilled() throws(SQLError) {
        guard !spilled.isEmpty else { return }
        let (leftRows, rightRows) = (spilled[0], spilled[1])
        spilled = []
        let output = ForwardingOperator { (batch) throws(SQLError) in try self.emit(batch) }
        for index in 0..<SpilledRows.partCount where wantsMore && !leftRows.isEmpty(index) {
            let node = try makePart(self)
            node.connect(to: output, input: 0)
            part = node
            defer { part = nil }
            try rightRows.take(index) { (batch) throws(SQLError) in
                try node.push(batch, input: 1)
            }
            try node.advance(Watermark.end, input: 1)
            try leftRows.take(index) { (batch) throws(SQLError) in
                let rest = try emitKnown(batch)
                if rest.count > 0 { try node.push(rest, input: 0) }
            }
            try node.advance(Watermark.end, input: 0)
        }
    }

    private var vectors: [PlainVector<Int64>] { [totals, groupTotals, groupNulls] }

    override func write(_ state: inout OutputBuffer) {
        watermarks.write(&state)
        table.write(&state)
        groups.write(&state)
        left.write(&state)
        for vector in vectors { vector.write(&state) }
        slotGroups.write(&state)
        slotIsNull.write(&state)
    }

    override func read(_ state: inout StateReader) throws(SQLError) {
        try watermarks.read(&state)
        try table.read(&state)
        try groups.read(&state)
        try left.read(&state)
        for vector in vectors { try vector.read(&state) }
        try slotGroups.read(&state)
        try slotIsNull.read(&state)
    }
}

extension MatchCounts.Mark {
    /// Those that put something into the output.
    static let standing: [MatchCounts.Mark] = [.row, .isTrue, .isFalse, .isUnknown]
}
