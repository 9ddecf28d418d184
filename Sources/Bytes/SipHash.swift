/// SipHash-1-3 with 128 bits (Aumasson and Bernstein, 2012): a hash under a secret key, so that
/// nobody can choose bytes that collide.
public struct SipHash: Sendable {
    private let key: (UInt64, UInt64)

    /// 128 bits of a hash.
    public struct Digest: Sendable, Equatable {
        public var high: UInt64
        public var low: UInt64

        public init(high: UInt64, low: UInt64) {
            self.high = high
            self.low = low
        }
    }

    public init(key: (UInt64, UInt64)) {
        self.key = key
    }

    public func digest(_ bytes: RawSpan) -> Digest {
        var state = State(key)
        let count = bytes.byteCount
        let whole = count & ~7
        var position = 0
        while position < whole {
            state.take(
                UInt64(
                    littleEndian: unsafe bytes.unsafeLoadUnaligned(
                        fromUncheckedByteOffset: position, as: UInt64.self)))
            position &+= 8
        }
        var last = UInt64(truncatingIfNeeded: count) << 56
        while position < count {
            let byte = unsafe bytes.unsafeLoad(fromUncheckedByteOffset: position, as: UInt8.self)
            last |= UInt64(byte) << UInt64((position - whole) * 8)
            position &+= 1
        }
        state.take(last)
        return state.finish()
    }

    private struct State {
        var v0: UInt64
        var v1: UInt64
        var v2: UInt64
        var v3: UInt64

        init(_ key: (UInt64, UInt64)) {
            v0 = 0x736f_6d65_7073_6575 ^ key.0
            v1 = 0x646f_7261_6e64_6f6d ^ key.1 ^ 0xee
            v2 = 0x6c79_6765_6e65_7261 ^ key.0
            v3 = 0x7465_6462_7974_6573 ^ key.1
        }

        @inline(__always)
        mutating func take(_ word: UInt64) {
            v3 ^= word
            round()
            v0 ^= word
        }

        mutating func finish() -> Digest {
            v2 ^= 0xee
            for _ in 0..<3 { round() }
            let high = v0 ^ v1 ^ v2 ^ v3
            v1 ^= 0xdd
            for _ in 0..<3 { round() }
            return Digest(high: high, low: v0 ^ v1 ^ v2 ^ v3)
        }

        @inline(__always)
        private mutating func round() {
            v0 &+= v1
            v1 = v1 << 13 | v1 >> 51
            v1 ^= v0
            v0 = v0 << 32 | v0 >> 32
            v2 &+= v3
            v3 = v3 << 16 | v3 >> 48
            v3 ^= v2
            v0 &+= v3
            v3 = v3 << 21 | v3 >> 43
            v3 ^= v0
            v2 &+= v1
            v1 = v1 << 17 | v1 >> 47
            v1 ^= v2
            v2 = v2 << 32 | v2 >> 32
        }
    }
}
