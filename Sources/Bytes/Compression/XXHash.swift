/// xxHash: XXH32 guards LZ4 frames, XXH64 Zstandard's. Whole buffers, seed 0.
/// Format: github.com/Cyan4973/xxHash, doc/xxhash_spec.md.
enum XXHash {
    static func hash32(_ bytes: SourceBytes) -> UInt32 {
        let p1: UInt32 = 0x9E37_79B1
        let p2: UInt32 = 0x85EB_CA77
        let p3: UInt32 = 0xC2B2_AE3D
        let p4: UInt32 = 0x27D4_EB2F
        let p5: UInt32 = 0x1656_67B1
        var at = 0
        var hash = p5
        if bytes.count >= 16 {
            var lanes = SIMD4<UInt32>(p1 &+ p2, p2, 0, 0 &- p1)
            while at &+ 16 <= bytes.count {
                let input = SIMD4(
                    bytes.word32(at), bytes.word32(at &+ 4), bytes.word32(at &+ 8),
                    bytes.word32(at &+ 12))
                lanes = lanes &+ input &* p2
                lanes = (lanes &<< 13 | lanes &>> 19) &* p1
                at &+= 16
            }
            hash =
                rotate(lanes[0], 1) &+ rotate(lanes[1], 7) &+ rotate(lanes[2], 12)
                &+ rotate(lanes[3], 18)
        }
        hash &+= UInt32(truncatingIfNeeded: bytes.count)
        while at &+ 4 <= bytes.count {
            hash = rotate(hash &+ bytes.word32(at) &* p3, 17) &* p4
            at &+= 4
        }
        while at < bytes.count {
            hash = rotate(hash &+ UInt32(bytes[at]) &* p5, 11) &* p1
            at &+= 1
        }
        hash = (hash ^ hash &>> 15) &* p2
        hash = (hash ^ hash &>> 13) &* p3
        return hash ^ hash &>> 16
    }

    static func hash64(_ bytes: SourceBytes) -> UInt64 {
        var at = 0
        var hash = prime5
        if bytes.count >= 32 {
            var a = prime1 &+ prime2
            var b = prime2
            var c: UInt64 = 0
            var d = 0 &- prime1
            while at &+ 32 <= bytes.count {
                a = round(a, bytes.word64(at))
                b = round(b, bytes.word64(at &+ 8))
                c = round(c, bytes.word64(at &+ 16))
                d = round(d, bytes.word64(at &+ 24))
                at &+= 32
            }
            hash = rotate(a, 1) &+ rotate(b, 7) &+ rotate(c, 12) &+ rotate(d, 18)
            for lane in [a, b, c, d] { hash = (hash ^ round(0, lane)) &* prime1 &+ prime4 }
        }
        return finish(hash &+ UInt64(bytes.count), bytes, from: at)
    }

    private static func finish(_ start: UInt64, _ bytes: SourceBytes, from index: Int) -> UInt64 {
        var hash = start
        var at = index
        while at &+ 8 <= bytes.count {
            hash = rotate(hash ^ round(0, bytes.word64(at)), 27) &* prime1 &+ prime4
            at &+= 8
        }
        if at &+ 4 <= bytes.count {
            hash = rotate(hash ^ UInt64(bytes.word32(at)) &* prime1, 23) &* prime2 &+ prime3
            at &+= 4
        }
        while at < bytes.count {
            hash = rotate(hash ^ UInt64(bytes[at]) &* prime5, 11) &* prime1
            at &+= 1
        }
        hash = (hash ^ hash &>> 33) &* prime2
        hash = (hash ^ hash &>> 29) &* prime3
        return hash ^ hash &>> 32
    }

    private static let prime1: UInt64 = 0x9E37_79B1_85EB_CA87
    private static let prime2: UInt64 = 0xC2B2_AE3D_27D4_EB4F
    private static let prime3: UInt64 = 0x1656_67B1_9E37_79F9
    private static let prime4: UInt64 = 0x85EB_CA77_C2B2_AE63
    private static let prime5: UInt64 = 0x27D4_EB2F_1656_67C5

    @inline(__always)
    private static func round(_ lane: UInt64, _ input: UInt64) -> UInt64 {
        rotate(lane &+ input &* prime2, 31) &* prime1
    }

    @inline(__always)
    private static func rotate<T: FixedWidthInteger>(_ value: T, _ bits: T) -> T {
        value &<< bits | value &>> (T(T.bitWidth) &- bits)
    }
}
