import Bytes

/// The primitives of the JSON row reader: strict (RFC 8259) and without bounds checks.
///
/// They run over a sealed `InputBlock`: the zeros behind its bytes are no part of any JSON text, so
/// each of these functions stops there, and none reads more than 64 bytes beyond where it stops.
/// nil means: not well formed.
enum JSONScan {
    typealias Cursor = UnsafePointer<UInt8>

    static let ones: UInt64 = 0x0101_0101_0101_0101
    static let highs: UInt64 = 0x8080_8080_8080_8080

    @inline(__always)
    static func word(_ at: Cursor) -> UInt64 {
        unsafe UInt64(littleEndian: UnsafeRawPointer(at).loadUnaligned(as: UInt64.self))
    }

    @inline(__always)
    static func half(_ at: Cursor) -> UInt32 {
        unsafe UInt32(littleEndian: UnsafeRawPointer(at).loadUnaligned(as: UInt32.self))
    }

    /// The first byte from `at` on that a string does not hold as it is, or that is not ASCII.
    @inline(__always)
    static func plainEnd(_ at: Cursor) -> Cursor { unsafe PlainText.end(at) }

    /// Behind the closing quote of a string whose content begins at `at`; nil if it is malformed.
    @inline(__always)
    static func behindString(_ at: Cursor) -> Cursor? {
        var hasEscapes = false
        guard let end = unsafe stringEnd(at, &hasEscapes) else { return nil }
        return unsafe end + 1
    }

    /// The closing quote of the string whose content begins at `at`.
    @inline(__always)
    static func stringEnd(_ at: Cursor, _ hasEscapes: inout Bool) -> Cursor? {
        let end = unsafe plainEnd(at)
        if unsafe end.pointee == UInt8(ascii: "\"") { return unsafe end }
        return unsafe oddStringEnd(end, &hasEscapes)
    }

    /// The same from the first byte that is not plain.
    @inline(never)
    static func oddStringEnd(_ at: Cursor, _ hasEscapes: inout Bool) -> Cursor? {
        var cursor = unsafe at
        while true {
            let byte = unsafe cursor.pointee
            if byte >= 0x80 {
                let length = unsafe sequenceLength(cursor)
                if length == 0 { return nil }
                unsafe cursor += length
                // Letters of one script follow each other.
                if unsafe cursor.pointee >= 0x80 { continue }
            } else if byte == UInt8(ascii: "\"") {
                return unsafe cursor
            } else if byte == UInt8(ascii: "\\") {
                guard let end = unsafe escapeEnd(cursor) else { return nil }
                hasEscapes = true
                unsafe cursor = unsafe end
            } else if byte < 0x20 {
                return nil
            }
            unsafe cursor = unsafe plainEnd(cursor)
        }
    }

    /// Bytes of the UTF-8 sequence at `at`, whose first byte is above 0x7f; 0 if it is malformed.
    @inline(__always)
    static func sequenceLength(_ at: Cursor) -> Int {
        let lead = unsafe at[0]
        if lead < 0xc2 { return 0 }
        let second = unsafe at[1]
        if lead < 0xe0 { return second & 0xc0 == 0x80 ? 2 : 0 }
        if unsafe second & 0xc0 != 0x80 || at[2] & 0xc0 != 0x80 { return 0 }
        if lead < 0xf0 {
            if lead == 0xe0 && second < 0xa0 || lead == 0xed && second > 0x9f { return 0 }
            return 3
        }
        if unsafe lead > 0xf4 || at[3] & 0xc0 != 0x80 { return 0 }
        return lead == 0xf0 && second < 0x90 || lead == 0xf4 && second > 0x8f ? 0 : 4
    }

