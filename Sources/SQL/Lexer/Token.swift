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

    public init(_ kind: Kind, _ place: Range<Int>) {
        self.kind = kind
        self.place = place
    }

    /// Whether this is the keyword, written in upper case here.
    public func `is`(_ keyword: String) -> Bool {
        guard case .word(let word) = kind else { return false }
        return word.utf8.count == keyword.utf8.count && word.uppercased() == keyword
    }

    public func isSymbol(_ symbol: String) -> Bool {
        kind == .symbol(symbol)
    }
}
