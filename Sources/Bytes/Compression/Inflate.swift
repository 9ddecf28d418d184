/// A DEFLATE decoder (RFC 1951) of one stream inside a source.
struct Inflate {
    private var bits: Bits
    private static let matchBytesMax = 258
    /// Room that is asked for at a time: one check for it, and none per byte.
    private static let roomBytes = 64 * 1024
    private static let codeLengthOrder = [
        16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
    ]

    init(_ source: SourceBytes, from start: Int) {
        bits = Bits(source, from: start)
    }

    /// Appends the stream's bytes to the output and gives the index behind the stream.
    mutating func decompress(into output: inout DecompressedBytes) throws(CompressionError) -> Int {
        let start = output.count
        var isLast = false
        while !isLast {
            isLast = try bits.read(1) == 1
            switch try bits.read(2) {
            case 0:
                try copyStored(into: &output)
            case 1:
                guard let literals = Self.fixedLiterals, let distances = Self.fixedDistances else {
                    preconditionFailure("the fixed code is complete")
                }
                try decodeBlock(literals, distances, from: start, into: &output)
            case 2:
                let (literals, distances) = try readTables()
                try decodeBlock(literals, distances, from: start, into: &output)
            default:
                throw .malformed(.gzip)
            }
        }
        return try bits.alignedPosition()
    }

    /// The stream has used up its source, whether it had ended or not.
    var isExhausted: Bool { bits.isExhausted }

    private mutating func copyStored(into output: inout DecompressedBytes)
        throws(CompressionError)
    {
        let at = try bits.alignedPosition()
        let source = bits.source
        bits.jump(to: min(at + 4, source.count))
        guard source.count - at >= 4, source.word16(at) == ~source.word16(at + 2) else {
            throw .malformed(.gzip)
        }
        let size = Int(source.word16(at))
        guard size <= source.count - at - 4 else {
            try output.append(source.slice(at + 4..<source.count))
            bits.jump(to: source.count)
            throw .malformed(.gzip)
        }
        try output.append(source.slice(at + 4..<at + 4 + size))
        bits.jump(to: at + 4 + size)
    }

    /// The two codes of a block of type 2, themselves coded.
    private mutating func readTables() throws(CompressionError) -> (Table, Table) {
        let literalCount = try bits.read(5) + 257
        let distanceCount = try bits.read(5) + 1
        let codeCount = try bits.read(4) + 4
        var codeLengths = [UInt8](repeating: 0, count: 19)
        for index in 0..<codeCount {
            codeLengths[Self.codeLengthOrder[index]] = UInt8(try bits.read(3))
        }
        guard literalCount <= 286, distanceCount <= 30,
            let codes = Table(
                codeLengths[...], Self.lengthCodePayloads, primaryBits: Self.lengthCodeBits)
        else { throw .malformed(.gzip) }
        let lengths = try readLengths(literalCount + distanceCount, codes)
        // Without a code for the end of the block it cannot end.
        guard lengths[256] != 0,
            let literals = Table(
                lengths[..<literalCount], Self.literalPayloads, primaryBits: Self.literalBits),
            let distances = Table(
                lengths[literalCount...], Self.distancePayloads, primaryBits: Self.distanceBits)
        else { throw .malformed(.gzip) }
        return (literals, distances)
    }

    private mutating func readLengths(_ total: Int, _ codes: Table) throws(CompressionError)
        -> [UInt8]
    {
        var lengths: [UInt8] = []
        lengths.reserveCapacity(total)
        while lengths.count < total {
            try bits.refill()
            let entry = codes.entries[bits.peek(Self.lengthCodeBits)]
            guard entry != 0 else { throw .malformed(.gzip) }
            bits.drop(Int(entry & 0xFF))
            let symbol = UInt8(truncatingIfNeeded: entry >> 16)
            if symbol < 16 {
                lengths.append(symbol)
                continue
            }
            var value: UInt8 = 0
            let count: Int
            switch symbol {
            case 16:
                guard let last = lengths.last else { throw .malformed(.gzip) }
                value = last
                count = try bits.read(2) + 3
            case 17: count = try bits.read(3) + 3
            default: count = try bits.read(7) + 11
            }
            guard count <= total - lengths.count else { throw .malformed(.gzip) }
            lengths.append(contentsOf: repeatElement(value, count: count))
        }
        return lengths
    }