    /// Behind the escape at `at`, or behind the pair of them that makes one character.
    static func escapeEnd(_ at: Cursor) -> Cursor? {
        switch unsafe at[1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"),
            UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return unsafe at + 2
        case UInt8(ascii: "u"):
            guard let unit = unsafe hexUnit(at + 2) else { return nil }
            if unit & 0xf800 != 0xd800 { return unsafe at + 6 }
            guard unit < 0xdc00, unsafe at[6] == UInt8(ascii: "\\"),
                unsafe at[7] == UInt8(ascii: "u"),
                let low = unsafe hexUnit(at + 8), low & 0xfc00 == 0xdc00
            else { return nil }
            return unsafe at + 12
        default: return nil
        }
    }

    static func hexUnit(_ at: Cursor) -> UInt32? {
        var value: UInt32 = 0
        for index in 0..<4 {
            guard let digit = unsafe hexValue(at[index]) else { return nil }
            value = value &<< 4 | UInt32(digit)
        }
        return value
    }

    /// Copies the value of a string with escapes, valid content `start..<end`, to `target`, which
    /// has room for as many bytes; gives its length.
    static func unescape(
        _ start: Cursor, _ end: Cursor, to target: UnsafeMutablePointer<UInt8>
    ) -> Int {
        var cursor = unsafe start
        var count = 0
        while unsafe cursor < end {
            let byte = unsafe cursor.pointee
            guard byte == UInt8(ascii: "\\") else {
                // What is written never lies further on than what is read.
                let width = unsafe end - cursor >= 8 ? plainRun(cursor, to: target + count) : 1
                unsafe target[count] = byte
                count &+= width
                unsafe cursor += width
                continue
            }
            let letter = unsafe cursor[1]
            unsafe cursor += 2
            switch letter {
            case UInt8(ascii: "b"): unsafe target[count] = 0x08
            case UInt8(ascii: "f"): unsafe target[count] = 0x0c
            case UInt8(ascii: "n"): unsafe target[count] = 0x0a
            case UInt8(ascii: "r"): unsafe target[count] = 0x0d
            case UInt8(ascii: "t"): unsafe target[count] = 0x09
            case UInt8(ascii: "u"):
                var unit = unsafe hexUnit(cursor) ?? 0xfffd
                unsafe cursor += 4
                if unit & 0xfc00 == 0xd800 {
                    let low = unsafe hexUnit(cursor + 2) ?? 0xdc00
                    unit = 0x10000 &+ ((unit &- 0xd800) &<< 10) &+ (low &- 0xdc00)
                    unsafe cursor += 6
                }
                unsafe count &+= encode(unit, to: target + count)
                continue
            default: unsafe target[count] = letter
            }
            count &+= 1
        }
        return count
    }

    /// Copies eight bytes and gives how many of them stand before an escape.
    @inline(__always)
    private static func plainRun(_ at: Cursor, to target: UnsafeMutablePointer<UInt8>) -> Int {
        let bytes = unsafe word(at)
        unsafe UnsafeMutableRawPointer(target).storeBytes(of: bytes.littleEndian, as: UInt64.self)
        let others = bytes ^ (ones &* 0x5c)
        let slashes = (others &- ones) & ~others & highs
        return slashes == 0 ? 8 : slashes.trailingZeroBitCount &>> 3
    }

    private static func encode(_ scalar: UInt32, to target: UnsafeMutablePointer<UInt8>) -> Int {
        func tail(_ shift: UInt32) -> UInt8 {
            UInt8(truncatingIfNeeded: 0x80 | (scalar &>> shift) & 0x3f)
        }
        if scalar < 0x80 {
            unsafe target[0] = UInt8(truncatingIfNeeded: scalar)
            return 1
        }
        if scalar < 0x800 {
            unsafe target[0] = UInt8(truncatingIfNeeded: 0xc0 | scalar &>> 6)
            unsafe target[1] = tail(0)
            return 2
        }
        if scalar < 0x10000 {
            unsafe target[0] = UInt8(truncatingIfNeeded: 0xe0 | scalar &>> 12)
            unsafe target[1] = tail(6)
            unsafe target[2] = tail(0)
            return 3
        }
        unsafe target[0] = UInt8(truncatingIfNeeded: 0xf0 | scalar &>> 18)
        unsafe target[1] = tail(12)
        unsafe target[2] = tail(6)
        unsafe target[3] = tail(0)
        return 4
    }
}

