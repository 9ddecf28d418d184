import Bytes
import Formats

/// Functions over double precision, with PostgreSQL's errors for what has no result.
enum MathKernels {
    enum Function: String, CaseIterable, Sendable {
        case sqrt, cbrt, exp, ln, log, log10, sin, cos, tan, cot, asin, acos, atan
        case sinh, cosh, tanh, asinh, acosh, atanh, sind, cosd, tand, cotd, asind, acosd, atand
        case degrees, radians, ceil, ceiling, floor, round, trunc, sign
    }

    static func one(
        _ function: Function, _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let values = unsafe arguments[0].doubles
        let mask = arguments[0].indexMask
        return try make(context) { (row) throws(SQLError) in
            unsafe try apply(function, values[row & mask])
        }
    }

    private static func apply(_ function: Function, _ x: Double) throws(SQLError) -> Double {
        switch function {
        case .sqrt:
            if x < 0 {
                throw SQLError(
                    "cannot take square root of a negative number", .invalidArgumentForPower)
            }
            return x.squareRoot()
        case .cbrt: return MathLibrary.cubeRoot(x)
        case .exp: return try exponential(x)
        case .ln: return MathLibrary.naturalLogarithm(try positive(x))
        case .log, .log10: return MathLibrary.decimalLogarithm(try positive(x))
        case .degrees: return try inRange(x / radiansPerDegree, x)
        case .radians: return x * radiansPerDegree
        case .ceil, .ceiling: return x.rounded(.up)
        case .floor: return x.rounded(.down)
        case .round: return x.rounded(.toNearestOrEven)
        case .trunc: return x.rounded(.towardZero)
        case .sign: return x > 0 ? 1 : x < 0 ? -1 : 0
        case .sind, .cosd, .tand, .cotd, .asind, .acosd, .atand:
            return try DegreeMath.apply(function, x)
        default: return try trigonometric(function, x)
        }
    }

    private static func trigonometric(
        _ function: Function, _ x: Double
    ) throws(SQLError) -> Double {
        if x.isNaN { return x }
        switch function {
        case .sin: return MathLibrary.sine(try finite(x))
        case .cos: return MathLibrary.cosine(try finite(x))
        case .tan: return MathLibrary.tangent(try finite(x))
        case .cot: return 1 / MathLibrary.tangent(try finite(x))
        case .asin: return MathLibrary.arcSine(try within(x, -1, 1))
        case .acos: return MathLibrary.arcCosine(try within(x, -1, 1))
        case .atan: return MathLibrary.arcTangent(x)
        case .sinh: return try inRange(MathLibrary.hyperbolicSine(x), x, infinite: true)
        case .cosh: return MathLibrary.hyperbolicCosine(x)
        case .tanh: return MathLibrary.hyperbolicTangent(x)
        case .asinh: return MathLibrary.areaSine(x)
        case .acosh: return MathLibrary.areaCosine(try within(x, 1, .infinity))
        default: return MathLibrary.areaTangent(try within(x, -1, 1))
        }
    }

    static let radiansPerDegree = 0.0174532925199432957692

    private static func exponential(_ x: Double) throws(SQLError) -> Double {
        let result = MathLibrary.exponential(x)
        if result.isInfinite && !x.isInfinite { throw DoubleKernels.overflow }
        if result == 0 && !x.isInfinite { throw DoubleKernels.underflow }
        return result
    }

    private static func positive(_ x: Double) throws(SQLError) -> Double {
        if x == 0 {
            throw SQLError("cannot take logarithm of zero", .invalidArgumentForLogarithm)
        }
        if x < 0 {
            throw SQLError(
                "cannot take logarithm of a negative number", .invalidArgumentForLogarithm)
        }
        return x
    }

    static let outOfRange = SQLError("input is out of range", .numericValueOutOfRange)

    static func within(_ x: Double, _ low: Double, _ high: Double) throws(SQLError) -> Double {
        guard x >= low && x <= high else { throw outOfRange }
        return x
    }

    static func finite(_ x: Double) throws(SQLError) -> Double {
        if x.isInfinite { throw outOfRange }
        return x
    }

    private static func inRange(
        _ result: Double, _ x: Double, infinite: Bool = false
    ) throws(SQLError) -> Double {
        if result.isInfinite && !x.isInfinite && !infinite { throw DoubleKernels.overflow }
        return result
    }

    static func power(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        try two(arguments, context) { (x, y) throws(SQLError) in
            if x.isNaN { return y == 0 ? 1 : x }
            if y.isNaN { return x == 1 ? 1 : y }
            if x == 0 && y < 0 {
                throw SQLError(
                    "zero raised to a negative power is undefined", .invalidArgumentForPower)
            }
            if x < 0 && y.rounded(.down) != y {
                throw SQLError(
                    "a negative number raised to a non-integer power yields a complex result",
                    .invalidArgumentForPower)
            }
            let result = MathLibrary.power(x, y)
            if x.isInfinite || y.isInfinite { return result }
            if result.isInfinite { throw DoubleKernels.overflow }
            if result == 0 && x != 0 { throw DoubleKernels.underflow }
            return result
        }
    }

    static func atan2(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        try two(arguments, context) { (y, x) throws(SQLError) in MathLibrary.arcTangent(y, x) }
    }

