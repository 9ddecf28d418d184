import Bytes
import Formats

/// sum and avg of integers: exact in 128 bits, which 2^64 rows cannot exceed.
final class IntegerSumAccumulator: Accumulator {
    private let isAverage: Bool
    private(set) var sums = StateVector<Int128>()
    private(set) var counts = StateVector<Int64>()

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
        let valid = Bitmap.allSet(groups.count)
        var hasNull = false
        for (row, group) in groups.enumerated() where counts[group] == 0 {
            valid.clear(row)
            hasNull = true
        }
        let storage: Column.Storage =
            type.layout == .numeric
            ? .numeric(try numerics(groups)) : .integer(try integers(groups))
        return Column(
            type, count: groups.count, storage, validity: hasNull ? valid : nil)
    }

    private func numerics(_ groups: [Int32]) throws(SQLError) -> [Numeric] {
        var values: [Numeric] = []
        values.reserveCapacity(groups.count)
        for group in groups {
            let (sum, count) = (Numeric.finite(sums[group], scale: 0), counts[group])
            let isQuotient = isAverage && count != 0
            values.append(try isQuotient ? sum.divided(by: Numeric(count)) : sum)
        }
        return values
    }

    private func integers(_ groups: [Int32]) throws(SQLError) -> Buffer<Int64> {
        let values = Buffer<Int64>(capacity: groups.count)
        for (row, group) in groups.enumerated() {
            guard let short = Int64(exactly: sums[group]) else {
                throw SQLError("bigint out of range", .numericValueOutOfRange)
            }
            values[row] = short
        }
        return values
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
