extension Inflate {
    /// The bits of a DEFLATE stream, least significant first. Past the end it gives zeros, and
    /// throws once some of those were consumed; where more bytes may follow it throws instead of
    /// giving the first one, and none of what it has is lost.
    struct Bits {
        let source: SourceBytes
        private var next: Int
        /// The next `count` bits; what lies above them repeats the bytes from `next` on.
        private(set) var buffer: UInt64 = 0
        private(set) var count: UInt64 = 0
        /// Zero bits that were added behind the end.
        private var padding: UInt64 = 0
        /// What follows the source is not known yet.
        private let isOpen: Bool
        /// It has thrown because it has to know.
        private(set) var isStarved = false

        init(_ source: SourceBytes, from start: Int, isOpen: Bool = false) {
            self.source = source
            self.isOpen = isOpen
            next = start
        }

        /// From a bit of the source on.
        init(_ source: SourceBytes, bit: Int, isOpen: Bool) {
            self.init(source, from: (bit + 7) / 8, isOpen: isOpen)
            guard bit % 8 > 0 else { return }
            buffer = UInt64(source[bit / 8] >> UInt8(bit % 8))
            count = UInt64(8 - bit % 8)
        }

        /// Where in the source the next bit is.
        var bit: Int { next * 8 - Int(count - padding) }

        /// Fills up to at least 56 bits.
        @inline(__always)
        mutating func refill() throws(CompressionError) {
            if next &+ 8 <= source.count {
                buffer |= source.word64(next) &<< count
                next &+= Int(truncatingIfNeeded: (63 &- count) &>> 3)
                count |= 56
            } else {
                try refillAtEnd()
            }
        }

        @inline(never)
        private mutating func refillAtEnd() throws(CompressionError) {
            guard !isOverrun else { throw .malformed(.gzip) }
            if isOpen {
                isStarved = true
                throw .malformed(.gzip)
            }
            while count < 56 {
                if next < source.count {
                    buffer |= UInt64(source[next]) &<< count
                    next += 1
                } else {
                    padding += 8
                }
                count += 8
            }
        }

        /// The next `bits`, which stay.
        @inline(__always)
        func peek(_ bits: Int) -> Int {
            Int(truncatingIfNeeded: buffer & (1 &<< UInt64(truncatingIfNeeded: bits) &- 1))
        }

        @inline(__always)
        mutating func drop(_ bits: Int) {
            buffer &>>= UInt64(truncatingIfNeeded: bits)
            count &-= UInt64(truncatingIfNeeded: bits)
        }

        /// Reads up to 32 bits.
        mutating func read(_ bits: Int) throws(CompressionError) -> Int {
            if count < 32 { try refill() }
            let value = peek(bits)
            drop(bits)
            return value
        }

        /// Bits were consumed that are behind the end.
        var isOverrun: Bool { padding > count }
        /// All of the source was taken.
        var isExhausted: Bool { next >= source.count }

        /// Skips to the next whole byte.
        mutating func skipToByte() { drop(Int(count % 8)) }

        /// Skips to the next whole byte, gives its index, and drops what was read ahead.
        mutating func alignedPosition() throws(CompressionError) -> Int {
            guard !isOverrun else { throw .malformed(.gzip) }
            let position = next - Int((count - padding) / 8)
            self = Bits(source, from: position, isOpen: isOpen)
            return position
        }

        /// Goes on at a byte of the source.
        mutating func jump(to position: Int) {
            self = Bits(source, from: position, isOpen: isOpen)
        }
    }
}
