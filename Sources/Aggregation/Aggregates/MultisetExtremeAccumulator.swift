import Bytes
import Formats

/// min and max over changing input: the values of each group with their counts, and a heap of them.
///
/// A value whose count falls to 0 stays in the heap until it comes to the top, or until more than
/// half of the heap is such.
final class MultisetExtremeAccumulator: Accumulator {
    private let isMax: Bool
    /// (group, value) to an entry; where equal values may look different, (group, value, form).
    private let entries: GroupTable
    private let hasForms: Bool
    private var counts = StateVector<Int64>()
    private var heaps: [[Int32]] = []
    /// Entries of the heap that count 0, by group.
    private var dead = StateVector<Int32>()
    private var ids: [Int32] = []

    init(_ type: DataType, isMax: Bool) {
        self.isMax = isMax
        hasForms = type.hasForms
        entries = GroupTable([.integer, type] + (type.formType.map { [$0] } ?? []))
        super.init(type)
    }

    override func grow(to count: Int) {
        dead.grow(to: count, filling: 0)
        while heaps.count < count { heaps.append([]) }
    }

    override func update(
        _ arguments: [Column], groups: UnsafePointer<Int32>, weights: UnsafePointer<Int64>?,
        count: Int
    ) throws(SQLError) {
        unsafe find(arguments[0], unsafe groups, count)
        for row in 0..<count {
            let group = unsafe Int(groups[row])
            unsafe change(ids[row], of: group, by: weights?[row] ?? 1)
        }
        for row in 0..<count { settle(unsafe Int(groups[row])) }
    }

    private func find(_ values: Column, _ groups: UnsafePointer<Int32>, _ count: Int) {
        let owners = Buffer<Int64>(capacity: count)
        for row in 0..<count { unsafe owners.base[row] = Int64(groups[row]) }
        if ids.count < count { ids = [Int32](repeating: 0, count: count) }
        var keys = [Column(.integer, count: count, .integer(owners)), values]
        if hasForms { keys.append(StoredForm.column(values)) }
        unsafe ids.withUnsafeMutableBufferPointer {
            guard let base = $0.baseAddress else { return }
            unsafe entries.find(keys, count: count, into: base, inserting: true)
        }
        counts.grow(to: entries.bound, filling: 0)
        for (entry, row) in zip(entries.newGroups, entries.newRows) {
            counts[entry] = 0
            let group = unsafe Int(groups[Int(row)])
            push(entry, group)
            // It counts 0 until its rows are added.
            dead[group] += 1
        }
    }

    private func change(_ entry: Int32, of group: Int, by weight: Int64) {
        let old = counts[entry]
        counts[entry] = old + weight
        if old == 0, old + weight != 0 { dead[group] -= 1 }
        if old != 0, old + weight == 0 { dead[group] += 1 }
    }

    /// Drops what counts 0 from the top, and all of it when it is most.
    private func settle(_ group: Int) {
        while let top = heaps[group].first, counts[top] == 0 {
            pop(group)
            entries.remove(top)
            dead[group] -= 1
        }
        guard Int(dead[group]) * 2 > heaps[group].count + 16 else { return }
        for entry in heaps[group] where counts[entry] == 0 { entries.remove(entry) }
        heaps[group].removeAll { counts[$0] == 0 }
        for index in stride(from: heaps[group].count / 2, through: 0, by: -1) {
            sink(index, group)
        }
        dead[group] = 0
    }

    private func isAbove(_ a: Int32, _ b: Int32) -> Bool {
        let order = entries.columns[1].order(a, b)
        // Whatever their order of arrival was.
        if order == 0, hasForms { return entries.columns[2].order(a, b) < 0 }
        return isMax ? order > 0 : order < 0
    }

    private func push(_ entry: Int32, _ group: Int) {
        heaps[group].append(entry)
        var index = heaps[group].count - 1
        while index > 0, isAbove(heaps[group][index], heaps[group][(index - 1) / 2]) {
            heaps[group].swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    private func pop(_ group: Int) {
        heaps[group].swapAt(0, heaps[group].count - 1)
        heaps[group].removeLast()
        sink(0, group)
    }

    private func sink(_ start: Int, _ group: Int) {
        var index = start
        let count = heaps[group].count
        while true {
            var top = index
            for child in [2 * index + 1, 2 * index + 2] where child < count {
                if isAbove(heaps[group][child], heaps[group][top]) { top = child }
            }
            if top == index { return }
            heaps[group].swapAt(index, top)
            index = top
        }
    }

    override func merge(_ source: Int32, into target: Int32) throws(SQLError) {
        let live = heaps[Int(source)].filter { counts[$0] != 0 }
        guard !live.isEmpty else { return }
        let weights = live.map { counts[$0] }
        let groups = [Int32](repeating: target, count: live.count)
        let values = values(live)
        try unsafe groups.withUnsafeBufferPointer { (groups) throws(SQLError) in
            try unsafe weights.withUnsafeBufferPointer { (weights) throws(SQLError) in
                guard let groups = groups.baseAddress, let weights = weights.baseAddress else {
                    return
                }
                try unsafe update([values], groups: groups, weights: weights, count: live.count)
            }
        }
    }

    override func reset(_ group: Int32) {
        for entry in heaps[Int(group)] { entries.remove(entry) }
        heaps[Int(group)] = []
        dead[group] = 0
    }

    override func results(_ groups: [Int32]) throws(SQLError) -> Column {
        let tops = groups.map { heaps[Int($0)].first ?? -1 }
        guard tops.contains(-1) else { return values(tops) }
        let live = tops.filter { $0 >= 0 }
        let values = values(live)
        var next: Int32 = -1
        let rows = tops.map { top -> Int32 in
            if top < 0 { return -1 }
            next += 1
            return next
        }
        guard !live.isEmpty else { return Column.constant(.null, type, count: groups.count) }
        return values.gather(rows, hasMissing: true)
    }

    /// Of entries, as they came: keys of doubles hold 0 for -0.
    private func values(_ live: [Int32]) -> Column {
        let values = entries.columns[1].column(live)
        guard type.layout == .double else { return values }
        let forms = entries.columns[2].column(live)
        let negative = live.indices.filter { unsafe forms.booleans[$0 & forms.indexMask] != 0 }
        guard !negative.isEmpty else { return values }
        let doubles = Buffer<Double>(capacity: live.count)
        for row in live.indices { doubles[row] = unsafe values.doubles[row & values.indexMask] }
        for row in negative { doubles[row] = -0.0 }
        return Column(values.type, count: live.count, .double(doubles))
    }

    override var memory: Int {
        entries.memory + counts.memory + dead.memory + heaps.count * 32 + entries.count * 4
    }

    /// Earlier builds had no forms of doubles.
    private func readEntries(_ source: inout StateReader) throws(SQLError) {
        guard type.layout == .double, !source.takesMark(StateReader.exactMark) else {
            return try entries.read(&source)
        }
        try entries.read(&source, isLackingLast: true)
    }

    override func write(_ target: inout OutputBuffer) {
        if type.layout == .double { target.append(bigEndian: StateReader.exactMark) }
        entries.write(&target)
        counts.write(&target)
        dead.write(&target)
        target.append(bigEndian: Int64(heaps.count))
        for heap in heaps { target.append(groups: heap) }
    }

    override func read(_ source: inout StateReader) throws(SQLError) {
        try readEntries(&source)
        try counts.read(&source)
        try dead.read(&source)
        heaps = []
        for _ in 0..<(try source.count()) { heaps.append(try source.groups(below: entries.bound)) }
    }
}