// Whole values that nobody wants: checked in full and passed over.
extension JSONScan {
    /// Behind the white space at `at`; new lines are part of it only inside documents that span
    /// lines.
    @inline(__always)
    static func skipSpace(_ at: Cursor, newLines: Bool) -> Cursor {
        var cursor = unsafe at
        while true {
            let byte = unsafe cursor.pointee
            if byte > 0x20 { return unsafe cursor }
            guard byte == 0x20 || byte == 0x09 || byte == 0x0d || byte == 0x0a && newLines else {
                return unsafe cursor
            }
            unsafe cursor += 1
        }
    }

    /// Behind `true`, `false` or `null`.
    @inline(__always)
    static func wordEnd(_ at: Cursor) -> Cursor? {
        let half = unsafe half(at)
        if half == 0x6c6c_756e || half == 0x6575_7274 { return unsafe at + 4 }
        return unsafe half == 0x736c_6166 && at[4] == UInt8(ascii: "e") ? at + 5 : nil
    }

    /// Behind the value at `at`. `depth` is how many containers it lies in.
    static func valueEnd(_ at: Cursor, depth: Int, newLines: Bool) -> Cursor? {
        switch unsafe at.pointee {
        case UInt8(ascii: "\""):
            var hasEscapes = false
            guard let end = unsafe stringEnd(at + 1, &hasEscapes) else { return nil }
            return unsafe end + 1
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return unsafe numberEnd(at)
        case UInt8(ascii: "["):
            return unsafe arrayEnd(at + 1, depth: depth + 1, newLines: newLines)
        case UInt8(ascii: "{"):
            return unsafe objectEnd(at + 1, depth: depth + 1, newLines: newLines)
        default: return unsafe wordEnd(at)
        }
    }

    private static func arrayEnd(_ at: Cursor, depth: Int, newLines: Bool) -> Cursor? {
        guard depth <= FormatLimits.jsonDepthMax else { return nil }
        var cursor = unsafe skipSpace(at, newLines: newLines)
        if unsafe cursor.pointee == UInt8(ascii: "]") { return unsafe cursor + 1 }
        while true {
            guard let end = unsafe valueEnd(cursor, depth: depth, newLines: newLines) else {
                return nil
            }
            unsafe cursor = unsafe skipSpace(end, newLines: newLines)
            if unsafe cursor.pointee == UInt8(ascii: "]") { return unsafe cursor + 1 }
            guard unsafe cursor.pointee == UInt8(ascii: ",") else { return nil }
            unsafe cursor = unsafe skipSpace(cursor + 1, newLines: newLines)
        }
    }

    private static func objectEnd(_ at: Cursor, depth: Int, newLines: Bool) -> Cursor? {
        guard depth <= FormatLimits.jsonDepthMax else { return nil }
        var cursor = unsafe skipSpace(at, newLines: newLines)
        if unsafe cursor.pointee == UInt8(ascii: "}") { return unsafe cursor + 1 }
        var hasEscapes = false
        while true {
            guard unsafe cursor.pointee == UInt8(ascii: "\""),
                let nameEnd = unsafe stringEnd(cursor + 1, &hasEscapes)
            else { return nil }
            unsafe cursor = unsafe skipSpace(nameEnd + 1, newLines: newLines)
            guard unsafe cursor.pointee == UInt8(ascii: ":") else { return nil }
            unsafe cursor = unsafe skipSpace(cursor + 1, newLines: newLines)
            guard let end = unsafe valueEnd(cursor, depth: depth, newLines: newLines) else {
                return nil
            }
            unsafe cursor = unsafe skipSpace(end, newLines: newLines)
            if unsafe cursor.pointee == UInt8(ascii: "}") { return unsafe cursor + 1 }
            guard unsafe cursor.pointee == UInt8(ascii: ",") else { return nil }
            unsafe cursor = unsafe skipSpace(cursor + 1, newLines: newLines)
        }
    }
}
