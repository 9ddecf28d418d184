import Formats

/// Sorted rows on disk, merged when all are there: runs of (key, row), each in order; rows of equal
/// keys leave in the order of their runs.
final class SortedRuns {
    /// Each run that is read has a buffer, so as many as this are first merged into one.
    private static let runsMax = 64

    private let store: any SpillStore
    private var runs: [any SpillRun] = []

    init(_ store: any SpillStore) { self.store = store }

    var isEmpty: Bool { runs.isEmpty }

    /// Writes a run: `record` gives the key and the row at each place.
    func add(
        count: Int,
        _ record: (Int) -> (key: UnsafeRawBufferPointer, row: UnsafeRawBufferPointer)
    ) throws(SQLError) {
        var writer = SpillWriter(try store.makeRun())
        for index in 0..<count {
            let (key, row) = unsafe record(index)
            try unsafe writer.append(key, row)
        }
        try writer.flush()
        runs.append(writer.run)
        if runs.count >= SortedRuns.runsMax { try mergeIntoOne() }
    }

    private func mergeIntoOne() throws(SQLError) {
        var writer = SpillWriter(try store.makeRun())
        try mergeRecords { (reader) throws(SQLError) in
            try reader.copy(to: &writer)
            return true
        }
        try writer.flush()
        runs = [writer.run]
    }

    /// Calls `body` with all rows in order until it gives false.
    func merge(
        _ body: ([UInt8]) throws(SQLError) -> Bool
    ) throws(SQLError) {
        try mergeRecords { (reader) throws(SQLError) in
            try body(unsafe reader.withRecord { _, row in unsafe Array(row) })
        }
    }

    private func mergeRecords(
        _ body: (SpillReader) throws(SQLError) -> Bool
    ) throws(SQLError) {
        var heads: [SpillReader] = []
        for (order, run) in runs.enumerated() {
            let reader = SpillReader(run, order: order)
            if try reader.next() { heads.append(reader) }
        }
        // A heap by key, then by age.
        for index in (0..<heads.count / 2).reversed() { sink(index, &heads) }
        while let first = heads.first {
            guard try body(first) else { return }
            if try !first.next() {
                heads[0] = heads[heads.count - 1]
                heads.removeLast()
            }
            sink(0, &heads)
        }
    }

    private func sink(_ start: Int, _ heads: inout [SpillReader]) {
        var place = start
        while true {
            var least = place
            for child in [2 * place + 1, 2 * place + 2]
            where child < heads.count && heads[child].isBefore(heads[least]) { least = child }
            if least == place { return }
            heads.swapAt(least, place)
            place = least
        }
    }
}
