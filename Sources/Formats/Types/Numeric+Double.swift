extension Numeric {
    /// The nearest double; beyond its range infinite.
    public var double: Double {
        switch self {
        case .finite(let coefficient, let scale):
            if let short = Int64(exactly: coefficient), short.magnitude < 1 << 53, scale <= 22 {
                return scale == 0
                    ? Double(short) : Double(short) / NumberText.doublePower(Int(scale))
            }
            if scale == 0 { return Double(coefficient) }
            return Double(description) ?? .nan
        case .big: return Double(description) ?? .nan
        case .nan: return .nan
        case .infinity: return .infinity
        case .negativeInfinity: return -.infinity
        }
    }

    /// As PostgreSQL casts double precision: 15 significant digits.
    public init(_ value: Double) {
        self = Numeric.make(value, digits: 15) { ShortestDecimal(value) }
    }

    /// As PostgreSQL casts real: 6 significant digits.
    public init(real value: Double) {
        self = Numeric.make(value, digits: 6) { ShortestDecimal(Float(value)) }
    }

    private static func make(
        _ value: Double, digits: Int, _ shortest: () -> ShortestDecimal
    ) -> Numeric {
        guard value.isFinite else {
            return value.isNaN ? .nan : value > 0 ? .infinity : .negativeInfinity
        }
        if digits == 15, value.magnitude < 1e15, value.rounded(.towardZero) == value {
            return .finite(Int128(Int64(value)), scale: 0)
        }
        let isSubnormal = digits == 15 ? value.isSubnormal : Float(value).isSubnormal
        if isSubnormal {
            // Too few bits for the shortest form to round as the value does.
            let exact = BigDecimal(exactly: value.magnitude)
            let rounded = exact.rescaled(digits - 1 - exact.exponent)
            return Numeric(
                BigDecimal(isNegative: value < 0, limbs: rounded.limbs, scale: rounded.scale)
            ).trimmed
        }
        let decimal = shortest()
        var coefficient = decimal.digits
        var count = decimal.count
        if count > digits {
            let unit = UInt64(shortPower(count - digits))
            let (quotient, rest) = coefficient.quotientAndRemainder(dividingBy: unit)
            // The shortest form is nearest to the value among those of its length, so it rounds as
            // the value does unless it lies on the boundary itself.
            let isTie = rest * 2 == unit
            let isUp = isTie ? roundsUp(value, decimal) : rest * 2 > unit
            coefficient = quotient + (isUp ? 1 : 0)
            count = digits
        }
        // The last digit's power of ten.
        let power = decimal.exponent - count + 1
        let signed = value < 0 ? -Int128(coefficient) : Int128(coefficient)
        if power >= 0 {
            if let wide = scaled(signed, power) { return .finite(wide, scale: 0) }
            return Numeric(BigDecimal(signed, scale: -power).rescaled(0))
        }
        return .finite(signed, scale: Int16(-power)).trimmed
    }

    /// Whether `value` lies at or above the decimal that is halfway between two shorter ones;
    /// on it, C's printf rounds to even, and so PostgreSQL does.
    private static func roundsUp(_ value: Double, _ decimal: ShortestDecimal) -> Bool {
        let exact = BigDecimal(exactly: value.magnitude)
        let shown = BigDecimal(
            Int128(decimal.digits), scale: decimal.count - 1 - decimal.exponent)
        let order =
            shown.scale < 0
            ? exact.compare(shown.rescaled(0)) : exact.compare(shown)
        if order != 0 { return order > 0 }
        return decimal.digits / 10 % 2 == 1
    }
}

extension BigDecimal {
    /// The exact value of a finite double that is not negative.
    init(exactly value: Double) {
        // Zero and subnormal numbers lack the leading bit.
        let isShort = value.isSubnormal || value == 0
        let significand =
            isShort ? value.significandBitPattern : value.significandBitPattern | 1 << 52
        let power = isShort ? -1074 : Int(value.exponent) - 52
        var limbs = Limbs.make(UInt128(significand))
        if power >= 0 {
            for _ in 0..<power { limbs = Limbs.multiply(limbs, small: 2) }
            self.init(isNegative: false, limbs: limbs, scale: 0)
        } else {
            // m / 2^k = m * 5^k / 10^k
            for _ in 0..<(-power) { limbs = Limbs.multiply(limbs, small: 5) }
            self.init(isNegative: false, limbs: limbs, scale: -power)
        }
    }
}

extension Numeric {
    /// All digits of a double; NaN and infinities as they are.
    public init(exactly value: Double) {
        guard value.isFinite else {
            self = value.isNaN ? .nan : value > 0 ? .infinity : .negativeInfinity
            return
        }
        let exact = BigDecimal(exactly: value.magnitude)
        self = Numeric(BigDecimal(isNegative: value < 0, limbs: exact.limbs, scale: exact.scale))
    }
}
