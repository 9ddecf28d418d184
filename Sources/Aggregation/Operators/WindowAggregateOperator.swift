import Bytes
import Formats

/// GROUP BY directly over HOP, CUMULATE or TUMBLE, emitted when windows close: each row is added
/// once, to the group of its pane, and the panes of a window are merged when it ends (the slices of
/// Arroyo and Flink). HOP of 10 s every 2 s so costs one update a row and five merges a group.
final class WindowAggregateOperator: Operator, WindowedOperator {
    /// Rows of one pane. Where a row came after some of its windows had ended by its own
    /// partition's watermark, it counts only from `validFrom` on and lies in a pane apart, so that
    /// what a window holds does not depend on when the watermark got here.
    private struct Pane: Hashable {
        var start: Int64
        /// The end of the first window that its rows belong to.
        var validFrom: Int64
    }

    private let geometry: WindowGeometry
    private let kinds: [WindowKey]
    private let type: DataType
    private let inputs: AggregateInputs
    private let states: AggregateStates
    /// (plain keys, pane) to a group; pane -1 is the window that is being emitted.
    private let table: GroupTable
    private var paneIDs: [Pane: Int64] = [:]
    private var panes: [Int64: (pane: Pane, groups: [Int32])] = [:]
    private var nextPane: Int64 = 0
    private var watermark = Watermark.none
    private(set) var lateRows = 0
    var lateTarget: Operator?
    /// Rows of the batch at hand that were late.
    private var late: [Int32] = []
    private let ids = Buffer<Int32>(capacity: Batch.rowsMax)

    /// Where rows of new groups go once the memory is full; nil: all groups are kept.
    private let spill: SpillBudget?
    private let makePart: (SpillBudget) throws(SQLError) -> WindowAggregateOperator
    private let inputTypes: [DataType]
    private let plainTypes: [DataType]
    private var spilled: SpilledRows?
    /// Where a window is made of several panes, all groups of a key are in one place: the keys of
    /// those in memory.
    private var keptKeys: KeyTable?
    private let slots = PlainVector<Int32>()
    private var part: Operator?

    /// `plan` is over the window function's columns; `split` is what `WindowKey.split` made of it.
    init(
        _ plan: AggregatePlan, _ split: (kinds: [WindowKey], plain: [Expression]),
        _ geometry: WindowGeometry, time: Expression, type: DataType, input: [DataType],
        isAppendOnly: Bool, spill: SpillBudget? = nil, settings: SessionSettings
    ) throws(SQLError) {
        self.spill = spill
        inputTypes = input
        plainTypes = split.plain.map(\.type)
        makePart = { (spill) throws(SQLError) in
            try WindowAggregateOperator(
                plan, split, geometry, time: time, type: type, input: input, isAppendOnly: true,
                spill: spill, settings: settings)
        }
        self.geometry = geometry
        self.type = type
        kinds = split.kinds
        inputs = try AggregateInputs(
            keys: split.plain, calls: plan.calls, end: time, settings: settings)
        states = AggregateStates(plan.calls, appendOnly: isAppendOnly)
        table = GroupTable(split.plain.map(\.type) + [.bigint])
        super.init("window aggregate")
    }

    override func push(_ batch: Batch, input: Int) throws(SQLError) {
        try inputs.evaluate(batch)
        guard let times = inputs.end?.microseconds else { return }
        let owners = Buffer<Int64>(capacity: batch.count)
        let kept = assign(times, batch, owners)
        if let lateTarget, !late.isEmpty { try lateTarget.push(batch.gather(late), input: 0) }
        late.removeAll(keepingCapacity: true)
        guard let kept else { return try keep(batch, owners) }
        guard !kept.isEmpty else { return }
        let rows = batch.gather(kept)
        try inputs.evaluate(rows)
        try keep(rows, Buffer(kept.map { owners[Int($0)] }))
    }

    private func keep(_ batch: Batch, _ owners: Buffer<Int64>) throws(SQLError) {
        if let spilled { return try keep(batch, owners, or: spilled) }
        try add(batch, owners)
        // Groups on disk would lose the watermark that their rows came after.
        guard let spill, watermark == Watermark.none, geometry.isTumbling || !plainTypes.isEmpty,
            try spill.isExceeded(by: self)
        else { return }
        let pane: [DataType] = geometry.isTumbling ? [.bigint] : []
        spilled = try SpilledRows(inputTypes, keys: plainTypes + pane, spill)
        if geometry.isTumbling { return }
        let keys = KeyTable(plainTypes)
        for item in panes.values {
            for start in stride(from: 0, to: item.groups.count, by: Batch.rowsMax) {
                let end = min(start + Batch.rowsMax, item.groups.count)
                let columns = Array(table.keys(Array(item.groups[start..<end])).dropLast())
                keys.insert(columns, count: end - start, into: slots)
            }
        }
        keptKeys = keys
    }

