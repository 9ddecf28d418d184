/// PostgreSQL's "advanced" regular expressions, without back-references and look-around, in time
/// that grows with the length of the text only.
///
/// Of the matches the one that begins first counts; of those that begin there, the longest, or the
/// shortest if the expression prefers that (its first quantifier is a lazy one). Parts of it prefer
/// likewise, earlier ones first, within what the whole has matched: the rules of PostgreSQL's
/// 9.7.3.5.
///
/// It owns automata that grow while it matches, so it belongs to one thread at a time.
@safe public final class RegularExpression {
    /// Groups, without the whole.
    public let groupCount: Int
    /// What `find` found: of the whole (0) and of each group the first byte and the end; -1 for a
    /// group that took no part.
    public private(set) var starts: [Int]
    public private(set) var ends: [Int]

    private let root: RegexPart
    private let alphabet: RegexAlphabet
    private let filter: RegexFilter
    /// Finds whether there is a match, whatever it is.
    private var anywhere: RegexAutomaton?
    /// Matches from a given place on.
    private var anchored: RegexAutomaton?
    /// Runs back over the whole text to find where matches begin.
    private var beginnings: RegexAutomaton?
    /// Reused for `split`.
    private var candidates: [Int] = []

    public init(_ pattern: String, _ options: RegexOptions = RegexOptions()) throws(SQLError) {
        var parser = RegexParser(pattern, options)
        root = try parser.parse()
        alphabet = RegexAlphabet(parser.sets)
        groupCount = parser.groupCount
        starts = Array(repeating: -1, count: groupCount + 1)
        ends = starts
        filter = RegexFilter(root, parser.sets)
        // An expression that is too large is refused here, so that matching cannot fail.
        _ = try RegularExpression.compiler(root, false)
        if !filter.narrows {
            anywhere = automaton(root, nil, isReversed: false, isUnanchored: true)
        }
    }

    private static func compiler(
        _ part: RegexPart, _ isReversed: Bool
    ) throws(SQLError) -> (RegexCompiler, Int) {
        var compiler = RegexCompiler(isReversed: isReversed)
        let entry = try compiler.compile(part)
        return (compiler, entry)
    }

    /// Whether the text has a match.
    public func matches(_ text: UnsafeRawBufferPointer) -> Bool {
        if filter.narrows { return unsafe firstMatch(text, from: 0, isAnyEnd: true) != nil }
        guard let anywhere else { return false }
        return unsafe shortest(anywhere, text, from: 0, to: text.count) != nil
    }

    /// The first match that begins at byte `from` or behind it; `starts` and `ends` say where, of
    /// the groups only if they are asked for.
    public func find(
        _ text: UnsafeRawBufferPointer, from: Int = 0, wantsGroups: Bool = true
    ) -> Bool {
        guard let match = unsafe firstMatch(text, from: from, isAnyEnd: false) else { return false }
        starts[0] = match.lowerBound
        ends[0] = match.upperBound
        guard wantsGroups, groupCount > 0 else { return true }
        for group in 1...groupCount {
            starts[group] = -1
            ends[group] = -1
        }
        unsafe dissect(root, text, match.lowerBound, match.upperBound)
        return true
    }
}

// Where the match is.
extension RegularExpression {
    private func firstMatch(
        _ text: UnsafeRawBufferPointer, from: Int, isAnyEnd: Bool
    ) -> Range<Int>? {
        let anchored = anchored ?? automaton(root, nil, isReversed: false)
        self.anchored = anchored
        let prefersShortest = isAnyEnd || root.prefersShortest == true
        var start = from
        // Past this many characters looked at in vain, the beginnings are found by going back over
        // the text once.
        var budget = 8 * text.count + 1_024
        while let candidate = unsafe filter.candidate(text, from: start) {
            start = candidate
            var looked = 0
            let end =
                unsafe prefersShortest
                ? shortest(anchored, text, from: start, to: text.count, &looked)
                : longest(anchored, text, from: start, to: text.count, &looked)
            if let end { return start..<end }
            budget -= looked
            if budget < 0 { return unsafe matchFromBehind(text, from: start + 1, prefersShortest) }
            start += 1
        }
        return nil
    }

