/// What is asked of a regular expression beside its text; letters as PostgreSQL has them.
public struct RegexOptions: Hashable, Sendable {
    /// i
    public var ignoresCase = false
    /// x: white space and comments mean nothing.
    public var isExpanded = false
    /// n, m, p: `.` and `[^...]` do not match a line break.
    public var stopsAtNewline = false
    /// n, m, w: `^` and `$` hold at each line.
    public var anchorsAtNewline = false
    /// q: the text is meant literally.
    public var isLiteral = false

    public init() {}

    /// Takes a letter; false if there is no such option.
    public mutating func take(_ letter: Unicode.Scalar) -> Bool {
        switch letter {
        case "i": ignoresCase = true
        case "c": ignoresCase = false
        case "x": isExpanded = true
        case "t": isExpanded = false
        case "n", "m":
            stopsAtNewline = true
            anchorsAtNewline = true
        case "p":
            stopsAtNewline = true
            anchorsAtNewline = false
        case "w":
            stopsAtNewline = false
            anchorsAtNewline = true
        case "s":
            stopsAtNewline = false
            anchorsAtNewline = false
        case "q": isLiteral = true
        case "e": break
        default: return false
        }
        return true
    }
}

/// Reads PostgreSQL's "advanced" regular expressions (its documentation, 9.7.3) but for
/// back-references and look-around, which no automaton of a fixed size can match.
struct RegexParser {
    private let text: [UInt32]
    private var position = 0
    private var options: RegexOptions
    private var depth = 0
    private(set) var sets: [RegexSet] = []
    private var numbers: [RegexSet: Int] = [:]
    private(set) var groupCount = 0

    init(_ pattern: String, _ options: RegexOptions) {
        text = pattern.unicodeScalars.map(\.value)
        self.options = options
    }

    mutating func parse() throws(SQLError) -> RegexPart {
        try directors()
        if options.isLiteral {
            return RegexPart(.sequence(text[position...].map { literal($0) }))
        }
        let part = try choice()
        guard position == text.count else { throw RegexParser.error("parentheses () not balanced") }
        return part
    }

    static func error(_ text: String) -> SQLError {
        SQLError("invalid regular expression: \(text)", .invalidRegularExpression)
    }

    private static func unsupported(_ what: String) -> SQLError {
        SQLError(
            "regular expressions with \(what) are not supported", .featureNotSupported)
    }
}

// Reading characters.
extension RegexParser {
    private func peek(_ ahead: Int = 0) -> UInt32? {
        position + ahead < text.count ? text[position + ahead] : nil
    }

    private func isNext(_ letters: String) -> Bool {
        var index = position
        for scalar in letters.unicodeScalars {
            guard index < text.count, text[index] == scalar.value else { return false }
            index += 1
        }
        return true
    }

    private mutating func take(_ letters: String) -> Bool {
        guard isNext(letters) else { return false }
        position += letters.unicodeScalars.count
        return true
    }

    /// What an expanded expression has for people only, and `(?#...)` everywhere.
    private mutating func skipComments() throws(SQLError) {
        while true {
            if isNext("(?#") {
                while let scalar = peek(), scalar != 0x29 {
                    _ = scalar
                    position += 1
                }
                guard take(")") else { throw RegexParser.error("parentheses () not balanced") }
            } else if options.isExpanded, let scalar = peek(), RegexClass.space.contains(scalar) {
                position += 1
            } else if options.isExpanded, take("#") {
                while let scalar = peek(), scalar != 0x0A {
                    _ = scalar
                    position += 1
                }
            } else {
                return
            }
        }
    }

    /// `***:`, `***=` and `(?flags)` at the start.
    private mutating func directors() throws(SQLError) {
        if options.isLiteral { return }
        if take("***=") {
            options.isLiteral = true
            return
        }
        if take("***:") {
        } else if isNext("***") {
            throw RegexParser.error("invalid regexp (reg version 0.8)")
        }
        guard isNext("(?"), let flag = peek(2), RegexClass.alpha.contains(flag) else { return }
        position += 2
        while let value = peek(), value != 0x29 {
            guard let letter = Unicode.Scalar(value), options.take(letter) else {
                throw RegexParser.error("invalid embedded option")
            }
            position += 1
        }
        guard take(")") else { throw RegexParser.error("invalid embedded option") }
    }
}