    /// Decodes symbols up to the end of the block, in stretches for which there is room.
    private mutating func decodeBlock(
        _ literals: Table, _ distances: Table, from start: Int,
        into output: inout DecompressedBytes
    ) throws(CompressionError) {
        var stretch = StretchEnd.full
        while stretch == .full {
            let end = output.makeRoom(Self.roomBytes)
            var bits = self.bits
            try output.withTarget { (target, from) throws(CompressionError) in
                Self.decodeSymbols(
                    &bits, literals.entries, distances.entries, into: target, from..<end,
                    window: start, limit: end - from < Self.roomBytes ? end : nil, &stretch)
            }
            self.bits = bits
        }
        if case .failed(let error) = stretch { throw error }
    }

    /// How a stretch of symbols ended.
    private enum StretchEnd: Equatable {
        /// The room may be too small for the next one.
        case full
        case block
        case failed(CompressionError)
    }

    /// The inner loop. Stops at the end of the block or where a match might not fit into the room;
    /// with a `limit`, which is then the end of the room, it goes on, and fails past it. Then what
    /// was decoded of the bits that are there counts.
    private static func decodeSymbols(
        _ state: inout Bits, _ literals: [UInt32], _ distances: [UInt32],
        into target: TargetBytes, _ room: Range<Int>, window: Int, limit: Int?,
        _ stretch: inout StretchEnd
    ) -> Int {
        var bits = state
        defer { state = bits }
        var at = room.lowerBound
        // All before this one was made of bits that are there.
        var sound = at
        let last = limit == nil ? room.upperBound - matchBytesMax : room.upperBound
        var failure: CompressionError?
        decoding: while at <= last {
            // The longest symbol takes 15 + 5 bits, and its distance 15 + 13.
            if bits.count < 48 {
                do throws(CompressionError) {
                    try bits.refill()
                } catch {
                    failure = error
                    break decoding
                }
                sound = at
            }
            let entry = lookUp(bits, literals, literalBits)
            guard entry != 0 else {
                failure = .malformed(.gzip)
                break
            }
            bits.drop(Int(entry & 0xFF))
            if entry & Kind.mask == Kind.literal {
                guard at < room.upperBound else {
                    failure = .tooLarge(limit: room.upperBound)
                    break
                }
                target[at] = UInt8(truncatingIfNeeded: entry &>> 16)
                at &+= 1
                continue
            }
            if entry & Kind.mask == Kind.endOfBlock {
                stretch = .block
                return at
            }
            let size = readBase(&bits, entry)
            let distanceEntry = lookUp(bits, distances, distanceBits)
            guard distanceEntry != 0 else {
                failure = .malformed(.gzip)
                break
            }
            bits.drop(Int(distanceEntry & 0xFF))
            let distance = readBase(&bits, distanceEntry)
            guard distance <= at &- window else {
                failure = .malformed(.gzip)
                break
            }
            guard size <= room.upperBound &- at else {
                failure = .tooLarge(limit: room.upperBound)
                break
            }
            target.copyMatch(size, distance: distance, at: at)
            at &+= size
        }
        guard let failure else { return at }
        stretch = .failed(failure)
        return sound
    }

    @inline(__always)
    private static func lookUp(_ bits: Bits, _ table: [UInt32], _ primaryBits: Int) -> UInt32 {
        let entry = table[bits.peek(primaryBits)]
        guard entry & Kind.mask == Kind.link else { return entry }
        let rest = bits.buffer &>> UInt64(truncatingIfNeeded: primaryBits)
        let mask: UInt64 = 1 &<< UInt64(entry &>> 8 & 15) &- 1
        return table[Int(entry &>> 16) &+ Int(truncatingIfNeeded: rest & mask)]
    }

    /// The base in an entry plus the extra bits that follow.
    @inline(__always)
    private static func readBase(_ bits: inout Bits, _ entry: UInt32) -> Int {
        let extra = Int(entry &>> 8 & 15)
        let value = Int(entry &>> 16) &+ bits.peek(extra)
        bits.drop(extra)
        return value
    }
}
