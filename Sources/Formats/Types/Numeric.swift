/// A decimal number as PostgreSQL's `numeric`: exact, with a display scale of its own, NaN and
/// infinities.
///
/// Up to 38 digits lie in a 128-bit coefficient, value = coefficient / 10^scale; longer ones in
/// digits of base 10^9 (`BigDecimal`). Equal values of different scale (1.0 and 1.00) are equal
/// and hash alike.
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
}

/// A decimal of any length: sign, magnitude in base 10^9 (least significant first), display scale.
public struct BigDecimal: Sendable, Hashable {
    public var isNegative: Bool
    public var limbs: [UInt32]
    /// Digits behind the point; the value is the limbs' integer / 10^scale.
    public var scale: Int

    public init(isNegative: Bool, limbs: [UInt32], scale: Int) {
        self.isNegative = isNegative
        self.limbs = limbs
        self.scale = scale
    }
}

extension Numeric: Hashable {
    public static func == (a: Numeric, b: Numeric) -> Bool { a.compare(b) == 0 }

    public func hash(into hasher: inout Hasher) {
        guard case .finite(var coefficient, var scale) = self else {
            switch self {
            case .big(let big): hasher.combine(big)
            case .nan: hasher.combine(1)
            case .infinity: hasher.combine(2)
            default: hasher.combine(3)
            }
            return
        }
        while scale > 0, coefficient % 10 == 0 {
            coefficient /= 10
            scale -= 1
        }
        hasher.combine(coefficient)
        hasher.combine(scale)
    }
}

extension Numeric: Comparable {
    public static func < (a: Numeric, b: Numeric) -> Bool { a.compare(b) < 0 }

    /// Negative, 0 or positive; NaN is greater than all else and equal to itself.
    public func compare(_ other: Numeric) -> Int {
        if case .finite(let a, let s) = self, case .finite(let b, let t) = other {
            if s == t { return a < b ? -1 : a == b ? 0 : 1 }
            if let x = Numeric.scaled(a, s < t ? Int(t - s) : 0),
                let y = Numeric.scaled(b, t < s ? Int(s - t) : 0)
            {
                return x < y ? -1 : x == y ? 0 : 1
            }
        }
        return 0
    }

    /// `coefficient` * 10^`digits`; nil past 128 bits.
    static func scaled(_ coefficient: Int128, _ digits: Int) -> Int128? {
        var value = coefficient
        for _ in 0..<digits {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            if overflow { return nil }
            value = product
        }
        return value
    }
}
