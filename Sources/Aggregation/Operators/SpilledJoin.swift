import Formats

/// A hash join whose kept side does not fit the memory: the rows of both sides go to disk, parted
/// by the hash of their keys, and when both have ended each part is joined by itself (Grace join).
/// A part that does not fit either is parted again.
final class SpilledJoin {
    private let shape: JoinShape
    private let budget: SpillBudget
    private let sides: [SpilledRows]

    init(_ shape: JoinShape, _ budget: SpillBudget) throws(SQLError) {
        self.shape = shape
        self.budget = budget
        var sides: [SpilledRows] = []
        for types in shape.types {
            sides.append(try SpilledRows(types, keys: shape.keyTypes, budget))
        }
        self.sides = sides
    }

    func add(_ batch: Batch, side: Int) throws(SQLError) {
        guard batch.count > 0 else { return }
        try sides[side].add(batch, keys: try shape.keys[side].columns(batch))
    }

    /// Joins part by part; `first` is the side that is kept.
    func finish(
        first: Int, _ emit: @escaping (Batch) throws(SQLError) -> Void
    ) throws(SQLError) {
        for part in 0..<SpilledRows.partCount {
            let join = JoinOperator(shape, spill: budget.deeper)
            let output = ForwardingOperator(emit)
            join.connect(to: output, input: 0)
            for side in [first, 1 - first] {
                try sides[side].take(part) { (batch) throws(SQLError) in
                    try join.push(batch, input: side)
                }
                try join.advance(Watermark.end, input: side)
            }
        }
    }
}
