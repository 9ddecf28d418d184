extension Zstd {
    /// The last three offsets, which a sequence may name by number (RFC 8878, 3.1.1.5).
    struct RecentOffsets {
        var first = 1
        var second = 4
        var third = 8

        /// The distance that an offset value means; 0 if it means none.
        @inline(__always)
        mutating func resolve(_ value: Int, hasLiterals: Bool) -> Int {
            if value > 3 {
                push(value &- 3)
                return first
            }
            switch hasLiterals ? value : value &+ 1 {
            case 1: break
            case 2: swap(&first, &second)
            case 3: push(third)
            default: push(first &- 1)
            }
            return first
        }

        @inline(__always)
        private mutating func push(_ distance: Int) {
            third = second
            second = first
            first = distance
        }
    }

    /// A block's sequences at work: each copies literals, then a match.
    struct SequenceRun {
        let count: Int
        let literals: Decoder.Literals
        let frameStart: Int
        let overflow: CompressionError

        /// Decodes and executes all sequences into `room`, and gives the end of what was written.
        func execute(
            _ stream: BackwardBits, _ tables: ([UInt64], [UInt64], [UInt64]),
            _ recentOffsets: inout RecentOffsets, into target: TargetBytes, _ room: Range<Int>
        ) throws(CompressionError) -> Int {
            let (literalTable, matchTable, offsetTable) = tables
            var bits = stream
            var recent = recentOffsets
            var literalState = literalTable[bits.read(Self.log(literalTable))]
            var offsetState = offsetTable[bits.read(Self.log(offsetTable))]
            var matchState = matchTable[bits.read(Self.log(matchTable))]
            var used = 0
            var at = room.lowerBound
            for index in 0..<count {
                let offsetValue = Self.readValue(&bits, offsetState)
                // An offset may take 31 bits and a match length 16: within one window of 57 each
                // with what follows.
                var window = bits.window
                let matchSize = Self.takeValue(&window, &bits, matchState)
                let literalSize = Self.takeValue(&window, &bits, literalState)
                let distance = recent.resolve(offsetValue, hasLiterals: literalSize > 0)
                if index &+ 1 < count {
                    window = bits.window
                    literalState = literalTable[Self.nextState(&window, &bits, literalState)]
                    matchState = matchTable[Self.nextState(&window, &bits, matchState)]
                    offsetState = offsetTable[Self.nextState(&window, &bits, offsetState)]
                }
                guard !bits.isOverrun, literalSize <= literals.size &- used else {
                    throw .malformed(.zstd)
                }
                guard literalSize &+ matchSize <= room.upperBound &- at else { throw overflow }
                target.copy(literalSize, from: literals.bytes, at: used, to: at)
                at &+= literalSize
                used &+= literalSize
                guard distance > 0, distance <= at &- frameStart else { throw .malformed(.zstd) }
                target.copyMatch(matchSize, distance: distance, at: at)
                at &+= matchSize
            }
            guard bits.isFinished else { throw .malformed(.zstd) }
            let rest = literals.size - used
            guard rest <= room.upperBound - at else { throw overflow }
            target.copy(rest, from: literals.bytes, at: used, to: at)
            recentOffsets = recent
            return at + rest
        }

        private static func log(_ table: [UInt64]) -> Int { table.count.trailingZeroBitCount }

        @inline(__always)
        private static func readValue(_ bits: inout BackwardBits, _ state: UInt64) -> Int {
            var window = bits.window
            return takeValue(&window, &bits, state)
        }

        /// The state's base plus its extra bits, off the top of the window.
        @inline(__always)
        private static func takeValue(
            _ window: inout UInt64, _ bits: inout BackwardBits, _ state: UInt64
        ) -> Int {
            let extra = Int(truncatingIfNeeded: state &>> 32 & 0xFF)
            let value = Zstd.top(window, extra)
            window &<<= UInt64(truncatingIfNeeded: extra)
            bits.drop(extra)
            return Int(state & 0xFFFF_FFFF) &+ value
        }

        @inline(__always)
        private static func nextState(
            _ window: inout UInt64, _ bits: inout BackwardBits, _ state: UInt64
        ) -> Int {
            let width = Int(truncatingIfNeeded: state &>> 40 & 0xFF)
            let value = Zstd.top(window, width)
            window &<<= UInt64(truncatingIfNeeded: width)
            bits.drop(width)
            return Int(truncatingIfNeeded: state &>> 48) &+ value
        }
    }
}

extension Zstd.Decoder {
    /// Reads the number of sequences at `at` and their tables (3.1.1.3.2.1); moves behind them.
    mutating func readSequenceHeader(_ block: SourceBytes, _ at: inout Int)
        throws(CompressionError) -> Int
    {
        guard at < block.count else { throw .malformed(.zstd) }
        let first = Int(block[at])
        let bytes = first < 128 ? 1 : first < 255 ? 2 : 3
        guard bytes <= block.count - at else { throw .malformed(.zstd) }
        let count =
            switch bytes {
            case 1: first
            case 2: (first - 128) << 8 + Int(block[at + 1])
            default: Int(block.word16(at + 1)) + 0x7F00
            }
        at += bytes
        guard count > 0 else { return 0 }
        guard at < block.count, block[at] & 3 == 0 else { throw .malformed(.zstd) }
        let modes = Int(block[at])
        at += 1
        literalLengths = try readTable(
            .literalLengths, mode: modes >> 6, literalLengths, block, &at)
        offsets = try readTable(.offsets, mode: modes >> 4 & 3, offsets, block, &at)
        matchLengths = try readTable(.matchLengths, mode: modes >> 2 & 3, matchLengths, block, &at)
        return count
    }

    private func readTable(
        _ code: Zstd.SequenceCode, mode: Int, _ previous: [UInt64]?, _ block: SourceBytes,
        _ at: inout Int
    ) throws(CompressionError) -> [UInt64] {
        switch mode {
        case 0:
            return code.predefinedStates
        case 1:
            guard at < block.count, Int(block[at]) < code.bases.count else {
                throw .malformed(.zstd)
            }
            at += 1
            return code.constant(Int(block[at - 1]))
        case 2:
            let distribution = try Zstd.Distribution(
                block, from: &at, accuracyMax: code.accuracyMax, symbolMax: code.bases.count - 1)
            return code.states(distribution)
        default:
            guard let previous else { throw .malformed(.zstd) }
            return previous
        }
    }
}
