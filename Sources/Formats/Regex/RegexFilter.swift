/// Where a match may begin, found without an automaton: by the first byte, or by a text that each
/// match has in it near its beginning.
@safe struct RegexFilter {
    /// Bytes that a match may begin with; nil: it may be empty.
    private let firstBytes: Buffer<UInt8>?
    /// A text in each match, and how many bytes at least and at most are before it.
    private let literal: [UInt8]
    private let before: ClosedRange<Int>
    /// The place in it of the byte that texts have least often.
    private let rarest: Int

    /// Whether beginnings are rare enough that trying each is the fastest way.
    var narrows: Bool { !literal.isEmpty || isAnchored }
    /// A match begins at the beginning of the text only.
    private let isAnchored: Bool

    init(_ root: RegexPart, _ sets: [RegexSet]) {
        isAnchored = RegexFilter.isAnchored(root)
        var first: Set<UInt8>? = []
        if RegexFilter.addFirst(root, sets, &first) { first = nil }
        if let first {
            let bytes = Buffer<UInt8>(repeating: 0, count: 256)
            for byte in first { bytes[Int(byte)] = 1 }
            firstBytes = bytes
        } else {
            firstBytes = nil
        }
        var scan = LiteralScan(sets)
        scan.visit(root)
        scan.close()
        literal = scan.best
        before = scan.bestBefore
        let best = scan.best
        let order = best.indices.sorted {
            RegexFilter.frequency(best[$0]) < RegexFilter.frequency(best[$1])
        }
        rarest = order.first ?? 0
    }

    /// Roughly how often a byte is met in text, the order counts only.
    private static func frequency(_ byte: UInt8) -> Int {
        switch byte {
        case UInt8(ascii: " "), UInt8(ascii: "a"), UInt8(ascii: "e"), UInt8(ascii: "i"),
            UInt8(ascii: "n"), UInt8(ascii: "o"), UInt8(ascii: "r"), UInt8(ascii: "s"),
            UInt8(ascii: "t"):
            5
        case UInt8(ascii: "a")...UInt8(ascii: "z"): 4
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "/"), UInt8(ascii: "."): 3
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"), UInt8(ascii: ":"),
            UInt8(ascii: "="), UInt8(ascii: ","), UInt8(ascii: "\""):
            2
        case 0x80...: 3
        default: 1
        }
    }

    private static func isAnchored(_ part: RegexPart) -> Bool {
        switch part.kind {
        case .assertion(.lineStart(multiline: false)), .assertion(.textStart): true
        case .sequence(let parts): parts.first.map(isAnchored) ?? false
        case .choice(let parts): parts.allSatisfy(isAnchored)
        case .group(_, let inner): isAnchored(inner)
        case .empty, .set, .assertion, .repeated: false
        }
    }

    /// Adds the first bytes of a part; true if it may be empty.
    private static func addFirst(
        _ part: RegexPart, _ sets: [RegexSet], _ first: inout Set<UInt8>?
    ) -> Bool {
        switch part.kind {
        case .empty, .assertion: return true
        case .set(let number):
            for byte in 0..<128 where sets[number].contains(UInt32(byte)) {
                first?.insert(UInt8(byte))
            }
            if let scalar = sets[number].onlyScalar, let letter = Unicode.Scalar(scalar) {
                if let lead = UTF8.encode(letter)?.first { first?.insert(lead) }
            } else if sets[number].width.upperBound > 1 {
                for byte in 0xC0...0xFF { first?.insert(UInt8(byte)) }
            }
            return false
        case .sequence(let parts):
            for part in parts {
                if !addFirst(part, sets, &first) { return false }
            }
            return true
        case .choice(let parts):
            var isEmpty = false
            for part in parts {
                if addFirst(part, sets, &first) { isEmpty = true }
            }
            return isEmpty
        case .repeated(let inner, let min, let max):
            if max == 0 { return true }
            return addFirst(inner, sets, &first) || min == 0
        case .group(_, let inner): return addFirst(inner, sets, &first)
        }
    }

    /// The next position from `from` on where a match may begin; nil: there is none.
    func candidate(_ text: UnsafeRawBufferPointer, from: Int) -> Int? {
        if isAnchored { return from == 0 ? 0 : nil }
        var start = from
        while true {
            guard start <= text.count else { return nil }
            if !literal.isEmpty {
                guard let found = unsafe find(text, from: start + before.lowerBound) else {
                    return nil
                }
                start = max(start, found - before.upperBound)
            }
            guard let firstBytes else {
                // Not inside a character.
                while start < text.count, unsafe text[start] & 0xC0 == 0x80 { start += 1 }
                return start
            }
            let bytes = unsafe firstBytes.base
            let began = start
            while start < text.count, unsafe bytes[Int(text[start])] == 0 { start &+= 1 }
            guard start < text.count else { return nil }
            // Behind the place where the literal allows a beginning, look for the next one.
            if literal.isEmpty || start == began { return start }
        }
    }

    private func find(_ text: UnsafeRawBufferPointer, from: Int) -> Int? {
        guard let base = text.baseAddress, from + literal.count <= text.count else { return nil }
        let wanted = literal[rarest]
        let last = text.count - literal.count
        var position = from
        while position <= last {
            guard
                let hit = unsafe memchrIndex(
                    base, wanted, position &+ rarest, last &+ rarest &+ 1)
            else { return nil }
            position = hit &- rarest
            var index = 0
            while index < literal.count, unsafe text[position &+ index] == literal[index] {
                index &+= 1
            }
            if index == literal.count { return position }
            position += 1
        }
        return nil
    }

    /// The first byte of this value from `start` on, eight at a time.
    private func memchrIndex(
        _ base: UnsafeRawPointer, _ byte: UInt8, _ start: Int, _ end: Int
    ) -> Int? {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let pattern = UInt64(byte) &* ones
        var index = start
        while index &+ 8 <= end {
            let word = unsafe base.loadUnaligned(fromByteOffset: index, as: UInt64.self) ^ pattern
            let zeros = (word &- ones) & ~word & (ones &<< 7)
            if zeros != 0 { return index &+ zeros.trailingZeroBitCount / 8 }
            index &+= 8
        }
        while index < end {
            if unsafe base.load(fromByteOffset: index, as: UInt8.self) == byte { return index }
            index &+= 1
        }
        return nil
    }
}

