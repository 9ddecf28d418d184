import CSystem

/// Searches that need a mask of the bytes of a vector, which Swift cannot make.
public enum PlainText {
    /// The place `distance` behind `start` if that is `place`, else nil.
    ///
    /// What is done next then depends on the distance, which is known at once, and no longer on the
    /// search that has found `place`: the processor foretells the comparison and goes on before the
    /// search is done.
    @inlinable
    @inline(__always)
    public static func foretold(
        _ distance: Int, from start: UnsafePointer<UInt8>, _ place: UnsafePointer<UInt8>
    ) -> UnsafePointer<UInt8>? {
        // Made twice, to be compared and to be given back, or the compiler would give back `place`.
        guard unsafe start + rtd_opaque(distance) == place else { return nil }
        return unsafe start + rtd_opaque(distance)
    }

    /// The first byte from `start` on that is a quote, a backslash, below 0x20 or above 0x7f. There
    /// is one, and 64 bytes behind it are readable.
    @inlinable
    @inline(__always)
    public static func end(_ start: UnsafePointer<UInt8>) -> UnsafePointer<UInt8> {
        // Names and short values end here, longer ones mostly with the first 64 bytes behind.
        let stops = unsafe rtd_json_stops16(start)
        if stops != 0 { return unsafe start + Int(rtd_first16(stops)) }
        return unsafe rtd_json_plain_end(start + 16)
    }
}
