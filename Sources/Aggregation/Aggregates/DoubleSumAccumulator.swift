import Bytes
import Formats

/// sum and avg of real and double precision over input that only grows.
final class DoubleSumAccumulator: Accumulator {
    private let isAverage: Bool
    private(set) var sums = StateVector<DoubleSum>()
    private(set) var counts = StateVector<Int64>()

    init(_ type: DataType, isAverage: Bool) {
        self.isAverage = isAverage
        super.init(type)
    }

    override func grow(to count: Int) {
        sums.grow(to: count, filling: DoubleSum())
        counts.grow(to: count, filling: 0)
    }

    override func update(
        _ arguments: [Column], groups: UnsafePointer<Int32>, weights: UnsafePointer<Int64>?,
        count: Int
    ) throws(SQLError) {
        let values = unsafe arguments[0].doubles
        let mask = arguments[0].indexMask
        let (sums, counts) = unsafe (self.sums.base, self.counts.base)
        var row = 0
        while row < count {
            let group = unsafe Int(groups[row])
            let value = unsafe values[row & mask]
            if let weights = unsafe weights {
                unsafe sums[group].add(value, weight: weights[row])
                unsafe counts[group] &+= weights[row]
            } else {
                unsafe sums[group].add(value)
                unsafe counts[group] &+= 1
            }
            row &+= 1
        }
    }

    override func merge(_ source: Int32, into target: Int32) throws(SQLError) {
        var sum = sums[target]
        sum.add(sums[source])
        sums[target] = sum
        counts[target] += counts[source]
    }

    override func reset(_ group: Int32) {
        sums[group] = DoubleSum()
        counts[group] = 0
    }

    override func results(_ groups: [Int32]) throws(SQLError) -> Column {
        let builder = ColumnBuilder(type, capacity: groups.count)
        for group in groups {
            let sum = Sum(
                value: sums[group].value, isFinite: sums[group].isFinite, count: counts[group])
            if let value = try sum.result(type, isAverage: isAverage) {
                builder.append(double: value)
            } else {
                builder.appendNull()
            }
        }
        return builder.finish()
    }

    /// What a group's values come to, and whether all of them are numbers.
    struct Sum {
        var value: Double
        var isFinite: Bool
        var count: Int64

        /// nil: there are no values.
        func result(_ type: DataType, isAverage: Bool) throws(SQLError) -> Double? {
            if count == 0 { return nil }
            var value = isAverage ? value / Double(count) : value
            if type == .real { value = Double(Float(value)) }
            if isFinite && !value.isFinite {
                throw SQLError("value out of range: overflow", .numericValueOutOfRange)
            }
            return value
        }
    }

    override func carry(
        from old: Accumulator, _ groups: [Int32], _ widening: ColumnWidening
    ) throws(SQLError) -> Bool {
        guard let old = old as? IntegerSumAccumulator else { return false }
        for group in groups {
            sums[group] = DoubleSum(old.sums[group])
            counts[group] = old.counts[group]
        }
        return true
    }

    override var memory: Int { sums.memory + counts.memory }

    override func write(_ target: inout OutputBuffer) {
        sums.write(&target)
        counts.write(&target)
    }

    override func read(_ source: inout StateReader) throws(SQLError) {
        try sums.read(&source)
        try counts.read(&source)
    }
}
