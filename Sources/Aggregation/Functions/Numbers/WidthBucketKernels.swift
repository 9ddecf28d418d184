import Formats

/// width_bucket(value, low, high, buckets), and width_bucket(value, thresholds).
enum WidthBucketKernels {
    private static func fail(_ message: String) -> SQLError {
        SQLError(message, .invalidArgumentForWidthBucket)
    }

    static func doubles(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        try TextLoop.integers(context) { row throws(SQLError) in
            let values = (0..<3).map { unsafe arguments[$0].doubles[row & arguments[$0].indexMask] }
            let count = unsafe arguments[3].integers[row & arguments[3].indexMask]
            guard count > 0 else { throw fail("count must be greater than zero") }
            let (value, low, high) = (values[0], values[1], values[2])
            if value.isNaN || low.isNaN || high.isNaN {
                throw fail("operand, lower bound, and upper bound cannot be NaN")
            }
            if low.isInfinite || high.isInfinite {
                throw fail("lower and upper bounds must be finite")
            }
            if low == high { throw fail("lower bound cannot equal upper bound") }
            let isDescending = low > high
            let (before, behind) =
                isDescending ? (value > low, value <= high) : (value < low, value >= high)
            if before { return 0 }
            if behind { return try IntegerKernels.checkedInteger(count + 1) }
            let share = (value - low) / (high - low) * Double(count)
            return min(Int64(share), count - 1) + 1
        }
    }

    static func numerics(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        try TextLoop.integers(context) { row throws(SQLError) in
            let values = (0..<3).map { arguments[$0].numerics[row & arguments[$0].indexMask] }
            let count = unsafe arguments[3].integers[row & arguments[3].indexMask]
            guard count > 0 else { throw fail("count must be greater than zero") }
            let (value, low, high) = (values[0], values[1], values[2])
            if value.isNaN || low.isNaN || high.isNaN {
                throw fail("operand, lower bound, and upper bound cannot be NaN")
            }
            if !low.isFinite || !high.isFinite {
                throw fail("lower and upper bounds must be finite")
            }
            if low == high { throw fail("lower bound cannot equal upper bound") }
            let isDescending = low > high
            let (before, behind) =
                isDescending ? (value > low, value <= high) : (value < low, value >= high)
            if before { return 0 }
            if behind { return try IntegerKernels.checkedInteger(count + 1) }
            let share = ((value - low) * Numeric(count)).magnitude
            let bucket = try share.wholeQuotient(by: (high - low).magnitude)
            return (bucket.integer ?? 0) + 1
        }
    }

    /// The number of thresholds, which ascend, that are not greater than the value.
    static func thresholds(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        try TextLoop.integers(context) { row throws(SQLError) in
            let column = arguments[1]
            let (offsets, elements) = unsafe column.arrays
            let index = row & column.indexMask
            var low = unsafe Int(offsets[index])
            var high = unsafe Int(offsets[index + 1])
            let start = low
            for element in low..<high where elements.isNull(element) {
                throw SQLError(
                    "thresholds array must not contain NULLs", .nullValueNotAllowed)
            }
            while low < high {
                let middle = (low + high) / 2
                if try ColumnOrder.compare(arguments[0], row, elements, middle) < 0 {
                    high = middle
                } else {
                    low = middle + 1
                }
            }
            return Int64(low - start)
        }
    }
}
