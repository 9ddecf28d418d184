import Formats

/// Characters (code points) of UTF-8 text, as PostgreSQL counts them.
enum UTF8Text {
    /// Bytes of the character that begins with `lead`.
    @inline(__always)
    static func width(_ lead: UInt8) -> Int {
        lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4
    }

    @inline(__always)
    static func isContinuation(_ byte: UInt8) -> Bool { byte & 0xC0 == 0x80 }

    /// Characters in `bytes`.
    @inline(__always)
    static func count(_ bytes: UnsafeRawBufferPointer) -> Int {
        var continuations = 0
        var index = 0
        while bytes.count &- index >= 8 {
            let word = unsafe bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            // 10xxxxxx: the highest bit set, the next one not.
            let marks = word & ~(word &<< 1) & 0x8080_8080_8080_8080
            continuations &+= marks.nonzeroBitCount
            index &+= 8
        }
        while index < bytes.count {
            unsafe continuations &+= isContinuation(bytes[index]) ? 1 : 0
            index &+= 1
        }
        return bytes.count &- continuations
    }

    static func isASCII(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var index = 0
        while bytes.count - index >= 8 {
            let word = unsafe bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            if word & 0x8080_8080_8080_8080 != 0 { return false }
            index += 8
        }
        while index < bytes.count {
            if unsafe bytes[index] >= 0x80 { return false }
            index += 1
        }
        return true
    }

    /// The offset behind `characters` characters from `start` on; the end if there are fewer.
    static func offset(
        _ bytes: UnsafeRawBufferPointer, _ characters: Int, from start: Int = 0
    ) -> Int {
        var offset = start
        var left = characters
        while left > 0 && offset < bytes.count {
            unsafe offset += width(bytes[offset])
            left -= 1
        }
        return min(offset, bytes.count)
    }

    /// The code point at `offset`, and its width; what is damaged gives U+FFFD.
    static func scalar(
        _ bytes: UnsafeRawBufferPointer, _ offset: Int
    ) -> (scalar: Unicode.Scalar, width: Int) {
        let lead = unsafe bytes[offset]
        if lead < 0x80 { return (Unicode.Scalar(lead), 1) }
        let count = min(width(lead), bytes.count - offset)
        var value = UInt32(lead) & (count == 2 ? 0x1F : count == 3 ? 0x0F : 0x07)
        for index in 1..<max(count, 1) {
            value = unsafe value << 6 | UInt32(bytes[offset + index] & 0x3F)
        }
        return (Unicode.Scalar(value) ?? "\u{FFFD}", count)
    }

    static func scalars(_ bytes: UnsafeRawBufferPointer) -> [Unicode.Scalar] {
        var result: [Unicode.Scalar] = []
        var offset = 0
        while offset < bytes.count {
            let (scalar, width) = unsafe scalar(bytes, offset)
            result.append(scalar)
            offset += width
        }
        return result
    }

    /// The eight bytes from `index` on, 0 behind the text.
    @inline(__always)
    static func word(_ bytes: UnsafeRawBufferPointer, at index: Int) -> UInt64 {
        let left = bytes.count &- index
        if left >= 8 {
            return unsafe bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
        }
        if bytes.count >= 8 {
            // The last eight bytes, without those before `index`.
            let last = unsafe bytes.loadUnaligned(
                fromByteOffset: bytes.count &- 8, as: UInt64.self)
            return last &>> UInt64((8 &- left) &* 8)
        }
        var word: UInt64 = 0
        var offset = 0
        while offset < left {
            unsafe word |= UInt64(bytes[index &+ offset]) &<< UInt64(offset &* 8)
            offset &+= 1
        }
        return word
    }

    /// The highest bit of each byte of a word that is `byte`, which is not 0.
    @inline(__always)
    static func marks(of byte: UInt8, in word: UInt64) -> UInt64 {
        let lows: UInt64 = 0x7F7F_7F7F_7F7F_7F7F
        let rest = word ^ (UInt64(byte) &* 0x0101_0101_0101_0101)
        return ~(((rest & lows) &+ lows) | rest | lows)
    }

    /// The place of `needle` at or behind `start`; nil: none.
    @inline(__always)
    static func find(
        _ needle: UnsafeRawBufferPointer, in bytes: UnsafeRawBufferPointer, from start: Int = 0
    ) -> Int? {
        if unsafe needle.isEmpty { return start <= bytes.count ? start : nil }
        let last = bytes.count &- needle.count
        if start > last { return nil }
        guard let base = bytes.baseAddress, let wanted = needle.baseAddress else { return nil }
        return unsafe search(base, start, last, wanted, needle.count)
    }

    /// Eight candidates for the first byte at a time, then the rest of the needle.
    private static func search(
        _ base: UnsafeRawPointer, _ start: Int, _ last: Int, _ wanted: UnsafeRawPointer,
        _ count: Int
    ) -> Int? {
        let first = unsafe wanted.load(as: UInt8.self)
        let pattern = UInt64(first) &* 0x0101_0101_0101_0101
        var index = start
        while index &+ 7 <= last {
            let word = unsafe base.loadUnaligned(fromByteOffset: index, as: UInt64.self) ^ pattern
            // Exact for the lowest zero byte; those above it are tested again.
            var zeros = (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080
            while zeros != 0 {
                let place = index &+ zeros.trailingZeroBitCount &>> 3
                if unsafe matches(base + place, wanted, count) { return place }
                zeros &= zeros &- 1
            }
            index &+= 8
        }
        while index <= last {
            if unsafe matches(base + index, wanted, count) { return index }
            index &+= 1
        }
        return nil
    }

    @inline(__always)
    private static func matches(
        _ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ count: Int
    ) -> Bool {
        unsafe equalBytes(
            UnsafeRawBufferPointer(start: a, count: count),
            UnsafeRawBufferPointer(start: b, count: count))
    }
}
