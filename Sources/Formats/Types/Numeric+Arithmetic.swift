// The four operations with PostgreSQL's result scales. Sums and products of more than
// `FormatLimits.numericDigitsMax` digits are found by `checked`.
extension Numeric {
    @inlinable
    public static func + (a: Numeric, b: Numeric) -> Numeric {
        if case .finite(let x, let s) = a, case .finite(let y, let t) = b, s == t {
            let (sum, overflow) = x.addingReportingOverflow(y)
            if !overflow && sum != .min { return .finite(sum, scale: s) }
        }
        return sum(a, b)
    }

    @inlinable
    public static func - (a: Numeric, b: Numeric) -> Numeric { a + -b }

    @inlinable
    public static prefix func - (value: Numeric) -> Numeric {
        switch value {
        case .finite(let coefficient, let scale): .finite(0 &- coefficient, scale: scale)
        case .big(let big):
            .big(BigDecimal(isNegative: !big.isNegative, limbs: big.limbs, scale: big.scale))
        case .nan: .nan
        case .infinity: .negativeInfinity
        case .negativeInfinity: .infinity
        }
    }

    @inlinable
    public static func * (a: Numeric, b: Numeric) -> Numeric {
        if case .finite(let x, let s) = a, case .finite(let y, let t) = b,
            let p = Int64(exactly: x), let q = Int64(exactly: y), s &+ t <= 1000
        {
            return .finite(product(p, q), scale: s &+ t)
        }
        return wideProduct(a, b)
    }

    @usableFromInline
    static func sum(_ a: Numeric, _ b: Numeric) -> Numeric {
        if case .finite(let x, let s) = a, case .finite(let y, let t) = b,
            let p = scaled(x, s < t ? Int(t - s) : 0), let q = scaled(y, t < s ? Int(s - t) : 0)
        {
            let (sum, overflow) = p.addingReportingOverflow(q)
            if !overflow && sum != .min { return .finite(sum, scale: max(s, t)) }
        }
        if let x = a.decimal, let y = b.decimal { return Numeric(x + y) }
        switch (a, b) {
        case (.nan, _), (_, .nan), (.infinity, .negativeInfinity), (.negativeInfinity, .infinity):
            return .nan
        case (.infinity, _), (_, .infinity): return .infinity
        default: return .negativeInfinity
        }
    }

    @usableFromInline
    static func wideProduct(_ a: Numeric, _ b: Numeric) -> Numeric {
        if case .finite(let x, let s) = a, case .finite(let y, let t) = b {
            let (result, overflow) = x.multipliedReportingOverflow(by: y)
            let scale = Int(s) + Int(t)
            if !overflow && result != .min && scale <= FormatLimits.numericScaleMax {
                return .finite(result, scale: Int16(scale))
            }
        }
        if let x = a.decimal, let y = b.decimal {
            let result = x * y
            let scale = FormatLimits.numericScaleMax
            return Numeric(result.scale > scale ? result.rescaled(scale) : result)
        }
        if a.isNaN || b.isNaN || a.signum == 0 || b.signum == 0 { return .nan }
        return a.signum == b.signum ? .infinity : .negativeInfinity
    }

    public var magnitude: Numeric { signum < 0 ? -self : self }

    /// The same value; an error if it has more digits than PostgreSQL's format holds.
    public func checked() throws(SQLError) -> Numeric {
        guard case .big(let big) = self else { return self }
        if big.exponent >= FormatLimits.numericDigitsMax
            || big.scale > FormatLimits.numericScaleMax
        {
            throw SQLError("value overflows numeric format", .numericValueOutOfRange)
        }
        return self
    }
}

extension Numeric {
    /// The quotient, with at least 16 significant digits and the scales of both operands.
    public func divided(by divisor: Numeric) throws(SQLError) -> Numeric {
        if let special = try Numeric.quotientOfSpecials(self, divisor) { return special }
        let scale = Numeric.quotientScale(self, divisor)
        if case .finite(let a, let s) = self, case .finite(let b, let t) = divisor {
            let shift = scale + Int(t) - Int(s)
            if shift >= 0, let dividend = Numeric.scaled(a, shift) {
                return .finite(Numeric.roundedQuotient(dividend, b), scale: Int16(scale))
            }
        }
        guard let a = decimal, let b = divisor.decimal else { return .nan }
        return try Numeric(a.divided(by: b, scale: scale)).checked()
    }

