extension Zstd.Distribution {
    /// Probabilities close to these counts, of which two or more are not zero. The accuracy grows
    /// with what there is to code, up to `accuracyMax`.
    init(normalizing counts: [UInt32], accuracyMax: Int) {
        let total = counts.reduce(0) { $0 + Int($1) }
        let symbols = counts.lazy.filter { $0 > 0 }.count
        let wanted = max(5, Int.bitWidth - total.leadingZeroBitCount - 2)
        let needed = Int.bitWidth - symbols.leadingZeroBitCount
        let log = min(accuracyMax, max(wanted, needed))
        let size = 1 << log
        var scaled = counts.map { count in
            count == 0 ? 0 : max(1, (Int(count) * size + total / 2) / total)
        }
        var excess = scaled.reduce(0, +) - size
        // What rounding took or gave comes from the most frequent, where it costs least.
        while excess != 0 {
            let most = scaled.indices.reduce(0) { scaled[$1] > scaled[$0] ? $1 : $0 }
            let change = excess > 0 ? min(excess, max(1, scaled[most] / 4)) : excess
            scaled[most] -= change
            excess -= change
        }
        while scaled.last == 0 { scaled.removeLast() }
        self.init(scaled, accuracyLog: log)
    }

    /// Writes the table description (RFC 8878, 4.1.1), the inverse of reading it.
    func write(into target: TargetBytes, at start: Int) -> Int {
        var writer = BitWriter(target, at: start)
        writer.put(UInt64(accuracyLog - 5), 4)
        var remaining = 1 << accuracyLog + 1
        var threshold = 1 << accuracyLog
        var width = accuracyLog + 1
        var symbol = 0
        while remaining > 1 {
            let count = counts[symbol]
            symbol += 1
            let spare = 2 * threshold - 1 - remaining
            remaining -= abs(count)
            var value = count + 1
            if value >= threshold { value += spare }
            writer.put(UInt64(value), value < spare ? width - 1 : width)
            if count == 0 {
                var run = 0
                while counts[symbol] == 0 {
                    run += 1
                    symbol += 1
                }
                while run >= 3 {
                    writer.put(3, 2)
                    writer.flush()
                    run -= 3
                }
                writer.put(UInt64(run), 2)
            }
            writer.flush()
            while remaining < threshold {
                width -= 1
                threshold >>= 1
            }
        }
        return writer.finish()
    }

    /// About what symbols that occur this often take, in bits; nil if one of them has no state.
    func bits(_ occurrences: [UInt32]) -> Double? {
        var total = 0.0
        for (symbol, occurrence) in occurrences.enumerated() where occurrence > 0 {
            guard symbol < counts.count, counts[symbol] != 0 else { return nil }
            let probability = Double(abs(counts[symbol]))
            total += Double(occurrence) * (Double(accuracyLog) - Self.log2(probability))
        }
        return total
    }

    /// Within 0.01; there is no libm here.
    private static func log2(_ value: Double) -> Double {
        let fraction = value.significand - 1
        return Double(value.exponent) + fraction * (1.3465 - 0.3465 * fraction)
    }
}

extension Zstd {
    /// The encoding table of an FSE code: from a state (kept with `size` added) and a symbol to the
    /// bits to write and the next state. Symbols are encoded last to first.
    struct FSEEncoder {
        private let accuracyLog: Int
        private var next: [UInt16]
        /// For each symbol: what to add to a state so that its bits 16 up count the bits to write,
        /// and where the symbol's states start less its number of states.
        private var widths: [UInt32]
        private var starts: [Int32]

        init(_ distribution: Distribution) {
            accuracyLog = distribution.accuracyLog
            let size = 1 << accuracyLog
            let counts = distribution.counts.map { abs($0) }
            next = [UInt16](repeating: 0, count: size)
            widths = []
            starts = []
            var place: [Int] = []
            var total = 0
            for count in counts {
                // A symbol of `count` states reads this many bits at most; count 1 all of them.
                let width =
                    count <= 1
                    ? accuracyLog
                    : accuracyLog - (Int.bitWidth - 1 - (count - 1).leadingZeroBitCount)
                let threshold = count <= 1 ? size : count << width
                widths.append(UInt32(width << 16 - threshold))
                starts.append(Int32(total - count))
                place.append(total)
                total += count
            }
            for (state, symbol) in distribution.spread().enumerated() {
                next[place[Int(symbol)]] = UInt16(size + state)
                place[Int(symbol)] += 1
            }
        }

        /// A code of one symbol: no bits, no states.
        static let constant = FSEEncoder()

        private init() {
            accuracyLog = 0
            next = [1]
            widths = [UInt32](repeating: 0, count: 64)
            starts = [Int32](repeating: -1, count: 64)
        }

        /// The state from which the decoder, which ends here, reads `symbol`.
        func initialState(_ symbol: Int) -> UInt32 {
            guard accuracyLog > 0 else { return 1 }
            let width = (widths[symbol] + 1 << 15) >> 16
            let value = width << 16 - widths[symbol]
            return UInt32(next[Int(Int32(value >> width) + starts[symbol])])
        }

        @inline(__always)
        func encode(_ symbol: Int, _ state: inout UInt32, into writer: inout BitWriter) {
            let width = (state &+ widths[symbol]) &>> 16
            writer.put(UInt64(state & (1 &<< width &- 1)), Int(truncatingIfNeeded: width))
            let index = Int32(truncatingIfNeeded: state &>> width) &+ starts[symbol]
            state = UInt32(next[Int(index)])
        }

        /// Writes the state with which the decoder starts.
        func finish(_ state: UInt32, into writer: inout BitWriter) {
            writer.put(UInt64(state) & (1 << UInt64(accuracyLog) - 1), accuracyLog)
            writer.flush()
        }
    }
}
