/// LZ4's frame format, version 1.6 (lz4_Frame_format.md), as Kafka's record batches carry it.
///
/// Reads every variant: linked or independent blocks, with or without sizes and checksums,
/// skippable and concatenated frames. Writes what Kafka's Java client writes: independent blocks
/// of 64 KiB.
enum LZ4 {
    private static let magic: UInt32 = 0x184D_2204
    private static let skippableMagic: UInt32 = 0x184D_2A50
    private static let blockBytes = 64 * 1024

    static func compress(_ source: SourceBytes, level: Int?) -> [UInt8] {
        let blocks = source.count / blockBytes + 1
        let capacity = source.count + source.count / 255 + 32 * (blocks + 1)
        return [UInt8](capacity: capacity) { target in
            target.store32(magic, at: 0)
            // Version 01, independent blocks; blocks of at most 64 KiB.
            target.store16(0x4060, at: 4)
            target[6] = headerChecksum(target.written(4..<6))
            var end = 7
            // Levels of more than 2 are the library's slower searches.
            let bitsMax = level.map { $0 > 2 ? 16 : 13 } ?? 13
            let table = MatchTable(positions: source.count, bitsMax: bitsMax)
            var start = 0
            while start < source.count {
                let size = min(blockBytes, source.count - start)
                end = encodeBlock(source, start..<start + size, table, into: target, at: end)
                start += size
            }
            target.store32(0, at: end)
            return end + 4
        }
    }

    /// Writes the block's size and its bytes: as they are when compression does not pay.
    private static func encodeBlock(
        _ source: SourceBytes, _ range: Range<Int>, _ table: borrowing MatchTable,
        into target: TargetBytes, at start: Int
    ) -> Int {
        let end = compressBlock(source, range, table, into: target, at: start + 4)
        if end - start - 4 < range.count {
            target.store32(UInt32(end - start - 4), at: start)
            return end
        }
        target.store32(UInt32(range.count) | 1 << 31, at: start)
        target.copy(range.count, from: source, at: range.lowerBound, to: start + 4)
        return start + 4 + range.count
    }

    private static func headerChecksum(_ descriptor: SourceBytes) -> UInt8 {
        UInt8(truncatingIfNeeded: XXHash.hash32(descriptor) >> 8)
    }

    static func decompress(_ source: SourceBytes, limit: Int) throws(CompressionError) -> [UInt8] {
        var output = DecompressedBytes(limit: limit, expected: 0)
        var at = 0
        repeat {
            guard source.count - at >= 8 else { throw .malformed(.lz4) }
            let mark = source.word32(at)
            if mark & ~0xF == skippableMagic {
                let size = Int(source.word32(at + 4))
                guard size <= source.count - at - 8 else { throw .malformed(.lz4) }
                at += 8 + size
            } else if mark == magic {
                at = try decodeFrame(source, from: at + 4, into: &output)
            } else {
                throw .malformed(.lz4)
            }
        } while at < source.count
        return output.finish()
    }

    /// What a frame's descriptor says.
    private struct Descriptor {
        var linked = false
        var blockChecksums = false
        var contentChecksum = false
        var contentSize: UInt64?
        var blockBytesMax = 0
        /// Where the first block starts.
        var end = 0

        init(_ source: SourceBytes, from start: Int) throws(CompressionError) {
            guard source.count - start >= 3 else { throw .malformed(.lz4) }
            let flags = source[start]
            let block = source[start + 1]
            let sizeCode = block >> 4 & 7
            guard flags >> 6 == 1, flags & 0x2 == 0, block & 0x8F == 0, sizeCode >= 4 else {
                throw .malformed(.lz4)
            }
            linked = flags & 0x20 == 0
            blockChecksums = flags & 0x10 != 0
            contentChecksum = flags & 0x4 != 0
            blockBytesMax = 1 << (8 + 2 * Int(sizeCode))
            let hasSize = flags & 0x8 != 0
            let hasDictionary = flags & 0x1 != 0
            end = start + 2 + (hasSize ? 8 : 0) + (hasDictionary ? 4 : 0)
            guard end < source.count else { throw .malformed(.lz4) }
            if hasSize { contentSize = source.word64(start + 2) }
            guard source[end] == headerChecksum(source.slice(start..<end)) else {
                throw .malformed(.lz4)
            }
            end += 1
        }
    }

    private static func decodeFrame(
        _ source: SourceBytes, from start: Int, into output: inout DecompressedBytes
    ) throws(CompressionError) -> Int {
        let frame = try Descriptor(source, from: start)
        let frameStart = output.count
        if let size = frame.contentSize {
            guard size <= UInt64(output.limit - frameStart) else {
                throw .tooLarge(limit: output.limit)
            }
            // A block grows to at most 255 times its size, so a larger claim is a lie.
            _ = output.makeRoom(min(Int(size), (source.count - start) * 255))
        }
        var at = frame.end
        while true {
            guard source.count - at >= 4 else { throw .malformed(.lz4) }
            let word = source.word32(at)
            at += 4
            if word == 0 { break }
            let size = Int(word & 0x7FFF_FFFF)
            let trailer = frame.blockChecksums ? 4 : 0
            guard size <= frame.blockBytesMax, size + trailer <= source.count - at else {
                throw .malformed(.lz4)
            }
            let block = source.slice(at..<at + size)
            if frame.blockChecksums, XXHash.hash32(block) != source.word32(at + size) {
                throw .malformed(.lz4)
            }
            at += size + trailer
            if word >> 31 == 1 {
                try output.append(block)
            } else {
                try decode(block, frame, frameStart, into: &output)
            }
        }
        return try finish(frame, frameStart, source, at, output)
    }

    private static func decode(
        _ block: SourceBytes, _ frame: Descriptor, _ frameStart: Int,
        into output: inout DecompressedBytes
    ) throws(CompressionError) {
        let room = min(frame.blockBytesMax, block.count * 255 + 64)
        let end = output.makeRoom(room)
        let isCut = end - output.count < room
        let overflow = isCut ? CompressionError.tooLarge(limit: output.limit) : .malformed(.lz4)
        try output.withTarget { (target, start) throws(CompressionError) in
            try decompressBlock(
                block, into: target, start..<end, window: frame.linked ? frameStart : start,
                overflow: overflow)
        }
    }

    /// Checks what follows the last block and gives where the frame ends.
    private static func finish(
        _ frame: Descriptor, _ frameStart: Int, _ source: SourceBytes, _ at: Int,
        _ output: borrowing DecompressedBytes
    ) throws(CompressionError) -> Int {
        if let size = frame.contentSize, size != UInt64(output.count - frameStart) {
            throw .malformed(.lz4)
        }
        guard frame.contentChecksum else { return at }
        guard source.count - at >= 4,
            output.reading(from: frameStart, XXHash.hash32) == source.word32(at)
        else { throw .malformed(.lz4) }
        return at + 4
    }
}
