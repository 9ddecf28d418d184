import CSystem

/// Searches that need a mask of the bytes of a vector, which Swift cannot make.
public enum PlainText {
    /// The first byte from `start` on that is a quote, a backslash, below 0x20 or above 0x7f. There
    /// is one, and 16 bytes behind it are readable.
    @inlinable
    @inline(__always)
    public static func end(_ start: UnsafePointer<UInt8>) -> UnsafePointer<UInt8> {
        var cursor = unsafe start
        while true {
            let stops = unsafe rtd_json_stops16(cursor)
            // The step does not wait for the mask's first bit, so words are looked at in parallel.
            if stops != 0 { return unsafe cursor + Int(rtd_first16(stops)) }
            unsafe cursor += 16
        }
    }
}
