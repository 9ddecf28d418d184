/// The fewest digits that give a floating-point number back: digits / 10^(count-1) * 10^exponent.
struct ShortestDecimal {
    /// Without zeros at the end; 0 for zero.
    var digits: UInt64 = 0
    /// The power of ten of the first digit.
    var exponent = 0

    /// `value` is finite; the sign is left out.
    init(_ value: Double) {
        var sink = ASCIISink()
        value.magnitude.write(to: &sink)
        self.init(sink)
        if value.magnitude >= 0x1p53, value.magnitude < 1e37 {
            avoidBoundary(UInt128(value.magnitude), ulp: UInt128(value.ulp))
        }
    }

    init(_ value: Float) {
        var sink = ASCIISink()
        value.magnitude.write(to: &sink)
        self.init(sink)
        if value.magnitude >= 0x1p24, value.magnitude < 1e37 {
            avoidBoundary(UInt128(value.magnitude), ulp: UInt128(value.ulp))
        }
    }

    /// Takes more digits where the decimal lies exactly between two numbers: PostgreSQL does not
    /// trust that whoever reads it rounds to even.
    private mutating func avoidBoundary(_ value: UInt128, ulp: UInt128) {
        func distance(_ decimal: UInt128) -> UInt128 {
            decimal > value ? decimal - value : value - decimal
        }
        let shown = UInt128(digits) * UInt128(Numeric.power(exponent - count + 1))
        guard distance(shown) * 2 == ulp else { return }
        for width in count + 1...18 {
            let unit = UInt128(Numeric.power(max(exponent - width + 1, 0)))
            let rounded = (value + unit / 2) / unit
            guard distance(rounded * unit) * 2 < ulp else { continue }
            digits = UInt64(rounded)
            exponent += count - width
            while digits % 10 == 0 { digits /= 10 }
            return
        }
    }

    var count: Int { OutputBuffer.digitCount(digits) }

    /// Reads what the standard library writes: `123.456`, `1e-05`, `1.5e+20`.
    private init(_ sink: ASCIISink) {
        var isFraction = false
        var fraction = 0
        var index = 0
        while index < sink.count {
            let byte = sink[index]
            index += 1
            if byte == UInt8(ascii: ".") {
                isFraction = true
            } else if byte == UInt8(ascii: "e") {
                break
            } else {
                digits = digits &* 10 &+ UInt64(byte &- UInt8(ascii: "0"))
                if isFraction { fraction += 1 }
            }
        }
        var power = 0
        let isMinus = index < sink.count && sink[index] == UInt8(ascii: "-")
        if index < sink.count { index += 1 }
        while index < sink.count {
            power = power * 10 + Int(sink[index] &- UInt8(ascii: "0"))
            index += 1
        }
        if digits == 0 { return }
        exponent = (isMinus ? -power : power) - fraction + count - 1
        while digits % 10 == 0 { digits /= 10 }
    }
}

/// Takes the text of a number without memory from the heap.
private struct ASCIISink: TextOutputStream {
    private var low: (UInt64, UInt64) = (0, 0)
    private var high: (UInt64, UInt64) = (0, 0)
    private(set) var count = 0

    subscript(index: Int) -> UInt8 {
        let word = index < 8 ? low.0 : index < 16 ? low.1 : index < 24 ? high.0 : high.1
        return UInt8(truncatingIfNeeded: word &>> (UInt64(index & 7) &* 8))
    }

    private mutating func put(_ byte: UInt8) {
        let bits = UInt64(byte) &<< (UInt64(count & 7) &* 8)
        switch count {
        case ..<8: low.0 |= bits
        case ..<16: low.1 |= bits
        case ..<24: high.0 |= bits
        default: high.1 |= bits
        }
        count += 1
    }

    mutating func write(_ string: String) { for byte in string.utf8 { put(byte) } }

    mutating func _writeASCII(_ buffer: UnsafeBufferPointer<UInt8>) {
        for index in 0..<buffer.count { unsafe put(buffer[index]) }
    }
}

extension OutputBuffer {
    /// Appends a double as PostgreSQL does: the shortest form, with an exponent from 1e15 on and
    /// below 1e-4.
    public mutating func append(double value: Double) {
        guard value.isFinite else { return appendSpecial(value) }
        // Whole numbers are common and need no search for their digits.
        if value.magnitude < 1e15, value.rounded(.towardZero) == value, value != 0 {
            return append(decimal: Int64(value))
        }
        if value.sign == .minus { append(UInt8(ascii: "-")) }
        append(ShortestDecimal(value), fixedBelow: 15)
    }

