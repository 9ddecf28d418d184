extension Zstd {
    /// The probabilities of an FSE code's symbols, in units of 2^-accuracyLog (RFC 8878, 4.1.1).
    /// -1 stands for "less than one": a single state that reads all its bits anew.
    struct Distribution {
        var counts: [Int]
        var accuracyLog: Int

        init(_ counts: [Int], accuracyLog: Int) {
            self.counts = counts
            self.accuracyLog = accuracyLog
        }

        /// Reads a table description from `at`, and moves it behind.
        init(_ source: SourceBytes, from at: inout Int, accuracyMax: Int, symbolMax: Int)
            throws(CompressionError)
        {
            var bits = ForwardBits(source: source, position: at * 8)
            accuracyLog = bits.read(4) + 5
            guard accuracyLog <= accuracyMax else { throw .malformed(.zstd) }
            counts = []
            var remaining = 1 << accuracyLog + 1
            var threshold = 1 << accuracyLog
            var width = accuracyLog + 1
            while remaining > 1 {
                guard counts.count <= symbolMax else { throw .malformed(.zstd) }
                // The values that are left need not fill the width: low ones take one bit less.
                let spare = 2 * threshold - 1 - remaining
                var value = bits.peek(width - 1)
                if value < spare {
                    bits.position += width - 1
                } else {
                    value = bits.read(width)
                    if value >= threshold { value -= spare }
                }
                let count = value - 1
                remaining -= abs(count)
                counts.append(count)
                if count == 0 { try Self.readZeros(&bits, &counts, symbolMax) }
                while remaining < threshold {
                    width -= 1
                    threshold >>= 1
                }
            }
            at = (bits.position + 7) / 8
            guard remaining == 1, counts.count <= symbolMax + 1, at <= source.count else {
                throw .malformed(.zstd)
            }
        }

        /// How many more symbols are absent: two bits each time, 3 meaning that more follow.
        private static func readZeros(
            _ bits: inout ForwardBits, _ counts: inout [Int], _ symbolMax: Int
        ) throws(CompressionError) {
            var run = 0
            repeat {
                run = bits.read(2)
                counts.append(contentsOf: repeatElement(0, count: run))
                guard counts.count <= symbolMax + 1 else { throw .malformed(.zstd) }
            } while run == 3
        }

        /// The symbol of each state: spread by a fixed step, the rarest at the end.
        func spread() -> [UInt8] {
            let size = 1 << accuracyLog
            var symbols = [UInt8](repeating: 0, count: size)
            var high = size - 1
            for (symbol, count) in counts.enumerated() where count == -1 {
                symbols[high] = UInt8(symbol)
                high -= 1
            }
            let step = size / 2 + size / 8 + 3
            var position = 0
            for (symbol, count) in counts.enumerated() where count > 0 {
                for _ in 0..<count {
                    symbols[position] = UInt8(symbol)
                    repeat { position = (position + step) & (size - 1) } while position > high
                }
            }
            return symbols
        }

        /// The decoding table: for each state its symbol (bits 0-7), how many bits to read
        /// (8-15), and what to add to them for the next state (16-31).
        func states() -> [UInt32] {
            let size = 1 << accuracyLog
            var next = counts.map { abs($0) }
            return spread().map { symbol in
                let state = next[Int(symbol)]
                next[Int(symbol)] += 1
                let bits = accuracyLog - (Int.bitWidth - 1 - state.leadingZeroBitCount)
                return UInt32(symbol) | UInt32(bits) << 8 | UInt32(state << bits - size) << 16
            }
        }
    }

    /// Bits from the least significant end, for table descriptions. Past the end it gives zeros.
    private struct ForwardBits {
        let source: SourceBytes
        var position: Int

        func peek(_ bits: Int) -> Int {
            var word = 0
            let first = position / 8
            for index in 0..<3 where first + index < source.count {
                word |= Int(source[first + index]) << (8 * index)
            }
            return word >> (position % 8) & (1 << bits - 1)
        }

        mutating func read(_ bits: Int) -> Int {
            defer { position += bits }
            return peek(bits)
        }
    }
}