// Structure.
extension RegexParser {
    private mutating func choice() throws(SQLError) -> RegexPart {
        depth += 1
        guard depth <= FormatLimits.regexDepthMax else {
            throw RegexParser.error("regular expression is too complex")
        }
        var branches = [try branch()]
        while take("|") { branches.append(try branch()) }
        depth -= 1
        return branches.count == 1 ? branches[0] : RegexPart(.choice(branches))
    }

    private mutating func branch() throws(SQLError) -> RegexPart {
        var parts: [RegexPart] = []
        while true {
            try skipComments()
            guard let next = peek(), next != 0x7C, next != 0x29 else { break }
            parts.append(try quantified())
        }
        switch parts.count {
        case 0: return RegexPart(.empty)
        case 1: return parts[0]
        default: return RegexPart(.sequence(parts))
        }
    }

    private mutating func quantified() throws(SQLError) -> RegexPart {
        let part = try atom()
        try skipComments()
        guard let (min, max, isFixed) = try quantifier() else { return part }
        if case .assertion = part.kind { throw RegexParser.error("quantifier operand invalid") }
        let isLazy = take("?")
        try skipComments()
        if startsQuantifier { throw RegexParser.error("quantifier operand invalid") }
        // {m} leaves the preference to the atom.
        return RegexPart(
            .repeated(part, min: min, max: max),
            prefersShortest: isFixed ? part.prefersShortest : isLazy)
    }

    private var startsQuantifier: Bool {
        switch peek() {
        case 0x2A, 0x2B, 0x3F: true
        case 0x7B: peek(1).map { $0 >= 0x30 && $0 <= 0x39 } ?? false
        default: false
        }
    }

    private mutating func quantifier() throws(SQLError) -> (Int, Int?, isFixed: Bool)? {
        guard startsQuantifier, let first = peek() else { return nil }
        position += 1
        switch first {
        case 0x2A: return (0, nil, false)
        case 0x2B: return (1, nil, false)
        case 0x3F: return (0, 1, false)
        default: break
        }
        let min = try bound()
        var max: Int? = min
        let isFixed = !take(",")
        if !isFixed {
            max = nil
            if let digit = peek(), digit >= 0x30, digit <= 0x39 { max = try bound() }
        }
        guard take("}") else {
            throw RegexParser.error(
                peek() == nil ? "braces {} not balanced" : "invalid repetition count(s)")
        }
        if let max, max < min { throw RegexParser.error("invalid repetition count(s)") }
        return (min, max, isFixed)
    }

    private mutating func bound() throws(SQLError) -> Int {
        var value = 0
        while let digit = peek(), digit >= 0x30, digit <= 0x39 {
            value = value * 10 + Int(digit - 0x30)
            guard value <= FormatLimits.regexRepeatsMax else {
                throw RegexParser.error("invalid repetition count(s)")
            }
            position += 1
        }
        return value
    }

    private mutating func atom() throws(SQLError) -> RegexPart {
        guard let scalar = peek() else { throw RegexParser.error("quantifier operand invalid") }
        if startsQuantifier { throw RegexParser.error("quantifier operand invalid") }
        position += 1
        switch scalar {
        case 0x28: return try group()
        case 0x5B: return try bracket()
        case 0x2E:
            var set = RegexSet.any
            set.excludesNewline = options.stopsAtNewline
            return part(set)
        case 0x5E: return assertion(.lineStart(multiline: options.anchorsAtNewline))
        case 0x24: return assertion(.lineEnd(multiline: options.anchorsAtNewline))
        case 0x5C: return try escape()
        default: return literal(scalar)
        }
    }

    /// Behind an opening parenthesis.
    private mutating func group() throws(SQLError) -> RegexPart {
        var number: Int?
        if take("?") {
            if isNext("=") || isNext("!") || isNext("<=") || isNext("<!") {
                throw RegexParser.unsupported("look-around")
            }
            guard take(":") else { throw RegexParser.error("quantifier operand invalid") }
        } else {
            groupCount += 1
            number = groupCount
        }
        let part = try choice()
        guard take(")") else { throw RegexParser.error("parentheses () not balanced") }
        guard let number else {
            // What is in parentheses may be repeated, an assertion too.
            if case .assertion = part.kind { return RegexPart(.sequence([part])) }
            return part
        }
        return RegexPart(.group(number, part))
    }

