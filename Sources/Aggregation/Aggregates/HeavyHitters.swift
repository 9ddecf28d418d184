import Bytes
import Formats

/// approx_top_k(value, k): the most frequent values of a group with upper bounds of their counts.
///
/// Each group counts up to a bound of values; past it the median count is taken from all and what
/// falls to 0 goes (Misra and Gries, 1982, in the batched form of Anderson et al., 2017). An
/// estimate errs by at most what was taken.
final class HeavyHittersAccumulator: Accumulator {
    /// (group, value) to an entry.
    private let entries: GroupTable
    private var counts = StateVector<Int64>()
    private var members: [[Int32]] = []
    private var taken = StateVector<Int64>()
    /// k of each group; 0: no row was seen.
    private var wanted = StateVector<Int64>()
    private var ids: [Int32] = []

    init(_ type: DataType, value: DataType) {
        entries = GroupTable([.integer, value])
        super.init(type)
    }

    override func grow(to count: Int) {
        while members.count < count { members.append([]) }
        taken.grow(to: count, filling: 0)
        wanted.grow(to: count, filling: 0)
    }

    override func update(
        _ arguments: [Column], groups: UnsafePointer<Int32>, weights: UnsafePointer<Int64>?,
        count: Int
    ) throws(SQLError) {
        let k = unsafe arguments[1].integers
        for row in 0..<count {
            let limit = unsafe k[row & arguments[1].indexMask]
            guard limit > 0, limit <= Limits.topValuesMax else {
                throw SQLError(
                    "approx_top_k gives 1 to \(Limits.topValuesMax) values",
                    .invalidParameterValue)
            }
            unsafe wanted[groups[row]] = limit
        }
        let weights = (0..<count).map { unsafe weights?[$0] ?? 1 }
        unsafe add(arguments[0], groups, weights)
    }

    private func add(_ values: Column, _ groups: UnsafePointer<Int32>, _ weights: [Int64]) {
        let count = weights.count
        let owners = Buffer<Int64>(capacity: count)
        for row in 0..<count { unsafe owners.base[row] = Int64(groups[row]) }
        if ids.count < count { ids = [Int32](repeating: 0, count: count) }
        let keys = [Column(.integer, count: count, .integer(owners)), values]
        unsafe ids.withUnsafeMutableBufferPointer {
            guard let base = $0.baseAddress else { return }
            unsafe entries.find(keys, count: count, into: base, inserting: true)
        }
        counts.grow(to: entries.bound, filling: 0)
        for (entry, row) in zip(entries.newGroups, entries.newRows) {
            counts[entry] = 0
            members[unsafe Int(groups[Int(row)])].append(entry)
        }
        for row in 0..<count { counts[ids[row]] += weights[row] }
        for row in 0..<count { unsafe purge(groups[row]) }
    }

    private func purge(_ group: Int32) {
        let held = members[Int(group)]
        guard held.count > max(256, Int(wanted[group]) * 16) else { return }
        let median = held.map { counts[$0] }.sorted()[held.count / 2]
        var kept: [Int32] = []
        for entry in held {
            counts[entry] -= median
            if counts[entry] > 0 { kept.append(entry) } else { entries.remove(entry) }
        }
        members[Int(group)] = kept
        taken[group] += median
    }

    override func merge(_ source: Int32, into target: Int32) throws(SQLError) {
        wanted[target] = max(wanted[target], wanted[source])
        taken[target] += taken[source]
        let held = members[Int(source)]
        guard !held.isEmpty else { return }
        let values = entries.columns[1].column(held)
        let weights = held.map { counts[$0] }
        let groups = [Int32](repeating: target, count: held.count)
        unsafe groups.withUnsafeBufferPointer {
            guard let base = $0.baseAddress else { return }
            unsafe add(values, base, weights)
        }
    }

    override func reset(_ group: Int32) {
        for entry in members[Int(group)] { entries.remove(entry) }
        members[Int(group)] = []
        taken[group] = 0
        wanted[group] = 0
    }

    override func results(_ groups: [Int32]) throws(SQLError) -> Column {
        let values = groups.map { group -> Value in
            guard wanted[group] > 0 else { return .null }
            let best = members[Int(group)].sorted { a, b in
                let (x, y) = (counts[a], counts[b])
                return x != y ? x > y : entries.columns[1].order(a, b) < 0
            }
            return .array(
                best.prefix(Int(wanted[group])).map { entry in
                    .record([
                        entries.columns[1].value(entry), .integer(counts[entry] + taken[group]),
                    ])
                })
        }
        return Column.make(type, values)
    }

    override var memory: Int { entries.memory + counts.memory + entries.count * 4 }

    override func write(_ target: inout OutputBuffer) {
        entries.write(&target)
        counts.write(&target)
        taken.write(&target)
        wanted.write(&target)
        target.append(bigEndian: Int64(members.count))
        for list in members { target.append(groups: list) }
    }

    override func read(_ source: inout StateReader) throws(SQLError) {
        try entries.read(&source)
        try counts.read(&source)
        try taken.read(&source)
        try wanted.read(&source)
        members = []
        for _ in 0..<(try source.count()) {
            members.append(try source.groups(below: entries.bound))
        }
    }
}
