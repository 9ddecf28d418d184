import Formats

// INSERT, UPDATE, DELETE, TRUNCATE, COPY.
extension Parser {
    /// INSERT INTO t [(columns)] VALUES ... | query | DEFAULT VALUES [RETURNING ...]
    mutating func insert(
        _ tables: [CommonTable], isRecursive: Bool
    ) throws(SQLError) -> InsertSyntax {
        let start = token.place.lowerBound
        try advance()
        try expect("INTO")
        var insert = InsertSyntax(try insertTarget(), start..<start)
        (insert.with.tables, insert.with.isRecursive) = (tables, isRecursive)
        if try take("AS") { insert.alias = try columnName() }
        if token.isSymbol("("), try !parenthesisHoldsQuery() { insert.columns = try targets() }
        if token.is("OVERRIDING") {
            try advance()
            if try take("SYSTEM") {
                insert.overriding = .system
            } else {
                try expect("USER")
                insert.overriding = .user
            }
            try expect("VALUE")
        }
        if try take("DEFAULT") {
            try expect("VALUES")
        } else {
            guard startsQuery || token.isSymbol("(") else {
                throw unexpected(["VALUES", "SELECT", "DEFAULT", "WITH", "TABLE"])
            }
            allowsDefault = token.is("VALUES")
            var query = try query()
            allowsDefault = false
            if !tables.isEmpty {
                query.with = tables + query.with
                query.isRecursive = query.isRecursive || isRecursive
            }
            insert.query = query
        }
        if token.is("ON") { insert.conflict = try conflict() }
        insert.returning = try returning()
        insert.place = start..<lastEnd
        return insert
    }

    /// ON CONFLICT ...
    private mutating func conflict() throws(SQLError) -> ConflictSyntax {
        let start = token.place.lowerBound
        try advance()
        try expect("CONFLICT")
        var conflict = ConflictSyntax(start..<start)
        if try take("ON") {
            try expect("CONSTRAINT")
            conflict.constraint = try columnName()
        } else if token.isSymbol("(") {
            conflict.columns = try targets()
        }
        let behindTarget = token
        try expect("DO")
        if try !take("NOTHING") {
            try expect("UPDATE")
            try expect("SET")
            if conflict.columns.isEmpty, conflict.constraint == nil {
                throw SQLError(
                    "ON CONFLICT DO UPDATE requires inference specification or constraint name",
                    .syntaxError, at: behindTarget.place,
                    hint: "For example, ON CONFLICT (column_name).")
            }
            repeat {
                try assignment(of: &conflict.assignments)
                try checkColumnCount(conflict.assignments.count)
            } while try takeSymbol(",")
            if try take("WHERE") { conflict.filter = try expression() }
        }
        conflict.place = start..<lastEnd
        return conflict
    }

    /// A name, or a topic as a URL in quotes.
    mutating func insertTarget() throws(SQLError) -> Name {
        let place = token.place
        guard case .string(let url) = token.kind else { return try relationName() }
        guard url.hasPrefix("kafka://") else {
            throw SQLError(
                "INSERT INTO a file is not supported", .featureNotSupported, at: place,
                hint: "COPY (query) TO 'file' writes files.")
        }
        try advance()
        return Name(url, isQuoted: true, place)
    }

    private mutating func parenthesisHoldsQuery() throws(SQLError) -> Bool {
        var probe = self
        while try probe.takeSymbol("(") {}
        return probe.startsQuery
    }

    /// `(a, b)`: columns that get values.
    mutating func targets() throws(SQLError) -> [Name] {
        try expectSymbol("(")
        var names: [Name] = []
        repeat {
            names.append(try target())
            try checkColumnCount(names.count)
        } while try takeSymbol(",")
        try expectSymbol(")")
        return names
    }

    private mutating func target() throws(SQLError) -> Name {
        let name = try columnName()
        if token.isSymbol(".") || token.isSymbol("[") {
            throw unsupported("a change of a part of a column", token)
        }
        return name
    }

    private mutating func returning() throws(SQLError) -> [SelectItem] {
        try take("RETURNING") ? try selectItems() : []
    }

    /// UPDATE t [alias] SET a = x, (b, c) = (y, z) [FROM ...] [WHERE ...] [RETURNING ...]
    mutating func update() throws(SQLError) -> UpdateSyntax {
        let start = token.place.lowerBound
        try advance()
        var update = UpdateSyntax(try relationName(), start..<start)
        update.alias = try changedAlias()
        try expect("SET")
        repeat {
            try assignment(of: &update.assignments)
            try checkColumnCount(update.assignments.count)
        } while try takeSymbol(",")
        if try take("FROM") { update.from = try fromItems() }
        if try take("WHERE") { update.filter = try expression() }
        update.returning = try returning()
        update.place = start..<lastEnd
        return update
    }

