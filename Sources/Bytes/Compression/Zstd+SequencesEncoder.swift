extension Zstd {
    /// Writes a block's sequences section (RFC 8878, 3.1.1.3.2).
    struct SequencesEncoder {
        private let sequences: [Sequence]
        private var literalCodes: [UInt8] = []
        private var matchCodes: [UInt8] = []
        private var offsetCodes: [UInt8] = []

        /// Fewer sequences do not pay for a table of their own.
        private static let tableMin = 24

        init(_ sequences: [Sequence]) {
            self.sequences = sequences
            literalCodes = sequences.map { Self.literalCode($0.literalSize) }
            matchCodes = sequences.map { Self.matchCode($0.matchSize) }
            offsetCodes = sequences.map { UInt8(31 - $0.offsetValue.leadingZeroBitCount) }
        }

        private static let shortLiteralCodes = codes(.literalLengths, 0..<64)
        private static let shortMatchCodes = codes(.matchLengths, 3..<131)

        private static func codes(_ code: SequenceCode, _ values: Range<UInt32>) -> [UInt8] {
            values.map { value in UInt8(code.bases.lastIndex { $0 <= value } ?? 0) }
        }

        private static func literalCode(_ size: UInt32) -> UInt8 {
            size < 64
                ? shortLiteralCodes[Int(size)] : UInt8(31 - size.leadingZeroBitCount + 19)
        }

        private static func matchCode(_ size: UInt32) -> UInt8 {
            size < 131
                ? shortMatchCodes[Int(size) - 3] : UInt8(31 - (size - 3).leadingZeroBitCount + 36)
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
            _ code: SequenceCode, _ symbols: [UInt8], into target: TargetBytes, at end: inout Int
        ) -> (mode: UInt8, encoder: FSEEncoder) {
            var counts = [UInt32](repeating: 0, count: code.bases.count)
            for symbol in symbols { counts[Int(symbol)] &+= 1 }
            if counts[Int(symbols[0])] == UInt32(symbols.count) {
                target[end] = symbols[0]
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
            var literalState = literalEncoder.initialState(Int(literalCodes[last]))
            var matchState = matchEncoder.initialState(Int(matchCodes[last]))
            var offsetState = offsetEncoder.initialState(Int(offsetCodes[last]))
            writeExtraBits(last, into: &writer)
            var index = last
            while index > 0 {
                index &-= 1
                offsetEncoder.encode(Int(offsetCodes[index]), &offsetState, into: &writer)
                matchEncoder.encode(Int(matchCodes[index]), &matchState, into: &writer)
                literalEncoder.encode(Int(literalCodes[index]), &literalState, into: &writer)
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
            let sequence = sequences[index]
            put(sequence.literalSize, .literalLengths, literalCodes[index], into: &writer)
            put(sequence.matchSize, .matchLengths, matchCodes[index], into: &writer)
            writer.flush()
            put(sequence.offsetValue, .offsets, offsetCodes[index], into: &writer)
            writer.flush()
        }

        @inline(__always)
        private func put(
            _ value: UInt32, _ code: SequenceCode, _ symbol: UInt8, into writer: inout BitWriter
        ) {
            let base = code.bases[Int(symbol)]
            writer.put(UInt64(value &- base), Int(code.extraBits[Int(symbol)]))
        }
    }
}

extension Zstd.SequenceCode {
    var predefinedEncoder: Zstd.FSEEncoder { Zstd.FSEEncoder(predefined) }
}
