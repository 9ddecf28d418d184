// Numbers as JSON writes them. Eight digits are read in one word: after `word ^ "00000000"` a byte
// is at most 9 where a digit stands.
extension JSONScan {
    /// The bytes at `at` with "0" taken away, and how many digits they begin with.
    @inline(__always)
    static func digits8(_ at: Cursor) -> (values: UInt64, count: Int) {
        let values = unsafe word(at) ^ (ones &* 0x30)
        let others = ((values &+ (ones &* 0x76)) | values) & highs
        return (values, others == 0 ? 8 : others.trailingZeroBitCount &>> 3)
    }

    /// The number that the first `count` (1 to 8) of the digits make.
    @inline(__always)
    static func number8(_ values: UInt64, _ count: Int) -> UInt64 {
        // The first digit lies lowest: shifted up, zeros stand before it.
        var x = values &<< UInt64(truncatingIfNeeded: (8 &- count) &* 8)
        x = (x &* 10 &+ (x &>> 8)) & 0x00ff_00ff_00ff_00ff
        x = (x &* 100 &+ (x &>> 16)) & 0x0000_ffff_0000_ffff
        return (x &* 10_000 &+ (x &>> 32)) & 0xffff_ffff
    }

    /// Reads an integer of up to 64 bits; `cursor` is behind it. nil for what is none or too long;
    /// a fraction or exponent that follows is the caller's to see.
    @inline(__always)
    static func integer(_ cursor: inout Cursor) -> Int64? {
        var at = unsafe cursor
        let isNegative = unsafe at.pointee == UInt8(ascii: "-")
        if isNegative { unsafe at += 1 }
        let (values, count) = unsafe digits8(at)
        if count == 0 { return nil }
        if count > 1 && values & 0xff == 0 { return nil }
        var magnitude = number8(values, count)
        unsafe at += count
        if count == 8 {
            let (more, extra) = unsafe digits8(at)
            if extra == 8 { return unsafe longInteger(&cursor) }
            if extra > 0 {
                magnitude = magnitude &* powers[extra] &+ number8(more, extra)
                unsafe at += extra
            }
        }
        unsafe cursor = unsafe at
        return isNegative
            ? 0 &- Int64(truncatingIfNeeded: magnitude)
            : Int64(truncatingIfNeeded: magnitude)
    }

    /// 16 digits and more.
    @inline(never)
    private static func longInteger(_ cursor: inout Cursor) -> Int64? {
        var at = unsafe cursor
        let isNegative = unsafe at.pointee == UInt8(ascii: "-")
        if isNegative { unsafe at += 1 }
        if unsafe at.pointee == UInt8(ascii: "0") { return nil }
        var value: Int64 = 0
        while unsafe at.pointee &- UInt8(ascii: "0") < 10 {
            // Counted below zero, where there is room for Int64.min.
            let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
            let digit = unsafe Int64(at.pointee &- UInt8(ascii: "0"))
            let (sum, borrow) = tens.subtractingReportingOverflow(digit)
            if overflow || borrow { return nil }
            value = sum
            unsafe at += 1
        }
        unsafe cursor = unsafe at
        if isNegative { return value }
        return value == .min ? nil : -value
    }

    @usableFromInline static let powers: InlineArray<8, UInt64> = [
        1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000,
    ]

    @usableFromInline static let exactPowers: InlineArray<8, Double> = [
        1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7,
    ]

    /// Behind the digits at `at`.
    @inline(__always)
    static func digitsEnd(_ at: Cursor) -> Cursor {
        var cursor = unsafe at
        while true {
            let count = unsafe digits8(cursor).count
            unsafe cursor += count
            if count < 8 { return unsafe cursor }
        }
    }

    /// Behind the number at `at`.
    @inline(__always)
    static func numberEnd(_ at: Cursor) -> Cursor? {
        let start = unsafe at.pointee == UInt8(ascii: "-") ? at + 1 : at
        let end = unsafe digitsEnd(start)
        if unsafe end == start { return nil }
        if unsafe start.pointee == UInt8(ascii: "0") && end != start + 1 { return nil }
        // What follows most numbers is a comma or a bracket.
        let next = unsafe end.pointee
        if next != UInt8(ascii: ".") && next | 0x20 != UInt8(ascii: "e") { return unsafe end }
        return unsafe fractionEnd(end)
    }

