/// What must hold between two characters.
enum RegexAssertion: Hashable, Sendable {
    /// ^ and $, which in newline-sensitive expressions hold at each line.
    case lineStart(multiline: Bool)
    case lineEnd(multiline: Bool)
    /// \A, \Z
    case textStart, textEnd
    /// \m, \M, \y, \Y
    case wordStart, wordEnd, wordEdge, noWordEdge

    /// `before` and `after` are `RegexAlphabet.Context` of the characters on both sides.
    func holds(before: UInt8, after: UInt8) -> Bool {
        typealias Context = RegexAlphabet.Context
        let wordBefore = before & Context.word != 0
        let wordAfter = after & Context.word != 0
        switch self {
        case .lineStart(let multiline):
            return before & (multiline ? Context.edge | Context.newline : Context.edge) != 0
        case .lineEnd(let multiline):
            return after & (multiline ? Context.edge | Context.newline : Context.edge) != 0
        case .textStart: return before & Context.edge != 0
        case .textEnd: return after & Context.edge != 0
        case .wordStart: return !wordBefore && wordAfter
        case .wordEnd: return wordBefore && !wordAfter
        case .wordEdge: return wordBefore != wordAfter
        case .noWordEdge: return wordBefore == wordAfter
        }
    }
}

/// A part of a regular expression, and the automata that were made for it while matching. A tree
/// of them belongs to one `RegularExpression`.
final class RegexPart {
    indirect enum Kind {
        case empty
        /// A character of the alphabet's set of this number.
        case set(Int)
        case assertion(RegexAssertion)
        case sequence([RegexPart])
        case choice([RegexPart])
        case repeated(RegexPart, min: Int, max: Int?)
        /// Parentheses, counted from 1.
        case group(Int, RegexPart)
    }

    let kind: Kind
    /// Whether of several matches the shortest is preferred; nil: the part has no preference.
    let prefersShortest: Bool?
    let hasGroups: Bool
    /// Bytes that it matches at least, and at most (nil: any number).
    let bytesMin: Int
    let bytesMax: Int?
    /// Of the part itself, forwards.
    var whole: RegexAutomaton?
    /// Of what is left of a sequence behind its element of this number; backwards -1: of all.
    var forward: [Int: RegexAutomaton] = [:]
    var backward: [Int: RegexAutomaton] = [:]

    init(_ kind: Kind, prefersShortest: Bool? = nil, width: ClosedRange<Int>? = nil) {
        self.kind = kind
        switch kind {
        case .empty, .assertion:
            self.prefersShortest = nil
            hasGroups = false
            bytesMin = 0
            bytesMax = 0
        case .set:
            self.prefersShortest = nil
            hasGroups = false
            bytesMin = width?.lowerBound ?? 1
            bytesMax = width?.upperBound ?? 4
        case .sequence(let parts):
            // The first element with a preference decides for all.
            self.prefersShortest = parts.lazy.compactMap(\.prefersShortest).first
            hasGroups = parts.contains(where: \.hasGroups)
            bytesMin = parts.reduce(0) { RegexPart.sum($0, $1.bytesMin) }
            bytesMax = parts.reduce(0) { sum, part in
                guard let sum, let max = part.bytesMax else { return nil }
                return RegexPart.sum(sum, max)
            }
        case .choice(let parts):
            self.prefersShortest = false
            hasGroups = parts.contains(where: \.hasGroups)
            bytesMin = parts.map(\.bytesMin).min() ?? 0
            let widths = parts.map(\.bytesMax)
            bytesMax = widths.contains(nil) ? nil : widths.compactMap { $0 }.max()
        case .repeated(let part, let min, let max):
            self.prefersShortest = prefersShortest
            hasGroups = part.hasGroups
            bytesMin = RegexPart.product(part.bytesMin, min)
            if let max, let width = part.bytesMax {
                bytesMax = RegexPart.product(width, max)
            } else {
                bytesMax = part.bytesMax == 0 ? 0 : nil
            }
        case .group(_, let part):
            self.prefersShortest = part.prefersShortest
            hasGroups = true
            bytesMin = part.bytesMin
            bytesMax = part.bytesMax
        }
    }

    /// Widths are compared to lengths of texts, so past those they need not be exact.
    private static func sum(_ a: Int, _ b: Int) -> Int { min(a + b, 1 << 40) }
    private static func product(_ a: Int, _ b: Int) -> Int { min(a, 1 << 20) * min(b, 1 << 20) }

    /// Any number of repetitions of the inner part; made once.
    private var star: RegexPart?

    func endless(_ inner: RegexPart) -> RegexPart {
        if let star { return star }
        let made = RegexPart(
            .repeated(inner, min: 0, max: nil), prefersShortest: prefersShortest)
        star = made
        return made
    }

    var fixedBytes: Int? { bytesMax == bytesMin ? bytesMin : nil }
}
