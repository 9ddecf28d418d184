import Bytes
import Formats

/// sum and avg of integers: exact in 128 bits, which 2^64 rows cannot exceed.
final class IntegerSumAccumulator: Accumulator {
    private let isAverage: Bool
    private var sums = StateVector<Int128>()
    private var counts = StateVector<Int64>()

    init(_ type: DataType, isAverage: Bool) {
        self.isAverage = isAverage
        super.init(type)
    }

    override func grow(to count: Int) {
        sums.grow(to: count, filling: 0)
        counts.grow(to: count, filling: 0)
    }

    override func update(
        _ arguments: [Column], groups: UnsafePointer<Int32>, weights: UnsafePointer<Int64>?,
        count: Int
    ) throws(SQLError) {
        let values = unsafe arguments[0].integers
        let mask = arguments[0].indexMask
        let (sums, counts) = unsafe (self.sums.base, self.counts.base)
        var row = 0
        if let weights = unsafe weights {
            while row < count {
                let group = unsafe Int(groups[row])
                let weight = unsafe weights[row]
                unsafe sums[group] &+= Int128(values[row & mask]) &* Int128(weight)
                unsafe counts[group] &+= weight
                row &+= 1
            }
        } else {
            while row < count {
                let group = unsafe Int(groups[row])
                unsafe sums[group] &+= Int128(values[row & mask])
                unsafe counts[group] &+= 1
                row &+= 1
            }
        }
    }

    override func merge(_ source: Int32, into target: Int32) throws(SQLError) {
        sums[target] &+= sums[source]
        counts[target] += counts[source]
    }

    override func reset(_ group: Int32) {
        sums[group] = 0
        counts[group] = 0
    }

    override func results(_ groups: [Int32]) throws(SQLError) -> Column {
        let builder = ColumnBuilder(type, capacity: groups.count)
        for group in groups {
            let (sum, count) = (sums[group], counts[group])
            if count == 0 {
                builder.appendNull()
            } else if isAverage {
                let dividend = Numeric.finite(sum, scale: 0)
                builder.append(numeric: try dividend.divided(by: Numeric(count)))
            } else if type.layout == .numeric {
                builder.append(numeric: .finite(sum, scale: 0))
            } else if let short = Int64(exactly: sum) {
                builder.append(integer: short)
            } else {
                throw SQLError("bigint out of range", .numericValueOutOfRange)
            }
        }
        return builder.finish()
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