/// Looks through the top of an expression for the longest run of plain characters that lies at a
/// bounded distance from the beginning.
private struct LiteralScan {
    private let sets: [RegexSet]
    private(set) var best: [UInt8] = []
    private(set) var bestBefore = 0...0
    private var run: [UInt8] = []
    private var runBefore = 0...0
    /// Bytes up to here; nil: their number has no bound.
    private var passed: ClosedRange<Int>? = 0...0

    init(_ sets: [RegexSet]) { self.sets = sets }

    mutating func visit(_ part: RegexPart) {
        switch part.kind {
        case .empty, .assertion: break
        case .sequence(let parts): for part in parts { visit(part) }
        case .group(_, let inner): visit(inner)
        case .set(let number):
            guard let passed, let scalar = sets[number].onlyScalar,
                let letter = Unicode.Scalar(scalar), let bytes = UTF8.encode(letter)
            else { return pass(part) }
            if run.isEmpty { runBefore = passed }
            run.append(contentsOf: bytes)
            add(bytes.count, bytes.count)
        case .choice, .repeated: pass(part)
        }
    }

    private mutating func pass(_ part: RegexPart) {
        close()
        add(part.bytesMin, part.bytesMax)
    }

    private mutating func add(_ min: Int, _ max: Int?) {
        guard let passed, let max, passed.upperBound + max < 1 << 16 else {
            passed = nil
            return
        }
        self.passed = (passed.lowerBound + min)...(passed.upperBound + max)
    }

    /// Ends the run of plain characters.
    mutating func close() {
        if run.count > best.count, run.count > 1 {
            best = run
            bestBefore = runBefore
        }
        run = []
    }
}
