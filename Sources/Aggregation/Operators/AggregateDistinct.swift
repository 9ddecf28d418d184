import Bytes
import Formats

/// The distinct values of a DISTINCT call, or of several over the same arguments under different
/// filters: (group, value) to how often each call has it. Only a value that a group gains or loses
/// reaches the call's accumulator.
final class AggregateDistinct {
    let calls: [Int]
    private let appendOnly: Bool
    private let entries: GroupTable
    /// Over rows that are never taken back: a bit a call. Else a count a call.
    private var seen = StateVector<UInt64>()
    private var counts = StateVector<Int64>()
    /// Where groups are freed as a whole (windows): the entries of each, as chains.
    private let hasChains: Bool
    private var heads = StateVector<Int32>()
    private var next = StateVector<Int32>()
    private var ids: [Int32] = []

    init(calls: [Int], types: [DataType], appendOnly: Bool, hasChains: Bool) {
        self.calls = calls
        self.appendOnly = appendOnly
        self.hasChains = hasChains
        entries = GroupTable([.integer] + types)
    }

    func grow(to groups: Int) {
        if hasChains { heads.grow(to: groups, filling: -1) }
    }

    /// Finds the entries of some rows, which `changes` then refers to by position.
    func find(_ values: [Column], groups: UnsafePointer<Int32>, count: Int) {
        let owners = Buffer<Int64>(capacity: count)
        var row = 0
        while row < count {
            unsafe owners.base[row] = Int64(groups[row])
            row &+= 1
        }
        if ids.count < count { ids = [Int32](repeating: 0, count: max(count, Batch.rowsMax)) }
        let keys = [Column(.integer, count: count, .integer(owners))] + values
        unsafe ids.withUnsafeMutableBufferPointer {
            guard let base = $0.baseAddress else { return }
            unsafe entries.find(keys, count: count, into: base, inserting: true)
        }
        if appendOnly {
            seen.grow(to: entries.bound, filling: 0)
        } else {
            counts.grow(to: entries.bound * calls.count, filling: 0)
        }
        if hasChains { next.grow(to: entries.bound, filling: -1) }
        for (entry, row) in zip(entries.newGroups, entries.newRows) {
            if appendOnly { seen[entry] = 0 }
            guard hasChains else { continue }
            let group = unsafe groups[Int(row)]
            next[entry] = heads[group]
            heads[group] = entry
        }
    }

    /// The positions at which a call's value comes or, with weight -1, goes.
    ///
    /// `rows`: the positions that the call reads; nil: all `count`.
    func changes(
        _ call: Int, rows: [Int32]?, count: Int, weights: UnsafePointer<Int64>?
    ) -> (rows: [Int32], weights: [Int64]) {
        var changed: [Int32] = []
        var signs: [Int64] = []
        let bit = UInt64(1) << UInt64(call)
        let width = calls.count
        let (seen, counts) = unsafe (self.seen.base, self.counts.base)
        let limit = rows?.count ?? count
        var index = 0
        while index < limit {
            let row = rows?[index] ?? Int32(truncatingIfNeeded: index)
            index &+= 1
            let entry = Int(ids[Int(row)])
            if appendOnly {
                let mask = unsafe seen[entry]
                if mask & bit == 0 {
                    unsafe seen[entry] = mask | bit
                    changed.append(row)
                }
                continue
            }
            let old = unsafe counts[entry * width + call]
            let new = unsafe old + (weights?[Int(row)] ?? 1)
            unsafe counts[entry * width + call] = new
            if (old > 0) != (new > 0) {
                changed.append(row)
                signs.append(new > 0 ? 1 : -1)
            }
        }
        return (changed, signs)
    }

    /// Frees the entries that no call has any more; behind the last `changes` of a batch.
    func settle(count: Int) {
        guard !appendOnly, !hasChains else { return }
        var gone: Set<Int32> = []
        for row in 0..<count {
            let start = Int(ids[row]) * calls.count
            if calls.indices.allSatisfy({ counts[start + $0] == 0 }) { gone.insert(ids[row]) }
        }
        for entry in gone { entries.remove(entry) }
    }

    /// Frees all entries of a group.
    func reset(_ group: Int32) {
        guard hasChains else { return }
        var entry = heads[group]
        while entry >= 0 {
            let following = next[entry]
            if !appendOnly {
                for call in calls.indices { counts[Int(entry) * calls.count + call] = 0 }
            }
            entries.remove(entry)
            entry = following
        }
        heads[group] = -1
    }

    var memory: Int {
        entries.memory + seen.memory + counts.memory + heads.memory + next.memory
    }

    func carry(
        from old: AggregateDistinct, _ widening: ColumnWidening
    ) throws(SQLError) -> Bool {
        guard calls == old.calls, try entries.carry(from: old.entries, widening) else {
            return false
        }
        var state = OutputBuffer(capacity: 1024)
        old.writeMarks(&state)
        var reader = StateReader(state.array)
        try readMarks(&reader)
        return true
    }

    func write(_ target: inout OutputBuffer) {
        entries.write(&target)
        writeMarks(&target)
    }

    private func writeMarks(_ target: inout OutputBuffer) {
        seen.write(&target)
        counts.write(&target)
        heads.write(&target)
        next.write(&target)
    }

    func read(_ source: inout StateReader) throws(SQLError) {
        try entries.read(&source)
        try readMarks(&source)
    }

    private func readMarks(_ source: inout StateReader) throws(SQLError) {
        try seen.read(&source)
        try counts.read(&source)
        try heads.read(&source)
        try next.read(&source)
    }
}