    /// The quotient without its fraction: div(a, b).
    public func wholeQuotient(by divisor: Numeric) throws(SQLError) -> Numeric {
        if let special = try Numeric.quotientOfSpecials(self, divisor) { return special }
        guard let a = decimal, let b = divisor.decimal else { return .nan }
        return Numeric(a.divided(by: b, scale: 0, rounds: false))
    }

    /// The remainder, with the sign of the dividend.
    public func remainder(by divisor: Numeric) throws(SQLError) -> Numeric {
        if case .finite(let a, let s) = self, case .finite(let b, let t) = divisor, b != 0,
            let p = Numeric.scaled(a, s < t ? Int(t - s) : 0),
            let q = Numeric.scaled(b, t < s ? Int(s - t) : 0)
        {
            return .finite(p % q, scale: max(s, t))
        }
        if isNaN || divisor.isNaN { return .nan }
        if divisor.signum == 0 { throw Numeric.divisionByZero }
        if !isFinite { return .nan }
        guard let a = decimal, let b = divisor.decimal else { return self }
        let whole = a.divided(by: b, scale: 0, rounds: false)
        return Numeric(a - whole * b)
    }

    public static var divisionByZero: SQLError { SQLError("division by zero", .divisionByZero) }

    private static func quotientOfSpecials(
        _ a: Numeric, _ b: Numeric
    ) throws(SQLError) -> Numeric? {
        if a.isNaN || b.isNaN { return .nan }
        if b.signum == 0 { throw divisionByZero }
        if a.isFinite { return b.isFinite ? nil : .zero }
        if !b.isFinite { return .nan }
        return a.signum == b.signum ? .infinity : .negativeInfinity
    }

    /// `a` / `b`, rounded half away from zero.
    static func roundedQuotient(_ a: Int128, _ b: Int128) -> Int128 {
        if let x = Int64(exactly: a), let y = Int64(exactly: b), x != .min, y != .min {
            let (quotient, rest) = x.quotientAndRemainder(dividingBy: y)
            if rest.magnitude >= y.magnitude - rest.magnitude {
                return Int128(quotient + ((x < 0) == (y < 0) ? 1 : -1))
            }
            return Int128(quotient)
        }
        let (quotient, rest) = a.quotientAndRemainder(dividingBy: b)
        guard rest.magnitude >= b.magnitude - rest.magnitude else { return quotient }
        return quotient + ((a < 0) == (b < 0) ? 1 : -1)
    }

    /// PostgreSQL's select_div_scale. It counts in digits of base 10^4 that are aligned with the
    /// point, so the weights and first digits of such are made here.
    static func quotientScale(_ a: Numeric, _ b: Numeric) -> Int {
        let (weightA, firstA) = a.leadingGroup
        let (weightB, firstB) = b.leadingGroup
        let weight = weightA - weightB - (firstA <= firstB ? 1 : 0)
        let wanted = max(16 - weight * 4, a.scale ?? 0, b.scale ?? 0, 0)
        return min(wanted, FormatLimits.numericDivisionScaleMax)
    }

    /// The first group of four digits that is not 0, and the power of 10^4 that it counts.
    var leadingGroup: (weight: Int, first: Int) {
        switch self {
        case .finite(let coefficient, let scale):
            if coefficient == 0 { return (0, 0) }
            let value = coefficient.magnitude
            let count = Numeric.digitCount(value)
            let (weight, digits) = Numeric.group(count - 1 - Int(scale))
            if digits >= count {
                return (weight, Int(value) * Int(Numeric.shortPower(digits - count)))
            }
            if count - digits <= 18, let short = UInt64(exactly: value) {
                return (weight, Int(short / UInt64(Numeric.shortPower(count - digits))))
            }
            return (weight, Int(value / UInt128(Numeric.power(count - digits))))
        case .big(let big):
            let count = Limbs.digitCount(big.limbs)
            let (weight, digits) = Numeric.group(count - 1 - big.scale)
            let first = Limbs.divided(big.limbs, byPower: count - digits).quotient
            return (weight, Int(first.first ?? 0))
        case .nan, .infinity, .negativeInfinity: return (0, 0)
        }
    }

    private static func group(_ exponent: Int) -> (weight: Int, digits: Int) {
        let weight = exponent >= 0 ? exponent / 4 : (exponent - 3) / 4
        return (weight, exponent - weight * 4 + 1)
    }
}
