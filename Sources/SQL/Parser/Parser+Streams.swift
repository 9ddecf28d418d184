import Formats

// What streams add to a query: modifiers of relations, window functions in FROM, EMIT.
extension Parser {
    /// [STREAM [BOUNDED]] [WATERMARK FOR c AS x [IDLE TIMEOUT i]]
    mutating func streamModifiers() throws(SQLError) -> StreamModifiers? {
        let start = token.place.lowerBound
        var modifiers = StreamModifiers(start..<start)
        if try take("STREAM") {
            modifiers.isStream = true
            modifiers.isBounded = try take("BOUNDED")
        }
        if token.is("WATERMARK") { modifiers.watermark = try watermark() }
        guard modifiers.isStream || modifiers.watermark != nil else { return nil }
        modifiers.place = start..<lastEnd
        return modifiers
    }

    /// WATERMARK FOR c [AS x] [IDLE TIMEOUT i]
    mutating func watermark() throws(SQLError) -> WatermarkSyntax {
        try expect("WATERMARK")
        try expect("FOR")
        let column = try columnName()
        let expression = try take("AS") ? try expression() : nil
        var idle: SyntaxExpression?
        if try take("IDLE") {
            try expect("TIMEOUT")
            idle = try self.expression()
        }
        return WatermarkSyntax(column, expression: expression, idle: idle)
    }

    /// EMIT ...
    mutating func emit() throws(SQLError) -> EmitSyntax {
        let start = token.place.lowerBound
        try advance()
        var kind: EmitSyntax.Kind
        if try take("CHANGES") {
            kind = .changes
        } else if try take("FINAL") {
            kind = .final
        } else if try take("PERIODIC") {
            kind = .periodic(try expression())
            _ = try take("REPEAT")
        } else if try take("ON", "UPDATE") {
            var batch: SyntaxExpression?
            if try take("WITH") {
                try expect("BATCH")
                batch = try expression()
            }
            kind = .onUpdate(batch: batch)
        } else {
            guard token.is("ON") || token.is("AFTER") else {
                throw unexpected(["CHANGES", "ON", "AFTER", "FINAL", "PERIODIC"])
            }
            try advance()
            guard try take("WINDOW") else { throw unexpected(["WINDOW", "UPDATE"]) }
            try expect("CLOSE")
            kind = try windowClose()
        }
        let late = try lateRows()
        return EmitSyntax(kind, late: late, start..<lastEnd)
    }

    /// [WITH DELAY i] [(WITH | AND) TIMEOUT i]
    private mutating func windowClose() throws(SQLError) -> EmitSyntax.Kind {
        var delay: SyntaxExpression?
        var timeout: SyntaxExpression?
        while token.is("WITH") || token.is("AND") {
            let isFirst = delay == nil && timeout == nil
            guard isFirst ? token.is("WITH") : true else { throw unexpected(["WITH"]) }
            try advance()
            // AND belongs to this clause, so the interval ends before it.
            if delay == nil, timeout == nil, try take("DELAY") {
                delay = try operand(Precedence.not)
            } else if timeout == nil, try take("TIMEOUT") {
                timeout = try operand(Precedence.not)
            } else {
                throw unexpected(["DELAY", "TIMEOUT"])
            }
        }
        return .onWindowClose(delay: delay, timeout: timeout)
    }

    /// [LATE ROWS (DROP | UPDATE [FOR i] | TO name)]
    private mutating func lateRows() throws(SQLError) -> EmitSyntax.Late? {
        guard try take("LATE") else { return nil }
        try expect("ROWS")
        if try take("DROP") { return .drop }
        if try take("TO") { return .to(try insertTarget()) }
        guard try take("UPDATE") else { throw unexpected(["DROP", "UPDATE", "TO"]) }
        return .update(try take("FOR") ? try expression() : nil)
    }
}

// TUMBLE, HOP, CUMULATE, SESSION.
extension Parser {
    private static let windowKinds: [String: WindowTableSyntax.Kind] = [
        "TUMBLE": .tumble, "HOP": .hop, "CUMULATE": .cumulate, "SESSION": .session,
    ]

    /// Whether `TUMBLE(` or `TABLE(` is next.
    mutating func isWindowTable() throws(SQLError) -> Bool {
        guard let word = token.keyword, word == "TABLE" || Parser.windowKinds[word] != nil else {
            return false
        }
        return try following().isSymbol("(")
    }

