import CSystem

/// Comparisons of 16 bytes at once, whose masks Swift cannot make. All 16 have to be readable.
public enum ByteVector {
    /// True if both are the same, but for the bytes whose bits are set in `ignored`.
    @inlinable
    @inline(__always)
    public static func equal(
        _ a: UnsafeRawPointer, _ b: UnsafeRawPointer, ignored: UInt32 = 0
    ) -> Bool {
        unsafe rtd_equal16(a, b, ignored) != 0
    }

    /// A bit for each of the bytes that is `byte`.
    @inlinable
    @inline(__always)
    public static func marks(of byte: UInt8, at bytes: UnsafeRawPointer) -> UInt32 {
        unsafe rtd_match16(bytes, byte)
    }
}
