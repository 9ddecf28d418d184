import Formats

/// Recursive descent over the tokens of a jsonpath.
struct JSONPathParser {
    private var lexer: JSONPathLexer
    private var token = JSONPathLexer.Token.end
    private var filterDepth = 0
    private var subscriptDepth = 0
    private var depth = 0

    /// What stands in parentheses may be either.
    private enum Node {
        case expression(JSONPath.Expression)
        case predicate(JSONPath.Predicate)
    }

    static func parse(_ text: String) throws(SQLError) -> JSONPath {
        var parser = JSONPathParser(lexer: JSONPathLexer(text))
        try parser.advance()
        if parser.token.isEnd {
            throw SQLError(
                "invalid input syntax for type jsonpath: \"\(text)\"", .invalidTextRepresentation)
        }
        var isLax = true
        if case .word(let word) = parser.token, ["strict", "lax"].contains(word.lowercased()) {
            isLax = word.lowercased() == "lax"
            try parser.advance()
        }
        let root = parser.expression(try parser.disjunction())
        guard parser.token.isEnd else { throw parser.unexpected() }
        return JSONPath(isLax: isLax, root: root)
    }

    private init(lexer: JSONPathLexer) { self.lexer = lexer }

    // MARK: tokens

    private mutating func advance() throws(SQLError) { token = try lexer.next() }

    private func unexpected() -> SQLError {
        switch token {
        case .end: JSONPathLexer.syntaxError(nil)
        case .word(let text), .number(let text), .symbol(let text):
            JSONPathLexer.syntaxError(text)
        case .string(let text): JSONPathLexer.syntaxError("\"\(text)\"")
        case .variable(let text): JSONPathLexer.syntaxError("$\(text)")
        }
    }

    private func isSymbol(_ symbol: String) -> Bool { token == .symbol(symbol) }

    private mutating func take(_ symbol: String) throws(SQLError) -> Bool {
        guard isSymbol(symbol) else { return false }
        try advance()
        return true
    }

    private mutating func expect(_ symbol: String) throws(SQLError) {
        guard try take(symbol) else { throw unexpected() }
    }

    /// Words but for true, false and null are read in any case.
    private mutating func take(word: String) throws(SQLError) -> Bool {
        guard case .word(let text) = token, text.lowercased() == word else { return false }
        try advance()
        return true
    }

    private func expression(_ node: Node) -> JSONPath.Expression {
        switch node {
        case .expression(let expression): expression
        case .predicate(let predicate): .predicate(predicate)
        }
    }

    private func predicate(_ node: Node) throws(SQLError) -> JSONPath.Predicate {
        guard case .predicate(let predicate) = node else { throw unexpected() }
        return predicate
    }

    private func operand(_ node: Node) throws(SQLError) -> JSONPath.Expression {
        guard case .expression(let expression) = node else { throw unexpected() }
        return expression
    }

    // MARK: predicates

    private mutating func disjunction() throws(SQLError) -> Node {
        depth += 1
        defer { depth -= 1 }
        guard depth < Limits.valueDepthMax else {
            throw SQLError("the jsonpath is nested too deeply", .statementTooComplex)
        }
        var left = try conjunction()
        while isSymbol("||") {
            let first = try predicate(left)
            try advance()
            left = .predicate(.or(first, try predicate(try conjunction())))
        }
        return left
    }

    private mutating func conjunction() throws(SQLError) -> Node {
        var left = try comparison()
        while isSymbol("&&") {
            let first = try predicate(left)
            try advance()
            left = .predicate(.and(first, try predicate(try comparison())))
        }
        return left
    }

    private mutating func comparison() throws(SQLError) -> Node {
        if try take("!") {
            // What is negated stands in parentheses or is exists().
            guard case .predicate(let inner) = try sum() else { throw unexpected() }
            return .predicate(.not(inner))
        }
        let left = try sum()
        if case .symbol(let symbol) = token {
            let name = ["<>": "!=", "=": "=="][symbol] ?? symbol
            if let comparison = JSONPath.Comparison(rawValue: name) {
                let first = try operand(left)
                try advance()
                return .predicate(.comparison(comparison, first, try operand(try sum())))
            }
        }
        if try take(word: "starts") {
            guard try take(word: "with") else { throw unexpected() }
            let initial: JSONPath.Expression
            switch token {
            case .string(let text): initial = .literal(.string(text))
            case .variable(let name): initial = .variable(name)
            default: throw unexpected()
            }
            try advance()
            return .predicate(.startsWith(try operand(left), initial))
        }
        if try take(word: "like_regex") { return .predicate(try pattern(try operand(left))) }
        return left
    }

    private mutating func pattern(
        _ subject: JSONPath.Expression
    ) throws(SQLError) -> JSONPath.Predicate {
        guard case .string(let pattern) = token else { throw unexpected() }
        try advance()
        var options = RegexOptions()
        options.stopsAtNewline = true
        if try take(word: "flag") {
            guard case .string(let flags) = token else { throw unexpected() }
            try advance()
            for flag in flags.unicodeScalars {
                switch flag {
                case "i": options.ignoresCase = true
                case "s": options.stopsAtNewline = false
                case "m": options.anchorsAtNewline = true
                case "q": options.isLiteral = true
                case "x":
                    throw SQLError(
                        "XQuery \"x\" flag (expanded regular expressions) is not implemented",
                        .featureNotSupported)
                default:
                    throw SQLError(
                        "invalid input syntax for type jsonpath", .syntaxError,
                        detail: "Unrecognized flag character \"\(flag)\" in LIKE_REGEX predicate.")
                }
            }
        }
        if !options.isLiteral { _ = try RegularExpression(pattern, options) }
        return .matches(subject, pattern: pattern, options)
    }

