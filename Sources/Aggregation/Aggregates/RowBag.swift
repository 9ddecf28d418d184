import Bytes
import Formats

/// The rows of each group that an aggregate keeps, in the order of their arrival: chains through
/// columns that all groups share.
///
/// Rows that are taken back wait in a chain of their own until the group is read; then each takes
/// the oldest row away that is equal to it, and looks the same where equal values may differ.
@safe final class RowBag {
    let columns: [StoredColumn]
    private var next = StateVector<Int32>()
    private var added = Chains()
    private var removed = Chains()
    private var free: Int32 = -1

    /// First and last row of each group; -1: none.
    private struct Chains: ~Copyable {
        var first = StateVector<Int32>()
        var last = StateVector<Int32>()

        mutating func grow(to count: Int) {
            first.grow(to: count, filling: -1)
            last.grow(to: count, filling: -1)
        }
    }

    init(_ types: [DataType]) { columns = types.map { StoredColumn($0) } }

    func grow(to groups: Int) {
        added.grow(to: groups)
        removed.grow(to: groups)
    }

    private func makeRow() -> Int32 {
        if free >= 0 {
            let row = free
            free = next[row]
            next[row] = -1
            return row
        }
        next.append(-1)
        for column in columns { column.grow(to: next.count) }
        return Int32(next.count - 1)
    }

    private func link(_ row: Int32, _ group: Int32, _ chains: borrowing Chains) {
        if chains.last[group] >= 0 {
            next[chains.last[group]] = row
        } else {
            chains.first[group] = row
        }
        chains.last[group] = row
    }

    /// Adds or, with a negative weight, takes back row `row` of the columns.
    func add(_ source: [Column], _ row: Int, _ group: Int32, weight: Int64) {
        for _ in 0..<weight.magnitude {
            let id = makeRow()
            for index in columns.indices { columns[index].set(id, from: source[index], row) }
            if weight > 0 { link(id, group, added) } else { link(id, group, removed) }
        }
    }

    func merge(_ source: Int32, into target: Int32) {
        for row in chain(added.first[source]) { link(copy(row), target, added) }
        for row in chain(removed.first[source]) { link(copy(row), target, removed) }
    }

    private func copy(_ row: Int32) -> Int32 {
        let id = makeRow()
        for column in columns { column.set(id, from: column, row) }
        return id
    }

    private func chain(_ first: Int32) -> [Int32] {
        var rows: [Int32] = []
        var row = first
        while row >= 0 {
            rows.append(row)
            row = next[row]
        }
        return rows
    }

    private func release(_ row: Int32) {
        for column in columns { column.clear(row) }
        next[row] = free
        free = row
    }

    func reset(_ group: Int32) {
        for row in chain(added.first[group]) { release(row) }
        for row in chain(removed.first[group]) { release(row) }
        empty(group, added)
        empty(group, removed)
    }

    private func empty(_ group: Int32, _ chains: borrowing Chains) {
        chains.first[group] = -1
        chains.last[group] = -1
    }

    /// The rows of a group, oldest first.
    func rows(_ group: Int32) -> [Int32] {
        if removed.first[group] >= 0 { settle(group) }
        return chain(added.first[group])
    }

    private func settle(_ group: Int32) {
        let gone = chain(removed.first[group])
        let table = GroupTable(columns.map(\.type))
        var counts = [Int64](repeating: 0, count: gone.count)
        for id in find(table, gone, inserting: true) { counts[Int(id)] += 1 }
        var forms: [StoredForm: Int]?
        if columns.contains(where: \.type.hasForms) {
            forms = gone.reduce(into: [:]) { $0[form($1), default: 0] += 1 }
        }
        for row in gone { release(row) }
        empty(group, removed)
        let all = chain(added.first[group])
        let ids = find(table, all, inserting: false)
        empty(group, added)
        for (row, id) in zip(all, ids) {
            if id >= 0, counts[Int(id)] > 0, take(row, of: &forms) {
                counts[Int(id)] -= 1
                release(row)
            } else {
                next[row] = -1
                link(row, group, added)
            }
        }
    }

    private func form(_ row: Int32) -> StoredForm {
        StoredForm(columns.map { $0.column([row]).value(0) })
    }

    private func take(_ row: Int32, of forms: inout [StoredForm: Int]?) -> Bool {
        guard forms != nil else { return true }
        let form = form(row)
        guard let left = forms?[form], left > 0 else { return false }
        forms?[form] = left - 1
        return true
    }

    private func find(_ table: GroupTable, _ rows: [Int32], inserting: Bool) -> [Int32] {
        var ids = [Int32](repeating: -1, count: rows.count)
        let keys = columns.map { $0.column(rows) }
        unsafe ids.withUnsafeMutableBufferPointer {
            guard let base = $0.baseAddress else { return }
            unsafe table.find(keys, count: rows.count, into: base, inserting: inserting)
        }
        return ids
    }

    /// Takes the rows of some groups, in wider types.
    func carry(
        from old: RowBag, _ groups: [Int32], _ widening: ColumnWidening
    ) throws(SQLError) -> Bool {
        guard columns.count == old.columns.count else { return false }
        for group in groups {
            let rows = old.rows(group)
            var values: [Column] = []
            for (column, before) in zip(columns, old.columns) {
                values.append(try widening.column(before.column(rows), as: column.type))
            }
            for row in rows.indices { add(values, row, group, weight: 1) }
        }
        return true
    }

    var memory: Int {
        columns.reduce(next.memory + added.first.memory * 4) { $0 + $1.memory }
    }

    func write(_ target: inout OutputBuffer) {
        for column in columns { column.write(&target) }
        next.write(&target)
        target.append(bigEndian: free)
        added.first.write(&target)
        added.last.write(&target)
        removed.first.write(&target)
        removed.last.write(&target)
    }

    func read(_ source: inout StateReader) throws(SQLError) {
        for column in columns { try column.read(&source) }
        try next.read(&source)
        free = try source.integer(Int32.self)
        try added.first.read(&source)
        try added.last.read(&source)
        try removed.first.read(&source)
        try removed.last.read(&source)
        guard columns.allSatisfy({ $0.count >= next.count }) else {
            throw SQLError("the saved rows of groups are damaged", .internalError)
        }
    }
}
