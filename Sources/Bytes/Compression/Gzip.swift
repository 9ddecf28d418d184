/// gzip (RFC 1952): members of a header, a DEFLATE stream, a CRC-32 and a size.
///
/// Reads any number of members, one after the other; writes one.
enum Gzip {
    private static let magic: UInt16 = 0x8B1F
    private static let headerBytes = 10
    static let trailerBytes = 8

    private struct Flags: OptionSet {
        let rawValue: UInt8
        static let headerChecksum = Flags(rawValue: 2)
        static let extra = Flags(rawValue: 4)
        static let name = Flags(rawValue: 8)
        static let comment = Flags(rawValue: 16)
        static let reserved = Flags(rawValue: 0xE0)
    }

    static func compress(_ source: SourceBytes, level: Int?) -> [UInt8] {
        let overhead = headerBytes + trailerBytes
        return [UInt8](capacity: overhead + Deflate.capacity(source.count)) { target in
            // DEFLATE, no flags, no time; system 255 is "unknown".
            target.store64(UInt64(magic) | 8 << 16, at: 0)
            target.store16(0xFF00, at: 8)
            var deflate = Deflate(source, Deflate.Effort(level: level))
            let end = deflate.compress(into: target, at: headerBytes)
            target.store32(CRC32.checksum(source), at: end)
            target.store32(UInt32(truncatingIfNeeded: source.count), at: end + 4)
            return end + trailerBytes
        }
    }

    static func decompress(_ source: SourceBytes, limit: Int) throws(CompressionError) -> [UInt8] {
        // The last member's size is a guess of the whole; a byte of DEFLATE makes at most 1032.
        let declared = source.count < 4 ? 0 : Int(source.word32(source.count - 4))
        let expected = source.count < headerBytes + trailerBytes ? 0 : declared
        var output = DecompressedBytes(limit: limit, expected: min(expected, source.count * 1032))
        var at = 0
        repeat {
            at = try decompressMember(source, from: at, into: &output)
        } while at < source.count
        return output.finish()
    }

    /// Gives where the member ends.
    private static func decompressMember(
        _ source: SourceBytes, from at: Int, into output: inout DecompressedBytes
    ) throws(CompressionError) -> Int {
        let start = output.count
        let body: Int
        do throws(GzipFailure) {
            body = try skipHeader(source, from: at)
        } catch {
            throw .malformed(.gzip)
        }
        var inflate = Inflate(source, from: body)
        let end = try inflate.decompress(into: &output)
        guard source.count - end >= trailerBytes,
            output.reading(from: start, { CRC32.checksum($0) }) == source.word32(end),
            UInt32(truncatingIfNeeded: output.count - start) == source.word32(end + 4)
        else { throw .malformed(.gzip) }
        return end + trailerBytes
    }

    /// Checks a member's header and gives where its DEFLATE stream starts.
    static func skipHeader(_ source: SourceBytes, from start: Int) throws(GzipFailure) -> Int {
        let given = source.count - start
        guard given >= headerBytes else {
            throw given < 2 || source.word16(start) == magic ? .cut : .damaged
        }
        guard source.word16(start) == magic, source[start + 2] == 8 else { throw .damaged }
        let flags = Flags(rawValue: source[start + 3])
        guard flags.isDisjoint(with: .reserved) else { throw .damaged }
        var at = start + headerBytes
        if flags.contains(.extra) {
            guard source.count - at >= 2 else { throw .cut }
            at += 2 + Int(source.word16(at))
        }
        for field in [Flags.name, .comment] where flags.contains(field) {
            while at < source.count, source[at] != 0 { at += 1 }
            at += 1
        }
        guard at <= source.count else { throw .cut }
        if flags.contains(.headerChecksum) {
            guard source.count - at >= 2 else { throw .cut }
            let checksum = CRC32.checksum(source.slice(start..<at))
            guard source.word16(at) == UInt16(truncatingIfNeeded: checksum) else {
                throw .damaged
            }
            at += 2
        }
        return at
    }
}

/// Why gzip could not be read to its end.
public enum GzipFailure: Error, Equatable {
    /// It ends before it should.
    case cut
    /// What follows is no gzip, or its checksum is another.
    case damaged
}
