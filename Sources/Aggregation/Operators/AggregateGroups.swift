import Bytes
import Formats

/// The groups of one grouping set: their keys, the states of all calls, what has left of them, and
/// which windows they belong to. An aggregating operator owns one a set.
final class AggregateGroups {
    struct Shape {
        var plan: AggregatePlan
        /// Indices into the keys.
        var set: [Int]
        /// No row of the input is ever taken back.
        var appendOnly: Bool
        /// Positions in `set` of keys that hold times, with microseconds a unit.
        var times: [(index: Int, unit: Int64)]
        /// Groups that are idle are let go; nil: none is.
        var idle: IdleClock?
    }

    /// The groups of a window in the order in which they came.
    private struct Window {
        var groups: [Int32] = []
        /// The least time among their keys.
        var hold = Int64.max

        mutating func add(_ group: Int32, _ time: Int64) {
            groups.append(group)
            hold = min(hold, time)
        }
    }

    private static let isChanged: UInt8 = 1
    private static let hasLeft: UInt8 = 2

    private let shape: Shape
    private let table: GroupTable
    private var accumulators: [Accumulator] = []
    private var distincts: [AggregateDistinct] = []
    /// For each call its place in `distincts`, and there.
    private var places: [(distinct: Int, call: Int)?] = []
    private var rowCounts = StateVector<Int64>()
    private var flags = StateVector<UInt8>()
    private var windows: [Int64: Window] = [:]
    private let idle: IdleTimes?
    /// Groups of this step whose rows have not left before.
    private var fresh: [Int32] = []
    /// Groups of this step with the rows that have left.
    private var old: [(groups: [Int32], rows: [Column])] = []
    /// In the first step no row has left: all groups are fresh and need not be noted.
    private var isFirstStep: Bool
    /// Groups leave when their window closes, and only then for the first time.
    private let emitsOnClose: Bool
    private let ids = Buffer<Int32>(capacity: Batch.rowsMax)
    private let output:
        (_ columns: [Column], _ count: Int, _ weight: Int64) throws(SQLError) -> Void

    init(
        _ shape: Shape,
        output:
            @escaping (_ columns: [Column], _ count: Int, _ weight: Int64) throws(SQLError) ->
            Void
    ) {
        self.shape = shape
        self.output = output
        idle = shape.idle.map { IdleTimes($0) }
        emitsOnClose = shape.plan.window?.emitsOnClose == true
        isFirstStep = !emitsOnClose
        table = GroupTable(shape.set.map { shape.plan.keys[$0].type })
        for call in shape.plan.calls {
            accumulators.append(call.function.make(call, shape.appendOnly))
        }
        makeDistincts()
        if isKeyless { addOnlyGroup() }
    }

    /// A set without keys has one group, with or without rows.
    private var isKeyless: Bool { shape.set.isEmpty }

    private func addOnlyGroup() {
        unsafe table.find([], count: 1, into: ids.base, inserting: true)
        growStates()
    }

    /// Calls over the same plain columns share a table.
    private func makeDistincts() {
        var shared: [(columns: [Int], calls: [Int])] = []
        places = shape.plan.calls.map { _ in nil }
        for (index, call) in shape.plan.calls.enumerated() where call.isDistinct {
            let columns = call.arguments.compactMap { argument -> Int? in
                if case .column(let column, _) = argument { column } else { nil }
            }
            let isPlain = columns.count == call.arguments.count && call.order.isEmpty
            let known = shared.firstIndex { $0.columns == columns && $0.calls.count < 64 }
            if isPlain, let known {
                places[index] = (known, shared[known].calls.count)
                shared[known].calls.append(index)
            } else {
                places[index] = (shared.count, 0)
                shared.append((isPlain ? columns : [-1 - index], [index]))
            }
        }
        distincts = shared.map { item in
            AggregateDistinct(
                calls: item.calls,
                types: shape.plan.calls[item.calls[0]].arguments.map(\.type),
                appendOnly: shape.appendOnly, hasChains: shape.plan.window != nil || idle != nil)
        }
    }

    private func growStates() {
        for accumulator in accumulators { accumulator.grow(to: table.bound) }
        for distinct in distincts { distinct.grow(to: table.bound) }
        flags.grow(to: table.bound, filling: 0)
        if !shape.appendOnly { rowCounts.grow(to: table.bound, filling: 0) }
    }
}

