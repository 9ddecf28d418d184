/// LZ4's block format (lz4_Block_format.md): sequences of a literal run and a match within 64 KiB.
extension LZ4 {
    /// A block ends in at least 5 literals, and its last match starts 12 bytes before the end.
    private static let lastLiterals = 5
    private static let matchStartMargin = 12
    private static let distanceMax = 65_535

    /// Compresses `range` of the source alone and gives the end of what was written: at most
    /// `count + count / 255 + 16` bytes. The table may hold positions of earlier blocks.
    static func compressBlock(
        _ source: SourceBytes, _ range: Range<Int>, _ table: borrowing MatchTable,
        into target: TargetBytes, at start: Int
    ) -> Int {
        let low = range.lowerBound
        let matchEnd = range.upperBound - lastLiterals
        let lastStart = range.upperBound - matchStartMargin
        var end = start
        var anchor = low
        var at = low
        search: while true {
            // After 64 misses the step grows: bytes that do not compress are passed quickly.
            var misses = 64
            var found = 0
            while true {
                guard at <= lastStart else { break search }
                let word = source.word64(at)
                found = table.exchange(table.hash5(word), at)
                if found >= low && found < at && at &- found <= distanceMax
                    && source.word32(found) == UInt32(truncatingIfNeeded: word)
                {
                    break
                }
                at &+= misses &>> 6
                misses &+= 1
            }
            while at > anchor && found > low && source[at &- 1] == source[found &- 1] {
                at &-= 1
                found &-= 1
            }
            let size = 4 &+ source.matchLength(at &+ 4, found &+ 4, end: matchEnd)
            end = writeSequence(source, anchor..<at, size &- 4, at &- found, into: target, at: end)
            at &+= size
            anchor = at
            if at <= lastStart { table[table.hash5(source.word64(at &- 2))] = at &- 2 }
        }
        return writeLiterals(source, anchor..<range.upperBound, 0, into: target, at: end)
    }

    /// The token and the literals of a sequence.
    @inline(__always)
    private static func writeLiterals(
        _ source: SourceBytes, _ literals: Range<Int>, _ matchCode: UInt8,
        into target: TargetBytes, at start: Int
    ) -> Int {
        let size = literals.count
        var end = start &+ 1
        if size >= 15 {
            target[start] = 0xF0 | matchCode
            end = writeLength(size &- 15, into: target, at: end)
        } else {
            target[start] = UInt8(truncatingIfNeeded: size) << 4 | matchCode
        }
        target.copy(size, from: source, at: literals.lowerBound, to: end)
        return end &+ size
    }

    @inline(__always)
    private static func writeSequence(
        _ source: SourceBytes, _ literals: Range<Int>, _ matchCode: Int, _ distance: Int,
        into target: TargetBytes, at start: Int
    ) -> Int {
        let code = UInt8(truncatingIfNeeded: min(15, matchCode))
        var end = writeLiterals(source, literals, code, into: target, at: start)
        target.store16(UInt16(truncatingIfNeeded: distance), at: end)
        end &+= 2
        return matchCode >= 15 ? writeLength(matchCode &- 15, into: target, at: end) : end
    }

    private static func writeLength(_ length: Int, into target: TargetBytes, at start: Int) -> Int {
        var rest = length
        var end = start
        while rest >= 255 {
            target[end] = 255
            rest &-= 255
            end &+= 1
        }
        target[end] = UInt8(truncatingIfNeeded: rest)
        return end &+ 1
    }

    /// Decodes a block into `room` of the target and gives the end of what was written. Matches
    /// reach back to `window`; `overflow` is thrown when the room does not hold the block.
    static func decompressBlock(
        _ source: SourceBytes, into target: TargetBytes, _ room: Range<Int>, window: Int,
        overflow: CompressionError
    ) throws(CompressionError) -> Int {
        var at = 0
        var end = room.lowerBound
        while at < source.count {
            let token = Int(source[at])
            at &+= 1
            var literals = token &>> 4
            if literals == 15 { literals &+= try readLength(source, &at) }
            guard literals <= source.count &- at else { throw .malformed(.lz4) }
            guard literals <= room.upperBound &- end else { throw overflow }
            target.copy(literals, from: source, at: at, to: end)
            at &+= literals
            end &+= literals
            // The last sequence has no match.
            if at == source.count { return end }
            guard source.count &- at >= 2 else { throw .malformed(.lz4) }
            let distance = Int(source.word16(at))
            at &+= 2
            var size = token & 15
            if size == 15 { size &+= try readLength(source, &at) }
            size &+= 4
            guard distance > 0, distance <= end &- window else { throw .malformed(.lz4) }
            guard size <= room.upperBound &- end else { throw overflow }
            target.copyMatch(size, distance: distance, at: end)
            end &+= size
        }
        // An empty block, or one that ends after a match.
        throw .malformed(.lz4)
    }

    /// The rest of a length of 15 or more. It cannot overflow: each byte adds at most 255.
    private static func readLength(_ source: SourceBytes, _ at: inout Int)
        throws(CompressionError) -> Int
    {
        var length = 0
        while at < source.count {
            let byte = source[at]
            at &+= 1
            length &+= Int(byte)
            if byte != 255 { return length }
        }
        throw .malformed(.lz4)
    }
}