    /// [AS] alias behind the table of an UPDATE or DELETE
    mutating func changedAlias() throws(SQLError) -> Name? {
        if try take("AS") { return try columnName() }
        guard token.keyword != nil || !isAtEnd else { return nil }
        if case .quotedName = token.kind { return try columnName() }
        guard let word = token.keyword, word != "SET", Keywords.isColumnName(word) else {
            return nil
        }
        return try columnName()
    }

    mutating func assignment(
        of list: inout [(Name, SyntaxExpression)]
    ) throws(SQLError) {
        guard token.isSymbol("(") else {
            let name = try columnName()
            if token.isSymbol(".") { throw unsupported("a change of a part of a column", token) }
            if token.isSymbol("[") { return list.append((name, try assignedPart(of: name))) }
            try expectSymbol("=")
            allowsDefault = true
            list.append((name, try valueOrDefault()))
            allowsDefault = false
            return
        }
        let names = try targets()
        try expectSymbol("=")
        let first = token
        if try !isWord("ROW", before: "("), !token.isSymbol("(") { throw unexpected() }
        if try parenthesisHoldsQuery() {
            try advance()
            let query = try query()
            try expectSymbol(")")
            for (index, name) in names.enumerated() {
                let column = SyntaxExpression.Node.queryColumn(query, index, of: names.count)
                list.append((name, SyntaxExpression(column, first.place)))
            }
            return
        }
        _ = try take("ROW")
        try expectSymbol("(")
        var values: [SyntaxExpression] = []
        allowsDefault = true
        repeat { values.append(try valueOrDefault()) } while try takeSymbol(",")
        allowsDefault = false
        try expectSymbol(")")
        guard names.count == values.count else {
            throw SQLError(
                "number of columns does not match number of values", .syntaxError,
                at: first.place)
        }
        list.append(contentsOf: zip(names, values))
    }

    /// `[i][j] = value` behind the name of a column.
    private mutating func assignedPart(of name: Name) throws(SQLError) -> SyntaxExpression {
        let start = name.place.lowerBound
        var steps: [SyntaxExpression] = []
        while token.isSymbol("[") {
            let open = token
            try advance()
            guard !token.isSymbol(":") else { throw unsupported("a change of a slice", open) }
            steps.append(try expression())
            guard !token.isSymbol(":") else { throw unsupported("a change of a slice", open) }
            try expectSymbol("]")
            try checkCount(steps.count)
        }
        if token.isSymbol(".") { throw unsupported("a change of a part of a column", token) }
        try expectSymbol("=")
        guard !token.is("DEFAULT") else {
            throw SQLError(
                "cannot set an array element to DEFAULT", .featureNotSupported, at: name.place)
        }
        let value = try expression()
        let column = SyntaxExpression(.name([name]), name.place)
        return SyntaxExpression(.assignedPart(column, steps, value), start..<lastEnd)
    }

    /// DELETE FROM t [alias] [USING ...] [WHERE ...] [RETURNING ...]; with no more than _offset
    /// and _partition in its WHERE it deletes a topic's records.
    mutating func delete(closing: Bool = false) throws(SQLError) -> Statement {
        let start = token.place.lowerBound
        try advance()
        try expect("FROM")
        var delete = DeleteSyntax(try name(), start..<start)
        let behindName = self
        delete.alias = try changedAlias()
        if try take("USING") { delete.using = try fromItems() }
        if try take("WHERE") { delete.filter = try expression() }
        delete.returning = try returning()
        if !isAtEnd, !closing { throw unexpected(["USING", "WHERE", "RETURNING"]) }
        delete.place = start..<lastEnd
        let isPlain =
            delete.alias == nil && delete.using.isEmpty && delete.returning.isEmpty && !closing
        guard isPlain, let filter = delete.filter, filter.namesOnlyRecordPlaces else {
            return .delete(delete)
        }
        self = behindName
        return .administration(try recordDeletion(of: delete.table))
    }

    /// TRUNCATE [TABLE] t, ... [RESTART IDENTITY | CONTINUE IDENTITY] [CASCADE | RESTRICT]
    mutating func truncate() throws(SQLError) -> Statement {
        try advance()
        _ = try take("TABLE")
        _ = try take("ONLY")
        var names = [try relationName()]
        while try takeSymbol(",") {
            try checkCount(names.count)
            _ = try take("ONLY")
            names.append(try relationName())
        }
        let restarts = token.is("RESTART")
        if restarts || token.is("CONTINUE") {
            try advance()
            try expect("IDENTITY")
        }
        if token.is("CASCADE") || token.is("RESTRICT") { try advance() }
        return .truncate(names, restartsIdentity: restarts)
    }
}

