extension Zstd {
    /// Matches reach back this far; larger frames say so in a window descriptor.
    private static let windowLog = 21

    /// Compresses into one frame that states its size, without a checksum: a record batch has one.
    static func compress(_ source: SourceBytes, level: Int?) -> [UInt8] {
        let blocks = source.count / blockBytesMax + 1
        // A block is written before it is known whether it pays; at worst each 4 bytes become a
        // sequence of 10, and what does not pay is replaced by the bytes themselves.
        let slack = 3 * min(source.count, blockBytesMax) + 1024
        return [UInt8](capacity: source.count + 3 * blocks + slack) { target in
            var end = writeHeader(source.count, into: target)
            var encoder = Encoder(source, windowBytes: 1 << windowLog, level: level ?? 3)
            var start = 0
            repeat {
                let size = min(blockBytesMax, source.count - start)
                let isLast = start + size == source.count
                end = encoder.encodeBlock(
                    start..<start + size, isLast: isLast, into: target, at: end)
                start += size
            } while start < source.count
            return end
        }
    }

    /// The frame's header: content size always; up to the window's size a single segment.
    private static func writeHeader(_ size: Int, into target: TargetBytes) -> Int {
        target.store32(magic, at: 0)
        let isSingleSegment = size <= 1 << windowLog
        var end = 5
        if !isSingleSegment {
            target[5] = UInt8((windowLog - 10) << 3)
            end = 6
        }
        let segmentBit: UInt8 = isSingleSegment ? 0x20 : 0
        if size < 256 && isSingleSegment {
            target[4] = segmentBit
            target[end] = UInt8(size)
            return end + 1
        }
        if size >= 256 && size < 65_536 + 256 {
            target[4] = segmentBit | 1 << 6
            target.store16(UInt16(size - 256), at: end)
            return end + 2
        }
        if size <= Int(UInt32.max) {
            target[4] = segmentBit | 2 << 6
            target.store32(UInt32(size), at: end)
            return end + 4
        }
        target[4] = segmentBit | 3 << 6
        target.store64(UInt64(size), at: end)
        return end + 8
    }

    /// A literal run and the match behind it.
    struct Sequence {
        var literalSize: UInt32
        var matchSize: UInt32
        /// 1 to 3 name a recent offset; others are the distance plus 3.
        var offsetValue: UInt32
    }

    /// The encoder of one frame's blocks.
    struct Encoder: ~Copyable {
        private let source: SourceBytes
        private var finder: MatchFinder
        private let literals: ScratchBytes

        init(_ source: SourceBytes, windowBytes: Int, level: Int) {
            self.source = source
            finder = MatchFinder(source, windowBytes: windowBytes, level: level)
            literals = ScratchBytes(count: min(source.count, blockBytesMax) + 64)
        }

        /// Writes one block: compressed if that pays, else as a run or as it is.
        mutating func encodeBlock(
            _ range: Range<Int>, isLast: Bool, into target: TargetBytes, at start: Int
        ) -> Int {
            let last = isLast ? 1 : 0
            let size = range.count
            let isRun =
                size > 1
                && source.matchLength(
                    range.lowerBound + 1, range.lowerBound, end: range.upperBound) == size - 1
            if isRun {
                writeBlockHeader(last | 1 << 1 | size << 3, into: target, at: start)
                target[start + 3] = source[range.lowerBound]
                return start + 4
            }
            let recent = finder.recent
            let end = compress(range, into: target, at: start + 3)
            if end - start - 3 < size {
                writeBlockHeader(last | 2 << 1 | (end - start - 3) << 3, into: target, at: start)
                return end
            }
            // The decoder will not see these sequences.
            finder.recent = recent
            writeBlockHeader(last | size << 3, into: target, at: start)
            target.copy(size, from: source, at: range.lowerBound, to: start + 3)
            return start + 3 + size
        }

        private func writeBlockHeader(_ header: Int, into target: TargetBytes, at start: Int) {
            target.store16(UInt16(truncatingIfNeeded: header), at: start)
            target[start + 2] = UInt8(truncatingIfNeeded: header >> 16)
        }

        private mutating func compress(
            _ range: Range<Int>, into target: TargetBytes, at start: Int
        ) -> Int {
            let rest = finder.findSequences(range)
            let literalSize = gatherLiterals(range, rest: rest)
            let view = literals.target.written(0..<literalSize)
            let end = LiteralsEncoder(view).write(into: target, at: start)
            return SequencesEncoder(finder.sequences).write(into: target, at: end)
        }

        /// Copies the block's literals together and gives how many they are.
        private func gatherLiterals(_ range: Range<Int>, rest: Int) -> Int {
            let target = literals.target
            var from = range.lowerBound
            var to = 0
            for sequence in finder.sequences {
                let size = Int(sequence.literalSize)
                target.copy(size, from: source, at: from, to: to)
                to &+= size
                from &+= size &+ Int(sequence.matchSize)
            }
            target.copy(rest, from: source, at: from, to: to)
            return to + rest
        }
    }
}