    /// Rows of what is in memory are added; the others go to disk.
    private func keep(
        _ batch: Batch, _ owners: Buffer<Int64>, or spilled: SpilledRows
    ) throws(SQLError) {
        var keys = inputs.keys
        if let keptKeys {
            keptKeys.find(keys, count: batch.count, into: slots)
            for row in 0..<batch.count { ids[row] = slots[row] }
        } else {
            keys.append(Column(.bigint, count: batch.count, .integer(owners)))
            unsafe table.find(keys, count: batch.count, into: ids.base, inserting: false)
        }
        let unknown = (0..<Int32(batch.count)).filter { ids[Int($0)] < 0 }
        if unknown.isEmpty { return try add(batch, owners) }
        let known = (0..<Int32(batch.count)).filter { ids[Int($0)] >= 0 }
        try spilled.add(batch.gather(unknown), keys: keys.map { $0.gather(unknown) })
        if known.isEmpty { return }
        let rows = batch.gather(known)
        try inputs.evaluate(rows)
        try add(rows, Buffer(known.map { owners[Int($0)] }))
    }

    private func finishSpilled() throws(SQLError) {
        guard let spilled, let spill else { return }
        self.spilled = nil
        try finish([(spilled, 0)], hold: { self.part = $0 }) { () throws(SQLError) in
            try makePart(spill.deeper)
        }
    }

    /// Writes the pane of each row; gives the rows that have one, nil for all.
    private func assign(_ times: Column, _ batch: Batch, _ owners: Buffer<Int64>) -> [Int32]? {
        let values = unsafe times.integers
        var dropped: [Int32] = []
        var last = Pane(start: .min, validFrom: .min)
        var lastID: Int64 = -1
        var lastBound = Int64.max
        for row in 0..<batch.count {
            let value = unsafe values[row & times.indexMask]
            let own = max(batch.watermarks.map { unsafe $0.base[row] } ?? .min, watermark)
            if !times.isNull(row), lastID >= 0, own < lastBound,
                value >= last.start, value &- last.start < geometry.pane
            {
                unsafe owners.base[row] = lastID
                continue
            }
            guard !times.isNull(row), geometry.canHold(value) else {
                rowsWithoutTime += 1
                dropped.append(Int32(row))
                continue
            }
            guard let first = geometry.firstEnd(value, after: own) else {
                if geometry.lastEnd(value) > value {
                    lateRows += 1
                    late.append(Int32(row))
                }
                dropped.append(Int32(row))
                continue
            }
            last = Pane(start: geometry.paneStart(value), validFrom: first)
            lastID = id(last)
            // The next row of the pane belongs to the same windows if its watermark is below the
            // first and, where windows are left out, not below the one before.
            let isWhole = geometry.firstEnd(value, after: Watermark.none) == first
            lastBound = isWhole ? first : .min
            unsafe owners.base[row] = lastID
        }
        guard !dropped.isEmpty else { return nil }
        let gone = Set(dropped)
        return (0..<Int32(batch.count)).filter { !gone.contains($0) }
    }

    private func id(_ pane: Pane) -> Int64 {
        if let known = paneIDs[pane] { return known }
        let id = nextPane
        nextPane += 1
        paneIDs[pane] = id
        panes[id] = (pane, [])
        return id
    }

    private func add(_ batch: Batch, _ owners: Buffer<Int64>) throws(SQLError) {
        let pane = Column(.bigint, count: batch.count, .integer(owners))
        unsafe table.find(
            inputs.keys + [pane], count: batch.count, into: ids.base, inserting: true)
        states.grow(to: table.bound)
        for (group, row) in zip(table.newGroups, table.newRows) {
            panes[owners[Int(row)]]?.groups.append(group)
        }
        try states.update(inputs, groups: ids, count: batch.count, weights: batch.weights)
    }

    override func advance(_ watermark: Int64, input: Int) throws(SQLError) {
        guard watermark > self.watermark else { return }
        if let end = nextEnd(self.watermark), end <= watermark { try close(upTo: watermark) }
        self.watermark = watermark
        if watermark == Watermark.end { try finishSpilled() }
        if spilled != nil { return }
        let isTime = geometry.canHold(watermark)
        try emitWatermark(isTime ? geometry.leastStart(watermark) : watermark)
    }

    /// The end of the first window behind `closed` that holds a row.
    private func nextEnd(_ closed: Int64) -> Int64? {
        var next: Int64?
        for (pane, _) in panes.values {
            if let end = firstEnd(pane, closed) { next = min(next ?? end, end) }
        }
        return next
    }

    private func firstEnd(_ pane: Pane, _ closed: Int64) -> Int64? {
        // A pane whose rows came late has no windows before.
        geometry.firstEnd(pane.start, after: max(closed, pane.validFrom - 1))
    }

    private typealias OpenPane = (id: Int64, pane: Pane)

