/// A decimal number as PostgreSQL's `numeric`: exact, with a display scale of its own, NaN and
/// infinities.
///
/// A coefficient that fits lies in 128 bits, value = coefficient / 10^scale; a longer one in digits
/// of base 10^9 (`BigDecimal`). Each value and scale has one form: `.big` is only what does not fit
/// `.finite`, whose coefficient is never `Int128.min`. Equal values of different scale (1.0 and
/// 1.00) are equal and hash alike.
public enum Numeric: Sendable {
    case finite(Int128, scale: Int16)
    case big(BigDecimal)
    case nan
    case infinity
    case negativeInfinity

    @inlinable
    public init(_ value: Int64) { self = .finite(Int128(value), scale: 0) }

    @inlinable
    public init(_ value: Int) { self = .finite(Int128(value), scale: 0) }

    /// The form that `value` has: short if it fits.
    public init(_ value: BigDecimal) {
        if let coefficient = value.coefficient, let scale = Int16(exactly: value.scale) {
            self = .finite(coefficient, scale: scale)
        } else {
            self = .big(value)
        }
    }

    public static let zero = Numeric.finite(0, scale: 0)
    public static let one = Numeric.finite(1, scale: 0)
}

extension Numeric {
    /// The long form; nil for NaN and infinities.
    var decimal: BigDecimal? {
        switch self {
        case .finite(let coefficient, let scale): BigDecimal(coefficient, scale: Int(scale))
        case .big(let big): big
        case .nan, .infinity, .negativeInfinity: nil
        }
    }

    public var isNaN: Bool { if case .nan = self { true } else { false } }

    /// Neither NaN nor infinite.
    public var isFinite: Bool {
        switch self {
        case .finite, .big: true
        case .nan, .infinity, .negativeInfinity: false
        }
    }

    /// -1, 0 or 1; of NaN 0.
    public var signum: Int {
        switch self {
        case .finite(let coefficient, _): Int(coefficient.signum())
        case .big(let big): big.isNegative ? -1 : 1
        case .infinity: 1
        case .negativeInfinity: -1
        case .nan: 0
        }
    }

    /// Digits shown behind the point; nil for NaN and infinities.
    public var scale: Int? {
        switch self {
        case .finite(_, let scale): Int(scale)
        case .big(let big): big.scale
        case .nan, .infinity, .negativeInfinity: nil
        }
    }

    /// The same value with the fewest digits behind the point that hold it.
    public var trimmed: Numeric {
        switch self {
        case .finite(var coefficient, var scale):
            if coefficient == 0 { return .zero }
            while scale > 0, let short = Int64(exactly: coefficient), short % 10 == 0 {
                coefficient = Int128(short / 10)
                scale -= 1
            }
            while scale > 0, coefficient % 10 == 0 {
                coefficient /= 10
                scale -= 1
            }
            return .finite(coefficient, scale: scale)
        case .big(let big): return Numeric(big.trimmed)
        case .nan, .infinity, .negativeInfinity: return self
        }
    }
}

extension Numeric: Hashable {
    @inlinable
    public static func == (a: Numeric, b: Numeric) -> Bool { a.compare(b) == 0 }

    public func hash(into hasher: inout Hasher) {
        switch trimmed {
        case .finite(let coefficient, let scale):
            hasher.combine(coefficient)
            hasher.combine(scale)
        case .big(let big): hasher.combine(big)
        case .nan: hasher.combine(1)
        case .infinity: hasher.combine(2)
        case .negativeInfinity: hasher.combine(3)
        }
    }
}

extension Numeric: Comparable {
    @inlinable
    public static func < (a: Numeric, b: Numeric) -> Bool { a.compare(b) < 0 }

    /// Negative, 0 or positive; NaN is greater than all else and equal to itself.
    @inlinable
    public func compare(_ other: Numeric) -> Int {
        if case .finite(let a, let s) = self, case .finite(let b, let t) = other, s == t {
            return a < b ? -1 : a == b ? 0 : 1
        }
        return compareScales(other)
    }

    @usableFromInline
    func compareScales(_ other: Numeric) -> Int {
        if case .finite(let a, let s) = self, case .finite(let b, let t) = other {
            if let x = Numeric.scaled(a, s < t ? Int(t - s) : 0),
                let y = Numeric.scaled(b, t < s ? Int(s - t) : 0)
            {
                return x < y ? -1 : x == y ? 0 : 1
            }
        }
        let ranks = (rank, other.rank)
        if ranks.0 != ranks.1 || ranks.0 != 0 { return ranks.0 - ranks.1 }
        guard let x = decimal, let y = other.decimal else { return 0 }
        return x.compare(y)
    }

    private var rank: Int {
        switch self {
        case .negativeInfinity: -1
        case .finite, .big: 0
        case .infinity: 1
        case .nan: 2
        }
    }
}

// Powers of ten in 64 and 128 bits.
extension Numeric {
    /// 10^`exponent`, which is at most 18.
    @inlinable
    @inline(__always)
    static func shortPower(_ exponent: Int) -> Int64 {
        switch exponent {
        case 0: 1
        case 1: 10
        case 2: 100
        case 3: 1000
        case 4: 10_000
        case 5: 100_000
        case 6: 1_000_000
        case 7: 10_000_000
        case 8: 100_000_000
        case 9: 1_000_000_000
        case 10: 10_000_000_000
        case 11: 100_000_000_000
        case 12: 1_000_000_000_000
        case 13: 10_000_000_000_000
        case 14: 100_000_000_000_000
        case 15: 1_000_000_000_000_000
        case 16: 10_000_000_000_000_000
        case 17: 100_000_000_000_000_000
        default: 1_000_000_000_000_000_000
        }
    }

    /// 10^`exponent`, which is at most 38.
    @inlinable
    static func power(_ exponent: Int) -> Int128 {
        if exponent <= 18 { return Int128(shortPower(exponent)) }
        let high = Int128(shortPower(18))
        if exponent <= 36 { return high &* Int128(shortPower(exponent &- 18)) }
        return high &* high &* Int128(shortPower(exponent &- 36))
    }

    /// `coefficient` * 10^`digits`; nil past 128 bits.
    @inlinable
    static func scaled(_ coefficient: Int128, _ digits: Int) -> Int128? {
        if digits == 0 || coefficient == 0 { return coefficient }
        guard digits <= 38 else { return nil }
        if digits <= 18, let short = Int64(exactly: coefficient) {
            return product(short, shortPower(digits))
        }
        let (result, overflow) = coefficient.multipliedReportingOverflow(by: power(digits))
        return overflow || result == .min ? nil : result
    }

    @inlinable
    @inline(__always)
    static func product(_ a: Int64, _ b: Int64) -> Int128 {
        let (high, low) = a.multipliedFullWidth(by: b)
        return Int128(high) &<< 64 | Int128(low)
    }

    /// Decimal digits of a number; of 0 one.
    static func digitCount(_ value: UInt128) -> Int {
        if let short = UInt64(exactly: value) { return OutputBuffer.digitCount(short) }
        var digits = 20
        while digits < 39, value >= UInt128(power(min(digits, 38))) {
            if digits == 38 { return 39 }
            digits += 1
        }
        return digits
    }
}
