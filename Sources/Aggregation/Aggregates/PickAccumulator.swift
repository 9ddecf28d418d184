import Bytes
import Formats

/// first, last, any_value, arg_min and arg_max over rows that are never taken back: one row a
/// group, the best in an order.
final class PickAccumulator: Accumulator {
    /// The value, then what the order compares.
    private let kept: [StoredColumn]
    private let order: [SortKey]
    /// Of equal rows, and without an order, the last instead of the first; the order is the
    /// opposite one then.
    private let takesLast: Bool
    private let keyStart: Int
    private var seen = StateVector<UInt8>()

    init(_ call: AggregateCall, order: [SortKey], takesLast: Bool) {
        let types = call.arguments.map(\.type) + call.order.map(\.expression.type)
        kept = types.map { StoredColumn($0) }
        self.order = order
        self.takesLast = takesLast
        keyStart = types.count - order.count
        super.init(call.type)
    }

    override func grow(to count: Int) {
        for column in kept { column.grow(to: count) }
        seen.grow(to: count, filling: 0)
    }

    override func update(
        _ arguments: [Column], groups: UnsafePointer<Int32>, weights: UnsafePointer<Int64>?,
        count: Int
    ) throws(SQLError) {
        for row in 0..<count {
            let group = unsafe groups[row]
            guard seen[group] == 0 || isBetter(arguments, row, group) else { continue }
            for (index, column) in kept.enumerated() {
                column.set(group, from: arguments[index], row)
            }
            seen[group] = 1
        }
    }

    private func isBetter(_ arguments: [Column], _ row: Int, _ group: Int32) -> Bool {
        for (index, key) in order.enumerated() {
            let (column, values) = (kept[keyStart + index], arguments[keyStart + index])
            let result = compare(column.isNull(group), values.isNull(row), key) {
                column.order(group, to: values, row)
            }
            if result != 0 { return takesLast ? result < 0 : result > 0 }
        }
        return takesLast
    }

    /// How what is kept lies to what comes.
    private func compare(
        _ isKeptNull: Bool, _ isNewNull: Bool, _ key: SortKey, _ values: () -> Int
    ) -> Int {
        if isKeptNull && isNewNull { return 0 }
        if isKeptNull || isNewNull { return isKeptNull == key.nullsFirst ? -1 : 1 }
        return key.isDescending ? -values() : values()
    }

    override func merge(_ source: Int32, into target: Int32) throws(SQLError) {
        guard seen[source] != 0 else { return }
        if seen[target] != 0 {
            var result = 0
            for (index, key) in order.enumerated() where result == 0 {
                let column = kept[keyStart + index]
                result = compare(column.isNull(target), column.isNull(source), key) {
                    column.order(target, source)
                }
            }
            // Panes are merged in the order of their times, sessions in that of their start.
            guard result == 0 ? takesLast : takesLast == (result < 0) else { return }
        }
        for column in kept { column.set(target, from: column, source) }
        seen[target] = 1
    }

    override func reset(_ group: Int32) {
        for column in kept { column.clear(group) }
        seen[group] = 0
    }

    override func results(_ groups: [Int32]) throws(SQLError) -> Column {
        for group in groups where seen[group] == 0 { kept[0].setNull(group) }
        return kept[0].column(groups)
    }

    override func carry(
        from old: Accumulator, _ groups: [Int32], _ widening: ColumnWidening
    ) throws(SQLError) -> Bool {
        guard let old = old as? PickAccumulator, kept.count == old.kept.count else { return false }
        let set = groups.filter { old.seen[$0] != 0 }
        for (column, before) in zip(kept, old.kept) {
            let values = try widening.column(before.column(set), as: column.type)
            for (row, group) in set.enumerated() { column.set(group, from: values, row) }
        }
        for group in set { seen[group] = 1 }
        return true
    }

    override var memory: Int { kept.reduce(seen.memory) { $0 + $1.memory } }

    override func write(_ target: inout OutputBuffer) {
        for column in kept { column.write(&target) }
        seen.write(&target)
    }

    override func read(_ source: inout StateReader) throws(SQLError) {
        for column in kept { try column.read(&source) }
        try seen.read(&source)
    }
}
