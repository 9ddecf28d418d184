/// Snappy in Kafka: raw blocks, and the framing of Java's snappy library ("xerial") around them.
///
/// Reads both, as librdkafka writes raw blocks and the Java client frames. Writes the framing, in
/// chunks of 32 KiB as the Java client does. Header: `82 SNAPPY 00`, version and oldest compatible
/// version (big-endian 1); then chunks of a big-endian length and a raw block.
enum Snappy {
    /// The bytes `82 53 4E 41 50 50 59 00`. No raw block starts like this: it would be a copy
    /// before any literal.
    private static let magic: UInt64 = 0x0059_5050_414E_5382
    private static let headerBytes = 16
    private static let chunkBytes = 32 * 1024

    static func compress(_ source: SourceBytes) -> [UInt8] {
        let chunks = source.count / chunkBytes + 1
        let capacity = headerBytes + source.count + source.count / 6 + 64 * chunks
        return [UInt8](capacity: capacity) { target in
            target.store64(magic, at: 0)
            target.store32(UInt32(1).bigEndian, at: 8)
            target.store32(UInt32(1).bigEndian, at: 12)
            var end = headerBytes
            let table = MatchTable(positions: min(source.count, chunkBytes), bitsMax: 14)
            var start = 0
            while start < source.count {
                let size = min(chunkBytes, source.count - start)
                let blockEnd = compressBlock(
                    source, start..<start + size, table, into: target, at: end + 4)
                target.store32(UInt32(blockEnd - end - 4).bigEndian, at: end)
                end = blockEnd
                start += size
            }
            return end
        }
    }

    static func decompress(_ source: SourceBytes, limit: Int) throws(CompressionError) -> [UInt8] {
        let isFramed = source.count >= 8 && source.word64(0) == magic
        guard isFramed else {
            let size = try blockLength(source).size
            guard size <= limit else { throw .tooLarge(limit: limit) }
            var output = DecompressedBytes(limit: limit, expected: size)
            try decode(source, into: &output)
            return output.finish()
        }
        guard source.count >= headerBytes else { throw .malformed(.snappy) }
        var output = DecompressedBytes(limit: limit, expected: source.count)
        var at = headerBytes
        while at < source.count {
            guard source.count - at >= 4 else { throw .malformed(.snappy) }
            // Streams may be concatenated: a header in the place of a chunk is passed over.
            if source.count - at >= headerBytes, source.word64(at) == magic {
                at += headerBytes
                continue
            }
            let size = Int(source.word32(at).byteSwapped)
            at += 4
            guard size <= source.count - at else { throw .malformed(.snappy) }
            try decode(source.slice(at..<at + size), into: &output)
            at += size
        }
        return output.finish()
    }

    private static func decode(_ block: SourceBytes, into output: inout DecompressedBytes)
        throws(CompressionError)
    {
        let (size, start) = try blockLength(block)
        guard size <= output.limit - output.count else { throw .tooLarge(limit: output.limit) }
        let end = output.makeRoom(size)
        try output.withTarget { (target, from) throws(CompressionError) in
            try decompressBlock(block, from: start, into: target, from..<end)
            return end
        }
    }
}
