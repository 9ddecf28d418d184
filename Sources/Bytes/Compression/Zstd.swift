/// Zstandard (RFC 8878), without dictionaries: the frames and what encoder and decoder share.
enum Zstd {
    static let magic: UInt32 = 0xFD2F_B528
    static let skippableMagic: UInt32 = 0x184D_2A50
    /// No block holds more, compressed or not.
    static let blockBytesMax = 128 * 1024

    static func decompress(_ source: SourceBytes, limit: Int) throws(CompressionError) -> [UInt8] {
        var output = DecompressedBytes(limit: limit, expected: 0)
        var at = 0
        repeat {
            guard source.count - at >= 8 else { throw .malformed(.zstd) }
            let mark = source.word32(at)
            if mark & ~0xF == skippableMagic {
                let size = Int(source.word32(at + 4))
                guard size <= source.count - at - 8 else { throw .malformed(.zstd) }
                at += 8 + size
            } else if mark == magic {
                at = try decodeFrame(source, from: at + 4, into: &output)
            } else {
                throw .malformed(.zstd)
            }
        } while at < source.count
        return output.finish()
    }

    /// A frame's header (3.1.1.1).
    private struct FrameHeader {
        var contentSize: UInt64?
        var hasChecksum = false
        var windowBytes: UInt64 = 0
        /// Where the first block starts.
        var end = 0

        init(_ source: SourceBytes, from start: Int) throws(CompressionError) {
            let descriptor = source[start]
            let isSingleSegment = descriptor & 0x20 != 0
            hasChecksum = descriptor & 0x4 != 0
            guard descriptor & 0x8 == 0 else { throw .malformed(.zstd) }
            let sizeCode = Int(descriptor >> 6)
            let sizeBytes = sizeCode == 0 ? (isSingleSegment ? 1 : 0) : 1 << sizeCode
            let dictionaryBytes = [0, 1, 2, 4][Int(descriptor & 3)]
            var at = start + 1
            end = at + (isSingleSegment ? 0 : 1) + dictionaryBytes + sizeBytes
            guard end <= source.count else { throw .malformed(.zstd) }
            if !isSingleSegment {
                let base = UInt64(1) << (10 + UInt64(source[at] >> 3))
                windowBytes = base + base / 8 * UInt64(source[at] & 7)
                at += 1
            }
            for index in at..<at + dictionaryBytes where source[index] != 0 {
                throw .malformed(.zstd)
            }
            guard sizeBytes > 0 else { return }
            var size: UInt64 = sizeBytes == 2 ? 256 : 0
            for index in 0..<sizeBytes {
                size &+= UInt64(source[at + dictionaryBytes + index]) << UInt64(8 * index)
            }
            contentSize = size
            if isSingleSegment { windowBytes = size }
        }
    }

    private static func decodeFrame(
        _ source: SourceBytes, from start: Int, into output: inout DecompressedBytes
    ) throws(CompressionError) -> Int {
        let frame = try FrameHeader(source, from: start)
        let frameStart = output.count
        if let size = frame.contentSize {
            guard size <= UInt64(output.limit - frameStart) else {
                throw .tooLarge(limit: output.limit)
            }
            // Nothing holds a frame to the size it declares, so only a plausible one is reserved.
            let plausible = source.count.multipliedReportingOverflow(by: 16)
            let cap = plausible.overflow ? Int.max : max(1 << 20, plausible.partialValue)
            _ = output.makeRoom(min(Int(size), cap))
        } else if frame.windowBytes > UInt64(Limits.zstdWindowBytesMax) {
            throw .tooLarge(limit: Limits.zstdWindowBytesMax)
        }
        let blockBytes = Int(min(UInt64(blockBytesMax), frame.windowBytes))
        var decoder = Decoder(source, frameStart: frameStart, blockBytesMax: blockBytes)
        var at = frame.end
        var isLast = false
        while !isLast {
            guard source.count - at >= 3 else { throw .malformed(.zstd) }
            let header = Int(source.word16(at)) | Int(source[at + 2]) << 16
            isLast = header & 1 == 1
            at = try decoder.decodeBlock(
                type: header >> 1 & 3, size: header >> 3, from: at + 3, into: &output)
        }
        if let size = frame.contentSize, size != UInt64(output.count - frameStart) {
            throw .malformed(.zstd)
        }
        guard frame.hasChecksum else { return at }
        guard source.count - at >= 4 else { throw .malformed(.zstd) }
        let checksum = output.reading(from: frameStart, XXHash.hash64)
        guard UInt32(truncatingIfNeeded: checksum) == source.word32(at) else {
            throw .malformed(.zstd)
        }
        return at + 4
    }
}
