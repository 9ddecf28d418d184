import Formats

/// An aggregate function over the frame of each row.
///
/// Frames that begin with their partition are prefixes: each row's state is the one before it and
/// the row itself. Wide frames are put together from a tree of states of 16, 256 ... rows (after
/// Leis et al., "Efficient processing of window functions in analytical SQL queries", VLDB 2015),
/// so no value is ever taken back and EXCLUDE costs little. Narrow frames, and functions whose
/// result depends on the order of rows, are added up row by row.
struct OverAggregate {
    private static let fanout = 16
    /// Up to so many rows a frame on average they are added one by one.
    private static let narrow = 24
    /// Their states merge in any order.
    private static let mergeable: Set<String> = [
        "count", "sum", "avg", "min", "max", "bool_and", "bool_or", "every", "stddev",
        "stddev_samp", "stddev_pop", "variance", "var_samp", "var_pop", "bit_and", "bit_or",
        "bit_xor", "corr", "covar_pop", "covar_samp", "regr_avgx", "regr_avgy", "regr_count",
        "regr_intercept", "regr_r2", "regr_slope", "regr_sxx", "regr_sxy", "regr_syy",
    ]

    private let call: AggregateCall
    private let isMergeable: Bool

    init(_ function: AggregateFunction, _ arguments: [Expression], _ type: DataType) {
        call = AggregateCall(function, arguments, type: type)
        isMergeable = OverAggregate.isMergeable(function)
    }

    static func isMergeable(_ function: AggregateFunction) -> Bool {
        mergeable.contains(function.name)
    }

    func makeAccumulator() -> Accumulator { call.function.make(call, true) }

    /// One row of `arguments` and `filter` a row.
    func column(
        _ rows: OverRows, _ frames: OverFrames, _ arguments: [Column], filter: Column?
    ) throws(SQLError) -> Column {
        let (input, live) = input(rows, frames, arguments, filter)
        let accumulator = makeAccumulator()
        if frames.areWhole { return try whole(input, accumulator, live) }
        if isMergeable, frames.beginAtStart { return try prefixes(input, accumulator, live) }
        var total = 0
        for row in 0..<rows.count { total += Int(max(0, frames.ends[row] - frames.starts[row])) }
        if isMergeable, total > OverAggregate.narrow * rows.count {
            return try tree(input, accumulator)
        }
        return try rowByRow(input, accumulator)
    }

    /// The same for parts of partitions that go on from states of the rows before them, in slots of
    /// `accumulator` below `limit`. States of some places are kept.
    func column(
        _ rows: OverRows, _ frames: OverFrames, _ arguments: [Column], filter: Column?,
        from kept: (accumulator: Accumulator, limit: Int32), keeping: [OverKeeping]
    ) throws(SQLError) -> Column {
        let (input, live) = input(rows, frames, arguments, filter)
        let accumulator = kept.accumulator
        // One group a row that counts, and an empty one.
        let empty = kept.limit + Int32(input.count)
        accumulator.grow(to: Int(empty) + 1)
        try update(accumulator, input.arguments, (0..<Int32(input.count)).map { kept.limit + $0 })
        // Of the rows before each one, and as it goes on of all in a partition.
        var before = [Int32](repeating: empty, count: rows.count)
        var all = rows.slices.map { $0.slot ?? empty }
        var next = 0
        for row in 0..<rows.count {
            let partition = Int(rows.partitions[row])
            before[row] = all[partition]
            let counts = live.map { next < $0.count && Int($0[next]) == row } ?? true
            guard counts else { continue }
            let group = kept.limit + Int32(next)
            next += 1
            guard row >= rows.slices[partition].resume else { continue }
            if all[partition] != empty { try accumulator.merge(all[partition], into: group) }
            all[partition] = group
        }
        func state(_ row: Int, _ partition: Int) -> Int32 {
            row < rows.partitionStarts[partition + 1] ? before[row] : all[partition]
        }
        let groups = (0..<rows.count).map { row in
            let partition = Int(rows.partitions[row])
            let end = Int(frames.ends[row])
            return row < rows.slices[partition].resume
                || end <= Int(frames.starts[row])
                    && rows.slices[partition].slot == nil
                ? empty : state(end, partition)
        }
        let results = try accumulator.results(groups)
        for place in keeping {
            let source = state(place.row, place.partition)
            if source != empty { try accumulator.merge(source, into: place.slot) }
        }
        for group in kept.limit...empty { accumulator.reset(group) }
        return results
    }

    private func input(
        _ rows: OverRows, _ frames: OverFrames, _ arguments: [Column], _ filter: Column?
    ) -> (Input, live: [Int32]?) {
        let live = liveRows(rows.count, arguments, filter)
        let input = Input(
            rows: rows, frames: frames,
            arguments: live.map { list in arguments.map { $0.gather(list.rows) } } ?? arguments,
            before: live?.before, count: live?.rows.count ?? rows.count)
        return (input, live?.rows)
    }

    private struct Input {
        var rows: OverRows
        var frames: OverFrames
        /// Of the rows that count.
        var arguments: [Column]
        /// Per row how many rows before it count; nil: all do.
        var before: [Int32]?
        var count: Int

        /// The parts of a row's frame among the rows that count.
        func forEachPart(_ row: Int, _ body: (Range<Int>) -> Void) {
            frames.forEachPart(row, rows) { part in
                guard let before else { return body(part) }
                let range = Int(before[part.lowerBound])..<Int(before[part.upperBound])
                if !range.isEmpty { body(range) }
            }
        }
    }

