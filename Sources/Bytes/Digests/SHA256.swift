/// SHA-256 of FIPS 180-4, fed in pieces.
///
/// Sixteen words of the message are scheduled in place. The rounds are concrete 32-bit code: a
/// password is stretched with many thousands of them, and generic code is slow in debug builds.
public struct SHA256: Digest {
    public static let blockBytes = 64
    public static let digestBytes = 32

    private var state: [UInt32] = [
        0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
    ]
    /// Bytes that fill no block yet.
    private var pending: [UInt8] = []
    private var total: UInt64 = 0

    public init() {
        pending.reserveCapacity(Self.blockBytes)
    }

    public mutating func update(_ bytes: some Collection<UInt8>) {
        total &+= UInt64(bytes.count)
        for byte in bytes {
            pending.append(byte)
            if pending.count == Self.blockBytes { compress() }
        }
    }

    public mutating func finish() -> [UInt8] {
        let bits = total &* 8
        pending.append(0x80)
        if pending.count > Self.blockBytes - 8 { pad(to: Self.blockBytes) }
        pad(to: Self.blockBytes - 8)
        for shift in stride(from: 56, through: 0, by: -8) {
            pending.append(UInt8(truncatingIfNeeded: bits >> UInt64(shift)))
        }
        compress()
        var digest: [UInt8] = []
        digest.reserveCapacity(Self.digestBytes)
        for word in state {
            for shift in stride(from: 24, through: 0, by: -8) {
                digest.append(UInt8(truncatingIfNeeded: word >> UInt32(shift)))
            }
        }
        return digest
    }

    private mutating func pad(to count: Int) {
        while pending.count < count { pending.append(0) }
        if pending.count == Self.blockBytes { compress() }
    }

    private mutating func compress() {
        var words = [UInt32](repeating: 0, count: 16)
        for index in 0..<16 {
            var word: UInt32 = 0
            for offset in 0..<4 {
                word = word << 8 | UInt32(pending[index &* 4 &+ offset])
            }
            words[index] = word
        }
        pending.removeAll(keepingCapacity: true)
        var (a, b, c, d) = (state[0], state[1], state[2], state[3])
        var (e, f, g, h) = (state[4], state[5], state[6], state[7])
        for round in 0..<64 {
            if round >= 16 { words[round & 15] = Self.scheduled(words, round) }
            let choice = (e & f) ^ (~e & g)
            let majority = (a & b) ^ (a & c) ^ (b & c)
            let one =
                h &+ Self.rotate(e, 6, 11, 25) &+ choice &+ Self.constants[round]
                &+ words[round & 15]
            let two = Self.rotate(a, 2, 13, 22) &+ majority
            (h, g, f, e) = (g, f, e, d &+ one)
            (d, c, b, a) = (c, b, a, one &+ two)
        }
        for (index, word) in [a, b, c, d, e, f, g, h].enumerated() {
            state[index] = state[index] &+ word
        }
    }

    /// The word of a round from 16 on, which takes the place of the one 16 rounds before.
    @inline(__always)
    private static func scheduled(_ words: [UInt32], _ round: Int) -> UInt32 {
        let early = words[(round &+ 1) & 15]
        let late = words[(round &+ 14) & 15]
        let low = right(early, 7) ^ right(early, 18) ^ early >> 3
        let high = right(late, 17) ^ right(late, 19) ^ late >> 10
        return words[round & 15] &+ low &+ words[(round &+ 9) & 15] &+ high
    }

    @inline(__always)
    private static func rotate(_ word: UInt32, _ a: UInt32, _ b: UInt32, _ c: UInt32) -> UInt32 {
        right(word, a) ^ right(word, b) ^ right(word, c)
    }

    @inline(__always)
    private static func right(_ word: UInt32, _ count: UInt32) -> UInt32 {
        word &>> count | word &<< (32 &- count)
    }

    /// The first 32 bits of the fractional parts of the cube roots of the first 64 primes.
    private static let constants: [UInt32] = [
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
        0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
        0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
        0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
        0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
        0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
        0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
        0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
        0xc67178f2,
    ]
}
