extension Zstd {
    /// Writes a block's sequences section (RFC 8878, 3.1.1.3.2).
    struct SequencesEncoder {
        private let sequences: [Sequence]
        /// For each sequence its code (bits 0-7), how many extra bits it has (8-15), and those.
        private var literalCodes: [UInt32] = []
        private var matchCodes: [UInt32] = []
        /// An offset's code is the number of its extra bits.
        private var offsetCodes: [UInt32] = []

        /// Fewer sequences do not pay for a table of their own.
        private static let tableMin = 24

        init(_ sequences: [Sequence]) {
            self.sequences = sequences
            let shortLiterals = Self.shortLiteralCodes
            let shortMatches = Self.shortMatchCodes
            literalCodes = sequences.map { sequence in
                let size = sequence.literalSize
                return size < 64 ? shortLiterals[Int(size)] : Self.longCode(size, first: 19)
            }
            matchCodes = sequences.map { sequence in
                let size = sequence.matchSize &- 3
                return size < 128 ? shortMatches[Int(size)] : Self.longCode(size, first: 36)
            }
            offsetCodes = sequences.map { 31 &- UInt32($0.offsetValue.leadingZeroBitCount) }
        }

        /// The codes of literal sizes below 64 and of match sizes below 131.
        private static let shortLiteralCodes = codes(.literalLengths, 0..<64)
        private static let shortMatchCodes = codes(.matchLengths, 3..<131)

        private static func codes(_ code: SequenceCode, _ values: Range<UInt32>) -> [UInt32] {
            values.map { value in
                let symbol = code.bases.lastIndex { $0 <= value } ?? 0
                let extra = UInt32(code.extraBits[symbol])
                return UInt32(symbol) | extra << 8 | (value - code.bases[symbol]) << 16
            }
        }

        /// The code of a larger size: its extra bits are its binary digits below the first.
        @inline(__always)
        private static func longCode(_ size: UInt32, first: UInt32) -> UInt32 {
            let extra = 31 &- UInt32(size.leadingZeroBitCount)
            return extra &+ first | extra &<< 8 | (size ^ 1 &<< extra) &<< 16
        }

        func write(into target: TargetBytes, at start: Int) -> Int {
            var end = writeCount(into: target, at: start)
            guard !sequences.isEmpty else { return end }
            let modes = end
            end += 1
            let literals = writeTable(.literalLengths, literalCodes, into: target, at: &end)
            let offsets = writeTable(.offsets, offsetCodes, into: target, at: &end)
            let matches = writeTable(.matchLengths, matchCodes, into: target, at: &end)
            target[modes] = literals.mode << 6 | offsets.mode << 4 | matches.mode << 2
            return writeBits(
                literals.encoder, matches.encoder, offsets.encoder, into: target, at: end)
        }

        private func writeCount(into target: TargetBytes, at start: Int) -> Int {
            let count = sequences.count
            if count < 128 {
                target[start] = UInt8(count)
                return start + 1
            }
            if count < 0x7F00 {
                target[start] = UInt8(count >> 8 + 128)
                target[start + 1] = UInt8(count & 0xFF)
                return start + 2
            }
            target[start] = 255
            target.store16(UInt16(count - 0x7F00), at: start + 1)
            return start + 3
        }

        /// Chooses a code's table by its cost and writes what the decoder needs of it.
        private func writeTable(
            _ code: SequenceCode, _ symbols: [UInt32], into target: TargetBytes, at end: inout Int
        ) -> (mode: UInt8, encoder: FSEEncoder) {
            var counts = [UInt32](repeating: 0, count: code.bases.count)
            for symbol in symbols { counts[Int(symbol & 0xFF)] &+= 1 }
            let first = symbols[0] & 0xFF
            if counts[Int(first)] == UInt32(symbols.count) {
                target[end] = UInt8(first)
                end += 1
                return (1, .constant)
            }
            let predefinedBits = code.predefined.bits(counts)
            if let predefinedBits {
                guard symbols.count >= Self.tableMin else { return (0, code.predefinedEncoder) }
                let own = Distribution(normalizing: counts, accuracyMax: code.accuracyMax)
                let tableEnd = own.write(into: target, at: end)
                let ownBits = (own.bits(counts) ?? .infinity) + Double(8 * (tableEnd - end))
                guard ownBits < predefinedBits else { return (0, code.predefinedEncoder) }
                end = tableEnd
                return (2, FSEEncoder(own))
            }
            let own = Distribution(normalizing: counts, accuracyMax: code.accuracyMax)
            end = own.write(into: target, at: end)
            return (2, FSEEncoder(own))
        }

        /// Writes the sequences last to first, as the decoder reads backward.
        private func writeBits(
            _ literalEncoder: FSEEncoder, _ matchEncoder: FSEEncoder, _ offsetEncoder: FSEEncoder,
            into target: TargetBytes, at start: Int
        ) -> Int {
            var writer = BitWriter(target, at: start)
            let last = sequences.count - 1
            var literalState = literalEncoder.initialState(Int(literalCodes[last] & 0xFF))
            var matchState = matchEncoder.initialState(Int(matchCodes[last] & 0xFF))
            var offsetState = offsetEncoder.initialState(Int(offsetCodes[last] & 0xFF))
            writeExtraBits(last, into: &writer)
            var index = last
            while index > 0 {
                index &-= 1
                offsetEncoder.encode(Int(offsetCodes[index] & 0xFF), &offsetState, into: &writer)
                matchEncoder.encode(Int(matchCodes[index] & 0xFF), &matchState, into: &writer)
                literalEncoder.encode(Int(literalCodes[index] & 0xFF), &literalState, into: &writer)
                writer.flush()
                writeExtraBits(index, into: &writer)
            }
            matchEncoder.finish(matchState, into: &writer)
            offsetEncoder.finish(offsetState, into: &writer)
            literalEncoder.finish(literalState, into: &writer)
            writer.put(1, 1)
            return writer.finish()
        }

        @inline(__always)
        private func writeExtraBits(_ index: Int, into writer: inout BitWriter) {
            let literals = literalCodes[index]
            let match = matchCodes[index]
            writer.put(UInt64(literals &>> 16), Int(literals &>> 8 & 0xFF))
            writer.put(UInt64(match &>> 16), Int(match &>> 8 & 0xFF))
            writer.flush()
            let bits = offsetCodes[index]
            let offset = sequences[index].offsetValue
            writer.put(UInt64(offset ^ 1 &<< bits), Int(bits))
            writer.flush()
        }
    }
}

extension Zstd.SequenceCode {
    var predefinedEncoder: Zstd.FSEEncoder { Zstd.FSEEncoder(predefined) }
}
