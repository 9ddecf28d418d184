import Formats

/// Arithmetic over real and double precision, which both lie in 64 bits; results of type real are
/// rounded to it. What leaves the range is an error, as in PostgreSQL.
enum DoubleKernels {
    static func add(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        try binary(arguments, context, underflows: false) { $0 + $1 }
    }

    static func subtract(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        try binary(arguments, context, underflows: false) { $0 - $1 }
    }

    static func multiply(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        try binary(arguments, context, underflows: true) { $0 * $1 }
    }

    static func divide(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let divisor = arguments[1]
        let values = unsafe divisor.doubles
        for row in 0..<(divisor.isConstant ? min(1, context.count) : context.count)
        where unsafe values[row] == 0 {
            // A constant zero is an error for any row that is not null.
            let rows = divisor.isConstant ? 0..<context.count : row..<(row + 1)
            for row in rows where context.isLive(row) {
                if unsafe !arguments[0].doubles[row & arguments[0].indexMask].isNaN {
                    throw IntegerKernels.divisionByZero
                }
            }
        }
        return try binary(arguments, context, underflows: true, isDivision: true) { $0 / $1 }
    }

    static func negate(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column { unary(arguments, context) { -$0 } }

    static func absolute(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column { unary(arguments, context) { abs($0) } }

    /// An operation that cannot fail.
    @inline(__always)
    static func unary(
        _ arguments: [Column], _ context: KernelContext, _ operation: (Double) -> Double
    ) -> Column {
        let x = unsafe arguments[0].doubles
        let mask = arguments[0].indexMask
        let target = Buffer<Double>(capacity: context.count)
        var row = 0
        while row < context.count {
            unsafe target.base[row] = unsafe operation(x[row & mask])
            row &+= 1
        }
        return Column(context.type, count: context.count, .double(target))
    }

    @inline(__always)
    private static func binary(
        _ arguments: [Column], _ context: KernelContext, underflows: Bool, isDivision: Bool = false,
        _ operation: (Double, Double) -> Double
    ) throws(SQLError) -> Column {
        let (a, b) = (arguments[0], arguments[1])
        let x = unsafe a.doubles
        let y = unsafe b.doubles
        let (maskX, maskY) = (a.indexMask, b.indexMask)
        let count = context.count
        let isReal = context.type == .real
        let target = Buffer<Double>(capacity: count)
        let out = unsafe target.base
        var isSuspicious = false
        var row = 0
        while row < count {
            var value = unsafe operation(x[row & maskX], y[row & maskY])
            if isReal { value = Double(Float(value)) }
            unsafe out[row] = value
            // Infinite, NaN or zero: looked at again below.
            isSuspicious = isSuspicious || !(value - value == 0) || (underflows && value == 0)
            row &+= 1
        }
        if isSuspicious {
            for row in 0..<count where context.isLive(row) {
                unsafe try check(out[row], x[row & maskX], y[row & maskY], underflows, isDivision)
            }
        }
        return Column(context.type, count: count, .double(target))
    }

    private static func check(
        _ value: Double, _ a: Double, _ b: Double, _ underflows: Bool, _ isDivision: Bool
    ) throws(SQLError) {
        if value.isInfinite && !a.isInfinite && !b.isInfinite { throw overflow }
        let isLost = isDivision ? a != 0 && !b.isInfinite : a != 0 && b != 0
        if underflows && value == 0 && isLost { throw underflow }
    }

    static let overflow = SQLError("value out of range: overflow", .numericValueOutOfRange)
    static let underflow = SQLError("value out of range: underflow", .numericValueOutOfRange)
}
