/// Searches that look at eight or sixteen bytes at a time; the innermost loops of every text
/// reader.
///
/// Eight bytes are compared in one word: in `x ^ pattern` a byte is zero where it matches, and
/// `(y - 0x01..) & ~y & 0x80..` marks the lowest zero byte exactly (higher marks may be false).
public enum ByteScan {
    @usableFromInline static let ones: UInt64 = 0x0101_0101_0101_0101
    @usableFromInline static let highs: UInt64 = 0x8080_8080_8080_8080

    @inlinable
    @inline(__always)
    static func word(_ bytes: RawSpan, _ index: Int) -> UInt64 {
        unsafe UInt64(
            littleEndian: bytes.unsafeLoadUnaligned(
                fromUncheckedByteOffset: index, as: UInt64.self))
    }

    @inlinable
    @inline(__always)
    static func byte(_ bytes: RawSpan, _ index: Int) -> UInt8 {
        unsafe bytes.unsafeLoad(fromUncheckedByteOffset: index, as: UInt8.self)
    }

    @inlinable
    @inline(__always)
    static func zeroBytes(_ word: UInt64) -> UInt64 { (word &- ones) & ~word & highs }

    /// The index of the first `target` in `bytes` from `start` on, or nil.
    @inlinable
    public static func firstIndex(of target: UInt8, in bytes: RawSpan, from start: Int) -> Int? {
        let end = bytes.byteCount
        precondition(start >= 0 && start <= end, "a search begins inside the bytes")
        let pattern = ones &* UInt64(target)
        let wide = SIMD16<UInt8>(repeating: target)
        var index = start
        while end &- index >= 16 {
            let chunk = unsafe bytes.unsafeLoadUnaligned(
                fromUncheckedByteOffset: index, as: SIMD16<UInt8>.self)
            if any(chunk .== wide) { break }
            index &+= 16
        }
        while end &- index >= 8 {
            let hits = zeroBytes(word(bytes, index) ^ pattern)
            if hits != 0 { return index &+ hits.trailingZeroBitCount / 8 }
            index &+= 8
        }
        while index < end {
            if byte(bytes, index) == target { return index }
            index &+= 1
        }
        return nil
    }

    /// The index of the first `one` or `other` in `bytes` from `start` on, or the end: for short
    /// runs.
    @inlinable
    public static func firstIndex(
        of one: UInt8, or other: UInt8, in bytes: RawSpan, from start: Int
    ) -> Int {
        let end = bytes.byteCount
        precondition(start >= 0 && start <= end, "a search begins inside the bytes")
        let (first, second) = (ones &* UInt64(one), ones &* UInt64(other))
        var index = start
        while end &- index >= 8 {
            let next = word(bytes, index)
            let hits = zeroBytes(next ^ first) | zeroBytes(next ^ second)
            if hits != 0 { return index &+ hits.trailingZeroBitCount / 8 }
            index &+= 8
        }
        while index < end {
            let next = byte(bytes, index)
            if next == one || next == other { return index }
            index &+= 1
        }
        return end
    }

    /// The index of the first occurrence of `pattern` (not empty) from `start` on, or nil.
    @inlinable
    public static func firstIndex(of pattern: [UInt8], in bytes: RawSpan, from start: Int) -> Int? {
        guard pattern.count > 1 else {
            return pattern.isEmpty ? start : firstIndex(of: pattern[0], in: bytes, from: start)
        }
        var index = start
        while let hit = firstIndex(of: pattern[0], in: bytes, from: index) {
            if starts(with: pattern, bytes, at: hit) { return hit }
            index = hit &+ 1
        }
        return nil
    }

    /// True if `pattern` stands at `index`.
    @inlinable
    public static func starts(with pattern: [UInt8], _ bytes: RawSpan, at index: Int) -> Bool {
        guard index >= 0, bytes.byteCount &- index >= pattern.count else { return false }
        for offset in 0..<pattern.count where byte(bytes, index &+ offset) != pattern[offset] {
            return false
        }
        return true
    }

    /// Marks the lowest byte of `word` that a JSON string cannot hold as it is or that is not
    /// ASCII.
    @inlinable
    @inline(__always)
    static func specialBytes(_ word: UInt64) -> UInt64 {
        let quotes = zeroBytes(word ^ (ones &* 0x22))
        let slashes = zeroBytes(word ^ (ones &* 0x5c))
        let controls = (word &- (ones &* 0x20)) & ~word & highs
        return quotes | slashes | controls | (word & highs)
    }

    /// Where the run of bytes that a JSON string holds as they are ends: the first byte from
    /// `start` on that is a quote, a backslash, below 0x20 or above 0x7f, or the end.
    @inlinable
    static func plainEnd(_ bytes: RawSpan, from start: Int) -> Int {
        let end = bytes.byteCount
        var index = start
        while end &- index >= 8 {
            let hits = specialBytes(word(bytes, index))
            if hits != 0 { return index &+ hits.trailingZeroBitCount / 8 }
            index &+= 8
        }
        while index < end {
            let x = byte(bytes, index)
            if x < 0x20 || x >= 0x80 || x == 0x22 || x == 0x5c { return index }
            index &+= 1
        }
        return end
    }

    /// Where the run of ASCII from `start` on ends.
    @inlinable
    static func asciiEnd(_ bytes: RawSpan, from start: Int) -> Int {
        let end = bytes.byteCount
        var index = start
        while end &- index >= 8 {
            let hits = word(bytes, index) & highs
            if hits != 0 { return index &+ hits.trailingZeroBitCount / 8 }
            index &+= 8
        }
        while index < end, byte(bytes, index) < 0x80 { index &+= 1 }
        return index
    }
}

extension RawSpan {
    /// The byte at `index`, which lies inside.
    @inlinable
    public func byte(at index: Int) -> UInt8 {
        precondition(index >= 0 && index < byteCount, "a byte is read inside its span")
        return unsafe unsafeLoad(fromUncheckedByteOffset: index, as: UInt8.self)
    }

    /// The decimal integer that `range` is all of, with `-` before it if it is negative; nil for
    /// any other text and beyond 64 bits.
    @inlinable
    public func integer(_ range: Range<Int>) -> Int64? {
        precondition(range.upperBound <= byteCount, "a number is read inside its span")
        var index = range.lowerBound
        let isNegative = !range.isEmpty && ByteScan.byte(self, index) == UInt8(ascii: "-")
        if isNegative { index &+= 1 }
        guard index < range.upperBound else { return nil }
        var value: Int64 = 0
        while index < range.upperBound {
            let digit = ByteScan.byte(self, index) &- UInt8(ascii: "0")
            guard digit < 10 else { return nil }
            // Counted below zero, where there is room for Int64.min.
            let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, borrow) = tens.subtractingReportingOverflow(Int64(digit))
            if overflow || borrow { return nil }
            value = sum
            index &+= 1
        }
        if isNegative { return value }
        return value == .min ? nil : -value
    }

    /// The bytes in `range` as text; what is not UTF-8 is replaced.
    public func text(_ range: Range<Int>) -> String {
        unsafe extracting(range).withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
    }
}
