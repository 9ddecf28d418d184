extension Deflate {
    /// The low `bits` (at most 16) in reverse: a code's first bit stands lowest in the stream.
    static func reversed(_ code: Int, bits: Int) -> Int {
        var word = UInt16(truncatingIfNeeded: code)
        word = word >> 1 & 0x5555 | (word & 0x5555) << 1
        word = word >> 2 & 0x3333 | (word & 0x3333) << 2
        word = word >> 4 & 0x0F0F | (word & 0x0F0F) << 4
        return Int(word.byteSwapped >> UInt16(16 - bits))
    }

    /// A canonical Huffman code, ready to write.
    struct Code {
        let lengths: [UInt8]
        /// Each symbol's code with its first bit lowest, in bits 8-23, and its length below.
        let codes: [UInt32]

        init(_ counts: [UInt32], bitsMax: Int = 15) {
            var counts = counts
            // Old decoders want two codes even where one or none is used.
            var symbol = 0
            while counts.lazy.filter({ $0 > 0 }).count < 2 {
                if counts[symbol] == 0 { counts[symbol] = 1 }
                symbol += 1
            }
            self.init(lengths: HuffmanLengths.make(counts, bitsMax: bitsMax))
        }

        init(lengths: [UInt8]) {
            self.lengths = lengths
            var next = [UInt32](repeating: 0, count: 17)
            for length in lengths where length > 0 { next[Int(length) + 1] += 1 }
            for length in 1...16 { next[length] = (next[length] + next[length - 1]) << 1 }
            codes = lengths.map { length in
                guard length > 0 else { return 0 }
                let code = next[Int(length)]
                next[Int(length)] += 1
                let reversed = Deflate.reversed(Int(code), bits: Int(length))
                return UInt32(reversed) << 8 | UInt32(length)
            }
        }

        /// What symbols that occur this often take.
        func bits(_ counts: [UInt32]) -> Int {
            var total = 0
            for (count, length) in zip(counts, lengths) { total += Int(count) * Int(length) }
            return total
        }

        static let fixedLiterals = Code(
            lengths: [UInt8](repeating: 8, count: 144) + [UInt8](repeating: 9, count: 112)
                + [UInt8](repeating: 7, count: 24) + [UInt8](repeating: 8, count: 8))
        static let fixedDistances = Code(lengths: [UInt8](repeating: 5, count: 32))
    }

    /// The two codes of a dynamic block as they stand in its header: run lengths of code lengths.
    struct Header {
        private static let order = [
            16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
        ]
        private var literalCount: Int
        private var distanceCount: Int
        /// Symbols of the code of lengths, each with its extra bits.
        private var runs: [(symbol: Int, value: Int, bits: Int)] = []
        private var code: Code
        private var codeCount = 19
        /// What the header takes.
        private(set) var bits = 0

        init(_ literals: Code, _ distances: Code) {
            literalCount = (literals.lengths.lastIndex { $0 > 0 } ?? 0) + 1
            literalCount = max(257, literalCount)
            distanceCount = (distances.lengths.lastIndex { $0 > 0 } ?? 0) + 1
            let lengths = literals.lengths[..<literalCount] + distances.lengths[..<distanceCount]
            runs = Self.runs(Array(lengths))
            var counts = [UInt32](repeating: 0, count: 19)
            for run in runs { counts[run.symbol] += 1 }
            code = Code(counts, bitsMax: 7)
            while codeCount > 4, code.lengths[Self.order[codeCount - 1]] == 0 { codeCount -= 1 }
            bits = 14 + 3 * codeCount + code.bits(counts) + runs.reduce(0) { $0 + $1.bits }
        }

        private static func runs(_ lengths: [UInt8]) -> [(symbol: Int, value: Int, bits: Int)] {
            var runs: [(symbol: Int, value: Int, bits: Int)] = []
            var at = 0
            while at < lengths.count {
                let length = lengths[at]
                let run = lengths[at...].prefix { $0 == length }.count
                if length == 0 && run >= 11 {
                    let size = min(138, run)
                    runs.append((18, size - 11, 7))
                    at += size
                } else if length == 0 && run >= 3 {
                    runs.append((17, run - 3, 3))
                    at += run
                } else if length > 0 && run >= 4 {
                    let size = min(6, run - 1)
                    runs.append((Int(length), 0, 0))
                    runs.append((16, size - 3, 2))
                    at += size + 1
                } else {
                    runs.append((Int(length), 0, 0))
                    at += 1
                }
            }
            return runs
        }

        func write(into writer: inout BitWriter) {
            writer.put(UInt64(literalCount - 257), 5)
            writer.put(UInt64(distanceCount - 1), 5)
            writer.put(UInt64(codeCount - 4), 4)
            writer.flush()
            for index in 0..<codeCount {
                writer.put(UInt64(code.lengths[Self.order[index]]), 3)
                writer.flush()
            }
            for run in runs {
                writer.putCode(code.codes[run.symbol])
                writer.put(UInt64(run.value), run.bits)
                writer.flush()
            }
        }
    }
}

extension BitWriter {
    /// Adds a code that `Deflate.Code` made.
    @inline(__always)
    mutating func putCode(_ code: UInt32) {
        put(UInt64(code &>> 8), Int(code & 0xFF))
    }
}
