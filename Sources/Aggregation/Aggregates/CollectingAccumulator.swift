import Bytes
import Formats

/// An aggregate that needs all rows of a group at once: array_agg, string_agg, percentiles, and on
/// changing input what else has no smaller state. `finish` makes the result of a group.
class CollectingAccumulator: Accumulator {
    let bag: RowBag
    /// Arguments in front of the sort keys.
    let argumentCount: Int
    private let order: [SortKey]
    /// A column whose nulls are left out.
    private let required: Int?

    init(
        _ call: AggregateCall, order: [SortKey]? = nil, types: [DataType]? = nil,
        required: Int? = nil
    ) {
        self.order = order ?? call.order
        self.required = required
        let all = types ?? call.arguments.map(\.type) + call.order.map(\.expression.type)
        argumentCount = all.count - self.order.count
        bag = RowBag(all)
        super.init(call.type)
    }

    override func grow(to count: Int) { bag.grow(to: count) }

    override func update(
        _ arguments: [Column], groups: UnsafePointer<Int32>, weights: UnsafePointer<Int64>?,
        count: Int
    ) throws(SQLError) {
        for row in 0..<count {
            if let required, arguments[required].isNull(row) { continue }
            unsafe bag.add(arguments, row, groups[row], weight: weights?[row] ?? 1)
        }
    }

    override func merge(_ source: Int32, into target: Int32) throws(SQLError) {
        bag.merge(source, into: target)
    }

    override func reset(_ group: Int32) { bag.reset(group) }

    override func results(_ groups: [Int32]) throws(SQLError) -> Column {
        let builder = ColumnBuilder(type, capacity: groups.count)
        for group in groups {
            let rows = sorted(bag.rows(group))
            let columns = rows.isEmpty ? [] : bag.columns.map { $0.column(rows) }
            try finish(columns, rows.count, builder)
        }
        return builder.finish()
    }

    /// Appends the result of a group's rows, in order: arguments, then sort keys.
    func finish(
        _ columns: [Column], _ count: Int, _ builder: ColumnBuilder
    ) throws(SQLError) {
        preconditionFailure("\(Swift.type(of: self)) lacks a method")
    }

    /// In the order of the call; equal ones as they came.
    private func sorted(_ rows: [Int32]) -> [Int32] {
        guard !order.isEmpty, rows.count > 1 else { return rows }
        let positions = rows.indices.sorted { a, b in
            let order = compare(rows[a], rows[b])
            return order != 0 ? order < 0 : a < b
        }
        return positions.map { rows[$0] }
    }

    private func compare(_ a: Int32, _ b: Int32) -> Int {
        for (index, key) in order.enumerated() {
            let column = bag.columns[argumentCount + index]
            let (x, y) = (column.isNull(a), column.isNull(b))
            if x && y { continue }
            if x || y { return x == key.nullsFirst ? -1 : 1 }
            let order = column.order(a, b)
            if order != 0 { return key.isDescending ? -order : order }
        }
        return 0
    }

    override func carry(
        from old: Accumulator, _ groups: [Int32], _ widening: ColumnWidening
    ) throws(SQLError) -> Bool {
        guard let old = old as? CollectingAccumulator, Swift.type(of: self) == Swift.type(of: old)
        else { return false }
        return try bag.carry(from: old.bag, groups, widening)
    }

    override var memory: Int { bag.memory }
    override func write(_ target: inout OutputBuffer) { bag.write(&target) }
    override func read(_ source: inout StateReader) throws(SQLError) { try bag.read(&source) }
}

/// array_agg of values and, one level deeper, of arrays.
final class ArrayAccumulator: CollectingAccumulator {
    override func finish(
        _ columns: [Column], _ count: Int, _ builder: ColumnBuilder
    ) throws(SQLError) {
        guard count > 0 else { return builder.appendNull() }
        guard count <= Limits.arrayElementsMax else {
            throw SQLError(
                "array size exceeds the maximum allowed (\(Limits.arrayElementsMax))",
                .programLimitExceeded)
        }
        if case .array = columns[0].type { try checkShapes(columns[0], count) }
        builder.appendArray { elements in
            for row in 0..<count { elements.append(from: columns[0], row) }
        }
    }

    /// Arrays make an array of more dimensions if they all have the same.
    private func checkShapes(_ arrays: Column, _ count: Int) throws(SQLError) {
        var shape: [Int]?
        for row in 0..<count {
            guard !arrays.isNull(row) else {
                throw SQLError("cannot accumulate null arrays", .nullValueNotAllowed)
            }
            let lengths = ArrayKernels.dimensions(arrays, row)
            guard let first = shape else {
                guard !lengths.isEmpty else {
                    throw SQLError("cannot accumulate empty arrays", .arraySubscriptError)
                }
                shape = lengths
                continue
            }
            guard lengths == first else {
                throw SQLError(
                    "cannot accumulate arrays of different dimensionality", .arraySubscriptError)
            }
        }
    }
}

/// string_agg of text and bytea: nulls are left out, a null delimiter is empty.
final class StringAccumulator: CollectingAccumulator {
    override func finish(
        _ columns: [Column], _ count: Int, _ builder: ColumnBuilder
    ) throws(SQLError) {
        var text: [UInt8] = []
        var isEmpty = true
        for row in 0..<count where !columns[0].isNull(row) {
            if !isEmpty, !columns[1].isNull(row) {
                unsafe text += columns[1].strings[row & columns[1].indexMask].bytes
            }
            unsafe text += columns[0].strings[row].bytes
            isEmpty = false
            guard text.count <= Limits.valueBytesMax else {
                throw SQLError(
                    "out of memory", .programLimitExceeded,
                    detail: "A string holds at most \(Limits.valueBytesMax) bytes.")
            }
        }
        if isEmpty { return builder.appendNull() }
        unsafe text.withUnsafeBytes { unsafe builder.append(bytes: $0) }
    }
}

/// mode() WITHIN GROUP: the most frequent, of several the first in order.
final class ModeAccumulator: CollectingAccumulator {
    override func finish(
        _ columns: [Column], _ count: Int, _ builder: ColumnBuilder
    ) throws(SQLError) {
        guard let values = columns.last else { return builder.appendNull() }
        let kept = StoredColumn(values.type)
        kept.grow(to: 1)
        var (best, bestCount, run) = (0, 0, 0)
        for row in 0..<count {
            if row > 0, kept.order(0, to: values, row) == 0 {
                run += 1
            } else {
                run = 1
                kept.set(0, from: values, row)
            }
            if run > bestCount { (best, bestCount) = (row, run) }
        }
        builder.append(from: values, best)
    }
}

/// What is picked from the first or last row: first, last, any_value, arg_min, arg_max on changing
/// input.
final class EndAccumulator: CollectingAccumulator {
    private let takesLast: Bool

    init(_ call: AggregateCall, order: [SortKey], takesLast: Bool) {
        self.takesLast = takesLast
        super.init(
            call, order: order,
            types: call.arguments.map(\.type) + call.order.map(\.expression.type))
    }

    override func finish(
        _ columns: [Column], _ count: Int, _ builder: ColumnBuilder
    ) throws(SQLError) {
        guard count > 0 else { return builder.appendNull() }
        builder.append(from: columns[0], takesLast ? count - 1 : 0)
    }
}
