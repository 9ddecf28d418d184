/// A step of the non-deterministic automaton that a part of an expression is compiled to.
enum RegexInstruction {
    /// Takes a character of the set.
    case set(Int, next: Int)
    case split(Int, Int)
    case assertion(RegexAssertion, next: Int)
    case accept
}

/// Compiles parts of an expression into instructions, to be run forwards or backwards.
struct RegexCompiler {
    let isReversed: Bool
    private(set) var instructions: [RegexInstruction] = [.accept]
    private(set) var hasAssertions = false

    init(isReversed: Bool) { self.isReversed = isReversed }

    /// Gives the entry of instructions that match the part and go on at `next`.
    mutating func compile(_ part: RegexPart, next: Int = 0) throws(SQLError) -> Int {
        switch part.kind {
        case .empty: return next
        case .set(let set): return try add(.set(set, next: next))
        case .assertion(let assertion):
            hasAssertions = true
            return try add(.assertion(assertion, next: next))
        case .sequence(let parts): return try compile(parts[...], next: next)
        case .choice(let parts):
            var entry = try compile(parts[parts.count - 1], next: next)
            for part in parts.dropLast().reversed() {
                entry = try add(.split(try compile(part, next: next), entry))
            }
            return entry
        case .repeated(let part, let min, let max):
            return try repeated(part, min, max, next: next)
        case .group(_, let part): return try compile(part, next: next)
        }
    }

    mutating func compile(
        _ parts: ArraySlice<RegexPart>, next: Int = 0
    ) throws(SQLError) -> Int {
        var entry = next
        let order = isReversed ? Array(parts) : parts.reversed()
        for part in order { entry = try compile(part, next: entry) }
        return entry
    }

    private mutating func repeated(
        _ part: RegexPart, _ min: Int, _ max: Int?, next: Int
    ) throws(SQLError) -> Int {
        var entry = next
        if let max {
            for _ in min..<max { entry = try add(.split(try compile(part, next: entry), next)) }
        } else {
            let loop = try add(.accept)
            instructions[loop] = .split(try compile(part, next: loop), next)
            entry = loop
        }
        for _ in 0..<min { entry = try compile(part, next: entry) }
        return entry
    }

    private mutating func add(_ instruction: RegexInstruction) throws(SQLError) -> Int {
        guard instructions.count < FormatLimits.regexInstructionsMax else {
            throw RegexParser.error("regular expression is too complex")
        }
        instructions.append(instruction)
        return instructions.count - 1
    }
}

/// A deterministic automaton that is built as the texts need it: a state is the set of instructions
/// that may be next, with what assertions must know of the character before. An entry of its table
/// says the next state, and whether the text up to before this character is a match, for assertions
/// look at one character more.
///
/// States are dropped when they become too many, so its memory is bounded and its time is linear.
@safe final class RegexAutomaton {
    /// No match can follow.
    static let dead = 0

    private let alphabet: RegexAlphabet
    private let instructions: [RegexInstruction]
    private let entry: Int
    private let isReversed: Bool
    private let hasAssertions: Bool
    /// A match may begin anywhere, not only where the run begins.
    private let isUnanchored: Bool
    private var sets: [[Int32]] = []
    private var contexts: [UInt8] = []
    private var numbers: [StateKey: Int] = [:]
    private var starts: [Int] = []
    /// Columns of the table: the classes now, and room for those to come.
    private(set) var stride = 0
    /// -1: not built; else the next state, shifted by one, and the bit of a match.
    private(set) var table: Buffer<Int32>
    private var marks: [UInt32]
    private var mark: UInt32 = 0
    private var stack: [Int32] = []

    private struct StateKey: Hashable {
        var set: [Int32]
        var context: UInt8
    }

    init(
        _ alphabet: RegexAlphabet, _ compiler: RegexCompiler, entry: Int, isUnanchored: Bool
    ) {
        self.alphabet = alphabet
        instructions = compiler.instructions
        self.entry = entry
        isReversed = compiler.isReversed
        hasAssertions = compiler.hasAssertions
        self.isUnanchored = isUnanchored
        marks = Array(repeating: 0, count: instructions.count)
        table = Buffer(capacity: 1)
        reset()
    }

    private func reset() {
        stride = alphabet.count + 8
        sets = []
        contexts = []
        numbers = [:]
        starts = Array(repeating: -1, count: 8)
        table = Buffer(repeating: -1, count: stride * 16)
        // Number 0 is the dead state, which an unanchored automaton never enters.
        _ = state(isUnanchored ? [-1] : [], 0)
        for column in 0..<stride where !isUnanchored { table[column] = 0 }
    }

    /// The state before the first character; `context` is that of the character behind it.
    func start(_ context: UInt8) -> Int {
        let context = hasAssertions ? context : 0
        if starts[Int(context)] >= 0 { return starts[Int(context)] }
        let number = state([Int32(entry)], context)
        starts[Int(context)] = number
        return number
    }

    private func state(_ set: [Int32], _ context: UInt8) -> Int {
        let key = StateKey(set: set, context: set.isEmpty && !isUnanchored ? 0 : context)
        if let known = numbers[key] { return known }
        let number = sets.count
        sets.append(set)
        contexts.append(key.context)
        numbers[key] = number
        if (number + 1) * stride > table.capacity {
            let larger = Buffer<Int32>(repeating: -1, count: table.capacity * 2)
            unsafe larger.base.update(from: table.base, count: table.capacity)
            table = larger
        }
        return number
    }

    /// Builds the entry of the table for a character of class `number`. All states may get other
    /// numbers: the next one is in the result.
    func build(_ from: Int, _ number: Int) -> Int32 {
        let after = hasAssertions ? alphabet.contexts[number] : 0
        let (next, isMatch) = step(sets[from], contexts[from], number)
        var isKept = true
        if number >= stride || sets.count >= FormatLimits.regexStatesMax {
            reset()
            isKept = false
        }
        let target = Int32(state(next, after) << 1 | (isMatch ? 1 : 0))
        if isKept { table[from * stride + number] = target }
        return target
    }

    /// What follows a set of instructions by a character, and whether they match before it.
    private func step(
        _ set: [Int32], _ context: UInt8, _ number: Int
    ) -> (next: [Int32], isMatch: Bool) {
        let other = alphabet.contexts[number]
        let before = isReversed ? other : context
        let after = isReversed ? context : other
        mark &+= 1
        stack = set
        if isUnanchored { stack.append(Int32(entry)) }
        var next: [Int32] = []
        var isMatch = false
        while let index = stack.popLast().map(Int.init) {
            guard marks[index] != mark else { continue }
            marks[index] = mark
            switch instructions[index] {
            case .accept: isMatch = true
            case .split(let first, let second):
                stack.append(Int32(second))
                stack.append(Int32(first))
            case .assertion(let assertion, let target):
                if assertion.holds(before: before, after: after) { stack.append(Int32(target)) }
            case .set(let set, let target):
                if number > 0, alphabet.isMember(number, of: set) { next.append(Int32(target)) }
            }
        }
        next.sort()
        var last: Int32 = -1
        next.removeAll { value in
            defer { last = value }
            return value == last
        }
        return (next, isMatch)
    }
}
