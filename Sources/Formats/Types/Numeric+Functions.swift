// Roots, powers and logarithms, with PostgreSQL's result scales: at least 16 significant digits.
// Results are computed with guard digits and rounded once.
extension Numeric {
    static let significantDigitsMin = 16
    /// PostgreSQL's NUMERIC_MAX_DISPLAY_SCALE.
    static let displayScaleMax = 1000
    /// e^x with a larger |x| is out of range, or 0.
    private static let exponentMax = 6000.0

    private static func bounded(_ scale: Int) -> Int { min(max(scale, 0), displayScaleMax) }

    static let overflowError = SQLError("value overflows numeric format", .numericValueOutOfRange)

    public func squareRoot() throws(SQLError) -> Numeric {
        if signum < 0 {
            throw SQLError(
                "cannot take square root of a negative number", .invalidArgumentForPower)
        }
        guard let value = decimal else { return self }
        let weight = (leadingGroup.weight + 1) * 2 - 1
        let scale = Numeric.bounded(max(Numeric.significantDigitsMin - weight, value.scale))
        return Numeric(value.squareRoot(scale: scale))
    }

    /// The root with so many digits behind the point.
    public func squareRoot(scale: Int) throws(SQLError) -> Numeric {
        guard let value = decimal, signum >= 0 else { return try squareRoot() }
        return Numeric(value.squareRoot(scale: Numeric.bounded(scale)))
    }

    public func exponential() throws(SQLError) -> Numeric {
        guard let value = decimal else {
            if case .negativeInfinity = self { return .zero }
            return self
        }
        if double > Numeric.exponentMax { throw Numeric.overflowError }
        let digits = max(-2000, min(2000, double * 0.434_294_481_903_252))
        let scale = Numeric.bounded(max(16 - Int(digits), value.scale))
        if double < -Numeric.exponentMax { return Numeric.zero.rescaled(scale) }
        return Numeric(value.exponential(scale: scale))
    }

    /// The natural logarithm.
    public func naturalLogarithm() throws(SQLError) -> Numeric {
        try checkLogarithm()
        guard let value = decimal else { return self }
        let scale = Numeric.bounded(max(16 - logarithmExponent, value.scale))
        return Numeric(value.logarithm(scale: scale))
    }

    /// log(base, value)
    public func logarithm(base: Numeric) throws(SQLError) -> Numeric {
        try base.checkLogarithm()
        try checkLogarithm()
        guard let number = decimal, let root = base.decimal else {
            if isNaN || base.isNaN { return .nan }
            if isFinite { return .zero }
            return base.isFinite ? .infinity : .nan
        }
        let (over, under) = (logarithmExponent, base.logarithmExponent)
        let scale = Numeric.bounded(max(16 - (over - under), root.scale, number.scale))
        let digits = scale + max(over - under, 0) + 8
        let divisor = root.logarithm(scale: max(digits - under, 0))
        if divisor.isZero { throw Numeric.divisionByZero }
        let dividend = number.logarithm(scale: max(digits - under, 0))
        return Numeric(dividend.divided(by: divisor, scale: scale))
    }

    private func checkLogarithm() throws(SQLError) {
        if isNaN { return }
        if signum == 0 {
            throw SQLError("cannot take logarithm of zero", .invalidArgumentForLogarithm)
        }
        if signum < 0 {
            throw SQLError(
                "cannot take logarithm of a negative number", .invalidArgumentForLogarithm)
        }
    }

    /// The decimal exponent of the natural logarithm, roughly (PostgreSQL's estimate_ln_dweight).
    private var logarithmExponent: Int {
        if self >= .finite(9, scale: 1) && self <= .finite(11, scale: 1) {
            let distance = self - .one
            if distance.signum == 0 { return 0 }
            let (weight, first) = distance.leadingGroup
            return weight * 4 + String(first).utf8.count - 1
        }
        guard let value = decimal else { return 0 }
        // About the same double as from its first eight digits.
        let short = value.rescaled(value.scale - max(value.exponent + value.scale - 16, 0))
        let logarithm = short.logarithm(scale: 20)
        return logarithm.exponent < 0 ? 0 : logarithm.exponent
    }