// Rows in.
extension AggregateGroups {
    /// Takes the rows of a batch of at most `Batch.rowsMax`. `notes`: groups that change are to be
    /// emitted at the end of the step.
    func add(
        _ inputs: AggregateInputs, count: Int, weights: Buffer<Int64>?, notes: Bool
    ) throws(SQLError) {
        let keys = shape.set.map { inputs.keys[$0] }
        unsafe table.find(keys, count: count, into: ids.base, inserting: true)
        if !table.newGroups.isEmpty { added(inputs) }
        if let idle { unsafe idle.touch(ids.base, count: count, below: table.bound) }
        if !shape.appendOnly {
            let rowCounts = unsafe self.rowCounts.base
            for row in 0..<count {
                unsafe rowCounts[Int(ids.base[row])] &+= weights?.base[row] ?? 1
            }
        }
        if notes, !isFirstStep { try note(count) }
        try update(inputs, count, weights)
    }

    /// The rows whose groups are there, and the others; with the columns of the set's keys.
    func split(
        _ inputs: AggregateInputs, count: Int
    ) -> (known: [Int32], unknown: [Int32], keys: [Column]) {
        let keys = shape.set.map { inputs.keys[$0] }
        unsafe table.find(keys, count: count, into: ids.base, inserting: false)
        var known: [Int32] = []
        var unknown: [Int32] = []
        for row in 0..<count {
            if ids[row] < 0 { unknown.append(Int32(row)) } else { known.append(Int32(row)) }
        }
        return (known, unknown, keys)
    }

    /// New groups: room for their states, and their windows.
    private func added(_ inputs: AggregateInputs) {
        growStates()
        guard let end = inputs.end else { return }
        let ends = unsafe end.integers
        for (group, row) in zip(table.newGroups, table.newRows) {
            let bound =
                end.isNull(Int(row)) ? Int64.max : unsafe ends[Int(row) & end.indexMask]
            var hold = Int64.max
            for (index, unit) in shape.times {
                let key = inputs.keys[shape.set[index]]
                guard !key.isNull(Int(row)) else { continue }
                let time = unsafe key.integers[Int(row) & key.indexMask]
                hold = min(hold, time.multipliedReportingOverflow(by: unit).partialValue)
            }
            windows[bound, default: Window()].add(group, hold)
        }
    }

    /// Notes which groups change, and keeps the rows of theirs that have left.
    private func note(_ count: Int) throws(SQLError) {
        var reported: [Int32] = []
        let flags = unsafe self.flags.base
        var row = 0
        while row < count {
            let group = unsafe ids.base[row]
            let flag = unsafe flags[Int(group)]
            if flag & AggregateGroups.isChanged == 0 {
                unsafe flags[Int(group)] = flag | AggregateGroups.isChanged
                if flag & AggregateGroups.hasLeft != 0 {
                    reported.append(group)
                } else if emitsOnClose {
                    unsafe flags[Int(group)] = flag
                } else {
                    fresh.append(group)
                }
            }
            row &+= 1
        }
        if !reported.isEmpty { old.append((reported, try rows(reported))) }
    }

    private func update(
        _ inputs: AggregateInputs, _ count: Int, _ weights: Buffer<Int64>?
    ) throws(SQLError) {
        // The groups and weights of each selection of rows.
        var picked: [(groups: Buffer<Int32>, weights: Buffer<Int64>?)] = []
        for selection in inputs.selections {
            picked.append((pick(ids, selection), weights.map { pick($0, selection) }))
        }
        for index in distincts.indices where distincts[index].calls.count > 1 {
            let columns = inputs.inputs[distincts[index].calls[0]].whole
            unsafe distincts[index].find(columns, groups: ids.base, count: count)
        }
        for (index, input) in inputs.inputs.enumerated() {
            let isWhole = input.selection < 0
            let groups = isWhole ? ids : picked[input.selection].groups
            let signs = isWhole ? weights : picked[input.selection].weights
            let rows = isWhole ? count : inputs.selections[input.selection].count
            guard rows > 0 else { continue }
            if let place = places[index] {
                try distinct(index, place, inputs, groups, signs, rows, weights)
            } else {
                try unsafe accumulators[index].update(
                    input.columns, groups: groups.base, weights: signs?.base, count: rows)
            }
        }
        for distinct in distincts where distinct.calls.count > 1 { distinct.settle(count: count) }
    }