    private func matchFromBehind(
        _ text: UnsafeRawBufferPointer, from: Int, _ prefersShortest: Bool
    ) -> Range<Int>? {
        let backward =
            beginnings ?? automaton(root, nil, isReversed: true, isUnanchored: true)
        beginnings = backward
        var first: Int?
        unsafe scanBack(backward, text, from: text.count, to: from) { first = $0 }
        guard let first else { return nil }
        let anchored = automaton(root, nil, isReversed: false)
        let end =
            unsafe prefersShortest
            ? shortest(anchored, text, from: first, to: text.count)
            : longest(anchored, text, from: first, to: text.count)
        return end.map { first..<$0 }
    }

    /// The automaton of a part, or of a sequence's elements from `suffix` on.
    private func automaton(
        _ part: RegexPart, _ suffix: Int?, isReversed: Bool, isUnanchored: Bool = false
    ) -> RegexAutomaton {
        if suffix == nil, !isReversed, !isUnanchored, let known = part.whole { return known }
        let key = suffix ?? -1
        if !isUnanchored, let known = isReversed ? part.backward[key] : part.forward[key] {
            return known
        }
        var compiler = RegexCompiler(isReversed: isReversed)
        let entry: Int
        do throws(SQLError) {
            if let suffix, case .sequence(let parts) = part.kind {
                entry = try compiler.compile(parts[suffix...])
            } else {
                entry = try compiler.compile(part)
            }
        } catch {
            // The whole was compiled at first, and a part is no larger.
            preconditionFailure("a part of an expression is larger than the whole")
        }
        let made = RegexAutomaton(
            alphabet, compiler, entry: entry, isUnanchored: isUnanchored)
        if isUnanchored { return made }
        switch (isReversed, suffix) {
        case (true, _): part.backward[key] = made
        case (false, nil): part.whole = made
        case (false, _): part.forward[key] = made
        }
        return made
    }
}

// What the groups are.
extension RegularExpression {
    private func clear(_ part: RegexPart) {
        guard part.hasGroups else { return }
        switch part.kind {
        case .group(let number, let inner):
            starts[number] = -1
            ends[number] = -1
            clear(inner)
        case .sequence(let parts), .choice(let parts): for part in parts { clear(part) }
        case .repeated(let inner, _, _): clear(inner)
        case .empty, .set, .assertion: break
        }
    }

    /// Sets the groups in a part that matches the bytes from `start` to `end`.
    private func dissect(
        _ part: RegexPart, _ text: UnsafeRawBufferPointer, _ start: Int, _ end: Int
    ) {
        guard part.hasGroups else { return }
        switch part.kind {
        case .empty, .set, .assertion: break
        case .group(let number, let inner):
            starts[number] = start
            ends[number] = end
            unsafe dissect(inner, text, start, end)
        case .sequence(let parts): unsafe dissect(sequence: part, parts, text, start, end)
        case .choice(let parts):
            for choice in parts {
                let forward = automaton(choice, nil, isReversed: false)
                guard unsafe accepts(forward, text, from: start, to: end) else { continue }
                return unsafe dissect(choice, text, start, end)
            }
        case .repeated(let inner, let min, let max):
            unsafe dissect(repeated: part, inner, min, max, text, start, end)
        }
    }

    private func dissect(
        sequence part: RegexPart, _ parts: [RegexPart], _ text: UnsafeRawBufferPointer,
        _ start: Int, _ end: Int
    ) {
        let last = parts.lastIndex(where: \.hasGroups) ?? 0
        var position = start
        for (index, element) in parts.enumerated() where index <= last {
            let middle: Int
            if index == parts.count - 1 {
                middle = end
            } else if let width = element.fixedBytes {
                middle = position + width
            } else if let width = widthBehind(parts, index) {
                middle = end - width
            } else {
                let forward = automaton(element, nil, isReversed: false)
                middle = unsafe split(
                    forward,
                    {
                        unsafe places(
                            automaton(part, index + 1, isReversed: true), text, position, end)
                    }, text, position, end, prefersShortest: element.prefersShortest == true)
            }
            unsafe dissect(element, text, position, middle)
            position = middle
        }
    }

    private func widthBehind(_ parts: [RegexPart], _ index: Int) -> Int? {
        var width = 0
        for part in parts[(index + 1)...] {
            guard let fixed = part.fixedBytes else { return nil }
            width += fixed
        }
        return width
    }

