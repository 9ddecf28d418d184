import Formats

// Statements about consumer groups.
extension Parser {
    /// ALTER GROUP g RESET OFFSETS TO place [FOR TOPIC t [PARTITION p]]; the position is behind
    /// GROUP.
    mutating func offsetReset() throws(SQLError) -> GroupOffsetReset {
        let group = try name()
        try expect("RESET")
        try expect("OFFSETS")
        try expect("TO")
        var reset = GroupOffsetReset(group: group, target: try offsetTarget())
        guard try take("FOR") else {
            guard isAtEnd else { throw unexpected(["FOR"]) }
            return reset
        }
        let kind = token
        let hasKind = try take("TOPIC")
        // A topic may have this name.
        if hasKind, isAtEnd || token.is("PARTITION") {
            reset.topic = Name(lexer.text(kind.place), isQuoted: false, kind.place)
        } else {
            reset.topic = try name()
        }
        if try take("PARTITION") {
            reset.partition = try integer()
        } else if !isAtEnd {
            throw unexpected(["PARTITION"])
        }
        return reset
    }

    private mutating func offsetTarget() throws(SQLError) -> GroupOffsetReset.Target {
        if try take("EARLIEST") { return .earliest }
        if try take("LATEST") { return .latest }
        if try take("OFFSET") { return .offset(try integer()) }
        if case .integer = token.kind { return .offset(try integer()) }
        guard token.is("TIMESTAMP") || token.is("TIMESTAMPTZ") else {
            throw unexpected(["EARLIEST", "LATEST", "OFFSET", "TIMESTAMP"])
        }
        try advance()
        switch token.kind {
        case .string(let text), .integer(let text):
            let place = token.place
            try advance()
            return .timestamp(text, place)
        default: throw unexpected()
        }
    }
}