    /// Appends a real: the shortest form of the 32-bit number, with an exponent from 1e6 on.
    public mutating func append(real value: Double) {
        guard value.isFinite else { return appendSpecial(value) }
        if value.sign == .minus { append(UInt8(ascii: "-")) }
        append(ShortestDecimal(Float(value)), fixedBelow: 6)
    }

    private mutating func appendSpecial(_ value: Double) {
        if value.isNaN { return append("NaN") }
        append(value < 0 ? "-Infinity" : "Infinity")
    }

    private mutating func append(_ value: ShortestDecimal, fixedBelow bound: Int) {
        if value.digits == 0 { return append(UInt8(ascii: "0")) }
        let count = value.count
        let exponent = value.exponent
        reserve(48)
        if exponent < -4 || exponent >= bound {
            append(digits: value.digits, width: 1)
            if count > 1 { pointBefore(last: count - 1) }
            append(UInt8(ascii: "e"))
            append(exponent < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+"))
            append(digits: UInt64(exponent.magnitude), width: 2)
        } else if exponent < 0 {
            append("0.")
            append(digits: value.digits, width: count - exponent - 1)
        } else if exponent + 1 >= count {
            append(digits: value.digits, width: 1)
            for _ in count..<exponent + 1 { append(UInt8(ascii: "0")) }
        } else {
            append(digits: value.digits, width: 1)
            pointBefore(last: count - exponent - 1)
        }
    }

    /// Puts a point before the last bytes; there is room.
    private mutating func pointBefore(last digits: Int) {
        let point = used - digits
        unsafe (base + point + 1).copyMemory(from: base + point, byteCount: digits)
        unsafe base.storeBytes(of: UInt8(ascii: "."), toByteOffset: point, as: UInt8.self)
        used += 1
    }
}

extension Double {
    /// Reads all of `text`, white space around it aside, as PostgreSQL's double precision.
    public static func parse(_ text: UnsafeRawBufferPointer) throws(SQLError) -> Double {
        if let number = unsafe NumberText(text), let value = number.exactDouble { return value }
        guard let value: Double = unsafe try slow(text, "double precision") else {
            throw unsafe .invalidSyntax("double precision", text)
        }
        return value
    }

    /// The same for `real`: the nearest 32-bit number.
    public static func parse(real text: UnsafeRawBufferPointer) throws(SQLError) -> Double {
        guard let value: Float = unsafe try slow(text, "real") else {
            throw unsafe .invalidSyntax("real", text)
        }
        return Double(value)
    }

    private static func slow<T: BinaryFloatingPoint & LosslessStringConvertible>(
        _ text: UnsafeRawBufferPointer, _ type: String
    ) throws(SQLError) -> T? {
        let (isNegative, _, word) = unsafe NumberText.word(text)
        switch word {
        case "nan": return T.nan
        case "infinity", "inf": return isNegative ? -T.infinity : T.infinity
        default: break
        }
        guard let number = unsafe NumberText(text) else { return nil }
        var start = 0
        let end = unsafe NumberText.trim(text, &start)
        let part = unsafe UnsafeRawBufferPointer(rebasing: text[start..<end])
        guard let value = unsafe T(String(decoding: part, as: UTF8.self)) else { return nil }
        if value.isInfinite || value == 0 && number.digits != 0 {
            throw unsafe .outOfRange(text, type)
        }
        return value
    }
}

extension NumberText {
    /// The number if one division or product of exact doubles gives it rightly rounded (Clinger).
    var exactDouble: Double? {
        let power = exponent - fraction
        guard dropped == 0, digits < 1 << 53, power >= -22, power <= 22 else { return nil }
        var value = Double(digits)
        if power < 0 {
            value /= NumberText.doublePower(-power)
        } else if power > 0 {
            value *= NumberText.doublePower(power)
        }
        return isNegative ? -value : value
    }

    /// 10^`exponent`, at most 22, which is exact.
    @inline(__always)
    static func doublePower(_ exponent: Int) -> Double {
        exponent <= 18
            ? Double(Numeric.shortPower(exponent))
            : 1e18 * Double(Numeric.shortPower(exponent - 18))
    }
}