    private func dissect(
        repeated part: RegexPart, _ inner: RegexPart, _ min: Int, _ max: Int?,
        _ text: UnsafeRawBufferPointer, _ start: Int, _ end: Int
    ) {
        let forward = automaton(inner, nil, isReversed: false)
        var position = start
        var count = 0
        // Where any number of further rounds may begin, so that they reach the end.
        var beginnings: Places?
        while position < end || count < min {
            count += 1
            var middle = end
            let isLast = max.map { count >= $0 } ?? false
            if position < end, !isLast {
                let rest: Places
                if max == nil, count >= min {
                    rest =
                        unsafe beginnings
                        ?? places(
                            automaton(part.endless(inner), nil, isReversed: true), text, position,
                            end)
                    beginnings = rest
                } else {
                    let repeats = RegexPart(
                        .repeated(
                            inner, min: Swift.max(0, min - count), max: max.map { $0 - count }),
                        prefersShortest: part.prefersShortest)
                    rest = unsafe places(
                        automaton(repeats, nil, isReversed: true), text, position, end)
                }
                middle = unsafe split(
                    forward, { rest }, text, position, end,
                    prefersShortest: inner.prefersShortest == true)
            }
            clear(inner)
            unsafe dissect(inner, text, position, middle)
            // An empty round is not followed by others.
            position = middle == position && middle < end ? end : middle
        }
        // A part that may be empty has matched the empty text once, unless it prefers less.
        if count == 0, inner.bytesMin == 0, max != 0, inner.prefersShortest != true,
            unsafe accepts(forward, text, from: start, to: end)
        {
            unsafe dissect(inner, text, start, end)
        }
    }

    /// Positions of a text from `base` on.
    private struct Places {
        var base: Int
        var isSet: [Bool]

        func contains(_ position: Int) -> Bool { isSet[position - base] }
    }

    /// Where what the reversed automaton matches up to `end` begins, from `start` on.
    private func places(
        _ backward: RegexAutomaton, _ text: UnsafeRawBufferPointer, _ start: Int, _ end: Int
    ) -> Places {
        var places = Places(base: start, isSet: Array(repeating: false, count: end - start + 1))
        unsafe scanBack(backward, text, from: end, to: start) { places.isSet[$0 - start] = true }
        return places
    }

    /// Where the first of two neighbours ends, which together match from `start` to `end`; `second`
    /// says where the other may begin.
    private func split(
        _ first: RegexAutomaton, _ second: () -> Places, _ text: UnsafeRawBufferPointer,
        _ start: Int, _ end: Int, prefersShortest: Bool
    ) -> Int {
        candidates.removeAll(keepingCapacity: true)
        unsafe scan(first, text, from: start, to: end) { candidates.append($0) }
        guard candidates.count > 1 else { return candidates.first ?? end }
        let places = second()
        let choice =
            prefersShortest
            ? candidates.first(where: places.contains) : candidates.last(where: places.contains)
        return choice ?? end
    }
}

// Running automata over a text.
extension RegularExpression {
    private func longest(
        _ automaton: RegexAutomaton, _ text: UnsafeRawBufferPointer, from: Int, to end: Int
    ) -> Int? {
        var looked = 0
        return unsafe longest(automaton, text, from: from, to: end, &looked)
    }

    private func longest(
        _ automaton: RegexAutomaton, _ text: UnsafeRawBufferPointer, from: Int, to end: Int,
        _ looked: inout Int
    ) -> Int? {
        var last: Int?
        looked = unsafe run(automaton, text, from, end) { position in
            last = position
            return true
        }
        return last
    }

    private func shortest(
        _ automaton: RegexAutomaton, _ text: UnsafeRawBufferPointer, from: Int, to end: Int
    ) -> Int? {
        var looked = 0
        return unsafe shortest(automaton, text, from: from, to: end, &looked)
    }

    private func shortest(
        _ automaton: RegexAutomaton, _ text: UnsafeRawBufferPointer, from: Int, to end: Int,
        _ looked: inout Int
    ) -> Int? {
        var first: Int?
        looked = unsafe run(automaton, text, from, end) { position in
            first = position
            return false
        }
        return first
    }

    private func accepts(
        _ automaton: RegexAutomaton, _ text: UnsafeRawBufferPointer, from: Int, to end: Int
    ) -> Bool {
        unsafe longest(automaton, text, from: from, to: end) == end
    }