    public func power(_ exponent: Numeric) throws(SQLError) -> Numeric {
        guard let base = decimal, let power = exponent.decimal else {
            return try powerOfSpecials(exponent)
        }
        if base.isZero && power.isNegative {
            throw SQLError(
                "zero raised to a negative power is undefined", .invalidArgumentForPower)
        }
        if let whole = exponent.wholeExponent {
            return Numeric(
                try base.power(whole, scale: Numeric.bounded(max(16, base.scale))))
        }
        let isWhole = exponent.truncated(0) == exponent
        if base.isNegative && !isWhole {
            throw SQLError(
                "a negative number raised to a non-integer power yields a complex result",
                .invalidArgumentForPower)
        }
        if base.isZero { return Numeric.zero.rescaled(16) }
        let isNegative = base.isNegative && exponent.remainder2 != 0
        let estimate = base.magnitude.logarithm(scale: 12) * power
        let value = Numeric(estimate).double
        if abs(value) > 6020 {
            if value > 0 { throw Numeric.overflowError }
            return Numeric.zero.rescaled(Numeric.displayScaleMax)
        }
        let digits = Int(value * 0.434_294_481_903_252)
        let scale = Numeric.bounded(max(16 - digits, base.scale, power.scale))
        // The product needs as many digits behind the point as the result has in all.
        let precise = scale + max(digits, 0) + 10 + max(power.exponent, 0)
        let product = base.magnitude.logarithm(scale: precise) * power
        let result = product.rescaled(precise).exponential(scale: scale)
        return Numeric(isNegative ? -result : result)
    }

    /// An exponent without a fraction that fits 32 bits.
    private var wholeExponent: Int? {
        guard truncated(0) == self, let value = integer,
            Int64(Int32.min)...Int64(Int32.max) ~= value
        else { return nil }
        return Int(value)
    }

    /// 1 for odd whole numbers.
    private var remainder2: Int {
        (decimal?.rescaled(0, rounds: false).limbs.first).map { Int($0 & 1) } ?? 0
    }

    private func powerOfSpecials(_ exponent: Numeric) throws(SQLError) -> Numeric {
        if exponent.signum == 0 && !exponent.isNaN || self == .one { return .one }
        if isNaN || exponent.isNaN { return .nan }
        if signum == 0 && exponent.signum < 0 {
            throw SQLError(
                "zero raised to a negative power is undefined", .invalidArgumentForPower)
        }
        if exponent.isFinite {
            if case .infinity = self { return exponent.signum > 0 ? .infinity : .zero }
            guard exponent.truncated(0) == exponent else {
                throw SQLError(
                    "a negative number raised to a non-integer power yields a complex result",
                    .invalidArgumentForPower)
            }
            if exponent.signum < 0 { return .zero }
            return exponent.remainder2 == 0 ? .infinity : .negativeInfinity
        }
        if magnitude == .one { return .one }
        let grows = (magnitude > .one) == (exponent.signum > 0)
        return grows ? .infinity : .zero
    }

    /// The product of 1 to `number`.
    public static func factorial(_ number: Int64) throws(SQLError) -> Numeric {
        if number < 0 {
            throw SQLError(
                "factorial of a negative number is undefined", .numericValueOutOfRange)
        }
        if number > 32177 { throw overflowError }
        var limbs: [UInt32] = [1]
        for factor in 1...UInt32(max(number, 1)) { limbs = Limbs.multiply(limbs, small: factor) }
        return Numeric(BigDecimal(isNegative: false, limbs: limbs, scale: 0))
    }
}

extension BigDecimal {
    private static let one = BigDecimal.integer(1)

    /// Rounded to `scale`.
    func squareRoot(scale target: Int) -> BigDecimal {
        let radicand = limbs(at: 2 * target >= scale ? 2 * target : scale)
        if 2 * target < scale {
            let even = scale + scale % 2
            return BigDecimal(
                isNegative: false, limbs: BigDecimal.wholeRoot(limbs(at: even)).root,
                scale: even / 2
            ).rescaled(target)
        }
        var (root, rest) = BigDecimal.wholeRoot(radicand)
        // (root + 1/2)^2 < radicand
        if Limbs.compare(rest, root) > 0 { root = Limbs.add(root, [1]) }
        return BigDecimal(isNegative: false, limbs: root, scale: target)
    }

    /// The largest integer whose square is not greater, and what is left; Newton's method from
    /// above.
    private static func wholeRoot(_ value: [UInt32]) -> (root: [UInt32], rest: [UInt32]) {
        if value.isEmpty { return ([], []) }
        var root = Limbs.multiplied([1], byPower: (Limbs.digitCount(value) + 1) / 2)
        while true {
            let next = Limbs.divide(
                Limbs.add(root, Limbs.divide(value, root).0), small: 2
            ).0
            if Limbs.compare(next, root) >= 0 { break }
            root = next
        }
        return (root, Limbs.subtract(value, Limbs.multiply(root, root)))
    }

