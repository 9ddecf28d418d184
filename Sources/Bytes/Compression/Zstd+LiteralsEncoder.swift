extension Zstd {
    /// Writes a block's literals section (RFC 8878, 3.1.1.3.1): Huffman codes where they pay.
    struct LiteralsEncoder {
        private let literals: SourceBytes
        private var counts = [UInt32](repeating: 0, count: 256)

        /// Fewer are not worth a tree.
        private static let compressedMin = 64
        /// Fewer go in one stream, whose header has 10 bits for a size.
        private static let fourStreamsMin = 256

        init(_ literals: SourceBytes) {
            self.literals = literals
            for index in 0..<literals.count { counts[Int(literals[index])] &+= 1 }
        }

        func write(into target: TargetBytes, at start: Int) -> Int {
            let size = literals.count
            if size > 3, counts[Int(literals[0])] == UInt32(size) {
                let end = writePlainHeader(type: 1, into: target, at: start)
                target[end] = literals[0]
                return end + 1
            }
            if size >= Self.compressedMin, let end = writeCompressed(into: target, at: start) {
                return end
            }
            let end = writePlainHeader(type: 0, into: target, at: start)
            target.copy(size, from: literals, at: 0, to: end)
            return end + size
        }

        private func writePlainHeader(type: Int, into target: TargetBytes, at start: Int) -> Int {
            let size = literals.count
            if size < 32 {
                target[start] = UInt8(type | size << 3)
                return start + 1
            }
            if size < 4096 {
                target.store16(UInt16(type | 1 << 2 | size << 4), at: start)
                return start + 2
            }
            target.store32(UInt32(type | 3 << 2 | size << 4), at: start)
            return start + 3
        }

        /// Nil where compression does not pay, by the exact count of its bits.
        private func writeCompressed(into target: TargetBytes, at start: Int) -> Int? {
            let size = literals.count
            let code = HuffmanCode(counts)
            let bodyBytes = code.bits(counts) / 8
            guard bodyBytes + size / 64 < size else { return nil }
            let isFour = size >= Self.fourStreamsMin
            let headerBytes = !isFour || size < 1024 ? 3 : size < 16_384 ? 4 : 5
            let body = start + headerBytes
            guard let tree = code.writeTree(into: target, at: body) else { return nil }
            let end =
                isFour
                ? writeFourStreams(code, into: target, at: tree)
                : writeStream(code, 0..<size, into: target, at: tree)
            guard end - start < size else { return nil }
            let format = headerBytes == 3 ? (isFour ? 1 : 0) : headerBytes - 2
            let width = headerBytes == 3 ? 10 : headerBytes == 4 ? 14 : 18
            let header = 2 | format << 2 | size << 4 | (end - body) << (4 + width)
            for index in 0..<headerBytes {
                target[start + index] = UInt8(truncatingIfNeeded: header >> (8 * index))
            }
            return end
        }

        private func writeFourStreams(
            _ code: HuffmanCode, into target: TargetBytes, at start: Int
        ) -> Int {
            let quarter = (literals.count + 3) / 4
            var end = start + 6
            for index in 0..<4 {
                let upper = min(literals.count, (index + 1) * quarter)
                let streamEnd = writeStream(code, index * quarter..<upper, into: target, at: end)
                if index < 3 { target.store16(UInt16(streamEnd - end), at: start + 2 * index) }
                end = streamEnd
            }
            return end
        }

        /// Writes the symbols last to first, as the decoder reads backward, and the end mark.
        private func writeStream(
            _ code: HuffmanCode, _ range: Range<Int>, into target: TargetBytes, at start: Int
        ) -> Int {
            var writer = BitWriter(target, at: start)
            let codes = code.codes
            var at = range.upperBound
            while at &- 4 >= range.lowerBound {
                for _ in 0..<4 {
                    at &-= 1
                    writer.putCode(codes[Int(literals[at])])
                }
                writer.flush()
            }
            while at > range.lowerBound {
                at &-= 1
                writer.putCode(codes[Int(literals[at])])
            }
            writer.flush()
            writer.put(1, 1)
            return writer.finish()
        }
    }

    /// A Huffman code of literals, ready to write.
    struct HuffmanCode {
        private let lengths: [UInt8]
        private let weights: [UInt8]
        /// Each symbol's code in bits 8-23, its length below.
        let codes: [UInt32]

        init(_ counts: [UInt32]) {
            lengths = HuffmanLengths.make(counts, bitsMax: HuffmanTable.bitsMax)
            let longest = lengths.max() ?? 0
            weights = lengths.map { $0 > 0 ? longest + 1 - $0 : 0 }
            // The lightest symbols, which have the longest codes, take the lowest ones.
            var next = [UInt32](repeating: 0, count: HuffmanTable.bitsMax + 3)
            for weight in weights where weight > 0 {
                next[Int(weight) + 1] += 1 << (UInt32(weight) - 1)
            }
            for weight in 1..<next.count { next[weight] += next[weight - 1] }
            codes = zip(weights, lengths).map { weight, length in
                guard weight > 0 else { return 0 }
                let start = next[Int(weight)]
                next[Int(weight)] += 1 << (UInt32(weight) - 1)
                return (start >> (UInt32(weight) - 1)) << 8 | UInt32(length)
            }
        }

        func bits(_ counts: [UInt32]) -> Int {
            var total = 0
            for (count, length) in zip(counts, lengths) { total += Int(count) * Int(length) }
            return total
        }

        /// Writes the tree description: all weights but the last symbol's, FSE-coded or four bits
        /// each. Nil where neither can hold them.
        func writeTree(into target: TargetBytes, at start: Int) -> Int? {
            guard let last = weights.lastIndex(where: { $0 > 0 }), last > 0 else { return nil }
            let stored = weights[..<last]
            let plainBytes = (last + 1) / 2
            if let end = writeCompressed(Array(stored), into: target, at: start + 1),
                end - start - 1 < 128, last > 128 || end - start - 1 < plainBytes
            {
                target[start] = UInt8(end - start - 1)
                return end
            }
            guard last <= 128 else { return nil }
            target[start] = UInt8(127 + last)
            for index in 0..<plainBytes {
                let low = 2 * index + 1 < last ? stored[2 * index + 1] : 0
                target[start + 1 + index] = stored[2 * index] << 4 | low
            }
            return start + 1 + plainBytes
        }

        /// Weights under an FSE code, with two states that take turns.
        private func writeCompressed(_ weights: [UInt8], into target: TargetBytes, at start: Int)
            -> Int?
        {
            var counts = [UInt32](repeating: 0, count: HuffmanTable.bitsMax + 1)
            for weight in weights { counts[Int(weight)] += 1 }
            guard counts.lazy.filter({ $0 > 0 }).count > 1, weights.count > 2 else { return nil }
            let distribution = Distribution(normalizing: counts, accuracyMax: 6)
            let encoder = FSEEncoder(distribution)
            var writer = BitWriter(target, at: distribution.write(into: target, at: start))
            var states: [UInt32] = [0, 0]
            for index in weights.indices.reversed() {
                let weight = Int(weights[index])
                if index >= weights.count - 2 {
                    states[index % 2] = encoder.initialState(weight)
                } else {
                    encoder.encode(weight, &states[index % 2], into: &writer)
                    writer.flush()
                }
            }
            encoder.finish(states[1], into: &writer)
            encoder.finish(states[0], into: &writer)
            writer.put(1, 1)
            return writer.finish()
        }
    }
}
