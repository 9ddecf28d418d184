extension Zstd {
    /// A bit stream that is read from its end, where a one bit marks its start (RFC 8878, 4.1).
    ///
    /// The reader holds a position and no bits: each `window` is a fresh load, so what waits for a
    /// read is one subtraction. Reading past the start gives zeros or foreign bits of the source;
    /// whoever reads checks `isOverrun` at each step.
    struct BackwardBits {
        private let source: SourceBytes
        private let start: Int
        /// The bits from here down to `start` are unread.
        private(set) var position: Int

        init(_ source: SourceBytes, _ range: Range<Int>) throws(CompressionError) {
            guard let last = range.last, source[last] != 0 else { throw .malformed(.zstd) }
            self.source = source
            start = range.lowerBound * 8
            position = last * 8 + 7 - source[last].leadingZeroBitCount
        }

        @inline(__always) var isOverrun: Bool { position < start }
        @inline(__always) var isFinished: Bool { position == start }

        /// The next bits, the first one highest: at least 57 of them.
        @inline(__always)
        var window: UInt64 {
            let end = (position &+ 7) &>> 3
            guard end >= 8 else { return windowAtStart }
            return source.word64(end &- 8) &<< UInt64(truncatingIfNeeded: end &* 8 &- position)
        }

        /// The window within the first 8 bytes of the source.
        private var windowAtStart: UInt64 {
            var word: UInt64 = 0
            let end = (position + 7) >> 3
            for index in stride(from: end - 1, through: 0, by: -1) {
                word |= UInt64(source[index]) << UInt64(64 - 8 * (end - index))
            }
            return word << UInt64(end * 8 - position)
        }

        @inline(__always)
        mutating func drop(_ bits: Int) {
            position &-= bits
        }

        /// Reads up to 57 bits.
        @inline(__always)
        mutating func read(_ bits: Int) -> Int {
            let value = Zstd.top(window, bits)
            position &-= bits
            return value
        }
    }

    /// The highest `bits` of the word; 0 of them are 0.
    @inline(__always)
    static func top(_ word: UInt64, _ bits: Int) -> Int {
        Int(truncatingIfNeeded: (word &>> 1) &>> UInt64(truncatingIfNeeded: 63 &- bits))
    }
}
