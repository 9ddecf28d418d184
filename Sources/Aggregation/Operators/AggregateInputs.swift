import Formats

/// Evaluates what an aggregation reads of a batch: keys, the end of the window, and for each call
/// its arguments in the rows that FILTER and nulls leave. Shared by all grouping sets.
final class AggregateInputs {
    /// The rows of a call.
    struct CallInput {
        /// Index into `selections`; -1: all rows.
        var selection: Int
        /// Arguments, then sort keys, of the selected rows.
        var columns: [Column]
        /// The same for all rows of the batch, where DISTINCT shares a table among calls.
        var whole: [Column]
    }

    /// The arguments of a call that FILTER may protect from an error are computed behind it.
    private enum Arguments {
        case common(Range<Int>)
        case filtered(Evaluator)
    }

    private let calls: [AggregateCall]
    private let evaluator: Evaluator
    private let keyCount: Int
    private let hasEnd: Bool
    private var arguments: [Arguments] = []
    private var filters: [Int?] = []

    private(set) var keys: [Column] = []
    private(set) var end: Column?
    private(set) var inputs: [CallInput] = []
    /// Rows in ascending order; several calls may share them.
    private(set) var selections: [[Int32]] = []
    private var known: [(filter: Column?, checked: [Column], selection: Int)] = []

    init(
        keys: [Expression], calls: [AggregateCall], end: Expression?, settings: SessionSettings
    ) throws(SQLError) {
        self.calls = calls
        keyCount = keys.count
        hasEnd = end != nil
        var all = keys + (end.map { [$0] } ?? [])
        for call in calls {
            let expressions = call.arguments + call.order.map(\.expression)
            if call.filter != nil, !expressions.allSatisfy(\.isPlain) {
                arguments.append(.filtered(try Evaluator(expressions, settings: settings)))
            } else {
                arguments.append(.common(all.count..<all.count + expressions.count))
                all += expressions
            }
            filters.append(call.filter == nil ? nil : all.count)
            if let filter = call.filter { all.append(filter) }
        }
        evaluator = try Evaluator(all, settings: settings)
    }

    func evaluate(_ batch: Batch) throws(SQLError) {
        let columns = try evaluator.evaluateAll(batch)
        keys = Array(columns[..<keyCount])
        end = hasEnd ? columns[keyCount] : nil
        selections.removeAll(keepingCapacity: true)
        known.removeAll(keepingCapacity: true)
        inputs.removeAll(keepingCapacity: true)
        for (index, call) in calls.enumerated() {
            let filter = filters[index].map { columns[$0] }
            switch arguments[index] {
            case .common(let range):
                let whole = Array(columns[range])
                let selection = select(filter, call, whole, batch.count)
                inputs.append(input(call, selection, whole))
            case .filtered(let evaluator):
                inputs.append(try filtered(call, filter, evaluator, batch))
            }
        }
    }

    private func input(
        _ call: AggregateCall, _ selection: Int, _ whole: [Column]
    ) -> CallInput {
        // Counting reads no values.
        if call.function.name == "count", !call.isDistinct {
            return CallInput(selection: selection, columns: [], whole: [])
        }
        let columns = selection < 0 ? whole : whole.map { $0.gather(selections[selection]) }
        return CallInput(selection: selection, columns: columns, whole: whole)
    }

    private func filtered(
        _ call: AggregateCall, _ filter: Column?, _ evaluator: Evaluator, _ batch: Batch
    ) throws(SQLError) -> CallInput {
        var rows = select(filter, nil, [], batch.count)
        let part = rows < 0 ? batch : batch.gather(selections[rows])
        var columns = try evaluator.evaluateAll(part)
        let checked = AggregateInputs.checked(call, columns)
        if !checked.isEmpty {
            let kept = (0..<Int32(part.count)).filter { row in
                !checked.contains { $0.isNull(Int(row)) }
            }
            columns = columns.map { $0.gather(kept) }
            selections.append(rows < 0 ? kept : kept.map { selections[rows][Int($0)] })
            rows = selections.count - 1
        }
        return CallInput(selection: rows, columns: columns, whole: [])
    }

    /// The arguments whose nulls leave a row out.
    private static func checked(_ call: AggregateCall, _ columns: [Column]) -> [Column] {
        guard call.function.ignoresNulls else { return [] }
        return columns.prefix(call.arguments.count).filter { $0.validity != nil }
    }

    /// The rows where the filter is true and no argument null.
    private func select(
        _ filter: Column?, _ call: AggregateCall?, _ columns: [Column], _ count: Int
    ) -> Int {
        let checked = call.map { AggregateInputs.checked($0, columns) } ?? []
        if filter == nil && checked.isEmpty { return -1 }
        for item in known
        where item.filter === filter && item.checked.count == checked.count
            && zip(item.checked, checked).allSatisfy({ $0 === $1 })
        {
            return item.selection
        }
        let rows = AggregateInputs.rows(filter, checked, count)
        var selection = -1
        if rows.count < count {
            selection = selections.count
            selections.append(rows)
        }
        known.append((filter, checked, selection))
        return selection
    }

    private static func rows(_ filter: Column?, _ checked: [Column], _ count: Int) -> [Int32] {
        unsafe [Int32](unsafeUninitializedCapacity: count) { buffer, used in
            var kept = 0
            var row = 0
            if let filter {
                let values = unsafe filter.booleans
                let mask = filter.indexMask
                let hasNulls = filter.validity != nil
                while row < count {
                    unsafe buffer[kept] = Int32(truncatingIfNeeded: row)
                    let isTrue = unsafe values[row & mask] != 0
                    kept &+= isTrue && !(hasNulls && filter.isNull(row)) ? 1 : 0
                    row &+= 1
                }
            } else {
                while row < count {
                    unsafe buffer[row] = Int32(truncatingIfNeeded: row)
                    row &+= 1
                }
                kept = count
            }
            for column in checked {
                let before = kept
                kept = 0
                row = 0
                while row < before {
                    let candidate = unsafe buffer[row]
                    unsafe buffer[kept] = candidate
                    kept &+= column.isNull(Int(candidate)) ? 0 : 1
                    row &+= 1
                }
            }
            used = kept
        }
    }
}

extension Expression {
    /// True for what cannot fail.
    fileprivate var isPlain: Bool {
        switch self {
        case .column, .literal: true
        default: false
        }
    }
}
