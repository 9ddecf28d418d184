import Formats

/// States of aggregates over all rows of a partition before some place, so that what comes behind
/// it need not be added up from the first row on. Used by one `OverOperator`.
final class OverStates {
    /// One for each call that goes on from a state; all have the same slots.
    let accumulators: [Accumulator]
    private var free: [Int32] = []
    /// Slots lie below it; behind it is room for states of the moment.
    private(set) var limit: Int32 = 0

    /// Places that lie so far apart are remembered, beside the last one.
    static let spacing = 256

    init(_ accumulators: [Accumulator]) { self.accumulators = accumulators }

    var memory: Int { accumulators.reduce(0) { $0 + $1.memory } }

    /// A slot with empty states.
    func make() -> Int32 {
        if let slot = free.popLast() { return slot }
        limit += 1
        for accumulator in accumulators { accumulator.grow(to: Int(limit)) }
        return limit - 1
    }

    func release(_ slot: Int32) {
        for accumulator in accumulators { accumulator.reset(slot) }
        free.append(slot)
    }
}

/// The rows of one partition in order, and the places up to which they are added up.
struct OverPartition {
    /// The states of all rows before a position.
    struct Place {
        var position: Int
        /// Groups of peers before it.
        var groups: Int64
        var slot: Int32
        /// It is the last place of all, which moves with the rows.
        var isLast: Bool
    }

    var rows = OrderedRows()
    var places: [Place] = []
    var isTouched = false
    /// The first position at which rows have come or gone in this step.
    var changedFrom = Int.max

    /// Forgets the places behind the first change.
    mutating func dropPlaces(_ states: OverStates) {
        while let last = places.last, last.position > changedFrom {
            states.release(last.slot)
            places.removeLast()
        }
    }

    mutating func dropAllPlaces(_ states: OverStates) {
        for place in places { states.release(place.slot) }
        places = []
    }
}

/// A part of a partition that is looked at: rows from a position to its end.
struct OverSlice {
    /// The position of its first row.
    var first = 0
    /// From here on its rows are added up; an index into all rows that are looked at.
    var resume: Int
    /// Of the rows before `resume`; nil: there are none.
    var slot: Int32?
    /// Groups of peers before it.
    var groups: Int64 = 0
    /// From here on results are asked for.
    var wanted: Int
}

/// A place whose state is to be kept: that of the rows before `row`, which may be the end of its
/// partition.
struct OverKeeping {
    var partition: Int
    var row: Int
    var slot: Int32
}
