/// Arithmetic on natural numbers in base 10^9, least significant limb first, without zeros at the
/// end; 0 is empty. Schoolbook methods: numbers of more than some hundred digits are rare here.
enum Limbs {
    static let base: UInt64 = 1_000_000_000
    static let powers: [UInt32] = [
        1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000,
    ]

    static func make(_ value: UInt128) -> [UInt32] {
        var limbs: [UInt32] = []
        var rest = value
        while rest != 0 {
            let (quotient, remainder) = rest.quotientAndRemainder(dividingBy: UInt128(base))
            limbs.append(UInt32(remainder))
            rest = quotient
        }
        return limbs
    }

    static func trim(_ limbs: inout [UInt32]) {
        while limbs.last == 0 { limbs.removeLast() }
    }

    /// Decimal digits; of 0 one.
    static func digitCount(_ limbs: [UInt32]) -> Int {
        guard let top = limbs.last else { return 1 }
        return (limbs.count - 1) * 9 + OutputBuffer.digitCount(UInt64(top))
    }

    static func compare(_ a: [UInt32], _ b: [UInt32]) -> Int {
        if a.count != b.count { return a.count < b.count ? -1 : 1 }
        for index in a.indices.reversed() where a[index] != b[index] {
            return a[index] < b[index] ? -1 : 1
        }
        return 0
    }

    static func add(_ a: [UInt32], _ b: [UInt32]) -> [UInt32] {
        var (result, shorter) = a.count >= b.count ? (a, b) : (b, a)
        if shorter.isEmpty { return result }
        var carry: UInt64 = 0
        for index in result.indices {
            if index >= shorter.count && carry == 0 { return result }
            let sum =
                UInt64(result[index]) + (index < shorter.count ? UInt64(shorter[index]) : 0) + carry
            carry = sum >= base ? 1 : 0
            result[index] = UInt32(sum - carry * base)
        }
        if carry > 0 { result.append(1) }
        return result
    }

    /// `a` - `b`, which is not greater.
    static func subtract(_ a: [UInt32], _ b: [UInt32]) -> [UInt32] {
        var result = a
        var borrow: Int64 = 0
        for index in result.indices {
            if index >= b.count && borrow == 0 { break }
            var rest = Int64(result[index]) - (index < b.count ? Int64(b[index]) : 0) - borrow
            borrow = rest < 0 ? 1 : 0
            rest += borrow * Int64(base)
            result[index] = UInt32(rest)
        }
        trim(&result)
        return result
    }

    static func multiply(_ a: [UInt32], _ b: [UInt32]) -> [UInt32] {
        if a.isEmpty || b.isEmpty { return [] }
        var result = [UInt32](repeating: 0, count: a.count + b.count)
        for (i, x) in a.enumerated() where x != 0 {
            var carry: UInt64 = 0
            let factor = UInt64(x)
            for (j, y) in b.enumerated() {
                let sum = factor * UInt64(y) + UInt64(result[i + j]) + carry
                carry = sum / base
                result[i + j] = UInt32(sum - carry * base)
            }
            result[i + b.count] = UInt32(carry)
        }
        trim(&result)
        return result
    }

    static func multiply(_ a: [UInt32], small factor: UInt32) -> [UInt32] {
        if factor == 0 { return [] }
        if factor == 1 { return a }
        var result = a
        var carry: UInt64 = 0
        for index in result.indices {
            let sum = UInt64(result[index]) * UInt64(factor) + carry
            carry = sum / base
            result[index] = UInt32(sum - carry * base)
        }
        if carry > 0 { result.append(UInt32(carry)) }
        return result
    }

    static func divide(_ a: [UInt32], small divisor: UInt32) -> ([UInt32], remainder: UInt32) {
        var quotient = a
        var rest: UInt64 = 0
        for index in quotient.indices.reversed() {
            let value = rest * base + UInt64(quotient[index])
            quotient[index] = UInt32(value / UInt64(divisor))
            rest = value % UInt64(divisor)
        }
        trim(&quotient)
        return (quotient, UInt32(rest))
    }

