import Formats

/// A hash join whose kept side does not fit the memory: the rows of both sides go to disk, parted
/// by the hash of their keys, and when both have ended each part is joined by itself (Grace join).
/// A part that does not fit either is parted again.
///
/// Where both sides had rows already, their pairs have left; those rows lie apart, and in each part
/// are joined in silence before the others come.
final class SpilledJoin {
    private let shape: JoinShape
    private let budget: SpillBudget
    private let sides: [SpilledRows]
    private let old: [SpilledRows]

    init(_ shape: JoinShape, _ budget: SpillBudget) throws(SQLError) {
        self.shape = shape
        self.budget = budget
        var sides: [SpilledRows] = []
        for types in shape.types + shape.types {
            sides.append(try SpilledRows(types, keys: shape.keyTypes, budget))
        }
        self.sides = Array(sides[..<2])
        old = Array(sides[2...])
    }

    /// `isOld`: the row's pairs with the other old ones have left.
    func add(_ batch: Batch, side: Int, isOld: Bool) throws(SQLError) {
        guard batch.count > 0 else { return }
        let rows = isOld ? old[side] : sides[side]
        try rows.add(batch, keys: try shape.keys[side].columns(batch))
    }

    /// Joins part by part; `first` is the side that is kept.
    func finish(
        first: Int, for owner: JoinOperator,
        _ emit: @escaping (Batch) throws(SQLError) -> Void
    ) throws(SQLError) {
        for part in 0..<SpilledRows.partCount where owner.wantsMore {
            let join = JoinOperator(shape, spill: budget.deeper)
            let output = ForwardingOperator(emit)
            join.connect(to: output, input: 0)
            owner.part = join
            defer { owner.part = nil }
            join.isSilent = true
            for side in [first, 1 - first] {
                try old[side].take(part) { (batch) throws(SQLError) in
                    try join.push(batch, input: side)
                }
            }
            join.isSilent = false
            for side in [first, 1 - first] {
                try sides[side].take(part) { (batch) throws(SQLError) in
                    try join.push(batch, input: side)
                }
                try join.advance(Watermark.end, input: side)
            }
        }
    }
}
