/// A piece of a script. `place` are its bytes there.
public struct Token: Sendable, Equatable {
    public enum Kind: Sendable, Equatable {
        /// As written: spelling is kept, keywords are compared without regard to case.
        case word(String)
        case quotedName(String)
        /// Any of '...', E'...', U&'...', N'...' and dollar quotes.
        case string(String)
        /// The digits of B'...' and X'...'.
        case bits(String)
        case hexBits(String)
        /// Decimal digits; those of other bases are converted.
        case integer(String)
        /// With a fraction or an exponent, or an integer beyond 64 bits in another base.
        case decimal(String)
        /// `$1`
        case parameter(Int)
        /// Also `::`, `:=`, `=>` and `..`.
        case symbol(String)
        case end
    }

    public let kind: Kind
    public let place: Range<Int>
    /// A word of ASCII letters in upper case; nil for all other tokens.
    public let keyword: String?

    public init(_ kind: Kind, _ place: Range<Int>) {
        self.kind = kind
        self.place = place
        if case .word(let word) = kind, word.utf8.allSatisfy({ $0 < 0x80 }) {
            keyword = word.uppercased()
        } else {
            keyword = nil
        }
    }

    /// Whether this is the keyword, written in upper case here.
    public func `is`(_ keyword: String) -> Bool {
        self.keyword == keyword
    }

    public func isSymbol(_ symbol: String) -> Bool {
        kind == .symbol(symbol)
    }

    public var isString: Bool {
        if case .string = kind { return true }
        return false
    }
}