    /// All windows that end by then, in the order of their ends. Each looks only at panes that can
    /// be its own: a finite input closes all of its windows at once.
    private func close(upTo watermark: Int64) throws(SQLError) {
        let open: [OpenPane] = panes.map { ($0.key, $0.value.pane) }.sorted { a, b in
            let (x, y) = (a.pane, b.pane)
            return x.start != y.start ? x.start < y.start : x.validFrom < y.validFrom
        }
        var first = 0
        var closed = self.watermark
        while true {
            var next: Int64?
            for index in first..<open.count {
                if let next, open[index].pane.start >= next { break }
                if let end = firstEnd(open[index].pane, closed) { next = min(next ?? end, end) }
            }
            guard let end = next, end <= watermark else { return }
            try close(end, open[first...])
            while first < open.count, geometry.lastEnd(open[first].pane.start) <= end {
                let (id, pane) = open[first]
                for group in panes[id]?.groups ?? [] { free(group) }
                paneIDs[pane] = nil
                panes[id] = nil
                first += 1
            }
            closed = end
        }
    }

    private func close(_ end: Int64, _ open: ArraySlice<OpenPane>) throws(SQLError) {
        let start = geometry.start(end)
        var members: [[Int32]] = []
        for (id, pane) in open {
            if pane.start >= end { break }
            guard pane.start >= start, pane.validFrom <= end else { continue }
            members.append(panes[id]?.groups ?? [])
        }
        if members.count == 1 { return try emit(members[0], start, end) }
        let merged = try merge(members)
        try emit(merged, start, end)
        for group in merged { free(group) }
    }

    private func free(_ group: Int32) {
        states.reset(group)
        table.remove(group)
    }

    /// Groups of the window that is being emitted, made of those of its panes, in their order.
    private func merge(_ lists: [[Int32]]) throws(SQLError) -> [Int32] {
        var merged: [Int32] = []
        for groups in lists {
            var from = 0
            while from < groups.count {
                let part = Array(groups[from..<min(from + Batch.rowsMax, groups.count)])
                let keys = Array(table.keys(part).dropLast())
                let window = Column.constant(.integer(-1), .bigint, count: part.count)
                unsafe table.find(
                    keys + [window], count: part.count, into: ids.base, inserting: true)
                states.grow(to: table.bound)
                merged += table.newGroups
                for (index, group) in part.enumerated() {
                    try states.merge(group, into: ids[index])
                }
                from += part.count
            }
        }
        return merged
    }

    private func emit(_ groups: [Int32], _ start: Int64, _ end: Int64) throws(SQLError) {
        let standing = groups.filter { !states.isEmpty($0) }
        var from = 0
        while from < standing.count {
            let part = Array(standing[from..<min(from + Batch.rowsMax, standing.count)])
            let columns = WindowKey.columns(
                kinds, table.keys(part), type: type,
                starts: .constant(.integer(start), .bigint, count: part.count),
                ends: .constant(.integer(end), .bigint, count: part.count))
            try emit(Batch(columns + (try states.results(part)), count: part.count))
            from += part.count
        }
    }

    var openEnds: (first: Int64, last: Int64)? {
        guard let first = nextEnd(watermark),
            let last = panes.values.map({ geometry.lastEnd($0.pane.start) }).max()
        else { return nil }
        return (first, last)
    }

    var openGroups: Int { table.count }

    var windowsToClose: Int {
        var ends: Set<Int64> = []
        for (pane, _) in panes.values {
            var next = firstEnd(pane, watermark)
            while let end = next, end <= geometry.lastEnd(pane.start) {
                ends.insert(end)
                next = geometry.firstEnd(pane.start, after: end)
            }
        }
        return ends.count
    }

    override var memory: Int {
        table.memory + states.memory + table.count * 4 + (keptKeys?.memory ?? 0)
            + (part?.memory ?? 0)
    }

    override func carry(
        from old: Operator, _ widening: ColumnWidening
    ) throws(SQLError) -> Bool {
        guard let old = old as? WindowAggregateOperator, old.spilled == nil,
            old.keptKeys == nil, old.part == nil, try table.carry(from: old.table, widening),
            try states.carry(from: old.states, table.groups, widening)
        else { return false }
        watermark = old.watermark
        lateRows = old.lateRows
        nextPane = old.nextPane
        (paneIDs, panes) = (old.paneIDs, old.panes)
        return true
    }

    override func write(_ state: inout OutputBuffer) {
        table.write(&state)
        states.write(&state)
        for value in [watermark, Int64(lateRows), nextPane, Int64(panes.count)] {
            state.append(bigEndian: value)
        }
        for (id, item) in panes.sorted(by: { $0.key < $1.key }) {
            state.append(bigEndian: id)
            state.append(bigEndian: item.pane.start)
            state.append(bigEndian: item.pane.validFrom)
            state.append(groups: item.groups)
        }
    }

    override func read(_ state: inout StateReader) throws(SQLError) {
        try table.read(&state)
        try states.read(&state)
        watermark = try state.integer(Int64.self)
        lateRows = Int(try state.integer(Int64.self))
        nextPane = try state.integer(Int64.self)
        (paneIDs, panes) = ([:], [:])
        for _ in 0..<(try state.count()) {
            let id = try state.integer(Int64.self)
            let start = try state.integer(Int64.self)
            let pane = Pane(start: start, validFrom: try state.integer(Int64.self))
            paneIDs[pane] = id
            panes[id] = (pane, try state.groups(below: table.bound))
        }
    }
}
