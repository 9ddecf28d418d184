import Formats

/// Arithmetic and functions over numeric.
enum NumericKernels {
    static func add(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        try binary(arguments, context) { (a, b) throws(SQLError) in a + b }
    }

    static func subtract(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        try binary(arguments, context) { (a, b) throws(SQLError) in a - b }
    }

    static func multiply(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        try binary(arguments, context) { (a, b) throws(SQLError) in a * b }
    }

    static func divide(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        try binary(arguments, context) { (a, b) throws(SQLError) in try a.divided(by: b) }
    }

    static func remainder(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        try binary(arguments, context) { (a, b) throws(SQLError) in try a.remainder(by: b) }
    }

    static func wholeQuotient(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        try binary(arguments, context) { (a, b) throws(SQLError) in try a.wholeQuotient(by: b) }
    }

    static func power(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        try binary(arguments, context) { (a, b) throws(SQLError) in try a.power(b) }
    }

    /// log(base, value)
    static func logarithm(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        try binary(arguments, context) { (a, b) throws(SQLError) in try b.logarithm(base: a) }
    }

    static func gcd(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        try binary(arguments, context) { (a, b) throws(SQLError) in try divisor(a, b) }
    }

    static func lcm(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        try binary(arguments, context) { (a, b) throws(SQLError) in
            guard a.isFinite && b.isFinite else { return .nan }
            let scale = max(a.scale ?? 0, b.scale ?? 0)
            if a.signum == 0 || b.signum == 0 { return Numeric.zero.rescaled(scale) }
            let common = try divisor(a, b)
            return (try a.wholeQuotient(by: common) * b).magnitude.rescaled(scale)
        }
    }

    private static func divisor(_ a: Numeric, _ b: Numeric) throws(SQLError) -> Numeric {
        guard a.isFinite && b.isFinite else { return .nan }
        let scale = max(a.scale ?? 0, b.scale ?? 0)
        var (x, y) = (a.magnitude, b.magnitude)
        while y.signum != 0 { (x, y) = (y, try x.remainder(by: y)) }
        return x.rescaled(scale)
    }

    enum OneArgument: String, CaseIterable {
        case negate, abs, sign, floor, ceil, sqrt, exp, ln, log10, trimScale
    }

    static func one(
        _ operation: OneArgument, _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        try map(arguments[0], context) { (value) throws(SQLError) in
            switch operation {
            case .negate: return -value
            case .abs: return value.magnitude
            case .sign: return value.isNaN ? value : Numeric(value.signum)
            case .floor: return value.floor
            case .ceil: return value.ceiling
            case .sqrt: return try value.squareRoot()
            case .exp: return try value.exponential()
            case .ln: return try value.naturalLogarithm()
            case .log10: return try value.logarithm(base: Numeric(10))
            case .trimScale: return value.trimmed
            }
        }
    }

    /// round(value[, digits]) and trunc(value[, digits])
    static func round(
        rounds: Bool, _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        guard arguments.count > 1 else {
            return try map(arguments[0], context) { (value) throws(SQLError) in
                rounds ? value.rounded() : value.truncated()
            }
        }
        let values = arguments[0].numerics
        let digits = unsafe arguments[1].integers
        let (mask, other) = (arguments[0].indexMask, arguments[1].indexMask)
        return try make(context) { (row) throws(SQLError) in
            let places = unsafe Int(digits[row & other])
            let value = values[row & mask]
            return rounds ? value.rounded(places) : value.truncated(places)
        }
    }

    /// scale(value) and min_scale(value); null for NaN and infinities.
    static func scale(
        trimmed: Bool, _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let values = arguments[0].numerics
        let builder = ColumnBuilder(.integer, capacity: context.count)
        for row in 0..<context.count {
            let value = values[row & arguments[0].indexMask]
            if let scale = (trimmed ? value.trimmed : value).scale {
                builder.append(integer: Int64(scale))
            } else {
                builder.appendNull()
            }
        }
        return builder.finish()
    }

    static func factorial(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let numbers = unsafe arguments[0].integers
        return try make(context) { (row) throws(SQLError) in
            unsafe try Numeric.factorial(numbers[row & arguments[0].indexMask])
        }
    }

    @inline(__always)
    private static func map(
        _ column: Column, _ context: KernelContext,
        _ operation: (Numeric) throws(SQLError) -> Numeric
    ) throws(SQLError) -> Column {
        let values = column.numerics
        let mask = column.indexMask
        return try make(context) { (row) throws(SQLError) in try operation(values[row & mask]) }
    }

    @inline(__always)
    private static func binary(
        _ arguments: [Column], _ context: KernelContext,
        _ operation: (Numeric, Numeric) throws(SQLError) -> Numeric
    ) throws(SQLError) -> Column {
        let (a, b) = (arguments[0].numerics, arguments[1].numerics)
        let (maskA, maskB) = (arguments[0].indexMask, arguments[1].indexMask)
        return try make(context) { (row) throws(SQLError) in
            try operation(a[row & maskA], b[row & maskB])
        }
    }

    @inline(__always)
    private static func make(
        _ context: KernelContext, _ value: (Int) throws(SQLError) -> Numeric
    ) throws(SQLError) -> Column {
        var target: [Numeric] = []
        target.reserveCapacity(context.count)
        for row in 0..<context.count {
            // A sum of two big values may be too long; short ones never are.
            let result = context.isLive(row) ? try value(row) : .zero
            if case .big = result {
                target.append(try result.checked())
            } else {
                target.append(result)
            }
        }
        return Column(context.type, count: context.count, .numeric(target))
    }
}
