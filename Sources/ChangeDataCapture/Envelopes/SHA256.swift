import Bytes
import Formats

/// SHA-256 (FIPS 180-4), for masks.
enum SHA256 {
    private static let constants: [UInt32] = [
        0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4,
        0xab1c_5ed5, 0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe,
        0x9bdc_06a7, 0xc19b_f174, 0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f,
        0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da, 0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7,
        0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967, 0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc,
        0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85, 0xa2bf_e8a1, 0xa81a_664b,
        0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070, 0x19a4_c116,
        0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
        0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7,
        0xc671_78f2,
    ]

    static func digest(of text: RawSpan) -> [UInt8] {
        var state: [UInt32] = [
            0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c,
            0x1f83_d9ab, 0x5be0_cd19,
        ]
        // One bit, zeros, and the length in bits end the text at a multiple of 64 bytes.
        let length = text.byteCount
        let padded = (length + 9 + 63) / 64 * 64
        var words = [UInt32](repeating: 0, count: 64)
        let constants = constants
        for start in stride(from: 0, to: padded, by: 64) {
            for index in 0..<16 {
                var word: UInt32 = 0
                for offset in 0..<4 {
                    let place = start + index * 4 + offset
                    word = word << 8 | UInt32(byte(text, place, padded))
                }
                words[index] = word
            }
            compress(&state, &words, constants)
        }
        return state.flatMap { word in
            [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: word >> $0) }
        }
    }

    private static func byte(_ text: RawSpan, _ place: Int, _ padded: Int) -> UInt8 {
        if place < text.byteCount { return text.peek(at: place) }
        if place == text.byteCount { return 0x80 }
        guard place >= padded - 8 else { return 0 }
        return UInt8(
            truncatingIfNeeded: UInt64(text.byteCount) * 8 >> UInt64((padded - 1 - place) * 8))
    }

    private static func compress(
        _ state: inout [UInt32], _ words: inout [UInt32], _ constants: [UInt32]
    ) {
        func turned(_ word: UInt32, _ count: UInt32) -> UInt32 {
            word &>> count | word &<< (32 - count)
        }
        for index in 16..<64 {
            let (early, late) = (words[index - 15], words[index - 2])
            words[index] =
                words[index - 16] &+ words[index - 7]
                &+ (turned(early, 7) ^ turned(early, 18) ^ early &>> 3)
                &+ (turned(late, 17) ^ turned(late, 19) ^ late &>> 10)
        }
        var own = state
        for index in 0..<64 {
            let (a, e) = (own[0], own[4])
            let first =
                own[7] &+ (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25))
                &+ (e & own[5] ^ ~e & own[6]) &+ constants[index] &+ words[index]
            let second =
                (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22))
                &+ (a & own[1] ^ a & own[2] ^ own[1] & own[2])
            own = [first &+ second, a, own[1], own[2], own[3] &+ first, e, own[5], own[6]]
        }
        for index in 0..<8 { state[index] = state[index] &+ own[index] }
    }
}
