extension Zstd {
    /// A Huffman decoding table for literals (RFC 8878, 4.2).
    struct HuffmanTable {
        static let bitsMax = 11

        /// For each `bits` of input the symbol (bits 8-15) and its code's length (0-7).
        private let entries: [UInt16]
        private let bits: Int

        /// Reads a tree description from `at`, and moves it behind.
        init(_ source: SourceBytes, from at: inout Int) throws(CompressionError) {
            guard at < source.count else { throw .malformed(.zstd) }
            let header = Int(source[at])
            at += 1
            let size = header >= 128 ? (header - 126) / 2 : header
            guard size <= source.count - at else { throw .malformed(.zstd) }
            let weights =
                if header >= 128 {
                    (0..<header - 127).map { source[at + $0 / 2] >> ($0 % 2 == 0 ? 4 : 0) & 15 }
                } else {
                    try Self.compressedWeights(source.slice(at..<at + size))
                }
            at += size
            try self.init(weights: weights)
        }

        /// Weights under an FSE code, with two states that take turns.
        private static func compressedWeights(_ source: SourceBytes) throws(CompressionError)
            -> [UInt8]
        {
            var at = 0
            let code = try Distribution(source, from: &at, accuracyMax: 6, symbolMax: bitsMax + 1)
            let table = code.states()
            var bits = try BackwardBits(source, at..<source.count)
            var state = bits.read(code.accuracyLog)
            var other = bits.read(code.accuracyLog)
            guard !bits.isOverrun else { throw .malformed(.zstd) }
            var weights: [UInt8] = []
            while weights.count < 255 {
                let entry = table[state]
                weights.append(UInt8(entry & 0xFF))
                let next = bits.read(Int(entry >> 8 & 0xFF)) + Int(entry >> 16)
                if bits.isOverrun {
                    // No bits are left to move on: the other state's symbol is the last one.
                    weights.append(UInt8(table[other] & 0xFF))
                    return weights
                }
                state = other
                other = next
            }
            throw .malformed(.zstd)
        }

        /// The weights of all symbols but the last that occurs, whose weight completes the code.
        private init(weights: [UInt8]) throws(CompressionError) {
            var weights = weights
            var sum = 0
            for weight in weights where weight > 0 {
                guard weight <= Self.bitsMax else { throw .malformed(.zstd) }
                sum += 1 << (Int(weight) - 1)
            }
            guard sum > 0, weights.count <= 255 else { throw .malformed(.zstd) }
            bits = Int.bitWidth - sum.leadingZeroBitCount
            let rest = 1 << bits - sum
            guard bits <= Self.bitsMax, rest & (rest - 1) == 0 else { throw .malformed(.zstd) }
            weights.append(UInt8(rest.trailingZeroBitCount + 1))
            entries = Self.entries(weights, bits)
        }

        private static func entries(_ weights: [UInt8], _ bits: Int) -> [UInt16] {
            // The rank of each weight starts behind the entries of the lighter ones.
            var next = [Int](repeating: 0, count: bitsMax + 3)
            for weight in weights where weight > 0 {
                next[Int(weight) + 1] += 1 << (Int(weight) - 1)
            }
            for weight in 1..<next.count { next[weight] += next[weight - 1] }
            var entries = [UInt16](repeating: 0, count: 1 << bits)
            for (symbol, weight) in weights.enumerated() where weight > 0 {
                let entry = UInt16(symbol) << 8 | UInt16(bits + 1 - Int(weight))
                let start = next[Int(weight)]
                let end = start + 1 << (Int(weight) - 1)
                for index in start..<end { entries[index] = entry }
                next[Int(weight)] = end
            }
            return entries
        }

        /// Decodes one stream into `range` of the target, which it must fill exactly.
        func decode(_ stream: BackwardBits, into target: TargetBytes, _ range: Range<Int>)
            throws(CompressionError)
        {
            var stream = stream
            var at = range.lowerBound
            while at &+ 5 <= range.upperBound, !stream.isOverrun {
                decodeFive(&stream, into: target, at: at)
                at &+= 5
            }
            while at < range.upperBound, !stream.isOverrun {
                let entry = entries[Zstd.top(stream.window, bits)]
                target[at] = UInt8(truncatingIfNeeded: entry &>> 8)
                stream.drop(Int(entry & 0xFF))
                at &+= 1
            }
            guard at == range.upperBound, stream.isFinished else { throw .malformed(.zstd) }
        }

        /// Decodes four streams, each into its quarter of the target's first `count` bytes.
        func decodeFour(_ streams: [BackwardBits], into target: TargetBytes, count: Int)
            throws(CompressionError)
        {
            let quarter = (count + 3) / 4
            guard streams.count == 4, count >= 3 * quarter else { throw .malformed(.zstd) }
            var (a, b, c, d) = (streams[0], streams[1], streams[2], streams[3])
            // Together for as long as the last, which may be shorter, so that their loads overlap.
            let shortest = count &- 3 &* quarter
            var at = 0
            while at &+ 5 <= shortest {
                decodeFive(&a, into: target, at: at)
                decodeFive(&b, into: target, at: quarter &+ at)
                decodeFive(&c, into: target, at: 2 &* quarter &+ at)
                decodeFive(&d, into: target, at: 3 &* quarter &+ at)
                at &+= 5
                if a.isOverrun || b.isOverrun || c.isOverrun || d.isOverrun {
                    throw .malformed(.zstd)
                }
            }
            try decode(a, into: target, at..<quarter)
            try decode(b, into: target, quarter + at..<2 * quarter)
            try decode(c, into: target, 2 * quarter + at..<3 * quarter)
            try decode(d, into: target, 3 * quarter + at..<count)
        }

        /// Five symbols of at most 11 bits from one window of at least 57.
        @inline(__always)
        private func decodeFive(_ stream: inout BackwardBits, into target: TargetBytes, at: Int) {
            var window = stream.window
            var used = 0
            for index in 0..<5 {
                let entry = entries[Zstd.top(window, bits)]
                target[at &+ index] = UInt8(truncatingIfNeeded: entry &>> 8)
                window &<<= UInt64(entry & 0xFF)
                used &+= Int(entry & 0xFF)
            }
            stream.drop(used)
        }
    }
}
