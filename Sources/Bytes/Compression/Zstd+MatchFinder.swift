extension Zstd {
    /// Finds a block's sequences, greedily: the last offset first, then a match of eight bytes or
    /// more, then one of five. About the reference's level 3 ("dfast"); others differ in how many
    /// positions are remembered, and in how soon bytes without matches are passed over.
    struct MatchFinder: ~Copyable {
        private let source: SourceBytes
        private let windowBytes: Int
        private let long: MatchTable
        private let short: MatchTable
        /// The last block's sequences.
        private(set) var sequences: [Sequence] = []
        var recent = RecentOffsets()

        /// After 2 to this many bytes without a match the step grows by one.
        private let patienceLog: Int

        init(_ source: SourceBytes, windowBytes: Int, level: Int) {
            self.source = source
            self.windowBytes = windowBytes
            // Level 0 is the default.
            let level = level == 0 ? 3 : max(-5, min(level, 7))
            let bits = 13 + max(0, level)
            patienceLog = level < 1 ? 3 : level < 3 ? 4 + level : level < 5 ? 8 : 10
            long = MatchTable(positions: source.count, bitsMax: bits + 1)
            short = MatchTable(positions: source.count, bitsMax: bits)
        }

        private struct Match {
            var start: Int
            var from: Int
            var size: Int
        }

        /// Fills `sequences` with those of `range`, and gives how many literals follow the last.
        mutating func findSequences(_ range: Range<Int>) -> Int {
            sequences.removeAll(keepingCapacity: true)
            let lastStart = range.upperBound &- 9
            var anchor = range.lowerBound
            var at = anchor
            while at <= lastStart {
                guard var match = findMatch(at, end: range.upperBound) else {
                    at &+= (at &- anchor) &>> patienceLog &+ 1
                    continue
                }
                while match.start > anchor, match.from > 0,
                    source[match.start &- 1] == source[match.from &- 1]
                {
                    match.start &-= 1
                    match.from &-= 1
                    match.size &+= 1
                }
                append(match, anchor: anchor)
                let found = at
                at = match.start &+ match.size
                anchor = at
                guard at <= lastStart else { break }
                insert(found &+ 2)
                insert(at &- 2)
                anchor = repeatSecond(at, lastStart, end: range.upperBound)
                at = anchor
            }
            return range.upperBound - anchor
        }

        @inline(__always)
        private func insert(_ position: Int) {
            let word = source.word64(position)
            long[long.hash8(word)] = position
            short[short.hash5(word)] = position
        }

        /// The best match at this position or the next. There are 9 bytes to read at `at`.
        @inline(__always)
        private func findMatch(_ at: Int, end: Int) -> Match? {
            let word = source.word64(at)
            let longFrom = long.exchange(long.hash8(word), at)
            let shortFrom = short.exchange(short.hash5(word), at)
            let low = max(0, at &- windowBytes &+ 1)
            let again = at &+ 1 &- recent.first
            if again >= low, source.word32(again) == UInt32(truncatingIfNeeded: word &>> 8) {
                let size = 4 &+ source.matchLength(at &+ 5, again &+ 4, end: end)
                return Match(start: at &+ 1, from: again, size: size)
            }
            if longFrom >= low, longFrom < at, source.word64(longFrom) == word {
                let size = 8 &+ source.matchLength(at &+ 8, longFrom &+ 8, end: end)
                return Match(start: at, from: longFrom, size: size)
            }
            guard shortFrom >= low, shortFrom < at,
                source.word32(shortFrom) == UInt32(truncatingIfNeeded: word)
            else { return nil }
            // A long match one byte on is worth more than a short one here.
            let next = source.word64(at &+ 1)
            let nextFrom = long.exchange(long.hash8(next), at &+ 1)
            if nextFrom > low, nextFrom <= at, source.word64(nextFrom) == next {
                let size = 8 &+ source.matchLength(at &+ 9, nextFrom &+ 8, end: end)
                return Match(start: at &+ 1, from: nextFrom, size: size)
            }
            let size = 4 &+ source.matchLength(at &+ 4, shortFrom &+ 4, end: end)
            return Match(start: at, from: shortFrom, size: size)
        }

        /// Appends matches at the second last offset that follow without literals; gives their end.
        private mutating func repeatSecond(_ start: Int, _ lastStart: Int, end: Int) -> Int {
            var at = start
            while at <= lastStart {
                let from = at &- recent.second
                guard from >= 0, recent.second < windowBytes,
                    source.word32(from) == source.word32(at)
                else { break }
                let size = 4 &+ source.matchLength(at &+ 4, from &+ 4, end: end)
                insert(at)
                append(Match(start: at, from: from, size: size), anchor: at)
                at &+= size
            }
            return at
        }

        private mutating func append(_ match: Match, anchor: Int) {
            let literalSize = match.start &- anchor
            let value = offsetValue(match.start &- match.from, hasLiterals: literalSize > 0)
            // The decoder's own rule keeps the recent offsets in step with it.
            _ = recent.resolve(value, hasLiterals: literalSize > 0)
            sequences.append(
                Sequence(
                    literalSize: UInt32(truncatingIfNeeded: literalSize),
                    matchSize: UInt32(truncatingIfNeeded: match.size),
                    offsetValue: UInt32(truncatingIfNeeded: value)))
        }

        private func offsetValue(_ distance: Int, hasLiterals: Bool) -> Int {
            if hasLiterals {
                if distance == recent.first { return 1 }
                if distance == recent.second { return 2 }
                if distance == recent.third { return 3 }
            } else {
                if distance == recent.second { return 1 }
                if distance == recent.third { return 2 }
            }
            return distance &+ 3
        }
    }
}