    mutating func windowTable() throws(SQLError) -> RelationSyntax {
        let start = token.place.lowerBound
        let isWrapped = token.is("TABLE")
        if isWrapped {
            try advance()
            try expectSymbol("(")
        }
        guard let kind = Parser.windowKinds[token.keyword ?? ""] else {
            throw unexpected(["TUMBLE", "HOP", "CUMULATE", "SESSION"])
        }
        let window = try windowCall(kind)
        if isWrapped { try expectSymbol(")") }
        return RelationSyntax(.window(window), start..<lastEnd)
    }

    private mutating func windowCall(
        _ kind: WindowTableSyntax.Kind
    ) throws(SQLError) -> WindowTableSyntax {
        let outer = try enter(Limits.queryNesting)
        let start = token.place.lowerBound
        try advance()
        try expectSymbol("(")
        if try isWord("DATA", before: "=>") {
            try advance()
            try advance()
        }
        var partition: [[Name]] = []
        let data = try windowData(&partition)
        try expectSymbol(",")
        let time = try windowTime()
        let spans = try windowSpans(kind)
        try expectSymbol(")")
        try leave(outer, Limits.queryNesting)
        return WindowTableSyntax(
            kind, data, partition: partition, time: time, spans: spans, start..<lastEnd)
    }

    /// [TABLE] relation [modifiers] [alias] [PARTITION BY c | (c, d)]
    private mutating func windowData(
        _ partition: inout [[Name]]
    ) throws(SQLError) -> RelationSyntax {
        if token.is("TABLE"), try !isWindowTable() { try advance() }
        let first = token
        var relation: RelationSyntax
        if token.isSymbol("(") {
            let query = try queryInParentheses()
            relation = RelationSyntax(.query(query), first.place.lowerBound..<lastEnd)
        } else {
            relation = try plainRelation()
        }
        try suffixes(of: &relation)
        guard try take("PARTITION") else { return relation }
        try expect("BY")
        guard try takeSymbol("(") else {
            partition = [try columnPath()]
            return relation
        }
        repeat {
            partition.append(try columnPath())
            try checkCount(partition.count)
        } while try takeSymbol(",")
        try expectSymbol(")")
        return relation
    }

    /// `a`, `a.b`
    mutating func columnPath() throws(SQLError) -> [Name] {
        var parts = [try columnName()]
        while try takeSymbol(".") { parts.append(try label()) }
        return parts
    }

    /// [TIMECOL =>] DESCRIPTOR(c) | c | PROCTIME()
    private mutating func windowTime() throws(SQLError) -> WindowTableSyntax.Time {
        if try isWord("TIMECOL", before: "=>") {
            try advance()
            try advance()
        }
        if try isWord("PROCTIME", before: "(") {
            try advance()
            try advance()
            try expectSymbol(")")
            return .processing
        }
        guard try isWord("DESCRIPTOR", before: "(") else { return .column(try columnPath()) }
        try advance()
        try advance()
        let path = try columnPath()
        try expectSymbol(")")
        return .column(path)
    }

    /// `, size [, offset]` and the like, by place or by name.
    private mutating func windowSpans(
        _ kind: WindowTableSyntax.Kind
    ) throws(SQLError) -> [SyntaxExpression] {
        let names: [String]
        switch kind {
        case .tumble: names = ["SIZE", "OFFSET"]
        case .hop: names = ["SLIDE", "SIZE", "OFFSET"]
        case .cumulate: names = ["STEP", "SIZE", "OFFSET"]
        case .session: names = ["GAP"]
        }
        var spans: [SyntaxExpression?] = Array(repeating: nil, count: names.count)
        var next = 0
        while try takeSymbol(",") {
            let first = token
            if try following().isSymbol("=>") {
                let name = try label()
                guard let index = names.firstIndex(of: name.text.uppercased()),
                    spans[index] == nil
                else { throw lexer.syntaxError(at: first.place).suggesting(names, for: name.text) }
                try advance()
                spans[index] = try expression()
            } else {
                guard next < names.count, spans[next] == nil else { throw unexpected() }
                spans[next] = try expression()
            }
            next += 1
        }
        let required = kind == .session ? 1 : names.count - 1
        let given = spans.prefix(while: { $0 != nil }).compactMap { $0 }
        guard given.count >= required, given.count == spans.count(where: { $0 != nil }) else {
            throw unexpected()
        }
        return given
    }
}
