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

    /// Goes on at a bit of a source behind which more bytes may follow.
    init(_ source: SourceBytes, bit: Int, isOpen: Bool) {
        bits = Bits(source, bit: bit, isOpen: isOpen)
    }

    /// How a block holds its bytes.
    enum Block {
        case stored(bytes: Int)
        case coded(Table, Table)
    }

    /// How far a stretch of symbols was decoded.
    enum StretchEnd: Equatable {
        /// The room may be too small for the next one.
        case full
        case block
        /// What follows the source has to be known first.
        case starved
        case failed(CompressionError)
    }

    /// Where in the source the next bit is.
    var bit: Int { bits.bit }
    /// The last call has failed because what follows the source has to be known first.
    var isStarved: Bool { bits.isStarved }
    /// The stream has used up its source, whether it had ended or not.
    var isExhausted: Bool { bits.isExhausted }

    /// Appends the stream's bytes to the output and gives the index behind the stream.
    mutating func decompress(into output: inout DecompressedBytes) throws(CompressionError) -> Int {
        let start = output.count
        var isLast = false
        while !isLast {
            let block: Block
            (isLast, block) = try readBlock()
            switch block {
            case .stored(let size):
                guard try copyStored(size, into: &output) == size else { throw .malformed(.gzip) }
            case .coded(let literals, let distances):
                var stretch = StretchEnd.full
                while stretch == .full {
                    stretch = try decodeStretch(literals, distances, from: start, into: &output)
                }
                if case .failed(let error) = stretch { throw error }
            }
        }
        return try bits.alignedPosition()
    }

    /// The next block's header, and whether it is the last one.
    mutating func readBlock() throws(CompressionError) -> (isLast: Bool, Block) {
        let isLast = try bits.read(1) == 1
        let block = try readBlock(ofType: try bits.read(2))
        guard !bits.isOverrun else { throw .malformed(.gzip) }
        return (isLast, block)
    }

    private mutating func readBlock(ofType type: Int) throws(CompressionError) -> Block {
        switch type {
        case 0:
            bits.skipToByte()
            let size = try bits.read(16)
            guard try bits.read(16) == size ^ 0xFFFF else { throw .malformed(.gzip) }
            return .stored(bytes: size)
        case 1:
            guard let literals = Self.fixedLiterals, let distances = Self.fixedDistances else {
                preconditionFailure("the fixed code is complete")
            }
            return .coded(literals, distances)
        case 2:
            let (literals, distances) = try readTables()
            return .coded(literals, distances)
        default:
            throw .malformed(.gzip)
        }
    }

    /// Copies so many bytes, or as many of them as there are; the bits begin at one.
    mutating func copyStored(_ size: Int, into output: inout DecompressedBytes)
        throws(CompressionError) -> Int
    {
        let at = try bits.alignedPosition()
        let source = bits.source
        let end = min(at + size, source.count)
        try output.append(source.slice(at..<end))
        bits.jump(to: end)
        return end - at
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

    /// Decodes symbols as far as some room reaches. `window` is where the stream's own output
    /// begins, before which no match may reach.
    mutating func decodeStretch(
        _ literals: Table, _ distances: Table, from window: Int,
        into output: inout DecompressedBytes
    ) throws(CompressionError) -> StretchEnd {
        var stretch = StretchEnd.full
        let end = output.makeRoom(Self.roomBytes)
        var bits = self.bits
        try output.withTarget { (target, from) throws(CompressionError) in
            Self.decodeSymbols(
                &bits, literals.entries, distances.entries, into: target, from..<end,
                window: window, limit: end - from < Self.roomBytes ? end : nil, &stretch)
        }
        self.bits = bits
        return stretch
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
                break
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
        if failure == nil, bits.isOverrun { failure = .malformed(.gzip) }
        guard let failure else { return at }
        if bits.isStarved {
            stretch = .starved
            return at
        }
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
