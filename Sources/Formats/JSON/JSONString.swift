/// A string of a JSON text as it lies between its quotes; made by `JSONCursor`, which has validated
/// it.
public struct JSONString: Sendable, Equatable {
    /// The bytes between the quotes, as indices into the span that was read.
    public var content: Range<Int>
    /// True if the content holds backslashes; else it is its own value.
    public var hasEscapes: Bool

    @inlinable
    init(_ content: Range<Int>, hasEscapes: Bool) {
        self.content = content
        self.hasEscapes = hasEscapes
    }

    /// Appends the value of the string, as UTF-8.
    @inlinable
    public func decode(from bytes: RawSpan, into target: inout OutputBuffer) {
        if hasEscapes {
            unescape(bytes.extracting(content), into: &target)
        } else {
            target.append(bytes, content)
        }
    }

    @usableFromInline
    func unescape(_ text: RawSpan, into target: inout OutputBuffer) {
        // What is decoded is never longer than its text; eight bytes more take a copied word.
        target.reserve(text.byteCount &+ 8)
        let end = text.byteCount
        let slashes = ByteScan.ones &* 0x5c
        var index = 0
        while index < end {
            if end &- index >= 8 {
                let word = ByteScan.word(text, index)
                let hits = ByteScan.zeroBytes(word ^ slashes)
                let plain = hits == 0 ? 8 : hits.trailingZeroBitCount / 8
                target.put(word, count: plain)
                index &+= plain
                if hits == 0 { continue }
            }
            let byte = ByteScan.byte(text, index)
            if byte == UInt8(ascii: "\\") {
                index = appendEscape(text, at: index &+ 1, into: &target)
            } else {
                target.put(byte)
                index &+= 1
            }
        }
    }

    /// Appends what the escape whose letter is at `index` stands for; gives where it ends.
    private func appendEscape(
        _ text: RawSpan, at index: Int, into target: inout OutputBuffer
    ) -> Int {
        let letter = ByteScan.byte(text, index)
        switch letter {
        case UInt8(ascii: "b"): target.append(0x08)
        case UInt8(ascii: "f"): target.append(0x0c)
        case UInt8(ascii: "n"): target.append(0x0a)
        case UInt8(ascii: "r"): target.append(0x0d)
        case UInt8(ascii: "t"): target.append(0x09)
        case UInt8(ascii: "u"):
            var unit = JSONString.hexUnit(text, at: index &+ 1) ?? 0
            var end = index &+ 5
            if unit >= 0xd800 && unit < 0xdc00 {
                // The cursor has seen that the other half follows.
                let low = JSONString.hexUnit(text, at: end &+ 2) ?? 0
                unit = 0x10000 &+ ((unit &- 0xd800) &<< 10) &+ ((low &- 0xdc00) & 0x3ff)
                end &+= 6
            }
            target.append(scalar: unit)
            return end
        default: target.append(letter)
        }
        return index &+ 1
    }

    /// The number in the four hexadecimal digits at `index`; nil without them.
    @usableFromInline
    static func hexUnit(_ bytes: RawSpan, at index: Int) -> UInt32? {
        guard bytes.byteCount &- index >= 4 else { return nil }
        var value: UInt32 = 0
        for offset in 0..<4 {
            guard let digit = hexValue(ByteScan.byte(bytes, index &+ offset)) else { return nil }
            value = value &<< 4 | UInt32(digit)
        }
        return value
    }

    /// True if the value of the string is exactly `name`.
    @inlinable
    public func equals(_ name: StaticString, in bytes: RawSpan) -> Bool {
        if hasEscapes { return equalsEscaped(name, in: bytes) }
        guard content.count == name.utf8CodeUnitCount else { return false }
        let start = unsafe name.utf8Start
        for offset in 0..<content.count
        where unsafe ByteScan.byte(bytes, content.lowerBound &+ offset) != start[offset] {
            return false
        }
        return true
    }

    @usableFromInline
    func equalsEscaped(_ name: StaticString, in bytes: RawSpan) -> Bool {
        text(in: bytes) == "\(name)"
    }

    /// The value of the string.
    public func text(in bytes: RawSpan) -> String {
        var value = OutputBuffer(capacity: content.count)
        decode(from: bytes, into: &value)
        return unsafe value.bytes.withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
    }
}

/// The value of a hexadecimal digit, or nil.
@inlinable
public func hexValue(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit &- UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit &- UInt8(ascii: "a") &+ 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): digit &- UInt8(ascii: "A") &+ 10
    default: nil
    }
}

extension OutputBuffer {
    /// Appends a Unicode scalar value (below 0x110000, no surrogate) as UTF-8.
    mutating func append(scalar value: UInt32) {
        func tail(_ shift: UInt32) -> UInt8 {
            UInt8(truncatingIfNeeded: value &>> shift) & 0x3f | 0x80
        }
        if value < 0x80 {
            append(UInt8(truncatingIfNeeded: value))
        } else if value < 0x800 {
            append(UInt8(truncatingIfNeeded: value &>> 6) | 0xc0)
            append(tail(0))
        } else if value < 0x10000 {
            append(UInt8(truncatingIfNeeded: value &>> 12) | 0xe0)
            append(tail(6))
            append(tail(0))
        } else {
            append(UInt8(truncatingIfNeeded: value &>> 18) | 0xf0)
            append(tail(12))
            append(tail(6))
            append(tail(0))
        }
    }
}
