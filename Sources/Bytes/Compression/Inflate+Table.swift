extension Inflate {
    /// A decoding table of one Huffman code: codes of up to `primaryBits` in one look-up, longer
    /// ones in a second.
    ///
    /// An entry: bits 0-7 the code's length, 8-11 its extra bits (of a link: the bits of the second
    /// look-up), 12-13 the kind, 16-31 the literal, the base, or where the second table starts.
    /// Zero marks bits that are no code.
    struct Table {
        private(set) var entries: [UInt32]

        /// Nil unless the lengths make a complete code. One code of one bit and none at all are the
        /// incomplete ones that RFC 1951 and zlib allow.
        init?(_ lengths: ArraySlice<UInt8>, _ payloads: [UInt32], primaryBits: Int) {
            var counts = [Int](repeating: 0, count: 16)
            for length in lengths { counts[Int(length)] += 1 }
            counts[0] = 0
            var next = [Int](repeating: 0, count: 17)
            var left = 1
            for length in 1...15 {
                left = left * 2 - counts[length]
                guard left >= 0 else { return nil }
                next[length + 1] = (next[length] + counts[length]) << 1
            }
            let used = counts.reduce(0, +)
            guard left == 0 || used == 0 || (used == 1 && counts[1] == 1) else { return nil }
            entries = [UInt32](repeating: 0, count: 1 << primaryBits)
            let codes = Self.reversedCodes(lengths, &next)
            link(codes, lengths, primaryBits)
            for (code, (symbol, length)) in zip(codes, zip(payloads.indices, lengths))
            where length > 0 {
                place(code, Int(length), payloads[symbol], primaryBits)
            }
        }

        /// Each symbol's code as it appears in the stream, its first bit lowest.
        private static func reversedCodes(_ lengths: ArraySlice<UInt8>, _ next: inout [Int])
            -> [Int]
        {
            lengths.map { length in
                guard length > 0 else { return 0 }
                let code = next[Int(length)]
                next[Int(length)] += 1
                return Deflate.reversed(code, bits: Int(length))
            }
        }

        /// Appends a second table for each prefix of `primaryBits` that longer codes share.
        private mutating func link(_ codes: [Int], _ lengths: ArraySlice<UInt8>, _ primaryBits: Int)
        {
            var longest: [Int: Int] = [:]
            for (code, length) in zip(codes, lengths) where Int(length) > primaryBits {
                let prefix = code & (1 << primaryBits - 1)
                longest[prefix] = max(longest[prefix] ?? 0, Int(length) - primaryBits)
            }
            for (prefix, bits) in longest {
                entries[prefix] = Kind.link | UInt32(bits) << 8 | UInt32(entries.count) << 16
                entries.append(contentsOf: repeatElement(0, count: 1 << bits))
            }
        }

        private mutating func place(
            _ code: Int, _ length: Int, _ payload: UInt32, _ primaryBits: Int
        ) {
            guard payload != Kind.invalid else { return }
            let entry = payload | UInt32(length)
            if length <= primaryBits {
                fill(entry, from: code, to: 1 << primaryBits, step: 1 << length)
                return
            }
            let link = entries[code & (1 << primaryBits - 1)]
            let start = Int(link >> 16)
            let size = 1 << Int(link >> 8 & 15)
            fill(
                entry, from: start + code >> primaryBits, to: start + size,
                step: 1 << (length - primaryBits))
        }

        /// Enters a code under every value that the bits behind it may have.
        private mutating func fill(_ entry: UInt32, from start: Int, to end: Int, step: Int) {
            var index = start
            while index < end {
                entries[index] = entry
                index &+= step
            }
        }
    }

    /// What an entry stands for, in bits 12 and 13.
    enum Kind {
        static let literal: UInt32 = 0
        static let base: UInt32 = 1 << 12
        static let endOfBlock: UInt32 = 2 << 12
        static let link: UInt32 = 3 << 12
        static let mask: UInt32 = 3 << 12
        /// A symbol that has a code but no meaning (286, 287, distances 30 and 31).
        static let invalid: UInt32 = .max
    }

    static let literalBits = 11
    static let distanceBits = 8
    static let lengthCodeBits = 7

    static let literalPayloads: [UInt32] =
        (0..<256).map { Kind.literal | UInt32($0) << 16 } + [Kind.endOfBlock]
        + (0..<29).map { code in
            if code < 8 { return Kind.base | UInt32(3 + code) << 16 }
            if code == 28 { return Kind.base | 258 << 16 }
            let extra = code / 4 - 1
            return Kind.base | UInt32(extra) << 8 | UInt32(3 + (4 + code % 4) << extra) << 16
        } + [Kind.invalid, Kind.invalid]

    static let distancePayloads: [UInt32] =
        (0..<30).map { code in
            if code < 4 { return Kind.base | UInt32(1 + code) << 16 }
            let extra = code / 2 - 1
            return Kind.base | UInt32(extra) << 8 | UInt32(1 + (2 + code % 2) << extra) << 16
        } + [Kind.invalid, Kind.invalid]

    static let lengthCodePayloads: [UInt32] = (0..<19).map { UInt32($0) << 16 }

    /// The code of block type 1.
    static let fixedLiterals = Table(
        ([UInt8](repeating: 8, count: 144) + [UInt8](repeating: 9, count: 112)
            + [UInt8](repeating: 7, count: 24) + [UInt8](repeating: 8, count: 8))[...],
        literalPayloads, primaryBits: literalBits)
    static let fixedDistances = Table(
        [UInt8](repeating: 5, count: 32)[...], distancePayloads, primaryBits: distanceBits)
}
