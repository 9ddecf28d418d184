/// A decimal number in text: what is between its sign and its exponent, gathered without a copy.
/// The readers of double and numeric begin with it.
struct NumberText {
    var isNegative = false
    /// The first 19 significant digits.
    var digits: UInt64 = 0
    /// Significant digits behind those 19.
    var dropped = 0
    /// Digits behind the point.
    var fraction = 0
    var exponent = 0
    /// Where the digits stand, the point among them.
    var range = 0..<0

    /// Reads all of `text` but white space around it; nil if it is no decimal number.
    init?(_ text: UnsafeRawBufferPointer) {
        var index = 0
        let end = unsafe NumberText.trim(text, &index)
        if index < end, unsafe text[index] == UInt8(ascii: "-") || text[index] == UInt8(ascii: "+")
        {
            isNegative = unsafe text[index] == UInt8(ascii: "-")
            index &+= 1
        }
        let start = index
        var seen = 0
        var point = -1
        while index < end {
            let byte = unsafe text[index]
            let digit = byte &- UInt8(ascii: "0")
            if digit < 10 {
                seen &+= 1
                if digits < 1_000_000_000_000_000_000 {
                    digits = digits &* 10 &+ UInt64(digit)
                } else {
                    dropped &+= 1
                }
            } else if byte == UInt8(ascii: "."), point < 0 {
                point = index
            } else {
                break
            }
            index &+= 1
        }
        guard seen > 0 else { return nil }
        range = start..<index
        if point >= 0 { fraction = index &- point &- 1 }
        guard index < end else { return }
        guard unsafe readExponent(text, &index, end), index == end else { return nil }
    }

    private mutating func readExponent(
        _ text: UnsafeRawBufferPointer, _ index: inout Int, _ end: Int
    ) -> Bool {
        guard unsafe text[index] | 0x20 == UInt8(ascii: "e") else { return false }
        index &+= 1
        var isMinus = false
        if index < end, unsafe text[index] == UInt8(ascii: "-") || text[index] == UInt8(ascii: "+")
        {
            isMinus = unsafe text[index] == UInt8(ascii: "-")
            index &+= 1
        }
        let start = index
        while index < end, unsafe text[index] &- UInt8(ascii: "0") < 10 {
            // Beyond a million every number is out of range, whatever its digits.
            if exponent < 100_000_000 {
                exponent = unsafe exponent &* 10 &+ Int(text[index] &- UInt8(ascii: "0"))
            }
            index &+= 1
        }
        if isMinus { exponent = -exponent }
        return index > start
    }

    /// Moves `start` behind white space; gives where the text ends before other white space.
    static func trim(_ text: UnsafeRawBufferPointer, _ start: inout Int) -> Int {
        var end = text.count
        while start < end, unsafe isSpace(text[start]) { start &+= 1 }
        while end > start, unsafe isSpace(text[end &- 1]) { end &-= 1 }
        return end
    }

    @inline(__always)
    static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte >= 0x09 && byte <= 0x0d
    }

    /// The word that `text` is without white space around it and without a sign, in lower case;
    /// empty if longer than ten bytes.
    static func word(_ text: UnsafeRawBufferPointer) -> (isNegative: Bool, hasSign: Bool, String) {
        var start = 0
        let end = unsafe trim(text, &start)
        var isNegative = false
        var hasSign = false
        if start < end, unsafe text[start] == UInt8(ascii: "-") || text[start] == UInt8(ascii: "+")
        {
            isNegative = unsafe text[start] == UInt8(ascii: "-")
            hasSign = true
            start &+= 1
        }
        guard end - start <= 10 else { return (false, false, "") }
        let part = unsafe UnsafeRawBufferPointer(rebasing: text[start..<end])
        return unsafe (isNegative, hasSign, String(decoding: part, as: UTF8.self).lowercased())
    }
}

extension SQLError {
    /// PostgreSQL's words for text that a type's input function refuses.
    static func invalidSyntax(_ type: String, _ text: UnsafeRawBufferPointer) -> SQLError {
        let shown = unsafe String(decoding: text, as: UTF8.self)
        return SQLError(
            "invalid input syntax for type \(type): \"\(shown)\"", .invalidTextRepresentation)
    }

    static func outOfRange(_ text: UnsafeRawBufferPointer, _ type: String) -> SQLError {
        let shown = unsafe String(decoding: text, as: UTF8.self)
        return SQLError(
            "\"\(shown)\" is out of range for type \(type)", .numericValueOutOfRange)
    }
}

extension String {
    /// Calls `body` with the UTF-8 of the text.
    public func withBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let bytes = Array(utf8)
        return unsafe try bytes.span.withUnsafeBytes(body)
    }
}