    // MARK: expressions

    private mutating func sum() throws(SQLError) -> Node {
        var left = try product()
        while case .symbol(let symbol) = token, symbol == "+" || symbol == "-",
            let operation = JSONPath.Arithmetic(rawValue: symbol)
        {
            let first = try operand(left)
            try advance()
            left = .expression(.arithmetic(operation, first, try operand(try product())))
        }
        return left
    }

    private mutating func product() throws(SQLError) -> Node {
        var left = try signed()
        while case .symbol(let symbol) = token, ["*", "/", "%"].contains(symbol),
            let operation = JSONPath.Arithmetic(rawValue: symbol)
        {
            let first = try operand(left)
            try advance()
            left = .expression(.arithmetic(operation, first, try operand(try signed())))
        }
        return left
    }

    private mutating func signed() throws(SQLError) -> Node {
        depth += 1
        defer { depth -= 1 }
        guard depth < Limits.valueDepthMax else {
            throw SQLError("the jsonpath is nested too deeply", .statementTooComplex)
        }
        for symbol in ["+", "-"] where isSymbol(symbol) {
            try advance()
            let inner = try operand(try signed())
            return .expression(.signed(isNegative: symbol == "-", inner))
        }
        return try accesses()
    }

    private mutating func accesses() throws(SQLError) -> Node {
        var node = try primary()
        while true {
            guard let step = try step() else { return node }
            node = .expression(.access(expression(node), step))
        }
    }

    private mutating func primary() throws(SQLError) -> Node {
        switch token {
        case .symbol("$"):
            try advance()
            return .expression(.root)
        case .symbol("@"):
            guard filterDepth > 0 else {
                throw SQLError("@ is not allowed in root expressions", .syntaxError)
            }
            try advance()
            return .expression(.current)
        case .symbol("("):
            try advance()
            let inner = try disjunction()
            try expect(")")
            if case .predicate(let predicate) = inner, try take(word: "is") {
                guard try take(word: "unknown") else { throw unexpected() }
                return .predicate(.isUnknown(predicate))
            }
            return inner
        case .string(let text):
            try advance()
            return .expression(.literal(.string(text)))
        case .number(let text):
            try advance()
            let value = try Numeric.parse(text)
            return .expression(.literal(.number(JSONPathRun.text(value))))
        case .variable(let name):
            try advance()
            return .expression(.variable(name))
        case .word(let word): return try keyword(word)
        case .symbol, .end: throw unexpected()
        }
    }

    private mutating func keyword(_ word: String) throws(SQLError) -> Node {
        let literal: JSONTree
        switch word {
        case "true": literal = .boolean(true)
        case "false": literal = .boolean(false)
        case "null": literal = .null
        default:
            if word.lowercased() == "exists" {
                try advance()
                try expect("(")
                let inner = try operand(try disjunction())
                try expect(")")
                return .predicate(.exists(inner))
            }
            guard word.lowercased() == "last" else { throw unexpected() }
            guard subscriptDepth > 0 else {
                throw SQLError("LAST is allowed only in array subscripts", .syntaxError)
            }
            try advance()
            return .expression(.last)
        }
        try advance()
        return .expression(.literal(literal))
    }

    // MARK: steps

    private mutating func step() throws(SQLError) -> JSONPath.Step? {
        if try take("[") {
            if try take("*") {
                try expect("]")
                return .anyElement
            }
            return try subscripts()
        }
        if try take("?") {
            try expect("(")
            filterDepth += 1
            let condition = try predicate(try disjunction())
            filterDepth -= 1
            try expect(")")
            return .filter(condition)
        }
        guard try take(".") else { return nil }
        if try take("*") { return .anyMember }
        if try take("**") { return try descendants() }
        switch token {
        case .string(let name):
            try advance()
            return .member(name)
        case .word(let name):
            try advance()
            guard try take("(") else { return .member(name) }
            guard let method = JSONPath.Method(rawValue: name.lowercased()) else {
                throw JSONPathLexer.syntaxError("(")
            }
            if method == .datetime {
                throw SQLError(
                    "jsonpath's .datetime() is not supported", .featureNotSupported,
                    hint: "Take the text out with ->> and cast it.")
            }
            try expect(")")
            return .method(method)
        default: throw unexpected()
        }
    }

    private mutating func subscripts() throws(SQLError) -> JSONPath.Step {
        subscriptDepth += 1
        defer { subscriptDepth -= 1 }
        var list: [(from: JSONPath.Expression, to: JSONPath.Expression?)] = []
        repeat {
            let from = try operand(try sum())
            let to = try take(word: "to") ? try operand(try sum()) : nil
            list.append((from, to))
        } while try take(",")
        try expect("]")
        return .subscripts(list)
    }

    private mutating func descendants() throws(SQLError) -> JSONPath.Step {
        guard try take("{") else { return .descendants(from: 0, to: Int.max) }
        let from = try level()
        let to = try take(word: "to") ? try level() : from
        try expect("}")
        return .descendants(from: from, to: to)
    }

    /// nil: `last`
    private mutating func level() throws(SQLError) -> Int? {
        if try take(word: "last") { return nil }
        guard case .number(let text) = token, let level = Int(text) else { throw unexpected() }
        try advance()
        return level
    }
}