    private func assertion(_ assertion: RegexAssertion) -> RegexPart {
        RegexPart(.assertion(assertion))
    }

    private mutating func literal(_ scalar: UInt32) -> RegexPart {
        var set = RegexSet(scalar)
        if options.ignoresCase { set.ignoreCase() }
        return part(set)
    }

    private mutating func part(_ set: RegexSet) -> RegexPart {
        RegexPart(.set(number(of: set)), width: set.width)
    }

    private mutating func number(of set: RegexSet) -> Int {
        if let known = numbers[set] { return known }
        sets.append(set)
        numbers[set] = sets.count - 1
        return sets.count - 1
    }
}

// Escapes.
extension RegexParser {
    /// Behind a backslash outside brackets.
    private mutating func escape() throws(SQLError) -> RegexPart {
        guard let scalar = peek() else { throw RegexParser.error("invalid escape \\ sequence") }
        switch scalar {
        case 0x41: return taking(assertion(.textStart))
        case 0x5A: return taking(assertion(.textEnd))
        case 0x6D: return taking(assertion(.wordStart))
        case 0x4D: return taking(assertion(.wordEnd))
        case 0x79: return taking(assertion(.wordEdge))
        case 0x59: return taking(assertion(.noWordEdge))
        case 0x31...0x39:
            // One digit, or more that name a group: a back-reference.
            if let next = peek(1), next >= 0x30, next <= 0x39 { break }
            guard Int(scalar) - 0x30 <= groupCount else {
                throw RegexParser.error("invalid backreference number")
            }
            throw RegexParser.unsupported("back-references")
        default: break
        }
        if let (named, isNegated) = shorthand(scalar) {
            position += 1
            var set = RegexSet(isNegated: isNegated)
            set.classes = [named]
            return part(set)
        }
        return literal(try characterEscape())
    }

    private mutating func taking(_ part: RegexPart) -> RegexPart {
        position += 1
        return part
    }

    private func shorthand(_ scalar: UInt32) -> (RegexClass, Bool)? {
        switch scalar {
        case 0x64: (.digit, false)
        case 0x73: (.space, false)
        case 0x77: (.word, false)
        case 0x44: (.digit, true)
        case 0x53: (.space, true)
        case 0x57: (.word, true)
        default: nil
        }
    }

    /// Behind a backslash: one character.
    private mutating func characterEscape() throws(SQLError) -> UInt32 {
        guard let scalar = peek() else { throw RegexParser.error("invalid escape \\ sequence") }
        position += 1
        switch scalar {
        case 0x61: return 0x07
        case 0x62: return 0x08
        case 0x42: return 0x5C
        case 0x65: return 0x1B
        case 0x66: return 0x0C
        case 0x6E: return 0x0A
        case 0x72: return 0x0D
        case 0x74: return 0x09
        case 0x76: return 0x0B
        case 0x63:
            guard let control = peek() else { break }
            position += 1
            return control & 0x1F
        case 0x75: return try digits(exactly: 4)
        case 0x55: return try digits(exactly: 8)
        case 0x78: return try hexDigits()
        case 0x30...0x37:
            position -= 1
            return octalDigits()
        default:
            guard RegexClass.alnum.contains(scalar), scalar < 0x80 else { return scalar }
        }
        throw RegexParser.error("invalid escape \\ sequence")
    }

    private mutating func digits(exactly count: Int) throws(SQLError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<count {
            guard let digit = peek().flatMap(RegexParser.hexValue), value < 1 << 24 else {
                throw RegexParser.error("invalid escape \\ sequence")
            }
            value = value << 4 | digit
            position += 1
        }
        return try checked(value)
    }

