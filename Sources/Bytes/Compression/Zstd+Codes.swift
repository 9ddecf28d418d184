extension Zstd {
    /// One of the three codes of a sequence: literal lengths, match lengths, offsets (3.1.1.3.2.1).
    struct SequenceCode: Sendable {
        /// For each code its smallest value, and how many bits are added to that.
        let bases: [UInt32]
        let extraBits: [UInt8]
        let accuracyMax: Int
        let predefined: Distribution
        /// The predefined decoding table.
        let predefinedStates: [UInt64]

        private init(extraBits: [UInt8], first: UInt32, accuracyMax: Int, predefined: Distribution)
        {
            var bases: [UInt32] = []
            var base = first
            for bits in extraBits {
                bases.append(base)
                base &+= 1 << UInt32(bits)
            }
            self.bases = bases
            self.extraBits = extraBits
            self.accuracyMax = accuracyMax
            self.predefined = predefined
            predefinedStates = Self.states(predefined, bases, extraBits)
        }

        /// The decoding table of this code: bits 0-31 the base, 32-39 the extra bits, 40-47 how
        /// many bits to read for the next state, 48-63 what to add to them.
        func states(_ distribution: Distribution) -> [UInt64] {
            Self.states(distribution, bases, extraBits)
        }

        private static func states(
            _ distribution: Distribution, _ bases: [UInt32], _ extraBits: [UInt8]
        ) -> [UInt64] {
            distribution.states().map { state in
                let symbol = Int(state & 0xFF)
                return UInt64(bases[symbol]) | UInt64(extraBits[symbol]) << 32
                    | UInt64(state >> 8 & 0xFF) << 40 | UInt64(state >> 16) << 48
            }
        }

        /// The table of a code in which every sequence has this symbol.
        func constant(_ symbol: Int) -> [UInt64] {
            [UInt64(bases[symbol]) | UInt64(extraBits[symbol]) << 32]
        }

        static let literalLengths = SequenceCode(
            extraBits: [UInt8](repeating: 0, count: 16)
                + [1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
            first: 0, accuracyMax: 9,
            predefined: Distribution(
                [
                    4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2,
                    1, 1, 1, 1, 1, -1, -1, -1, -1,
                ], accuracyLog: 6))

        static let matchLengths = SequenceCode(
            extraBits: [UInt8](repeating: 0, count: 32)
                + [1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
            first: 3, accuracyMax: 9,
            predefined: Distribution(
                [
                    1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1,
                    -1,
                ], accuracyLog: 6))

        static let offsets = SequenceCode(
            extraBits: (0..<32).map { UInt8($0) }, first: 1, accuracyMax: 8,
            predefined: Distribution(
                [
                    1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1,
                    -1, -1, -1,
                ], accuracyLog: 5))
    }
}
