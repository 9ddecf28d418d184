/// UTF-8 by Unicode's table 3-7: no overlong forms, no surrogates, nothing above U+10FFFF.
public enum UTF8Check {
    /// Bytes of the sequence that starts at `index` (inside the span) with a byte above 0x7f; 0 if
    /// it is not well formed or cut off.
    @inlinable
    public static func sequenceLength(_ bytes: RawSpan, at index: Int) -> Int {
        let left = bytes.byteCount &- index
        let lead = ByteScan.byte(bytes, index)
        guard lead >= 0xc2, lead <= 0xf4, left >= 2 else { return 0 }
        let second = ByteScan.byte(bytes, index &+ 1)
        if lead < 0xe0 { return second & 0xc0 == 0x80 ? 2 : 0 }
        let low: UInt8 = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80
        let high: UInt8 = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf
        guard second >= low, second <= high, left >= 3,
            ByteScan.byte(bytes, index &+ 2) & 0xc0 == 0x80
        else { return 0 }
        if lead < 0xf0 { return 3 }
        return left >= 4 && ByteScan.byte(bytes, index &+ 3) & 0xc0 == 0x80 ? 4 : 0
    }

    /// True if all of `bytes` are UTF-8.
    public static func isValid(_ bytes: RawSpan) -> Bool {
        var index = 0
        while true {
            index = ByteScan.asciiEnd(bytes, from: index)
            guard index < bytes.byteCount else { return true }
            let length = sequenceLength(bytes, at: index)
            guard length > 0 else { return false }
            index &+= length
        }
    }
}
