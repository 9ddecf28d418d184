import CSystem

/// Searches that need a mask of the bytes of a vector, which Swift cannot make.
public enum PlainText {
    /// How many of the 16 bytes at `bytes` come before the first that is a quote, a backslash,
    /// below 0x20 or above 0x7f; 16 if none is.
    @inlinable
    @inline(__always)
    public static func prefix16(_ bytes: UnsafePointer<UInt8>) -> Int {
        Int(unsafe rtd_json_plain16(bytes))
    }
}
