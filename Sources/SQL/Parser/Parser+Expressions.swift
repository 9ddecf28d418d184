import Formats

/// How tightly operators bind: PostgreSQL's table (gram.y), lowest first.
enum Precedence {
    static let any = 0
    static let or = 1
    static let and = 2
    static let not = 3
    static let test = 4
    static let comparison = 5
    static let pattern = 6
    static let other = 7
    static let sum = 8
    static let product = 9
    static let power = 10
    static let timeZone = 11
    static let collation = 12
    static let sign = 13
    static let cast = 14
}

/// What may stand between two operands, or behind one.
enum InfixOperator {
    case or
    case and
    /// IS ...
    case test
    /// ISNULL, NOTNULL
    case isNull(isNegated: Bool)
    case between
    case inside
    case like
    case overlaps
    /// A symbol, with its level.
    case symbol(String, Int)
    /// OPERATOR(schema.+)
    case spelled
    case atTimeZone
    case collate
    case cast

    var level: Int {
        switch self {
        case .or: Precedence.or
        case .and: Precedence.and
        case .test, .isNull: Precedence.test
        case .between, .inside, .like, .overlaps: Precedence.pattern
        case .symbol(_, let level): level
        case .spelled: Precedence.other
        case .atTimeZone: Precedence.timeZone
        case .collate: Precedence.collation
        case .cast: Precedence.cast
        }
    }

    init?(symbol: String) {
        switch symbol {
        case "=", "<", ">", "<=", ">=", "<>", "!=":
            self = .symbol(symbol == "!=" ? "<>" : symbol, Precedence.comparison)
        case "+", "-": self = .symbol(symbol, Precedence.sum)
        case "*", "/", "%": self = .symbol(symbol, Precedence.product)
        case "^": self = .symbol(symbol, Precedence.power)
        case "::": self = .cast
        case "(", ")", "[", "]", ",", ";", ":", ".", "..", ":=", "=>": return nil
        default: self = .symbol(symbol, Precedence.other)
        }
    }
}

// Expressions: operands and the operators between them.
extension Parser {
    mutating func expression() throws(SQLError) -> SyntaxExpression {
        try operand(Precedence.any)
    }

    /// An operand with all operators behind it that bind at least as tightly as `minimum`.
    mutating func operand(_ minimum: Int) throws(SQLError) -> SyntaxExpression {
        let outer = try enter()
        let first = try prefixed()
        let expression = try operators(behind: first, minimum)
        try leave(outer)
        return expression
    }

    /// `a, b, c`
    mutating func expressions() throws(SQLError) -> [SyntaxExpression] {
        var list = [try expression()]
        while try takeSymbol(",") { list.append(try expression()) }
        return list
    }

    /// Goes on behind an operand that was read in parentheses.
    mutating func continuing(_ first: SyntaxExpression) throws(SQLError) -> SyntaxExpression {
        try operators(behind: try postfixes(first), Precedence.any)
    }

    private mutating func prefixed() throws(SQLError) -> SyntaxExpression {
        if token.is("NOT") {
            let place = token.place
            try advance()
            let operand = try operand(Precedence.not)
            try grow()
            return SyntaxExpression(.not(operand), place)
        }
        if case .symbol(let symbol) = token.kind, let infix = InfixOperator(symbol: symbol) {
            return try unary(symbol, infix.level)
        }
        return try postfixes(try primary())
    }

    private mutating func unary(_ symbol: String, _ level: Int) throws(SQLError)
        -> SyntaxExpression
    {
        let place = token.place
        let isSign = level == Precedence.sum
        guard isSign || level == Precedence.other else { throw unexpected() }
        try advance()
        let operand = try operand(isSign ? Precedence.sign : Precedence.sum)
        try grow()
        return SyntaxExpression(.unary(symbol, operand), place)
    }

    private mutating func operators(
        behind first: SyntaxExpression, _ minimum: Int
    ) throws(SQLError) -> SyntaxExpression {
        var left = first
        // The level of an operator that must not be followed by another of its kind.
        var blocked = -1
        while let infix = try infix(), infix.level >= minimum {
            guard infix.level != blocked else { throw unexpected() }
            blocked = -1
            switch infix {
            case .or: left = try connected(left, "OR", Precedence.and)
            case .and: left = try connected(left, "AND", Precedence.not)
            case .test: left = try test(left, &blocked)
            case .isNull(let isNegated):
                left = SyntaxExpression(.isTest(left, "NULL", isNegated: isNegated), token.place)
                try advance()
                try grow()
            case .between: left = try between(left, &blocked)
            case .inside: left = try inside(left)
            case .like: left = try like(left, &blocked)
            case .overlaps: left = try overlaps(left)
            case .symbol(let symbol, let level):
                left = try binary(left, symbol, level)
                if level == Precedence.comparison { blocked = level }
            case .spelled: left = try spelled(left)
            case .atTimeZone: left = try atTimeZone(left)
            case .collate: left = try collate(left)
            case .cast: left = try cast(left)
            }
        }
        return left
    }

    /// What operator the token begins.
    private mutating func infix() throws(SQLError) -> InfixOperator? {
        if case .symbol(let symbol) = token.kind { return InfixOperator(symbol: symbol) }
        switch token.keyword {
        case "OR": return .or
        case "AND": return .and
        case "IS": return .test
        case "ISNULL": return .isNull(isNegated: false)
        case "NOTNULL": return .isNull(isNegated: true)
        case "BETWEEN": return .between
        case "IN": return .inside
        case "LIKE", "ILIKE": return .like
        case "SIMILAR": return try following().is("TO") ? .like : nil
        case "OVERLAPS": return .overlaps
        case "COLLATE": return .collate
        case "AT": return try following().is("TIME") ? .atTimeZone : nil
        case "OPERATOR": return try following().isSymbol("(") ? .spelled : nil
        case "NOT":
            switch try following().keyword {
            case "BETWEEN": return .between
            case "IN": return .inside
            case "LIKE", "ILIKE", "SIMILAR": return .like
            default: return nil
            }
        default: return nil
        }
    }

    /// A chain of one connective as a balanced tree: thousands of terms are common in generated
    /// text, and both are associative.
    private mutating func connected(
        _ first: SyntaxExpression, _ word: String, _ level: Int
    ) throws(SQLError) -> SyntaxExpression {
        var terms = [first]
        var places: [Range<Int>] = []
        while token.is(word) {
            places.append(token.place)
            try advance()
            terms.append(try operand(level))
        }
        var width = terms.count
        while width > 1 {
            try grow()
            width = (width + 1) / 2
        }
        return Parser.balanced(terms[...], places, isOr: word == "OR")
    }

    private static func balanced(
        _ terms: ArraySlice<SyntaxExpression>, _ places: [Range<Int>], isOr: Bool
    ) -> SyntaxExpression {
        guard terms.count > 1 else { return terms[terms.startIndex] }
        let middle = terms.startIndex + (terms.count + 1) / 2
        let left = balanced(terms[..<middle], places, isOr: isOr)
        let right = balanced(terms[middle...], places, isOr: isOr)
        return SyntaxExpression(isOr ? .or(left, right) : .and(left, right), places[middle - 1])
    }
}
