import Bytes
import Formats

/// Brings what operators keep into the types that their rows have from now on. Used while a query
/// that was bound again over wider types takes the state of the one before.
public struct ColumnWidening {
    private let settings: SessionSettings

    init(_ settings: SessionSettings) { self.settings = settings }

    /// The column in another type.
    func column(_ column: Column, as type: DataType) throws(SQLError) -> Column {
        if column.type == type { return column }
        let cast = Expression.cast(.column(0, column.type), type, isTry: false)
        return try Evaluator(cast, settings: settings).evaluate(
            Batch([column], count: column.count))
    }

    func batch(
        _ columns: [Column], _ count: Int, as types: [DataType], weights: Buffer<Int64>? = nil
    ) throws(SQLError) -> Batch {
        var widened: [Column] = []
        for (column, type) in zip(columns, types) {
            widened.append(try self.column(column, as: type))
        }
        return Batch(widened, count: count, weights: weights)
    }
}

extension CompiledQuery {
    /// Takes the state of the same query as it was compiled before inputs of it got wider types,
    /// between two batches. False: some operator keeps what cannot be brought into them.
    ///
    /// `isBetweenSteps`: what an operator writes is its whole state.
    public func carry(
        from old: CompiledQuery, _ settings: SessionSettings, isBetweenSteps: Bool
    ) throws(SQLError) -> Bool {
        guard children == old.children else { return false }
        let widening = ColumnWidening(settings)
        for (index, (node, before)) in zip(operators, old.operators).enumerated() {
            guard node.name == before.name, type(of: node) == type(of: before) else {
                return false
            }
            let isAsBefore = ([index] + children[index]).allSatisfy { types[$0] == old.types[$0] }
            guard
                isBetweenSteps && isAsBefore && node.keepsState
                    ? try node.carryAsWritten(from: before)
                    : try node.carry(from: before, widening)
            else { return false }
        }
        return true
    }
}

extension Operator {
    /// Takes the state as it was written, where the types of rows are no part of it.
    func carryAsWritten(from old: Operator) throws(SQLError) -> Bool {
        var state = OutputBuffer(capacity: 256)
        old.write(&state)
        var reader = StateReader(state.array)
        try read(&reader)
        return reader.remaining == 0
    }
}

extension Accumulator {
    func carryAsWritten(from old: Accumulator) throws(SQLError) -> Bool {
        var state = OutputBuffer(capacity: 1024)
        old.write(&state)
        var reader = StateReader(state.array)
        try read(&reader)
        return reader.remaining == 0
    }

    /// Takes the results of another accumulator as rows, where one row with the result of many
    /// stands for them (min, max).
    func carryResults(
        from old: Accumulator, _ groups: [Int32], _ widening: ColumnWidening
    ) throws(SQLError) -> Bool {
        for start in stride(from: 0, to: groups.count, by: Batch.rowsMax) {
            let part = Array(groups[start..<min(start + Batch.rowsMax, groups.count)])
            let results = try old.results(part)
            let kept = part.indices.filter { !results.isNull($0) }
            let values = try widening.column(
                results.gather(kept.map { Int32($0) }), as: type)
            let owners = Buffer(kept.map { part[$0] })
            try unsafe update(
                [values], groups: owners.base, weights: nil, count: kept.count)
        }
        return true
    }
}

extension GroupTable {
    /// Takes the groups of another table under the same numbers, their keys in wider types. False:
    /// keys that were different are equal now.
    func carry(from old: GroupTable, _ widening: ColumnWidening) throws(SQLError) -> Bool {
        removeAll()
        let groups = old.groups
        let ids = Buffer<Int32>(capacity: Batch.rowsMax)
        var holes: [Int32] = []
        var start = 0
        while start < groups.count {
            while Int32(bound) < groups[start] { holes.append(addHole()) }
            var end = start + 1
            while end < groups.count, end - start < Batch.rowsMax,
                groups[end] == groups[end - 1] + 1
            {
                end += 1
            }
            let part = Array(groups[start..<end])
            var keys: [Column] = []
            for (column, type) in zip(old.keys(part), types) {
                keys.append(try widening.column(column, as: type))
            }
            unsafe find(keys, count: part.count, into: ids.base, inserting: true)
            guard newGroups == part else { return false }
            start = end
        }
        while bound < old.bound { holes.append(addHole()) }
        setFree(holes)
        return true
    }
}