    private func distinct(
        _ index: Int, _ place: (distinct: Int, call: Int), _ inputs: AggregateInputs,
        _ groups: Buffer<Int32>, _ signs: Buffer<Int64>?, _ count: Int,
        _ weights: Buffer<Int64>?
    ) throws(SQLError) {
        let distinct = distincts[place.distinct]
        let input = inputs.inputs[index]
        let isShared = distinct.calls.count > 1
        let changes: (rows: [Int32], weights: [Int64])
        if isShared {
            let rows = input.selection < 0 ? nil : inputs.selections[input.selection]
            changes = unsafe distinct.changes(
                place.call, rows: rows, count: count, weights: weights?.base)
        } else {
            unsafe distinct.find(
                Array(input.columns.prefix(shape.plan.calls[index].arguments.count)),
                groups: groups.base, count: count)
            changes = unsafe distinct.changes(0, rows: nil, count: count, weights: signs?.base)
            distinct.settle(count: count)
        }
        guard !changes.rows.isEmpty else { return }
        let isCount = shape.plan.calls[index].function.name == "count"
        let columns =
            isCount ? [] : (isShared ? input.whole : input.columns).map { $0.gather(changes.rows) }
        let owners = pick(isShared ? ids : groups, changes.rows)
        let marks = shape.appendOnly ? nil : Buffer<Int64>(changes.weights)
        try unsafe accumulators[index].update(
            columns, groups: owners.base, weights: marks?.base, count: changes.rows.count)
    }

    private func pick<T>(_ source: Buffer<T>, _ rows: [Int32]) -> Buffer<T> {
        let target = Buffer<T>(capacity: rows.count)
        unsafe rows.withUnsafeBufferPointer { rows in
            var index = 0
            while index < rows.count {
                unsafe target.base[index] = source.base[Int(rows[index])]
                index &+= 1
            }
        }
        return target
    }
}

// Rows out.
extension AggregateGroups {
    /// The rows of some groups, a column a key, a call, and the bits of GROUPING.
    private func rows(_ groups: [Int32]) throws(SQLError) -> [Column] {
        let keys = table.keys(groups)
        var columns: [Column] = []
        for (index, key) in shape.plan.keys.enumerated() {
            if let position = shape.set.firstIndex(of: index) {
                columns.append(keys[position])
            } else {
                columns.append(.constant(.null, key.type, count: groups.count))
            }
        }
        for accumulator in accumulators { columns.append(try accumulator.results(groups)) }
        if shape.plan.groupingSets != nil {
            let bits = shape.plan.keys.indices.reduce(Int64(0)) { bits, index in
                shape.set.contains(index) ? bits : bits | 1 << Int64(index)
            }
            columns.append(.constant(.integer(bits), .integer, count: groups.count))
        }
        return columns
    }

    private func isEmpty(_ group: Int32) -> Bool {
        !shape.appendOnly && !isKeyless && rowCounts[group] == 0
    }

    private func free(_ group: Int32) {
        for accumulator in accumulators { accumulator.reset(group) }
        for distinct in distincts { distinct.reset(group) }
        flags[group] = 0
        if !shape.appendOnly { rowCounts[group] = 0 }
        table.remove(group)
    }

    /// Hands out the rows of some groups, in batches.
    private func emit(_ groups: [Int32]) throws(SQLError) {
        var start = 0
        while start < groups.count {
            let part = Array(groups[start..<min(start + Batch.rowsMax, groups.count)])
            try output(try rows(part), part.count, 1)
            start += part.count
        }
    }

    /// Emits the net change of the step.
    func emitChanges() throws(SQLError) {
        if isFirstStep {
            isFirstStep = false
            fresh = table.groups
        }
        var gone: [Int32] = []
        for (groups, before) in old {
            let after = try rows(groups)
            var changed: [Int32] = []
            var standing: [Int32] = []
            for (row, group) in groups.enumerated() {
                flags[group] = AggregateGroups.hasLeft
                if isEmpty(group) {
                    changed.append(Int32(row))
                    gone.append(group)
                } else if !zip(before, after).allSatisfy({ $0.isSame($1, row) }) {
                    changed.append(Int32(row))
                    standing.append(Int32(row))
                }
            }
            if !changed.isEmpty {
                try output(before.map { $0.gather(changed) }, changed.count, -1)
            }
            if !standing.isEmpty {
                try output(after.map { $0.gather(standing) }, standing.count, 1)
            }
        }
        old.removeAll()
        let live = shape.appendOnly ? fresh : fresh.filter { !isEmpty($0) }
        try emit(live)
        for group in live { flags[group] = AggregateGroups.hasLeft }
        if live.count < fresh.count { gone += fresh.filter { isEmpty($0) } }
        fresh.removeAll()
        try forget(gone)
    }

    /// Frees groups without rows; those of a window wait for its end, as its list names them.
    private func forget(_ groups: [Int32]) throws(SQLError) {
        if shape.plan.window != nil {
            for group in groups { flags[group] = 0 }
            return
        }
        for group in groups {
            guard rowCounts[group] == 0 else { continue }
            free(group)
        }
    }

