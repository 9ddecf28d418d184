/// A decimal of any length: sign, magnitude in base 10^9 (least significant first, without zeros at
/// its end), display scale. It carries `Numeric` where 128 bits do not suffice, and computes with
/// what is between.
public struct BigDecimal: Sendable, Hashable {
    public var isNegative: Bool
    public var limbs: [UInt32]
    /// Digits behind the point; the value is the limbs' integer / 10^scale.
    public var scale: Int

    public init(isNegative: Bool, limbs: [UInt32], scale: Int) {
        self.limbs = limbs
        Limbs.trim(&self.limbs)
        self.isNegative = isNegative && !self.limbs.isEmpty
        self.scale = scale
    }

    init(_ coefficient: Int128, scale: Int) {
        isNegative = coefficient < 0
        limbs = Limbs.make(coefficient.magnitude)
        self.scale = scale
    }

    static func integer(_ value: Int) -> BigDecimal { BigDecimal(Int128(value), scale: 0) }

    /// The limbs' integer with its sign, if 128 bits hold it and its negation.
    var coefficient: Int128? {
        guard limbs.count <= 5 else { return nil }
        var value: Int128 = 0
        for limb in limbs.reversed() {
            let (shifted, overflow) = value.multipliedReportingOverflow(by: 1_000_000_000)
            let (sum, carry) = shifted.addingReportingOverflow(Int128(limb))
            if overflow || carry { return nil }
            value = sum
        }
        return isNegative ? -value : value
    }

    var isZero: Bool { limbs.isEmpty }

    /// The position of the first digit: 0 for units, -1 for tenths; of 0: -`scale`.
    var exponent: Int { limbs.isEmpty ? -scale : Limbs.digitCount(limbs) - 1 - scale }

    var magnitude: BigDecimal { BigDecimal(isNegative: false, limbs: limbs, scale: scale) }

    static prefix func - (value: BigDecimal) -> BigDecimal {
        BigDecimal(isNegative: !value.isNegative, limbs: value.limbs, scale: value.scale)
    }

    var trimmed: BigDecimal {
        guard !limbs.isEmpty else { return BigDecimal(isNegative: false, limbs: [], scale: 0) }
        var result = self
        while result.scale > 0, result.limbs[0] % 10 == 0 {
            // Nine at a time while a whole limb is zero.
            let step = result.limbs[0] == 0 && result.scale >= 9 ? 9 : 1
            result.limbs = Limbs.divided(result.limbs, byPower: step).quotient
            result.scale -= step
        }
        return result
    }
}

extension BigDecimal {
    /// The magnitude as it is at a scale that is not smaller.
    func limbs(at scale: Int) -> [UInt32] {
        Limbs.multiplied(limbs, byPower: scale - self.scale)
    }

    func compare(_ other: BigDecimal) -> Int {
        if isNegative != other.isNegative { return isNegative ? -1 : 1 }
        let common = max(scale, other.scale)
        let order = Limbs.compare(limbs(at: common), other.limbs(at: common))
        return isNegative ? -order : order
    }

    static func + (a: BigDecimal, b: BigDecimal) -> BigDecimal {
        let scale = max(a.scale, b.scale)
        let x = a.limbs(at: scale)
        let y = b.limbs(at: scale)
        if a.isNegative == b.isNegative {
            return BigDecimal(isNegative: a.isNegative, limbs: Limbs.add(x, y), scale: scale)
        }
        if Limbs.compare(x, y) >= 0 {
            return BigDecimal(isNegative: a.isNegative, limbs: Limbs.subtract(x, y), scale: scale)
        }
        return BigDecimal(isNegative: b.isNegative, limbs: Limbs.subtract(y, x), scale: scale)
    }

    static func - (a: BigDecimal, b: BigDecimal) -> BigDecimal { a + -b }

    static func * (a: BigDecimal, b: BigDecimal) -> BigDecimal {
        BigDecimal(
            isNegative: a.isNegative != b.isNegative, limbs: Limbs.multiply(a.limbs, b.limbs),
            scale: a.scale + b.scale)
    }

    /// The quotient at `scale` (which may be negative inside a computation), rounded half away from
    /// zero or cut; `divisor` is not 0.
    func divided(by divisor: BigDecimal, scale target: Int, rounds: Bool = true) -> BigDecimal {
        let shift = target + divisor.scale - scale
        let dividend = shift > 0 ? Limbs.multiplied(limbs, byPower: shift) : limbs
        let by = shift < 0 ? Limbs.multiplied(divisor.limbs, byPower: -shift) : divisor.limbs
        var (quotient, remainder) = Limbs.divide(dividend, by)
        if rounds, Limbs.compare(Limbs.add(remainder, remainder), by) >= 0 {
            quotient = Limbs.add(quotient, [1])
        }
        return BigDecimal(
            isNegative: isNegative != divisor.isNegative, limbs: quotient, scale: target)
    }

    /// The value at `scale`: zeros are added, or digits rounded half away from zero or cut.
    func rescaled(_ target: Int, rounds: Bool = true) -> BigDecimal {
        if target >= scale {
            return BigDecimal(isNegative: isNegative, limbs: limbs(at: target), scale: target)
        }
        var (quotient, half) = Limbs.divided(limbs, byPower: scale - target)
        if rounds && half >= 0 { quotient = Limbs.add(quotient, [1]) }
        return BigDecimal(isNegative: isNegative, limbs: quotient, scale: target)
    }
}
