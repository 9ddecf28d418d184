/// Snappy's raw block (google/snappy format_description.txt): a length, then literals and copies.
extension Snappy {
    /// The declared length of a block and where its elements start. A length that the bytes cannot
    /// hold is malformed: the densest element makes 64 bytes of 3.
    static func blockLength(_ source: SourceBytes) throws(CompressionError)
        -> (size: Int, start: Int)
    {
        var size = 0
        for index in 0..<min(5, source.count) {
            let byte = Int(source[index])
            size |= (byte & 0x7F) << (7 * index)
            if byte < 0x80 {
                guard size <= Int(UInt32.max), size <= source.count * 22 else { break }
                return (size, index + 1)
            }
        }
        throw .malformed(.snappy)
    }

    /// Compresses `range` of the source, at most 64 KiB, and gives the end of what was written: at
    /// most `count + count / 6 + 32` bytes. The table may hold positions of earlier blocks.
    static func compressBlock(
        _ source: SourceBytes, _ range: Range<Int>, _ table: borrowing MatchTable,
        into target: TargetBytes, at start: Int
    ) -> Int {
        let low = range.lowerBound
        // A position that is searched has 8 bytes to load and some to gain.
        let lastStart = range.upperBound - 15
        var end = writeVarint(range.count, into: target, at: start)
        var anchor = low
        var at = low
        search: while true {
            // After 32 misses the step grows: bytes that do not compress are passed quickly.
            var misses = 32
            var found = 0
            while true {
                guard at <= lastStart else { break search }
                let word = source.word64(at)
                found = table.exchange(table.hash5(word), at)
                if found >= low && found < at
                    && source.word32(found) == UInt32(truncatingIfNeeded: word)
                {
                    break
                }
                at &+= misses &>> 5
                misses &+= 1
            }
            let size = 4 &+ source.matchLength(at &+ 4, found &+ 4, end: range.upperBound)
            end = writeLiteral(source, anchor..<at, into: target, at: end)
            end = writeCopy(size, distance: at &- found, into: target, at: end)
            at &+= size
            anchor = at
            if at <= lastStart { table[table.hash5(source.word64(at &- 1))] = at &- 1 }
        }
        return writeLiteral(source, anchor..<range.upperBound, into: target, at: end)
    }

    private static func writeVarint(_ value: Int, into target: TargetBytes, at start: Int) -> Int {
        var rest = value
        var end = start
        while rest >= 0x80 {
            target[end] = UInt8(truncatingIfNeeded: rest) | 0x80
            rest >>= 7
            end += 1
        }
        target[end] = UInt8(truncatingIfNeeded: rest)
        return end + 1
    }

    @inline(__always)
    private static func writeLiteral(
        _ source: SourceBytes, _ range: Range<Int>, into target: TargetBytes, at start: Int
    ) -> Int {
        guard !range.isEmpty else { return start }
        let length = range.count &- 1
        var end = start &+ 1
        if length < 60 {
            target[start] = UInt8(truncatingIfNeeded: length) << 2
        } else if length < 256 {
            target[start] = 60 << 2
            target[end] = UInt8(truncatingIfNeeded: length)
            end &+= 1
        } else {
            target[start] = 61 << 2
            target.store16(UInt16(truncatingIfNeeded: length), at: end)
            end &+= 2
        }
        target.copy(range.count, from: source, at: range.lowerBound, to: end)
        return end &+ range.count
    }

    @inline(__always)
    private static func writeCopy(
        _ size: Int, distance: Int, into target: TargetBytes, at start: Int
    ) -> Int {
        var rest = size
        var end = start
        // An element holds at most 64; what is left for the last one must be at least 4.
        while rest >= 68 {
            end = writeLongCopy(64, distance, into: target, at: end)
            rest &-= 64
        }
        if rest > 64 {
            end = writeLongCopy(60, distance, into: target, at: end)
            rest &-= 60
        }
        if rest >= 12 || distance >= 2048 {
            return writeLongCopy(rest, distance, into: target, at: end)
        }
        target[end] = UInt8(truncatingIfNeeded: 1 | (rest &- 4) << 2 | (distance >> 8) << 5)
        target[end &+ 1] = UInt8(truncatingIfNeeded: distance)
        return end &+ 2
    }

    @inline(__always)
    private static func writeLongCopy(
        _ size: Int, _ distance: Int, into target: TargetBytes, at end: Int
    ) -> Int {
        target[end] = UInt8(truncatingIfNeeded: 2 | (size &- 1) << 2)
        target.store16(UInt16(truncatingIfNeeded: distance), at: end &+ 1)
        return end &+ 3
    }

    /// Decodes the elements from `start` into exactly `room` of the target; copies stay inside it.
    static func decompressBlock(
        _ source: SourceBytes, from start: Int, into target: TargetBytes, _ room: Range<Int>
    ) throws(CompressionError) {
        var at = start
        var end = room.lowerBound
        while at < source.count {
            let tag = Int(source[at])
            at &+= 1
            if tag & 3 == 0 {
                var size = tag &>> 2 &+ 1
                if size > 60 { size = try literalLength(size &- 60, source, &at) }
                guard size <= source.count &- at, size <= room.upperBound &- end else {
                    throw .malformed(.snappy)
                }
                target.copy(size, from: source, at: at, to: end)
                at &+= size
                end &+= size
                continue
            }
            let tagBytes = tag & 3 == 3 ? 4 : tag & 3
            guard tagBytes <= source.count &- at else { throw .malformed(.snappy) }
            var size = tag &>> 2 &+ 1
            let distance: Int
            switch tag & 3 {
            case 1:
                size = tag &>> 2 & 7 &+ 4
                distance = (tag &>> 5) &<< 8 | Int(source[at])
            case 2: distance = Int(source.word16(at))
            default: distance = Int(source.word32(at))
            }
            at &+= tagBytes
            guard distance > 0, distance <= end &- room.lowerBound, size <= room.upperBound &- end
            else { throw .malformed(.snappy) }
            target.copyMatch(size, distance: distance, at: end)
            end &+= size
        }
        guard end == room.upperBound else { throw .malformed(.snappy) }
    }

    /// A literal's length that stands in the 1 to 4 bytes after its tag.
    private static func literalLength(_ bytes: Int, _ source: SourceBytes, _ at: inout Int)
        throws(CompressionError) -> Int
    {
        guard bytes <= source.count - at else { throw .malformed(.snappy) }
        var length = 0
        for index in 0..<bytes { length |= Int(source[at + index]) << (8 * index) }
        at += bytes
        return length + 1
    }
}
