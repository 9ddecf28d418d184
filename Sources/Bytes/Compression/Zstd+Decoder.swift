extension Zstd {
    /// The decoder of one frame's blocks, with what a block leaves to the next: the Huffman table,
    /// the sequence tables and the last three offsets.
    struct Decoder: ~Copyable {
        let source: SourceBytes
        /// Where the frame's bytes start in the output: no match reaches before it.
        let frameStart: Int
        private let blockBytesMax: Int
        private var huffman: HuffmanTable?
        /// Literals that are not in the source as they are; with slack for copies of whole words.
        private var scratch: ScratchBytes?
        var literalLengths: [UInt64]?
        var matchLengths: [UInt64]?
        var offsets: [UInt64]?
        var recent = RecentOffsets()

        init(_ source: SourceBytes, frameStart: Int, blockBytesMax: Int) {
            self.source = source
            self.frameStart = frameStart
            self.blockBytesMax = blockBytesMax
        }

        /// Decodes the block whose content starts at `at`, and gives where it ends.
        mutating func decodeBlock(
            type: Int, size: Int, from at: Int, into output: inout DecompressedBytes
        ) throws(CompressionError) -> Int {
            let stored = type == 1 ? 1 : size
            guard size <= blockBytesMax, stored <= source.count - at else {
                throw .malformed(.zstd)
            }
            let end = at + stored
            switch type {
            case 0:
                try output.append(source.slice(at..<end))
            case 1:
                guard output.makeRoom(size) - output.count >= size else {
                    throw .tooLarge(limit: output.limit)
                }
                let byte = source[at]
                try output.withTarget { (target, start) throws(CompressionError) in
                    target.fill(size, with: byte, at: start)
                    return start + size
                }
            case 2:
                try decodeCompressed(at..<end, into: &output)
            default:
                throw .malformed(.zstd)
            }
            return end
        }

        private mutating func decodeCompressed(
            _ range: Range<Int>, into output: inout DecompressedBytes
        ) throws(CompressionError) {
            let block = source.slice(0..<range.upperBound)
            var at = range.lowerBound
            let literals = try readLiterals(block, &at)
            let count = try readSequenceHeader(block, &at)
            let end = output.makeRoom(blockBytesMax)
            let isCut = end - output.count < blockBytesMax
            let overflow =
                isCut ? CompressionError.tooLarge(limit: output.limit) : .malformed(.zstd)
            // Moved out for the time of the call, as the closure may not hold `self`.
            var recent = self.recent
            let tables = (literalLengths ?? [], matchLengths ?? [], offsets ?? [])
            let frameStart = self.frameStart
            try output.withTarget { (target, start) throws(CompressionError) in
                guard count > 0 else {
                    guard at == block.count else { throw .malformed(.zstd) }
                    guard literals.size <= end - start else { throw overflow }
                    target.copy(literals.size, from: literals.bytes, at: 0, to: start)
                    return start + literals.size
                }
                let bits = try BackwardBits(block, at..<block.count)
                let run = SequenceRun(
                    count: count, literals: literals, frameStart: frameStart, overflow: overflow)
                return try run.execute(bits, tables, &recent, into: target, start..<end)
            }
            self.recent = recent
        }

        /// A block's literals: the first `size` of `bytes`.
        struct Literals {
            let bytes: SourceBytes
            let size: Int
        }

        /// Reads the literals section at `at` (3.1.1.3.1), and moves behind it.
        private mutating func readLiterals(_ block: SourceBytes, _ at: inout Int)
            throws(CompressionError) -> Literals
        {
            guard at < block.count else { throw .malformed(.zstd) }
            let type = Int(block[at] & 3)
            let format = Int(block[at] >> 2 & 3)
            let isCompressed = type >= 2
            let headerBytes = isCompressed ? [3, 3, 4, 5][format] : [1, 2, 1, 3][format]
            guard headerBytes <= block.count - at else { throw .malformed(.zstd) }
            var header = 0
            for index in 0..<headerBytes { header |= Int(block[at + index]) << (8 * index) }
            at += headerBytes
            guard isCompressed else {
                let size = header >> (format % 2 == 0 ? 3 : 4)
                return try plainLiterals(block, &at, size, isRun: type == 1)
            }
            let width = [10, 10, 14, 18][format]
            let size = header >> 4 & (1 << width - 1)
            let end = at + header >> (4 + width)
            guard size <= blockBytesMax, end <= block.count else { throw .malformed(.zstd) }
            if type == 2 { huffman = try HuffmanTable(block, from: &at) }
            guard let huffman, at <= end else { throw .malformed(.zstd) }
            let target = scratchTarget()
            if format == 0 {
                let stream = try BackwardBits(block, at..<end)
                try huffman.decode(stream, into: target, 0..<size)
            } else {
                let streams = try fourStreams(block, at..<end)
                try huffman.decodeFour(streams, into: target, count: size)
            }
            at = end
            return Literals(bytes: target.written(0..<target.count), size: size)
        }

        private mutating func plainLiterals(
            _ block: SourceBytes, _ at: inout Int, _ size: Int, isRun: Bool
        ) throws(CompressionError) -> Literals {
            let stored = isRun ? 1 : size
            guard size <= blockBytesMax, stored <= block.count - at else {
                throw .malformed(.zstd)
            }
            defer { at += stored }
            guard isRun else { return Literals(bytes: block.slice(at..<block.count), size: size) }
            let target = scratchTarget()
            target.fill(size, with: block[at], at: 0)
            return Literals(bytes: target.written(0..<target.count), size: size)
        }

        private mutating func scratchTarget() -> TargetBytes {
            if let target = scratch?.target { return target }
            let fresh = ScratchBytes(count: Zstd.blockBytesMax + 64)
            let target = fresh.target
            scratch = consume fresh
            return target
        }

        /// The four streams behind a jump table of three sizes.
        private func fourStreams(_ block: SourceBytes, _ range: Range<Int>)
            throws(CompressionError) -> [BackwardBits]
        {
            guard range.count >= 6 else { throw .malformed(.zstd) }
            var streams: [BackwardBits] = []
            streams.reserveCapacity(4)
            var at = range.lowerBound + 6
            for index in 0..<4 {
                let size =
                    index < 3
                    ? Int(block.word16(range.lowerBound + 2 * index)) : range.upperBound - at
                guard size >= 0, size <= range.upperBound - at else { throw .malformed(.zstd) }
                streams.append(try BackwardBits(block, at..<at + size))
                at += size
            }
            return streams
        }
    }
}
