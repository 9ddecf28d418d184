import Bytes
import Formats

/// count(*) and count(x): the sum of weights.
final class CountAccumulator: Accumulator {
    private var counts = StateVector<Int64>()

    override func grow(to count: Int) { counts.grow(to: count, filling: 0) }

    override func update(
        _ arguments: [Column], groups: UnsafePointer<Int32>, weights: UnsafePointer<Int64>?,
        count: Int
    ) throws(SQLError) {
        let counts = unsafe self.counts.base
        var row = 0
        if let weights = unsafe weights {
            while row < count {
                unsafe counts[Int(groups[row])] &+= weights[row]
                row &+= 1
            }
        } else {
            while row < count {
                unsafe counts[Int(groups[row])] &+= 1
                row &+= 1
            }
        }
    }

    override func merge(_ source: Int32, into target: Int32) throws(SQLError) {
        counts[target] += counts[source]
    }

    override func reset(_ group: Int32) { counts[group] = 0 }

    override func results(_ groups: [Int32]) throws(SQLError) -> Column {
        let values = Buffer<Int64>(capacity: groups.count)
        for (row, group) in groups.enumerated() { unsafe values.base[row] = counts[group] }
        return Column(type, count: groups.count, .integer(values))
    }

    override func carry(
        from old: Accumulator, _ groups: [Int32], _ widening: ColumnWidening
    ) throws(SQLError) -> Bool {
        try carryAsWritten(from: old)
    }

    override var memory: Int { counts.memory }
    override func write(_ target: inout OutputBuffer) { counts.write(&target) }
    override func read(_ source: inout StateReader) throws(SQLError) { try counts.read(&source) }
}
