/// Writes bits from the least significant end of each byte, as DEFLATE and Zstandard do.
///
/// `put` collects; `flush` moves whole bytes out and must come before 64 bits have gathered.
/// The target needs 8 bytes of slack behind the last bit.
struct BitWriter {
    private let target: TargetBytes
    private(set) var end: Int
    private var buffer: UInt64 = 0
    private var count: UInt64 = 0

    init(_ target: TargetBytes, at start: Int) {
        self.target = target
        end = start
    }

    /// Bits that wait for the next flush.
    var pendingBits: Int { Int(count) }

    /// Adds the low `bits` of `value`, whose other bits are zero. At most 56 between flushes.
    @inline(__always)
    mutating func put(_ value: UInt64, _ bits: Int) {
        buffer |= value &<< count
        count &+= UInt64(truncatingIfNeeded: bits)
    }

    @inline(__always)
    mutating func flush() {
        target.store64(buffer, at: end)
        end &+= Int(truncatingIfNeeded: count &>> 3)
        buffer &>>= count & ~7
        count &= 7
    }

    /// Fills the last byte with zeros and gives where the next byte goes.
    mutating func finish() -> Int {
        flush()
        if count > 0 {
            end += 1
            buffer = 0
            count = 0
        }
        return end
    }
}
