/// A DEFLATE encoder (RFC 1951): hash chains with one step of lazy matching, and for each block the
/// cheapest of dynamic codes, the fixed code and stored bytes.
struct Deflate: ~Copyable {
    private let source: SourceBytes
    /// The last position of each hash, and for each position (modulo the window) the one before it.
    private let heads: MatchTable
    private let chain: MatchTable
    private var block: Block

    private static let windowBits = 15
    private static let matchBytesMin = 4
    private static let matchBytesMax = 258
    private static let goodMatchBytes = 16
    private let effort: Effort

    /// How far the search for matches goes.
    struct Effort {
        /// Candidates that are looked at for a match; a quarter once a good one is at hand.
        let chainMax: Int
        /// A match this long is taken without a look at the next position.
        let niceMatchBytes: Int

        /// By zlib's levels, 0 to 9. The default is about its 5.
        init(level: Int?) {
            switch level ?? 6 {
            case 1: (chainMax, niceMatchBytes) = (4, 16)
            case 2: (chainMax, niceMatchBytes) = (8, 24)
            case 3: (chainMax, niceMatchBytes) = (16, 32)
            case 4: (chainMax, niceMatchBytes) = (32, 64)
            case 0: (chainMax, niceMatchBytes) = (0, 16)
            case 7: (chainMax, niceMatchBytes) = (128, 128)
            case 8: (chainMax, niceMatchBytes) = (512, 258)
            case 9...: (chainMax, niceMatchBytes) = (4_096, 258)
            default: (chainMax, niceMatchBytes) = (48, 96)
            }
        }
    }

    init(_ source: SourceBytes, _ effort: Effort) {
        self.source = source
        self.effort = effort
        block = Block(sourceBytes: source.count)
        heads = MatchTable(positions: source.count, bitsMax: Self.windowBits)
        chain = MatchTable(positions: source.count, bitsMax: Self.windowBits)
    }

    /// What compressing `count` bytes takes at most: a stored block costs 5 bytes in 65535, and no
    /// other is chosen unless it is smaller.
    static func capacity(_ count: Int) -> Int {
        count + 16 * (count / Block.symbolsMax + 2) + 64
    }

    /// Writes the stream and gives its end.
    mutating func compress(into target: TargetBytes, at start: Int) -> Int {
        var writer = BitWriter(target, at: start)
        let lastStart = source.count - 8
        var at = 0
        var pending = Match(size: 0, distance: 0)
        while at < source.count {
            var found = Match(size: 0, distance: 0)
            if at <= lastStart, pending.size < effort.niceMatchBytes {
                found = findMatch(at, longerThan: pending.size)
            }
            if pending.size > 0 && found.size <= pending.size {
                // The match at the position before this one stands.
                block.append(pending)
                let end = at - 1 + pending.size
                insert(from: at + 1, to: min(end, lastStart + 1))
                at = end
                pending = Match(size: 0, distance: 0)
            } else {
                if pending.size > 0 { block.append(literal: source[at - 1]) }
                if found.size == 0 { block.append(literal: source[at]) }
                pending = found
                at += 1
            }
            if block.isFull {
                let end = pending.size > 0 ? at - 1 : at
                block.write(source, end: end, isLast: false, into: &writer, target)
            }
        }
        block.write(source, end: source.count, isLast: true, into: &writer, target)
        return writer.finish()
    }

    /// A match that ends before the source does; size 0 is none.
    struct Match {
        var size: Int
        var distance: Int
    }

    /// Enters the positions that a match covers.
    private func insert(from start: Int, to end: Int) {
        var at = start
        while at < end {
            chain[at] = heads.exchange(heads.hash4(source.word32(at)), at)
            at &+= 1
        }
    }

    /// Enters the position and gives its longest match, if that is longer than `size`.
    private func findMatch(_ at: Int, longerThan size: Int) -> Match {
        var candidate = heads.exchange(heads.hash4(source.word32(at)), at)
        chain[at] = candidate
        var best = Match(size: size, distance: 0)
        let end = min(source.count, at &+ Self.matchBytesMax)
        let low = max(0, at &- (1 &<< Self.windowBits))
        var tries = size >= Self.goodMatchBytes ? effort.chainMax / 4 : effort.chainMax
        var previous = at
        // Positions fall along a chain; one that does not is left over from an earlier window.
        while candidate >= low && candidate < previous && tries > 0 {
            if at &+ best.size < end, source[candidate &+ best.size] == source[at &+ best.size],
                source.word32(candidate) == source.word32(at)
            {
                let length = source.matchLength(at, candidate, end: end)
                if length > best.size {
                    best = Match(size: length, distance: at &- candidate)
                    if length >= effort.niceMatchBytes { break }
                }
            }
            previous = candidate
            candidate = chain[candidate]
            tries &-= 1
        }
        // A short match far away costs more bits than its literals.
        let isPoor = best.size == Self.matchBytesMin && best.distance > 8192
        return best.distance == 0 || isPoor ? Match(size: 0, distance: 0) : best
    }
}