    private mutating func hexDigits() throws(SQLError) -> UInt32 {
        var value: UInt32 = 0
        var count = 0
        while let digit = peek().flatMap(RegexParser.hexValue) {
            guard value < 1 << 24 else { throw RegexParser.error("invalid escape \\ sequence") }
            value = value << 4 | digit
            position += 1
            count += 1
        }
        guard count > 0 else { throw RegexParser.error("invalid escape \\ sequence") }
        return try checked(value)
    }

    private func checked(_ value: UInt32) throws(SQLError) -> UInt32 {
        guard Unicode.Scalar(value) != nil else {
            throw RegexParser.error("invalid escape \\ sequence")
        }
        return value
    }

    private mutating func octalDigits() -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<3 {
            guard let digit = peek(), digit >= 0x30, digit <= 0x37 else { break }
            value = value << 3 | (digit - 0x30)
            position += 1
        }
        return value & 0xFF
    }

    private static func hexValue(_ scalar: UInt32) -> UInt32? {
        switch scalar {
        case 0x30...0x39: scalar - 0x30
        case 0x41...0x46: scalar - 0x41 + 10
        case 0x61...0x66: scalar - 0x61 + 10
        default: nil
        }
    }
}

// Brackets.
extension RegexParser {
    /// Behind an opening bracket.
    private mutating func bracket() throws(SQLError) -> RegexPart {
        if take("[:<:]]") { return assertion(.wordStart) }
        if take("[:>:]]") { return assertion(.wordEnd) }
        var set = RegexSet()
        set.isNegated = take("^")
        set.excludesNewline = set.isNegated && options.stopsAtNewline
        var isFirst = true
        while true {
            guard let scalar = peek() else { throw RegexParser.error("brackets [] not balanced") }
            if scalar == 0x5D, !isFirst { break }
            isFirst = false
            try bracketItem(into: &set)
        }
        position += 1
        if options.ignoresCase { set.ignoreCase() }
        return part(set)
    }

    private mutating func bracketItem(into set: inout RegexSet) throws(SQLError) {
        if take("[:") {
            let name = try bracketName(":]", "invalid character class")
            guard let named = RegexClass(rawValue: name) else {
                throw RegexParser.error("invalid character class")
            }
            set.classes.append(named)
            try refuseRange()
            return
        }
        if peek() == 0x5C, let (named, isNegated) = peek(1).flatMap(shorthand) {
            position += 2
            if isNegated { set.negatedClasses.append(named) } else { set.classes.append(named) }
            try refuseRange()
            return
        }
        let isEquivalence = isNext("[=")
        let low = try bracketCharacter()
        guard peek() == 0x2D, let next = peek(1), next != 0x5D else {
            set.ranges.append(low...low)
            return
        }
        position += 1
        if isEquivalence || isNext("[:") { throw RegexParser.error("invalid character range") }
        let high = try bracketCharacter()
        guard low <= high else { throw RegexParser.error("invalid character range") }
        set.ranges.append(low...high)
    }

    /// A class is no end of a range.
    private func refuseRange() throws(SQLError) {
        guard peek() == 0x2D, let next = peek(1), next != 0x5D else { return }
        throw RegexParser.error("invalid character range")
    }

    private mutating func bracketCharacter() throws(SQLError) -> UInt32 {
        if take("[.") { return try collatingElement(".]") }
        if take("[=") { return try collatingElement("=]") }
        guard let scalar = peek() else { throw RegexParser.error("brackets [] not balanced") }
        position += 1
        return scalar == 0x5C ? try characterEscape() : scalar
    }

    private mutating func collatingElement(_ end: String) throws(SQLError) -> UInt32 {
        let start = position
        while position < text.count, !isNext(end) { position += 1 }
        guard isNext(end) else { throw RegexParser.error("brackets [] not balanced") }
        let element = text[start..<position]
        position += 2
        guard element.count == 1, let only = element.first else {
            throw RegexParser.error("invalid collating element")
        }
        return only
    }

    private mutating func bracketName(
        _ end: String, _ message: String
    ) throws(SQLError) -> String {
        var name = ""
        while position < text.count, !isNext(end) {
            guard let scalar = Unicode.Scalar(text[position]) else { break }
            name.unicodeScalars.append(scalar)
            position += 1
        }
        guard take(end) else { throw RegexParser.error("brackets [] not balanced") }
        return name
    }
}