    static func atan2d(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        try two(arguments, context) { (y, x) throws(SQLError) in
            MathLibrary.arcTangent(y, x) / MathLibrary.arcTangent(1) * 45
        }
    }

    /// round(double, digits): not PostgreSQL's.
    static func roundDigits(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let values = unsafe arguments[0].doubles
        let digits = unsafe arguments[1].integers
        let (mask, other) = (arguments[0].indexMask, arguments[1].indexMask)
        return try make(context) { (row) throws(SQLError) in
            let value = unsafe values[row & mask]
            guard value.isFinite else { return value }
            return unsafe Numeric(value).rounded(Int(digits[row & other])).double
        }
    }

    @inline(__always)
    static func two(
        _ arguments: [Column], _ context: KernelContext,
        _ operation: (Double, Double) throws(SQLError) -> Double
    ) throws(SQLError) -> Column {
        let (x, y) = unsafe (arguments[0].doubles, arguments[1].doubles)
        let (maskX, maskY) = (arguments[0].indexMask, arguments[1].indexMask)
        return try make(context) { (row) throws(SQLError) in
            unsafe try operation(x[row & maskX], y[row & maskY])
        }
    }

    @inline(__always)
    private static func make(
        _ context: KernelContext, _ value: (Int) throws(SQLError) -> Double
    ) throws(SQLError) -> Column {
        let target = Buffer<Double>(capacity: context.count)
        for row in 0..<context.count {
            unsafe target.base[row] = context.isLive(row) ? try value(row) : 0
        }
        return Column(context.type, count: context.count, .double(target))
    }
}

/// Trigonometry in degrees, exact where the result is (PostgreSQL's sind and so on).
enum DegreeMath {
    static func apply(_ function: MathKernels.Function, _ x: Double) throws(SQLError) -> Double {
        if x.isNaN { return x }
        switch function {
        case .sind: return sine(try MathKernels.finite(x))
        case .cosd: return cosine(try MathKernels.finite(x))
        case .tand: return quotient(try MathKernels.finite(x), isCotangent: false)
        case .cotd: return quotient(try MathKernels.finite(x), isCotangent: true)
        case .asind: return arcSine(try MathKernels.within(x, -1, 1))
        case .acosd: return arcCosine(try MathKernels.within(x, -1, 1))
        default: return MathLibrary.arcTangent(x) / MathLibrary.arcTangent(1) * 45
        }
    }

    private static let radians = MathKernels.radiansPerDegree
    private static let sine30 = MathLibrary.sine(30 * radians)
    private static let oneMinusCosine60 = 1 - MathLibrary.cosine(60 * radians)

    /// 0 to 30 degrees.
    private static func sine0to30(_ x: Double) -> Double {
        MathLibrary.sine(x * radians) / sine30 / 2
    }

    /// 0 to 60 degrees.
    private static func cosine0to60(_ x: Double) -> Double {
        1 - (1 - MathLibrary.cosine(x * radians)) / oneMinusCosine60 / 2
    }

    private static func sine(_ x: Double) -> Double {
        var angle = x.truncatingRemainder(dividingBy: 360)
        var sign = 1.0
        if angle < 0 { (angle, sign) = (-angle, -1) }
        if angle > 180 { (angle, sign) = (360 - angle, -sign) }
        if angle > 90 { angle = 180 - angle }
        return sign * (angle <= 30 ? sine0to30(angle) : cosine0to60(90 - angle))
    }

    private static func cosine(_ x: Double) -> Double {
        var angle = abs(x.truncatingRemainder(dividingBy: 360))
        var sign = 1.0
        if angle > 180 { angle = 360 - angle }
        if angle > 90 { (angle, sign) = (180 - angle, -1) }
        return sign * (angle <= 60 ? cosine0to60(angle) : sine0to30(90 - angle))
    }

    private static func quotient(_ x: Double, isCotangent: Bool) -> Double {
        var angle = x.truncatingRemainder(dividingBy: 360)
        var sign = 1.0
        if angle < 0 { (angle, sign) = (-angle, -1) }
        if angle > 180 { (angle, sign) = (360 - angle, -sign) }
        if angle > 90 { (angle, sign) = (180 - angle, -sign) }
        let value =
            isCotangent
            ? (cosine(angle) / sine(angle)) / (cosine(45) / sine(45))
            : (sine(angle) / cosine(angle)) / (sine(45) / cosine(45))
        return value == 0 ? 0 : sign * value
    }

    private static func arcSine(_ x: Double) -> Double {
        if x < 0 { return -arcSine(-x) }
        return x <= 0.5
            ? MathLibrary.arcSine(x) / MathLibrary.arcSine(0.5) * 30
            : 90 - MathLibrary.arcCosine(x) / MathLibrary.arcCosine(0.5) * 60
    }

    private static func arcCosine(_ x: Double) -> Double {
        if x < 0 { return 90 + arcSine(-x) }
        return x <= 0.5
            ? 90 - MathLibrary.arcSine(x) / MathLibrary.arcSine(0.5) * 30
            : MathLibrary.arcCosine(x) / MathLibrary.arcCosine(0.5) * 60
    }
}