    /// `a` * 10^`digits`; `digits` is not negative.
    static func multiplied(_ a: [UInt32], byPower digits: Int) -> [UInt32] {
        if a.isEmpty || digits == 0 { return a }
        let scaled = multiply(a, small: powers[digits % 9])
        return [UInt32](repeating: 0, count: digits / 9) + scaled
    }

    /// `a` / 10^`digits`, and how what is cut off compares with half a unit.
    static func divided(_ a: [UInt32], byPower digits: Int) -> (quotient: [UInt32], half: Int) {
        if digits == 0 { return (a, -1) }
        if a.isEmpty || digits > a.count * 9 { return ([], -1) }
        let dropped = digits / 9
        let (quotient, rest) = divide(Array(a[min(dropped, a.count)...]), small: powers[digits % 9])
        // What is cut off: `rest` before the dropped limbs.
        var cut = Array(a[..<min(dropped, a.count)])
        cut += [UInt32](repeating: 0, count: dropped - cut.count) + [rest]
        trim(&cut)
        let half = multiplied([5], byPower: digits - 1)
        return (quotient, compare(cut, half))
    }

    /// Knuth's algorithm D (TAOCP 2, 4.3.1); `divisor` is not 0.
    static func divide(
        _ dividend: [UInt32], _ divisor: [UInt32]
    ) -> (quotient: [UInt32], remainder: [UInt32]) {
        if compare(dividend, divisor) < 0 { return ([], dividend) }
        if divisor.count == 1 {
            let (quotient, rest) = divide(dividend, small: divisor[0])
            return (quotient, rest == 0 ? [] : [rest])
        }
        // Scaled so that the divisor's first limb is at least half the base.
        let factor = UInt32(base / (UInt64(divisor[divisor.count - 1]) + 1))
        let by = multiply(divisor, small: factor)
        var rest = multiply(dividend, small: factor)
        rest += [UInt32](repeating: 0, count: dividend.count + 1 - rest.count)
        let n = by.count
        var quotient = [UInt32](repeating: 0, count: rest.count - n)
        for place in (0..<rest.count - n).reversed() {
            quotient[place] = quotientLimb(&rest, by, place)
        }
        trim(&quotient)
        trim(&rest)
        return (quotient, divide(rest, small: factor).0)
    }

    /// The limb of the quotient at `place`; its product with the divisor is taken from `rest`.
    private static func quotientLimb(
        _ rest: inout [UInt32], _ by: [UInt32], _ place: Int
    ) -> UInt32 {
        let n = by.count
        let top = UInt64(rest[place + n]) * base + UInt64(rest[place + n - 1])
        var guess = top / UInt64(by[n - 1])
        var left = top % UInt64(by[n - 1])
        while guess >= base || guess * UInt64(by[n - 2]) > left * base + UInt64(rest[place + n - 2])
        {
            guess -= 1
            left += UInt64(by[n - 1])
            if left >= base { break }
        }
        var borrow: Int64 = 0
        var carry: UInt64 = 0
        for index in 0..<n {
            let product = guess * UInt64(by[index]) + carry
            carry = product / base
            var value = Int64(rest[place + index]) - Int64(product % base) - borrow
            borrow = value < 0 ? 1 : 0
            value += borrow * Int64(base)
            rest[place + index] = UInt32(value)
        }
        let last = Int64(rest[place + n]) - Int64(carry) - borrow
        if last >= 0 {
            rest[place + n] = UInt32(last)
            return UInt32(guess)
        }
        // The guess was one too great: the divisor is added back.
        var sumCarry: UInt64 = 0
        for index in 0..<n {
            let sum = UInt64(rest[place + index]) + UInt64(by[index]) + sumCarry
            sumCarry = sum >= base ? 1 : 0
            rest[place + index] = UInt32(sum - sumCarry * base)
        }
        rest[place + n] = 0
        return UInt32(guess - 1)
    }
}