// COPY.
extension Parser {
    /// COPY (query) | t [(columns)] TO STDOUT | 'file' [WITH] (options)
    mutating func copy() throws(SQLError) -> Statement {
        let first = token
        if let from = try copyFrom() { return .copyFrom(from) }
        try advance()
        let query = try copiedQuery()
        try expect("TO")
        var file: String?
        if token.is("PROGRAM") { throw unsupported("COPY TO PROGRAM", token) }
        if token.isString {
            file = try string()
        } else if try !take("STDOUT") {
            throw unexpected(["STDOUT"])
        }
        var copy = CopySyntax(query, file: file, first.place)
        _ = try take("WITH")
        copy.options = token.isSymbol("(") ? try flags() : try oldCopyOptions()
        copy.place = first.place.lowerBound..<lastEnd
        return .copy(copy)
    }

    /// t [(columns)] FROM 'file' | STDIN [WITH] (options) [WHERE ...]; nil, and nothing taken, if
    /// it is COPY ... TO.
    private mutating func copyFrom() throws(SQLError) -> CopyFromSyntax? {
        var probe = self
        let start = token.place.lowerBound
        try probe.advance()
        guard !probe.token.isSymbol("("), !probe.token.is("SUBSCRIBE") else { return nil }
        let table = try probe.relationName()
        let columns = probe.token.isSymbol("(") ? try probe.columnNames() : []
        guard try probe.take("FROM") else { return nil }
        self = probe
        if token.is("PROGRAM") { throw unsupported("COPY FROM PROGRAM", token) }
        var file: String?
        if token.isString {
            file = try string()
        } else if try !take("STDIN") {
            throw unexpected(["STDIN"])
        }
        var copy = CopyFromSyntax(table: table, columns: columns, file: file, place: start..<start)
        _ = try take("WITH")
        copy.options = token.isSymbol("(") ? try flags() : try oldCopyOptions()
        if try take("WHERE") { copy.filter = try expression() }
        copy.place = start..<lastEnd
        if file == nil { copy.data = try takeData() }
        return copy
    }

    private mutating func copiedQuery() throws(SQLError) -> QuerySyntax {
        let start = token.place.lowerBound
        if token.isSymbol("(") {
            let inner = try following()
            if inner.is("SUBSCRIBE") { throw unsupported("SUBSCRIBE", inner) }
            if let word = inner.keyword, ["INSERT", "UPDATE", "DELETE"].contains(word) {
                throw unsupported("COPY of \(word)", inner)
            }
            return try queryInParentheses()
        }
        if token.is("SUBSCRIBE"), try !following().is("TO") {
            throw unsupported("SUBSCRIBE", token)
        }
        let name = try relationName()
        guard token.isSymbol("(") else { return QuerySyntax(.table(name), start..<lastEnd) }
        let columns = try columnNames()
        var select = SelectSyntax(start..<lastEnd)
        select.items = columns.map {
            SelectItem(SyntaxExpression(.name([$0]), $0.place), alias: nil)
        }
        select.from = [.relation(RelationSyntax(.name([name]), name.place))]
        return QuerySyntax(.select(select), start..<lastEnd)
    }

    /// CSV HEADER DELIMITER ';' NULL '', the older spelling.
    private mutating func oldCopyOptions() throws(SQLError) -> [OptionAssignment] {
        var options: [OptionAssignment] = []
        while let word = token.keyword {
            let place = token.place
            let start = lexer.text(place)
            switch word {
            case "CSV", "BINARY":
                try advance()
                options.append(
                    OptionAssignment(
                        name: Name("format", isQuoted: false, place), value: start.lowercased(),
                        valuePlace: place))
            case "HEADER":
                try advance()
                options.append(
                    OptionAssignment(
                        name: Name(start, isQuoted: false, place), value: "true",
                        valuePlace: place))
            case "DELIMITER", "NULL", "QUOTE", "ESCAPE", "ENCODING":
                try advance()
                _ = try take("AS")
                let valuePlace = token.place
                options.append(
                    OptionAssignment(
                        name: Name(start, isQuoted: false, place), value: try string(),
                        valuePlace: valuePlace))
            default: throw unexpected(["CSV", "HEADER", "DELIMITER", "NULL"])
            }
            try checkCount(options.count)
        }
        return options
    }
}

extension SyntaxExpression {
    /// Whether it speaks of _offset and _partition and of no other column.
    var namesOnlyRecordPlaces: Bool {
        switch node {
        case .name(let parts):
            parts.count == 1 && ["_offset", "_partition"].contains(parts[0].text.lowercased())
        case .binary(_, let left, let right), .and(let left, let right), .or(let left, let right):
            (left.namesOnlyRecordPlaces || left.isLiteral)
                && (right.namesOnlyRecordPlaces || right.isLiteral)
                && !(left.isLiteral && right.isLiteral)
        case .not(let operand), .unary(_, let operand): operand.namesOnlyRecordPlaces
        default: false
        }
    }

    private var isLiteral: Bool {
        switch node {
        case .integer, .decimal, .string: true
        case .unary(_, let operand): operand.isLiteral
        default: false
        }
    }
}
