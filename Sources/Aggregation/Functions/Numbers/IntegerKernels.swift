import Formats

/// Arithmetic and bit operations over smallint, integer and bigint, which all lie in 64 bits; the
/// result's type says which range it must keep.
enum IntegerKernels {
    typealias Checked = (partialValue: Int64, overflow: Bool)

    static func add(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        try binary(arguments, context) { $0.addingReportingOverflow($1) }
    }

    static func subtract(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        try binary(arguments, context) { $0.subtractingReportingOverflow($1) }
    }

    static func multiply(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        try binary(arguments, context) { $0.multipliedReportingOverflow(by: $1) }
    }

    static func divide(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        try binary(arguments, context, isDivision: true) { $0.dividedReportingOverflow(by: $1) }
    }

    static func remainder(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        try binary(arguments, context, isDivision: true) { a, b in
            b == -1 ? (0, false) : a.remainderReportingOverflow(dividingBy: b)
        }
    }

    static func gcd(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        try binary(arguments, context) { a, b in divisor(a, b) }
    }

    static func lcm(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        try binary(arguments, context) { a, b in
            if a == 0 || b == 0 { return (0, false) }
            let common = divisor(a, b)
            if common.overflow { return common }
            let (product, overflow) = (a / common.partialValue).multipliedReportingOverflow(by: b)
            return product == .min ? (0, true) : (abs(product), overflow)
        }
    }

    private static func divisor(_ a: Int64, _ b: Int64) -> Checked {
        var (x, y) = (a.magnitude, b.magnitude)
        while y != 0 { (x, y) = (y, x % y) }
        return x > UInt64(Int64.max) ? (0, true) : (Int64(x), false)
    }

    static func negate(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        try unary(arguments, context) { Int64(0).subtractingReportingOverflow($0) }
    }

    static func absolute(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        try unary(arguments, context) {
            $0 < 0 ? Int64(0).subtractingReportingOverflow($0) : ($0, false)
        }
    }

    static func same(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column { arguments[0] }

    static func and(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column { try binary(arguments, context) { ($0 & $1, false) } }

    static func or(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column { try binary(arguments, context) { ($0 | $1, false) } }

    static func exclusiveOr(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column { try binary(arguments, context) { ($0 ^ $1, false) } }

    static func complement(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column { try unary(arguments, context) { (~$0, false) } }

    static func shiftLeft(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        switch context.type {
        case .smallint:
            try binary(arguments, context) { a, b in
                (Int64(Int16(truncatingIfNeeded: a &<< (b & 31))), false)
            }
        case .integer:
            try binary(arguments, context) { a, b in
                (Int64(Int32(truncatingIfNeeded: a) &<< Int32(truncatingIfNeeded: b)), false)
            }
        default: try binary(arguments, context) { ($0 &<< $1, false) }
        }
    }

    static func shiftRight(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        context.type == .bigint
            ? try binary(arguments, context) { ($0 &>> $1, false) }
            : try binary(arguments, context) { ($0 &>> ($1 & 31), false) }
    }

    /// What the type of a result holds.
    static func range(_ type: DataType) -> ClosedRange<Int64> {
        switch type {
        case .smallint: -0x8000...0x7FFF
        case .integer: -0x8000_0000...0x7FFF_FFFF
        default: Int64.min...Int64.max
        }
    }

    /// Calls `operation` for each row; where it reports an overflow, or the result leaves the
    /// range of its type, and the row is not null, that is an error.
    @inline(__always)
    private static func binary(
        _ arguments: [Column], _ context: KernelContext, isDivision: Bool = false,
        _ operation: (Int64, Int64) -> Checked
    ) throws(SQLError) -> Column {
        let (a, b) = (arguments[0], arguments[1])
        let x = unsafe a.integers
        let y = unsafe b.integers
        let count = context.count
        let range = range(context.type)
        let (low, high) = (range.lowerBound, range.upperBound)
        let target = Buffer<Int64>(capacity: count)
        let out = unsafe target.base
        var hasFailed = false
        var row = 0
        if b.isConstant && !a.isConstant {
            let right = unsafe y[0]
            while row < count {
                let (value, overflow) = unsafe operation(x[row], right)
                unsafe out[row] = value
                hasFailed = hasFailed || overflow || value < low || value > high
                row &+= 1
            }
        } else {
            let (maskX, maskY) = (a.indexMask, b.indexMask)
            while row < count {
                let (value, overflow) = unsafe operation(x[row & maskX], y[row & maskY])
                unsafe out[row] = value
                hasFailed = hasFailed || overflow || value < low || value > high
                row &+= 1
            }
        }
        if hasFailed {
            for row in 0..<count where context.isLive(row) {
                let right = unsafe y[row & b.indexMask]
                let (value, overflow) = unsafe operation(x[row & a.indexMask], right)
                if isDivision && right == 0 { throw divisionByZero }
                if overflow || !range.contains(value) { throw outOfRange(context.type) }
            }
        }
        return Column(context.type, count: count, .integer(target))
    }

    @inline(__always)
    private static func unary(
        _ arguments: [Column], _ context: KernelContext, _ operation: (Int64) -> Checked
    ) throws(SQLError) -> Column {
        let x = unsafe arguments[0].integers
        let range = range(context.type)
        let count = context.count
        let target = Buffer<Int64>(capacity: count)
        let mask = arguments[0].indexMask
        for row in 0..<count {
            let (value, overflow) = unsafe operation(x[row & mask])
            if (overflow || !range.contains(value)) && context.isLive(row) {
                throw outOfRange(context.type)
            }
            unsafe target.base[row] = value
        }
        return Column(context.type, count: count, .integer(target))
    }

    static func checkedInteger(_ value: Int64) throws(SQLError) -> Int64 {
        guard range(.integer).contains(value) else { throw outOfRange(.integer) }
        return value
    }

    static let divisionByZero = SQLError("division by zero", .divisionByZero)

    static func outOfRange(_ type: DataType) -> SQLError {
        SQLError("\(type.baseName) out of range", .numericValueOutOfRange)
    }
}
