import Bytes
import Formats

/// The states of an aggregation's calls, none of them DISTINCT, for the panes of HOP and for
/// sessions, which are merged.
final class AggregateStates {
    private let calls: [AggregateCall]
    private let accumulators: [Accumulator]
    private var rowCounts = StateVector<Int64>()

    init(_ calls: [AggregateCall], appendOnly: Bool) {
        self.calls = calls
        accumulators = calls.map { $0.function.make($0, appendOnly) }
    }

    func grow(to count: Int) {
        for accumulator in accumulators { accumulator.grow(to: count) }
        rowCounts.grow(to: count, filling: 0)
    }

    /// Adds rows whose groups are known; `rows`: a part of them, in ascending order.
    func update(
        _ inputs: AggregateInputs, groups: Buffer<Int32>, count: Int, weights: Buffer<Int64>?
    ) throws(SQLError) {
        for row in 0..<count {
            unsafe rowCounts.base[Int(groups.base[row])] &+= weights?.base[row] ?? 1
        }
        var picked: [(groups: Buffer<Int32>, weights: Buffer<Int64>?)] = []
        for selection in inputs.selections {
            picked.append(
                (
                    Buffer(selection.map { groups[Int($0)] }),
                    weights.map { all in Buffer(selection.map { all[Int($0)] }) }
                ))
        }
        for (index, input) in inputs.inputs.enumerated() {
            let isWhole = input.selection < 0
            let owners = isWhole ? groups : picked[input.selection].groups
            let signs = isWhole ? weights : picked[input.selection].weights
            let rows = isWhole ? count : inputs.selections[input.selection].count
            guard rows > 0 else { continue }
            try unsafe accumulators[index].update(
                input.columns, groups: owners.base, weights: signs?.base, count: rows)
        }
    }

    func merge(_ source: Int32, into target: Int32) throws(SQLError) {
        for accumulator in accumulators { try accumulator.merge(source, into: target) }
        rowCounts[target] += rowCounts[source]
    }

    func reset(_ group: Int32) {
        for accumulator in accumulators { accumulator.reset(group) }
        rowCounts[group] = 0
    }

    func isEmpty(_ group: Int32) -> Bool { rowCounts[group] == 0 }

    func results(_ groups: [Int32]) throws(SQLError) -> [Column] {
        var columns: [Column] = []
        for accumulator in accumulators { columns.append(try accumulator.results(groups)) }
        return columns
    }

    /// `groups`: those that are in use, under the same numbers.
    func carry(
        from old: AggregateStates, _ groups: [Int32], _ widening: ColumnWidening
    ) throws(SQLError) -> Bool {
        guard calls.count == old.calls.count else { return false }
        var counts = OutputBuffer(capacity: 1024)
        old.rowCounts.write(&counts)
        var reader = StateReader(counts.array)
        try rowCounts.read(&reader)
        grow(to: rowCounts.count)
        for (index, call) in calls.enumerated() {
            let (source, target) = (old.accumulators[index], accumulators[index])
            guard
                try call.carry(from: old.calls[index], source, to: target, groups, widening)
            else { return false }
        }
        grow(to: rowCounts.count)
        return true
    }

    var memory: Int { accumulators.reduce(rowCounts.memory) { $0 + $1.memory } }

    func write(_ target: inout OutputBuffer) {
        rowCounts.write(&target)
        for accumulator in accumulators { accumulator.write(&target) }
    }

    func read(_ source: inout StateReader) throws(SQLError) {
        try rowCounts.read(&source)
        for accumulator in accumulators { try accumulator.read(&source) }
        grow(to: rowCounts.count)
    }
}

/// What each key of an aggregation directly over a window function is.
enum WindowKey {
    /// Key of the input, by position among those that are no part of the window.
    case plain(Int)
    case start, end, time

    /// The keys over the window function's input, if each is a column of the window or reads none
    /// of them, and one of the window is there; else nil. `width`: columns of that input.
    static func split(
        _ keys: [Expression], width: Int
    ) -> (kinds: [WindowKey], plain: [Expression])? {
        var kinds: [WindowKey] = []
        var plain: [Expression] = []
        for key in keys {
            if case .column(let index, _) = key, index >= width {
                kinds.append([.start, .end, .time][index - width])
            } else if key.columns.allSatisfy({ $0 < width }) {
                kinds.append(.plain(plain.count))
                plain.append(key)
            } else {
                return nil
            }
        }
        return plain.count < keys.count ? (kinds, plain) : nil
    }

    /// The columns of some windows in the order of the keys.
    static func columns(
        _ kinds: [WindowKey], _ plain: [Column], type: DataType, starts: Column, ends: Column
    ) -> [Column] {
        kinds.map { kind in
            switch kind {
            case .plain(let index): return plain[index]
            case .start: return starts.retyped(type)
            case .end: return ends.retyped(type)
            case .time:
                let elements = ends.isConstant ? 1 : ends.count
                let times = Buffer<Int64>(capacity: elements)
                for index in 0..<elements {
                    unsafe times[index] = ends.integers[index] - windowTimeGap
                }
                return Column(
                    type, count: ends.count, .integer(times), isConstant: ends.isConstant)
            }
        }
    }
}
