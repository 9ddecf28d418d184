// Text in and out.
extension Numeric {
    /// Reads all of `text`, white space around it aside.
    public static func parse(_ text: UnsafeRawBufferPointer) throws(SQLError) -> Numeric {
        guard let number = unsafe NumberText(text) else {
            let (isNegative, hasSign, word) = unsafe NumberText.word(text)
            switch word {
            case "nan" where !hasSign: return .nan
            case "infinity", "inf": return isNegative ? .negativeInfinity : .infinity
            default: throw unsafe .invalidSyntax("numeric", text)
            }
        }
        let scale = max(number.fraction - number.exponent, 0)
        let zeros = max(number.exponent - number.fraction, 0)
        if number.dropped == 0, scale <= 1000,
            let coefficient = scaled(Int128(number.digits), zeros)
        {
            return .finite(number.isNegative ? -coefficient : coefficient, scale: Int16(scale))
        }
        guard scale <= FormatLimits.numericScaleMax,
            zeros <= FormatLimits.numericDigitsMax || number.digits == 0
        else { throw SQLError("value overflows numeric format", .numericValueOutOfRange) }
        let limbs = unsafe number.digits == 0 ? [] : readLimbs(text, number.range)
        let big = BigDecimal(
            isNegative: number.isNegative, limbs: Limbs.multiplied(limbs, byPower: zeros),
            scale: scale)
        return try Numeric(big).checked()
    }

    public static func parse(_ text: String) throws(SQLError) -> Numeric {
        try unsafe text.withBytes { (raw: UnsafeRawBufferPointer) throws(SQLError) -> Numeric in
            try unsafe parse(raw)
        }
    }

    private static func readLimbs(
        _ text: UnsafeRawBufferPointer, _ range: Range<Int>
    ) -> [UInt32] {
        var limbs: [UInt32] = []
        var limb: UInt32 = 0
        var place = 0
        for index in range.reversed() {
            let digit = unsafe text[index] &- UInt8(ascii: "0")
            guard digit < 10 else { continue }
            limb += UInt32(digit) * Limbs.powers[place]
            place += 1
            if place == 9 {
                limbs.append(limb)
                limb = 0
                place = 0
            }
        }
        limbs.append(limb)
        Limbs.trim(&limbs)
        return limbs
    }
}

extension Numeric: CustomStringConvertible {
    public var description: String {
        var buffer = OutputBuffer(capacity: 64)
        buffer.append(numeric: self)
        return unsafe buffer.bytes.withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
    }
}

extension OutputBuffer {
    /// Appends all digits of a number, or `NaN`, `Infinity` or `-Infinity`.
    public mutating func append(numeric value: Numeric) {
        switch value {
        case .finite(let coefficient, let scale): append(coefficient, scale: Int(scale))
        case .big(let big): append(big)
        case .nan: append("NaN")
        case .infinity: append("Infinity")
        case .negativeInfinity: append("-Infinity")
        }
    }

    private mutating func append(_ coefficient: Int128, scale: Int) {
        if coefficient < 0 { append(UInt8(ascii: "-")) }
        let magnitude = coefficient.magnitude
        guard let short = UInt64(exactly: magnitude) else {
            let unit: UInt128 = 10_000_000_000_000_000_000
            let (high, low) = magnitude.quotientAndRemainder(dividingBy: unit)
            reserve(40)
            var count = 0
            if high >= unit {
                // Up to 39 digits: one more part.
                append(digits: UInt64(high / unit), width: 1)
                append(digits: UInt64(high % unit), width: 19)
                count = 20
            } else {
                append(digits: UInt64(high), width: 1)
                count = OutputBuffer.digitCount(UInt64(high))
            }
            append(digits: UInt64(low), width: 19)
            return insertPoint(digits: count + 19, scale: scale)
        }
        reserve(42)
        append(digits: short, width: 1)
        insertPoint(digits: OutputBuffer.digitCount(short), scale: scale)
    }

    private mutating func append(_ big: BigDecimal) {
        if big.isNegative { append(UInt8(ascii: "-")) }
        reserve(big.limbs.count * 9 + big.scale + 2)
        for (index, limb) in big.limbs.reversed().enumerated() {
            append(digits: UInt64(limb), width: index == 0 ? 1 : 9)
        }
        if big.limbs.isEmpty { append(UInt8(ascii: "0")) }
        insertPoint(digits: Limbs.digitCount(big.limbs), scale: big.scale)
    }

    /// Appends at least `width` digits, filled with zeros on the left.
    mutating func append(digits value: UInt64, width: Int) {
        let count = max(OutputBuffer.digitCount(value), width)
        reserve(count)
        putDigits(value, count: count)
    }

    /// Puts a point before the last `scale` of the last `digits` bytes, and zeros where there are
    /// too few.
    private mutating func insertPoint(digits: Int, scale: Int) {
        guard scale > 0 else { return }
        let missing = max(scale + 1 - digits, 0)
        reserve(missing + 1)
        // The digits move behind the zeros that are put before them.
        let start = used - digits
        if missing > 0 {
            unsafe (base + start + missing).copyMemory(from: base + start, byteCount: digits)
            for index in start..<start + missing {
                unsafe base.storeBytes(of: UInt8(ascii: "0"), toByteOffset: index, as: UInt8.self)
            }
            used += missing
        }
        let point = used - scale
        unsafe (base + point + 1).copyMemory(from: base + point, byteCount: scale)
        unsafe base.storeBytes(of: UInt8(ascii: "."), toByteOffset: point, as: UInt8.self)
        used += 1
    }
}
