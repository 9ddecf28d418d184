import Formats

// Names of types.
extension Parser {
    /// A type, such as `numeric(10, 2)`, `timestamp(3) with time zone`, `text[]`.
    mutating func typeName() throws(SQLError) -> TypeName {
        let outer = try enter()
        let start = token.place.lowerBound
        var type = try scalarType()
        while true {
            if try takeSymbol("[") {
                if !token.isSymbol("]") { _ = try integer() }
                try expectSymbol("]")
                type.arrayDepth += 1
            } else if try take("ARRAY") {
                if try takeSymbol("[") {
                    _ = try integer()
                    try expectSymbol("]")
                }
                type.arrayDepth += 1
            } else {
                break
            }
            guard type.arrayDepth <= 6 else {
                throw SQLError(
                    "number of array dimensions (\(type.arrayDepth)) exceeds the maximum "
                        + "allowed (6)", .programLimitExceeded, at: start..<lastEnd)
            }
        }
        type.place = start..<lastEnd
        try leave(outer)
        return type
    }

    private mutating func scalarType() throws(SQLError) -> TypeName {
        let first = token
        let word = first.keyword ?? ""
        if word == "STRUCT" || word == "ROW", try following().isSymbol("(") {
            try advance()
            return TypeName("struct", members: try members(), first.place)
        }
        guard !word.isEmpty else { return try genericType() }
        switch word {
        case "DOUBLE" where try following().is("PRECISION"):
            try advance()
            try advance()
            return TypeName("double precision", first.place)
        case "CHARACTER", "CHAR", "NCHAR", "BIT", "NATIONAL": return try varyingType(word)
        case "TIME", "TIMESTAMP": return try timeType(word)
        case "INTERVAL":
            try advance()
            let modifiers = try typeModifiers()
            guard try intervalFields() == nil else {
                throw unsupported("INTERVAL with fields as a type", first)
            }
            return TypeName("interval", modifiers: modifiers, first.place)
        case "SETOF": throw unsupported("SETOF", first)
        default: break
        }
        guard !Keywords.reserved.contains(word) else { throw unexpectedName() }
        return try genericType()
    }

    private mutating func genericType() throws(SQLError) -> TypeName {
        let start = token.place.lowerBound
        var parts = [try label()]
        while try takeSymbol(".") { parts.append(try label()) }
        let place = start..<lastEnd
        return TypeName(Parser.typeText(parts), modifiers: try typeModifiers(), place)
    }

    /// In lower case unless quoted; pg_catalog is known.
    static func typeText(_ parts: [Name]) -> String {
        let texts = parts.map { $0.isQuoted ? $0.text : $0.text.lowercased() }
        return (texts.first == "pg_catalog" ? Array(texts.dropFirst()) : texts)
            .joined(separator: ".")
    }

    private mutating func varyingType(_ word: String) throws(SQLError) -> TypeName {
        let place = token.place
        try advance()
        if word == "NATIONAL" {
            guard token.is("CHARACTER") || token.is("CHAR") else { throw unexpected() }
            try advance()
        }
        let isVarying = try take("VARYING")
        var name = word == "BIT" ? "bit" : "character"
        if isVarying { name += " varying" }
        return TypeName(name, modifiers: try typeModifiers(), place)
    }

    private mutating func timeType(_ word: String) throws(SQLError) -> TypeName {
        let place = token.place
        try advance()
        let modifiers = try typeModifiers()
        var name = word.lowercased()
        if token.is("WITH") || token.is("WITHOUT"), try following().is("TIME") {
            let zone = token.is("WITH") ? " with time zone" : " without time zone"
            try advance()
            try advance()
            try expect("ZONE")
            name += zone
        }
        return TypeName(name, modifiers: modifiers, place)
    }

    /// `(10, 2)`, or nothing.
    private mutating func typeModifiers() throws(SQLError) -> [Int] {
        guard try takeSymbol("(") else { return [] }
        var modifiers: [Int] = []
        repeat {
            modifiers.append(Int(clamping: try integer().value))
        } while try takeSymbol(",")
        try expectSymbol(")")
        return modifiers
    }

    /// `(name type, ...)`
    private mutating func members() throws(SQLError) -> [(Name, TypeName)] {
        try expectSymbol("(")
        var members: [(Name, TypeName)] = []
        repeat {
            let name = try label()
            members.append((name, try typeName()))
            try checkColumnCount(members.count)
        } while try takeSymbol(",")
        try expectSymbol(")")
        return members
    }

    /// SECOND, DAY TO HOUR, SECOND(3); nil if none stands here.
    mutating func intervalFields() throws(SQLError) -> String? {
        guard let first = token.keyword, Parser.units.contains(first) else { return nil }
        try advance()
        var fields = first
        if try take("TO") {
            guard let last = token.keyword, Parser.units.contains(last) else { throw unexpected() }
            try advance()
            fields += " TO " + last
        }
        if fields.hasSuffix("SECOND"), token.isSymbol("(") {
            try advance()
            fields += "(\(try integer().value))"
            try expectSymbol(")")
        }
        return fields
    }

    private static let units: Set<String> = [
        "YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND",
    ]

    /// Types whose names go on behind the first word.
    static let typeStarters: Set<String> = [
        "BIT", "CHAR", "CHARACTER", "DEC", "DECIMAL", "DOUBLE", "FLOAT", "INTERVAL", "NATIONAL",
        "NCHAR", "NUMERIC", "TIME", "TIMESTAMP", "VARCHAR",
    ]

    /// `timestamp(3) with time zone '...'`; nil, and nothing taken, if it is something else.
    mutating func longTypedLiteral() throws(SQLError) -> SyntaxExpression? {
        let first = token
        let next = try following()
        let isLong = ["WITH", "WITHOUT", "PRECISION", "VARYING", "CHARACTER", "CHAR"]
            .contains(next.keyword ?? "")
        guard isLong || next.isSymbol("(") else { return nil }
        var probe = self
        guard let type = try? probe.typeName(), case .string(let text) = probe.token.kind else {
            return nil
        }
        let value = SyntaxExpression(.string(text), probe.token.place)
        try probe.advance()
        self = probe
        return SyntaxExpression(.cast(value, type, isTry: false), first.place)
    }
}