    /// e^self: the argument is halved until it is small, the series' sum squared as often.
    func exponential(scale target: Int) -> BigDecimal {
        let digits = Int(abs(Numeric(self).double) * 0.4343) + 1
        var halvings = 0
        var bound = abs(Numeric(self).double)
        while bound > 0.01 {
            bound /= 2
            halvings += 1
        }
        let precise = max(target + digits, 0) + digits + halvings / 3 + 12
        var x = rescaled(precise + halvings)
        for _ in 0..<halvings { x = x.divided(by: .integer(2), scale: precise + 2) }
        var sum = BigDecimal.one
        var term = BigDecimal.one
        var index = 1
        while !term.isZero {
            term = (term * x).divided(by: .integer(index), scale: precise)
            sum = sum + term
            index += 1
        }
        for _ in 0..<halvings { sum = (sum * sum).rescaled(precise) }
        return sum.rescaled(target)
    }

    /// ln(self), which is positive: roots are taken until it is near 1, then the series of the
    /// area tangent.
    func logarithm(scale target: Int) -> BigDecimal {
        var precise = target + 16
        var x = rescaled(max(precise, 2 * precise - exponent))
        precise = max(precise, -exponent + precise)
        var doublings = 1
        let low = BigDecimal(90, scale: 2)
        let high = BigDecimal(110, scale: 2)
        while x.compare(low) < 0 || x.compare(high) > 0 {
            x = x.squareRoot(scale: precise + doublings / 3)
            doublings += 1
        }
        let z = (x - .one).divided(by: x + .one, scale: precise)
        let square = (z * z).rescaled(precise)
        var power = z
        var sum = z
        var index = 3
        while !power.isZero {
            power = (power * square).rescaled(precise)
            sum = sum + power.divided(by: .integer(index), scale: precise)
            index += 2
        }
        var factor = BigDecimal.one
        for _ in 0..<doublings { factor = factor * .integer(2) }
        return (sum * factor).rescaled(target)
    }

    /// self^exponent, rounded to `scale`.
    func power(_ exponent: Int, scale target: Int) throws(SQLError) -> BigDecimal {
        if exponent == 0 { return BigDecimal.one.rescaled(target) }
        if exponent == 1 { return rescaled(target) }
        if exponent == -1 { return BigDecimal.one.divided(by: self, scale: target) }
        if isZero { return rescaled(target) }
        // log10 of the magnitude, from its first 17 digits.
        let shift = max(Limbs.digitCount(limbs) - 17, 0)
        let leading = Limbs.divided(limbs, byPower: shift).quotient
        let head = Numeric(BigDecimal(isNegative: false, limbs: leading, scale: 0)).double
        let logarithm = BigDecimal.log10(head) + Double(shift - scale)
        let size = Double(exponent) * logarithm
        if size > 131_072 { throw Numeric.overflowError }
        if size + 1 < -Double(target) { return BigDecimal.integer(0).rescaled(target) }
        // Each multiplication keeps so many digits that the rounded ones are not touched.
        let significant = max(Int(size) + target, 1) + 12 + String(abs(exponent)).utf8.count
        var base = exponent < 0 ? inverse(significant) : self
        var result = BigDecimal.one
        var left = exponent.magnitude
        while left > 0 {
            if left & 1 == 1 { result = (result * base).keeping(significant) }
            left >>= 1
            if left > 0 { base = (base * base).keeping(significant) }
        }
        return result.rescaled(target)
    }

    private func inverse(_ significant: Int) -> BigDecimal {
        BigDecimal.one.divided(by: self, scale: max(significant + exponent + 1, 0))
    }

    /// Rounded to about so many digits.
    private func keeping(_ significant: Int) -> BigDecimal {
        let digits = Limbs.digitCount(limbs)
        return digits <= significant ? self : rescaled(scale - (digits - significant))
    }

    /// From the binary exponent and a series; only its first digits matter here.
    private static func log10(_ value: Double) -> Double {
        let y = (value.significand - 1) / (value.significand + 1)
        var (sum, power, index) = (0.0, y, 1.0)
        while index < 60 {
            sum += power / index
            power *= y * y
            index += 2
        }
        return (2 * sum + Double(value.exponent) * 0.693_147_180_559_945_3) / 2.302_585_092_994_046
    }
}
