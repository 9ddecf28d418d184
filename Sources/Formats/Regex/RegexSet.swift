/// A set of characters: what an atom of a regular expression matches one of.
struct RegexSet: Hashable, Sendable {
    var ranges: [ClosedRange<UInt32>] = []
    var classes: [RegexClass] = []
    /// All but these: `\D` inside brackets.
    var negatedClasses: [RegexClass] = []
    var isNegated = false
    /// `.` and `[^...]` of newline-sensitive expressions.
    var excludesNewline = false

    static let any = RegexSet(isNegated: true)

    init(isNegated: Bool = false) { self.isNegated = isNegated }

    init(_ scalar: UInt32) { ranges = [scalar...scalar] }

    func contains(_ scalar: UInt32) -> Bool {
        if excludesNewline, scalar == 0x0A { return false }
        let isListed =
            ranges.contains { $0.contains(scalar) } || classes.contains { $0.contains(scalar) }
            || negatedClasses.contains { !$0.contains(scalar) }
        return isListed != isNegated
    }

    /// The same with both cases of each letter.
    mutating func ignoreCase() {
        for range in ranges {
            addASCIICases(range)
            let upper = max(range.lowerBound, 0x80)
            guard range.upperBound >= upper else { continue }
            // Longer ranges are whole scripts or more, and have both cases in them.
            guard range.upperBound - upper < 2_000 else { continue }
            for scalar in upper...range.upperBound {
                for other in RegexSet.cases(of: scalar) { ranges.append(other...other) }
            }
        }
        let hasCase = classes.contains(.upper) || classes.contains(.lower)
        if hasCase { classes.append(.alpha) }
    }

    private mutating func addASCIICases(_ range: ClosedRange<UInt32>) {
        for (first, last, shift) in [(UInt32(0x41), UInt32(0x5A), Int64(32)), (0x61, 0x7A, -32)] {
            let low = max(range.lowerBound, first)
            let high = min(range.upperBound, last)
            guard low <= high else { continue }
            ranges.append(UInt32(Int64(low) + shift)...UInt32(Int64(high) + shift))
        }
    }

    /// The letter in its other cases, if they are one character each.
    private static func cases(of scalar: UInt32) -> [UInt32] {
        guard let letter = Unicode.Scalar(scalar) else { return [] }
        let mappings = [letter.properties.lowercaseMapping, letter.properties.uppercaseMapping]
        return mappings.compactMap { mapping in
            let scalars = mapping.unicodeScalars
            guard scalars.count == 1, let first = scalars.first, first != letter else { return nil }
            return first.value
        }
    }

    /// How many bytes of UTF-8 a member has, from and to.
    var width: ClosedRange<Int> {
        let isOpen = isNegated || !negatedClasses.isEmpty || !classes.allSatisfy(\.isASCII)
        if isOpen { return 1...4 }
        var widths: [Int] = classes.isEmpty ? [] : [1]
        for range in ranges {
            widths.append(RegexSet.width(of: range.lowerBound))
            widths.append(RegexSet.width(of: range.upperBound))
        }
        return (widths.min() ?? 1)...(widths.max() ?? 1)
    }

    private static func width(of scalar: UInt32) -> Int {
        scalar < 0x80 ? 1 : scalar < 0x800 ? 2 : scalar < 0x10000 ? 3 : 4
    }

    /// The only character in the set; nil if there are others.
    var onlyScalar: UInt32? {
        guard !isNegated, classes.isEmpty, negatedClasses.isEmpty, ranges.count == 1,
            ranges[0].count == 1
        else { return nil }
        return ranges[0].lowerBound
    }
}

/// The classes of characters that `[[:name:]]` and `\d`, `\s`, `\w` name. Letters of all scripts
/// count; digits are those of ASCII, as in the C library's C.UTF-8.
enum RegexClass: String, Hashable, Sendable {
    case alnum, alpha, ascii, blank, cntrl, digit, graph, lower, print, punct, space, upper, word
    case xdigit

    var isASCII: Bool { self == .digit || self == .xdigit || self == .ascii || self == .blank }

    func contains(_ scalar: UInt32) -> Bool {
        guard let byte = UInt8(exactly: scalar), byte < 0x80 else { return containsOther(scalar) }
        return containsASCII(byte)
    }

    private func containsASCII(_ byte: UInt8) -> Bool {
        let isDigit = byte &- 0x30 < 10
        let isLower = byte &- 0x61 < 26
        let isUpper = byte &- 0x41 < 26
        let isAlnum = isDigit || isLower || isUpper
        let isGraph = byte > 0x20 && byte < 0x7F
        switch self {
        case .alnum: return isAlnum
        case .alpha: return isLower || isUpper
        case .ascii: return true
        case .blank: return byte == 0x20 || byte == 0x09
        case .cntrl: return byte < 0x20 || byte == 0x7F
        case .digit: return isDigit
        case .graph: return isGraph
        case .lower: return isLower
        case .print: return isGraph || byte == 0x20
        case .punct: return isGraph && !isAlnum
        case .space: return byte == 0x20 || byte &- 0x09 < 5
        case .upper: return isUpper
        case .word: return isAlnum || byte == 0x5F
        case .xdigit: return isDigit || (byte | 0x20) &- 0x61 < 6
        }
    }

    private func containsOther(_ value: UInt32) -> Bool {
        guard let scalar = Unicode.Scalar(value) else { return false }
        let properties = scalar.properties
        // The C library counts the digits of other scripts as letters.
        let category = properties.generalCategory
        let isAlpha = properties.isAlphabetic || category == .decimalNumber
        let isSpace =
            properties.isWhitespace && value != 0xA0 && value != 0x2007 && value != 0x202F
            && value != 0x85
        let isGraph =
            category != .control && category != .unassigned && category != .surrogate && !isSpace
        switch self {
        case .alnum, .alpha, .word: return isAlpha
        case .ascii, .digit, .xdigit: return false
        case .blank: return isSpace && category == .spaceSeparator
        case .cntrl: return category == .control
        case .graph: return isGraph
        case .lower: return properties.isLowercase
        case .print: return isGraph || (isSpace && category == .spaceSeparator)
        case .punct: return isGraph && !isAlpha
        case .space: return isSpace
        case .upper: return properties.isUppercase
        }
    }
}