    /// Calls `body` with the end of each match that begins at `from`.
    private func scan(
        _ automaton: RegexAutomaton, _ text: UnsafeRawBufferPointer, from: Int, to end: Int,
        _ body: (Int) -> Void
    ) {
        _ = unsafe run(automaton, text, from, end) { position in
            body(position)
            return true
        }
    }

    /// Runs until no match can follow or `body`, called at each end of a match, gives false. Gives
    /// how many bytes were looked at.
    @inline(__always)
    private func run(
        _ automaton: RegexAutomaton, _ text: UnsafeRawBufferPointer, _ from: Int, _ end: Int,
        _ body: (Int) -> Bool
    ) -> Int {
        var state = automaton.start(unsafe contextBefore(text, from))
        var position = from
        let ascii = unsafe UnsafePointer(alphabet.ascii.base)
        var table = unsafe automaton.table.base
        var stride = automaton.stride
        while true {
            let number: Int
            var next = position
            if position >= text.count {
                number = 0
            } else {
                let byte = unsafe text[position]
                if byte < 0x80 {
                    number = unsafe Int(ascii[Int(byte)])
                    next &+= 1
                } else {
                    let (scalar, length) = unsafe decode(text, position)
                    number = alphabet.number(of: scalar)
                    next &+= length
                }
            }
            var entry: Int32 =
                number < stride ? unsafe table[state &* stride &+ number] : -1
            if entry < 0 {
                entry = automaton.build(state, number)
                unsafe table = automaton.table.base
                stride = automaton.stride
            }
            if entry & 1 != 0, !body(position) { return position &- from }
            state = Int(entry &>> 1)
            if state == RegexAutomaton.dead || position >= end { return position &- from }
            position = next
        }
    }

    /// Runs back from `from` to `to` and calls `body` with each beginning of a match on the way.
    private func scanBack(
        _ automaton: RegexAutomaton, _ text: UnsafeRawBufferPointer, from: Int, to end: Int,
        _ body: (Int) -> Void
    ) {
        var state = automaton.start(unsafe contextAt(text, from))
        var position = from
        while true {
            let (number, previous) = unsafe classBefore(text, position)
            var entry: Int32 =
                number < automaton.stride
                ? automaton.table[state * automaton.stride + number] : -1
            if entry < 0 { entry = automaton.build(state, number) }
            if entry & 1 != 0 { body(position) }
            state = Int(entry >> 1)
            if state == RegexAutomaton.dead || position <= end { return }
            position = previous
        }
    }

    /// The class of the character that ends at `position`, and where it begins.
    private func classBefore(
        _ text: UnsafeRawBufferPointer, _ position: Int
    ) -> (number: Int, start: Int) {
        guard position > 0 else { return (0, 0) }
        var start = position - 1
        let byte = unsafe text[start]
        if byte < 0x80 { return (Int(alphabet.ascii[Int(byte)]), start) }
        while start > 0, position - start < 4, unsafe text[start] & 0xC0 == 0x80 { start -= 1 }
        return (alphabet.number(of: unsafe decode(text, start).scalar), start)
    }

    private func contextBefore(_ text: UnsafeRawBufferPointer, _ position: Int) -> UInt8 {
        // The number first: finding it may add a class.
        let number = unsafe classBefore(text, position).number
        return alphabet.contexts[number]
    }

    private func contextAt(_ text: UnsafeRawBufferPointer, _ position: Int) -> UInt8 {
        guard position < text.count else { return RegexAlphabet.Context.edge }
        let byte = unsafe text[position]
        if byte < 0x80 { return alphabet.contexts[Int(alphabet.ascii[Int(byte)])] }
        let number = alphabet.number(of: unsafe decode(text, position).scalar)
        return alphabet.contexts[number]
    }

    /// The character at a position, and its bytes; the text is UTF-8, and what is not is replaced.
    private func decode(
        _ text: UnsafeRawBufferPointer, _ position: Int
    ) -> (scalar: UInt32, length: Int) {
        let lead = unsafe UInt32(text[position])
        let length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1
        guard length > 1, position + length <= text.count else { return (0xFFFD, 1) }
        var scalar = lead & (0xFF >> UInt32(length + 1))
        for offset in 1..<length {
            unsafe scalar = scalar << 6 | UInt32(text[position + offset] & 0x3F)
        }
        return (scalar, length)
    }
}
