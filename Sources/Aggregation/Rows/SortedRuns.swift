import Formats

/// Sorted rows on disk, merged when all are there: runs of (key, row), each in order; rows of equal
/// keys leave in the order of their runs.
final class SortedRuns {
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
    }

    /// Calls `body` with all rows in order until it gives false.
    func merge(
        _ body: ([UInt8]) throws(SQLError) -> Bool
    ) throws(SQLError) {
        var readers: [SpillReader] = []
        for run in runs {
            let reader = SpillReader(run)
            if try reader.next() { readers.append(reader) }
        }
        while !readers.isEmpty {
            // Few runs: their heads are compared one by one. The first of equals is the oldest.
            var best = 0
            for index in 1..<max(readers.count, 1) where readers[index].isBefore(readers[best]) {
                best = index
            }
            let row = unsafe readers[best].withRecord { _, row in unsafe Array(row) }
            let goesOn = try body(row)
            if !goesOn { return }
            if try !readers[best].next() { readers.remove(at: best) }
        }
    }
}
