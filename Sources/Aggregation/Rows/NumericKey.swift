import Formats

/// A numeric as bytes that order as the numbers do, whatever their scales: a byte for its class,
/// then for other than zero the decimal exponent and the digits without the zeros at both ends,
/// complemented where negative.
enum NumericKey {
    static func append(_ value: Numeric, to bytes: inout [UInt8]) {
        switch value {
        case .negativeInfinity: bytes.append(0)
        case .infinity: bytes.append(4)
        case .nan: bytes.append(5)
        case .finite(let coefficient, let scale):
            append(
                digits: decimalDigits(coefficient.magnitude), isNegative: coefficient < 0,
                scale: Int(scale), to: &bytes)
        case .big(let big):
            append(
                digits: decimalDigits(big.limbs), isNegative: big.isNegative, scale: big.scale,
                to: &bytes)
        }
    }

    private static func append(
        digits: [UInt8], isNegative: Bool, scale: Int, to bytes: inout [UInt8]
    ) {
        guard let first = digits.firstIndex(where: { $0 != 0 }),
            let last = digits.lastIndex(where: { $0 != 0 })
        else { return bytes.append(2) }
        let start = bytes.count
        // value = 0.d1d2d3... * 10^exponent
        let exponent = digits.count - first - scale
        let biased = UInt32(bitPattern: Int32(clamping: exponent)) ^ 1 << 31
        for shift in [UInt32(24), 16, 8, 0] {
            bytes.append(UInt8(truncatingIfNeeded: biased >> shift))
        }
        // Two digits a byte, from 1 on, so that 0 ends them.
        for index in stride(from: first, through: last, by: 2) {
            bytes.append(digits[index] * 10 + (index < last ? digits[index + 1] : 0) + 1)
        }
        bytes.append(0)
        if isNegative { for index in start..<bytes.count { bytes[index] = ~bytes[index] } }
        bytes.insert(isNegative ? 1 : 3, at: start)
    }

    /// Most significant first.
    private static func decimalDigits(_ value: UInt128) -> [UInt8] {
        var digits: [UInt8] = []
        var rest = value
        while rest > UInt128(UInt64.max) {
            let (quotient, part) = rest.quotientAndRemainder(dividingBy: 10_000_000_000_000_000_000)
            var low = UInt64(truncatingIfNeeded: part)
            for _ in 0..<19 {
                digits.append(UInt8(low % 10))
                low /= 10
            }
            rest = quotient
        }
        var low = UInt64(truncatingIfNeeded: rest)
        while low > 0 {
            digits.append(UInt8(low % 10))
            low /= 10
        }
        return digits.reversed()
    }

    private static func decimalDigits(_ limbs: [UInt32]) -> [UInt8] {
        var digits: [UInt8] = []
        for limb in limbs {
            var rest = limb
            for _ in 0..<9 {
                digits.append(UInt8(rest % 10))
                rest /= 10
            }
        }
        return digits.reversed()
    }
}