    @inline(never)
    private static func fractionEnd(_ at: Cursor) -> Cursor? {
        var cursor = unsafe at
        if unsafe cursor.pointee == UInt8(ascii: ".") {
            let end = unsafe digitsEnd(cursor + 1)
            if unsafe end == cursor + 1 { return nil }
            unsafe cursor = unsafe end
        }
        if unsafe cursor.pointee | 0x20 == UInt8(ascii: "e") {
            unsafe cursor += 1
            if unsafe cursor.pointee == UInt8(ascii: "-") || cursor.pointee == UInt8(ascii: "+") {
                unsafe cursor += 1
            }
            let end = unsafe digitsEnd(cursor)
            if unsafe end == cursor { return nil }
            unsafe cursor = unsafe end
        }
        return unsafe cursor
    }

    /// A number as a double, rounded as strtod does; `cursor` is behind it. nil for what is no
    /// number, is too large for a double, or is an integer that a double does not hold exactly.
    @inline(__always)
    static func double(_ cursor: inout Cursor) -> Double? {
        var at = unsafe cursor
        let isNegative = unsafe at.pointee == UInt8(ascii: "-")
        if isNegative { unsafe at += 1 }
        let (whole, wholeCount) = unsafe digits8(at)
        if wholeCount == 0 || wholeCount == 8 || wholeCount > 1 && whole & 0xff == 0 {
            return unsafe oddDouble(&cursor)
        }
        unsafe at += wholeCount
        var mantissa = number8(whole, wholeCount)
        var scale = 0
        if unsafe at.pointee == UInt8(ascii: ".") {
            let (fraction, count) = unsafe digits8(at + 1)
            if count == 0 || count == 8 { return unsafe oddDouble(&cursor) }
            mantissa = mantissa &* powers[count] &+ number8(fraction, count)
            scale = count
            unsafe at += count &+ 1
        }
        if unsafe at.pointee | 0x20 == UInt8(ascii: "e") { return unsafe oddDouble(&cursor) }
        // At most 14 digits and a power of ten up to 7 are exact, so one rounding is the right one
        // (Clinger, "How to read floating point numbers accurately", 1990).
        unsafe cursor = unsafe at
        let value = Double(Int64(truncatingIfNeeded: mantissa)) / exactPowers[scale]
        return isNegative ? -value : value
    }

    @inline(never)
    private static func oddDouble(_ cursor: inout Cursor) -> Double? {
        guard let end = unsafe numberEnd(cursor) else { return nil }
        let length = unsafe end - cursor
        let text = unsafe UnsafeBufferPointer(start: cursor, count: length)
        var isInteger = true
        for index in 0..<length where unsafe text[index] == UInt8(ascii: ".") || text[index] > 0x39
        {
            isInteger = false
        }
        guard let value = unsafe exactDouble(text), value.isFinite else { return nil }
        if isInteger && value.magnitude > 0x1p53 { return nil }
        unsafe cursor = unsafe end
        return value
    }

    /// The double nearest to a number of JSON's syntax.
    static func exactDouble(_ text: UnsafeBufferPointer<UInt8>) -> Double? {
        if let value = unsafe shortDouble(text) { return value }
        return unsafe Double(String(decoding: text, as: UTF8.self))
    }

    /// Clinger's case: at most 19 digits that make no more than 2^53, a power of ten up to 22.
    private static func shortDouble(_ text: UnsafeBufferPointer<UInt8>) -> Double? {
        var index = 0
        let isNegative = unsafe text.count > 0 && text[0] == UInt8(ascii: "-")
        if isNegative { index = 1 }
        var mantissa: UInt64 = 0
        var digits = 0
        var scale = 0
        var inFraction = false
        while index < text.count, unsafe text[index] | 0x20 != UInt8(ascii: "e") {
            if unsafe text[index] == UInt8(ascii: ".") {
                inFraction = true
            } else {
                mantissa = unsafe mantissa &* 10 &+ UInt64(text[index] &- UInt8(ascii: "0"))
                if mantissa > 0 { digits += 1 }
                if inFraction { scale -= 1 }
            }
            index += 1
        }
        guard digits <= 19, mantissa <= 1 << 53 else { return nil }
        if index < text.count {
            guard text.count - index <= 5 else { return nil }
            var exponent = 0
            var isDown = false
            for place in index + 1..<text.count {
                switch unsafe text[place] {
                case UInt8(ascii: "-"): isDown = true
                case UInt8(ascii: "+"): break
                default: exponent = unsafe exponent * 10 + Int(text[place] &- UInt8(ascii: "0"))
                }
            }
            scale += isDown ? -exponent : exponent
        }
        guard scale >= -22, scale <= 22 else { return nil }
        var power = 1.0
        for _ in 0..<abs(scale) { power *= 10 }
        let value = scale < 0 ? Double(mantissa) / power : Double(mantissa) * power
        return isNegative ? -value : value
    }
}