    /// Emits the groups of windows that end at or before `watermark`, in the order of their ends,
    /// and frees them, or, if late rows may still come, notes that they have left.
    func close(upTo watermark: Int64, keeping: Bool) throws(SQLError) {
        for end in windows.keys.sorted() where end <= watermark {
            guard let window = windows[end] else { continue }
            let groups = window.groups.filter { group in
                !isEmpty(group) && flags[group] & AggregateGroups.hasLeft == 0
            }
            try emit(groups)
            if keeping {
                for group in groups { flags[group] |= AggregateGroups.hasLeft }
            } else {
                for group in window.groups { free(group) }
                windows[end] = nil
            }
        }
    }

    /// Frees the groups of windows that end at or before `watermark`; their rows have left.
    func free(upTo watermark: Int64) {
        for end in windows.keys where end <= watermark {
            for group in windows[end]?.groups ?? [] { free(group) }
            windows[end] = nil
        }
    }

    /// Lets the groups go that nothing has touched for too long, between steps; gives how many.
    func freeIdle() -> Int {
        guard let idle, !isKeyless else { return 0 }
        let groups = table.groups.filter { idle.isIdle($0) }
        for group in groups { free(group) }
        return groups.count
    }

    /// No row will leave whose keys hold a smaller time, if none comes.
    var hold: Int64 { windows.values.reduce(Int64.max) { min($0, $1.hold) } }

    var openEnds: (first: Int64, last: Int64)? {
        guard let first = windows.keys.min(), let last = windows.keys.max() else { return nil }
        return (first, last)
    }

    func openWindows(after watermark: Int64) -> Int {
        windows.keys.reduce(0) { $0 + ($1 > watermark ? 1 : 0) }
    }

    var count: Int { table.count }
    var hasChanges: Bool { isFirstStep || !fresh.isEmpty || !old.isEmpty }
}

// State.
extension AggregateGroups {
    var memory: Int {
        let states = accumulators.reduce(0) { $0 + $1.memory }
        let values = distincts.reduce(0) { $0 + $1.memory }
        let lists = windows.values.reduce(0) { $0 + $1.groups.count * 4 + 64 }
        return table.memory + states + values + lists + rowCounts.memory + flags.memory
            + (idle?.memory ?? 0)
    }

    /// Between two batches.
    func carry(
        from before: AggregateGroups, _ widening: ColumnWidening
    ) throws(SQLError) -> Bool {
        let (calls, callsBefore) = (shape.plan.calls, before.shape.plan.calls)
        guard before.old.isEmpty, shape.set == before.shape.set,
            calls.count == callsBefore.count, distincts.count == before.distincts.count,
            try table.carry(from: before.table, widening)
        else { return false }
        growStates()
        let groups = table.groups
        for (index, call) in calls.enumerated() {
            let (source, target) = (before.accumulators[index], accumulators[index])
            guard try call.carry(from: callsBefore[index], source, to: target, groups, widening)
            else { return false }
        }
        for (target, source) in zip(distincts, before.distincts) {
            guard try target.carry(from: source, widening) else { return false }
        }
        var counts = OutputBuffer(capacity: 1024)
        before.rowCounts.write(&counts)
        before.flags.write(&counts)
        var reader = StateReader(counts.array)
        try rowCounts.read(&reader)
        try flags.read(&reader)
        windows = before.windows
        if let idle, let other = before.idle { idle.follow(other) }
        fresh = before.fresh
        isFirstStep = before.isFirstStep
        growStates()
        return true
    }

    func write(_ target: inout OutputBuffer) {
        table.write(&target)
        for accumulator in accumulators { accumulator.write(&target) }
        for distinct in distincts { distinct.write(&target) }
        rowCounts.write(&target)
        flags.write(&target)
        idle?.write(&target)
        target.append(isFirstStep ? 1 : 0 as UInt8)
        target.append(bigEndian: Int64(windows.count))
        for (end, window) in windows.sorted(by: { $0.key < $1.key }) {
            target.append(bigEndian: end)
            target.append(bigEndian: window.hold)
            target.append(groups: window.groups)
        }
    }

    func read(_ source: inout StateReader) throws(SQLError) {
        try table.read(&source)
        for accumulator in accumulators { try accumulator.read(&source) }
        for distinct in distincts { try distinct.read(&source) }
        try rowCounts.read(&source)
        try flags.read(&source)
        try idle?.read(&source)
        isFirstStep = try source.integer(UInt8.self) != 0
        windows = [:]
        for _ in 0..<(try source.count()) {
            let end = try source.integer(Int64.self)
            let hold = try source.integer(Int64.self)
            windows[end] = Window(groups: try source.groups(below: table.bound), hold: hold)
        }
        growStates()
    }
}
