extension Deflate {
    /// The symbols of the block being gathered, and how a block is written.
    struct Block {
        static let symbolsMax = 32 * 1024
        private static let endOfBlock = 256

        /// A literal's byte, or bit 31, the length less 3 (bits 16-23) and the distance less 1.
        private var symbols: [UInt32]
        private var count = 0
        private var literalCounts = [UInt32](repeating: 0, count: 286)
        private var distanceCounts = [UInt32](repeating: 0, count: 30)
        /// Where the block's bytes start in the source.
        private var start = 0

        /// `sourceBytes` make at most as many symbols: a small input does not pay for more.
        init(sourceBytes: Int) {
            symbols = [UInt32](repeating: 0, count: min(Self.symbolsMax, sourceBytes + 8))
        }

        /// True when not even a literal and the match behind it fit any more.
        var isFull: Bool { count > symbols.count - 4 }

        mutating func append(literal byte: UInt8) {
            symbols[count] = UInt32(byte)
            literalCounts[Int(byte)] &+= 1
            count &+= 1
        }

        mutating func append(_ match: Match) {
            let length = UInt32(match.size - 3)
            let distance = UInt32(match.distance - 1)
            symbols[count] = 1 << 31 | length << 16 | distance
            literalCounts[Self.lengthCode(length).code] &+= 1
            distanceCounts[Self.distanceCode(distance).code] &+= 1
            count &+= 1
        }

        /// The code of a length less 3 and its extra bits (RFC 1951, 3.2.5).
        @inline(__always)
        private static func lengthCode(_ length: UInt32) -> (code: Int, extra: Int) {
            if length < 8 { return (257 &+ Int(length), 0) }
            if length == 255 { return (285, 0) }
            let extra = 29 &- length.leadingZeroBitCount
            return (257 &+ 4 &* (extra &+ 1) &+ Int(length &>> UInt32(extra) & 3), extra)
        }

        /// The code of a distance less 1 and its extra bits.
        @inline(__always)
        private static func distanceCode(_ distance: UInt32) -> (code: Int, extra: Int) {
            if distance < 4 { return (Int(distance), 0) }
            let extra = 30 &- distance.leadingZeroBitCount
            return (2 &* (extra &+ 1) &+ Int(distance &>> UInt32(extra) & 1), extra)
        }

        /// Writes what was gathered, up to `end` of the source, in the cheapest form; starts anew.
        mutating func write(
            _ source: SourceBytes, end: Int, isLast: Bool, into writer: inout BitWriter,
            _ target: TargetBytes
        ) {
            literalCounts[Self.endOfBlock] = 1
            let literals = Code(literalCounts)
            let distances = Code(distanceCounts)
            let header = Header(literals, distances)
            let extra = extraBits()
            let dynamic =
                header.bits + literals.bits(literalCounts)
                + distances.bits(distanceCounts) + extra
            let fixed =
                Code.fixedLiterals.bits(literalCounts)
                + Code.fixedDistances.bits(distanceCounts) + extra
            let size = end - start
            let stored = 8 * size + 40 * (size / 65_535 + 1)
            let last: UInt64 = isLast ? 1 : 0
            if stored <= min(dynamic, fixed) + 3 {
                writeStored(source, start..<end, isLast: isLast, into: &writer, target)
            } else if fixed <= dynamic {
                writer.put(last | 1 << 1, 3)
                writeSymbols(Code.fixedLiterals, Code.fixedDistances, into: &writer)
            } else {
                writer.put(last | 2 << 1, 3)
                header.write(into: &writer)
                writeSymbols(literals, distances, into: &writer)
            }
            start = end
            count = 0
            for index in literalCounts.indices { literalCounts[index] = 0 }
            for index in distanceCounts.indices { distanceCounts[index] = 0 }
        }

        private func extraBits() -> Int {
            var total = 0
            for code in 265..<285 { total += Int(literalCounts[code]) * ((code - 261) / 4) }
            for code in 4..<30 { total += Int(distanceCounts[code]) * (code / 2 - 1) }
            return total
        }

        private func writeStored(
            _ source: SourceBytes, _ range: Range<Int>, isLast: Bool,
            into writer: inout BitWriter, _ target: TargetBytes
        ) {
            var at = range.lowerBound
            repeat {
                let size = min(65_535, range.upperBound - at)
                writer.put(isLast && at + size == range.upperBound ? 1 : 0, 3)
                let end = writer.finish()
                target.store16(UInt16(size), at: end)
                target.store16(~UInt16(size), at: end + 2)
                target.copy(size, from: source, at: at, to: end + 4)
                writer = BitWriter(target, at: end + 4 + size)
                at += size
            } while at < range.upperBound
        }

        private func writeSymbols(
            _ literals: Code, _ distances: Code, into writer: inout BitWriter
        ) {
            writer.flush()
            var out = writer
            let literalCodes = literals.codes
            let distanceCodes = distances.codes
            for index in 0..<count {
                let symbol = symbols[index]
                if symbol >> 31 == 0 {
                    out.putCode(literalCodes[Int(symbol)])
                } else {
                    // 15 + 5 + 15 + 13 bits at most, with the 7 that a flush leaves: 55.
                    let length = symbol &>> 16 & 0xFF
                    let distance = symbol & 0x7FFF
                    let (lengthCode, lengthExtra) = Self.lengthCode(length)
                    out.putCode(literalCodes[lengthCode])
                    out.put(UInt64(length & (1 &<< UInt32(lengthExtra) &- 1)), lengthExtra)
                    let (distanceCode, distanceExtra) = Self.distanceCode(distance)
                    out.putCode(distanceCodes[distanceCode])
                    out.put(UInt64(distance & (1 &<< UInt32(distanceExtra) &- 1)), distanceExtra)
                }
                out.flush()
            }
            out.putCode(literalCodes[Self.endOfBlock])
            out.flush()
            writer = out
        }
    }
}
