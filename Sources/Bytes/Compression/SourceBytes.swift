/// The bytes a codec reads, with every access checked against their count.
///
/// The codecs index through this and `TargetBytes` alone, so a mistake in one of them traps instead
/// of touching foreign memory. Valid only while the caller's buffer is; never stored past a call.
@safe
struct SourceBytes {
    fileprivate let bytes: UnsafeRawBufferPointer
    let count: Int

    @inline(__always)
    init(_ bytes: UnsafeRawBufferPointer) {
        unsafe self.bytes = bytes
        self.count = bytes.count
    }

    @inline(__always)
    func check(_ index: Int, _ size: Int) {
        precondition(
            index >= 0 && size >= 0 && index <= count &- size, "read outside of the source")
    }

    /// Where `size` bytes at `index` start, after the check.
    @inline(__always)
    @unsafe
    func pointer(_ index: Int, _ size: Int) -> UnsafeRawPointer? {
        check(index, size)
        guard let base = unsafe bytes.baseAddress else { return nil }
        return unsafe base + index
    }

    @inline(__always)
    subscript(_ index: Int) -> UInt8 {
        check(index, 1)
        return unsafe bytes[index]
    }

    /// The little-endian integer at `index`.
    @inline(__always)
    func word16(_ index: Int) -> UInt16 {
        check(index, 2)
        return UInt16(
            littleEndian: unsafe bytes.loadUnaligned(fromByteOffset: index, as: UInt16.self))
    }

    @inline(__always)
    func word32(_ index: Int) -> UInt32 {
        check(index, 4)
        return UInt32(
            littleEndian: unsafe bytes.loadUnaligned(fromByteOffset: index, as: UInt32.self))
    }

    @inline(__always)
    func word64(_ index: Int) -> UInt64 {
        check(index, 8)
        return UInt64(
            littleEndian: unsafe bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
    }

    /// The bytes of `range`.
    @inline(__always)
    func slice(_ range: Range<Int>) -> SourceBytes {
        check(range.lowerBound, range.count)
        return unsafe SourceBytes(UnsafeRawBufferPointer(rebasing: bytes[range]))
    }

    /// How many bytes from `index` equal those from the earlier `other`, up to `end`.
    @inline(__always)
    func matchLength(_ index: Int, _ other: Int, end: Int) -> Int {
        precondition(other <= index && end <= count, "match outside of the source")
        var at = index
        var from = other
        while at &+ 8 <= end {
            let difference = word64(at) ^ word64(from)
            if difference != 0 { return at &- index &+ difference.trailingZeroBitCount >> 3 }
            at &+= 8
            from &+= 8
        }
        while at < end, self[at] == self[from] {
            at &+= 1
            from &+= 1
        }
        return at &- index
    }
}