    /// The rows that FILTER and nulls leave; nil: all.
    private func liveRows(
        _ count: Int, _ arguments: [Column], _ filter: Column?
    ) -> (rows: [Int32], before: [Int32])? {
        let checked = call.function.ignoresNulls ? arguments.filter { $0.validity != nil } : []
        guard filter != nil || !checked.isEmpty else { return nil }
        var rows: [Int32] = []
        var before: [Int32] = [0]
        for row in 0..<count {
            var counts = !checked.contains { $0.isNull(row) }
            if let filter {
                counts =
                    unsafe counts && !filter.isNull(row)
                    && filter.booleans[row & filter.indexMask] != 0
            }
            if counts { rows.append(Int32(row)) }
            before.append(Int32(rows.count))
        }
        return (rows, before)
    }

    private func update(
        _ accumulator: Accumulator, _ arguments: [Column], _ groups: [Int32]
    ) throws(SQLError) {
        guard !groups.isEmpty else { return }
        let owners = Buffer(groups)
        unsafe try accumulator.update(
            arguments, groups: UnsafePointer(owners.base), weights: nil, count: groups.count)
    }

    private func whole(
        _ input: Input, _ accumulator: Accumulator, _ live: [Int32]?
    ) throws(SQLError) -> Column {
        let partitions = input.rows.partitions
        accumulator.grow(to: input.rows.partitionStarts.count - 1)
        let groups = live.map { list in list.map { partitions[Int($0)] } } ?? partitions
        try update(accumulator, input.arguments, groups)
        let results = try accumulator.results(
            (0..<Int32(input.rows.partitionStarts.count - 1)).map { $0 })
        return results.gather(partitions)
    }

    private func prefixes(
        _ input: Input, _ accumulator: Accumulator, _ live: [Int32]?
    ) throws(SQLError) -> Column {
        // One group a row that counts, and an empty one.
        accumulator.grow(to: input.count + 1)
        try update(accumulator, input.arguments, (0..<Int32(input.count)).map { $0 })
        let partitions = input.rows.partitions
        for index in 1..<max(input.count, 1) {
            let row = live.map { Int($0[index]) } ?? index
            let last = live.map { Int($0[index - 1]) } ?? index - 1
            if partitions[row] == partitions[last] {
                try accumulator.merge(Int32(index - 1), into: Int32(index))
            }
        }
        var groups = Array(repeating: Int32(input.count), count: input.rows.count)
        for row in 0..<input.rows.count {
            input.forEachPart(row) { groups[row] = Int32($0.upperBound - 1) }
        }
        return try accumulator.results(groups)
    }

    private func rowByRow(
        _ input: Input, _ accumulator: Accumulator
    ) throws(SQLError) -> Column {
        accumulator.grow(to: input.rows.count)
        var sources: [Int32] = []
        var groups: [Int32] = []
        for row in 0..<input.rows.count {
            input.forEachPart(row) { part in
                for source in part {
                    sources.append(Int32(source))
                    groups.append(Int32(row))
                }
            }
            if sources.count >= Batch.rowsMax {
                try update(accumulator, input.arguments.map { $0.gather(sources) }, groups)
                sources = []
                groups = []
            }
        }
        try update(accumulator, input.arguments.map { $0.gather(sources) }, groups)
        return try accumulator.results((0..<Int32(input.rows.count)).map { $0 })
    }

    private func tree(_ input: Input, _ accumulator: Accumulator) throws(SQLError) -> Column {
        let fanout = OverAggregate.fanout
        // Groups 0..<rows are the results; the levels lie behind them.
        var bases: [Int] = []
        var next = input.rows.count
        var size = (input.count + fanout - 1) / fanout
        while size > 0 {
            bases.append(next)
            next += size
            if size == 1 { break }
            size = (size + fanout - 1) / fanout
        }
        accumulator.grow(to: next)
        guard let first = bases.first else {
            return try accumulator.results((0..<Int32(input.rows.count)).map { $0 })
        }
        try update(
            accumulator, input.arguments, (0..<input.count).map { Int32(first + $0 / fanout) })
        for level in 1..<max(bases.count, 1) {
            for child in bases[level - 1]..<bases[level] {
                let parent = bases[level] + (child - bases[level - 1]) / fanout
                try accumulator.merge(Int32(child), into: Int32(parent))
            }
        }
        var sources: [Int32] = []
        var groups: [Int32] = []
        for row in 0..<input.rows.count {
            var nodes: [Int] = []
            input.forEachPart(row) { part in
                OverAggregate.cover(part, bases, &nodes) { source in
                    sources.append(Int32(source))
                    groups.append(Int32(row))
                }
            }
            for node in nodes { try accumulator.merge(Int32(node), into: Int32(row)) }
            if sources.count >= Batch.rowsMax {
                try update(accumulator, input.arguments.map { $0.gather(sources) }, groups)
                sources = []
                groups = []
            }
        }
        try update(accumulator, input.arguments.map { $0.gather(sources) }, groups)
        return try accumulator.results((0..<Int32(input.rows.count)).map { $0 })
    }

    /// A range as single rows at its edges and nodes of the tree between them.
    private static func cover(
        _ range: Range<Int>, _ bases: [Int], _ nodes: inout [Int], _ single: (Int) -> Void
    ) {
        var low = range.lowerBound
        var high = range.upperBound
        var level = 0
        while low < high {
            // At the top, or with less than a node between the edges, what is left is taken whole.
            let isTop = level == bases.count
            while low < high, isTop || low % fanout != 0 {
                if level == 0 { single(low) } else { nodes.append(bases[level - 1] + low) }
                low += 1
            }
            while low < high, high % fanout != 0 {
                high -= 1
                if level == 0 { single(high) } else { nodes.append(bases[level - 1] + high) }
            }
            low /= fanout
            high /= fanout
            level += 1
        }
    }
}
