import Formats

// Sequences, and ALTER TABLE.
extension Parser {
    /// SEQUENCE [IF NOT EXISTS] name options; the position is behind SEQUENCE.
    mutating func sequence() throws(SQLError) -> SequenceSyntax {
        let ifNotExists = try takeIfNotExists()
        let start = token.place.lowerBound
        var sequence = SequenceSyntax(try relationName(), start..<start)
        sequence.ifNotExists = ifNotExists
        while try sequenceOption(of: &sequence) {}
        sequence.place = start..<lastEnd
        return sequence
    }

    /// False if none stands here.
    mutating func sequenceOption(of sequence: inout SequenceSyntax) throws(SQLError) -> Bool {
        switch token.keyword {
        case "AS":
            try advance()
            sequence.type = try typeName()
        case "INCREMENT":
            try advance()
            _ = try take("BY")
            sequence.increment = try integer().value
        case "MINVALUE":
            try advance()
            sequence.minimum = .some(try integer().value)
        case "MAXVALUE":
            try advance()
            sequence.maximum = .some(try integer().value)
        case "START":
            try advance()
            _ = try take("WITH")
            sequence.start = try integer().value
        case "RESTART":
            try advance()
            _ = try take("WITH")
            sequence.restart = isInteger ? .some(try integer().value) : .some(nil)
        case "CACHE":
            try advance()
            _ = try integer()
        case "CYCLE":
            try advance()
            sequence.cycles = true
        case "NO":
            try advance()
            if try take("CYCLE") {
                sequence.cycles = false
            } else if try take("MINVALUE") {
                sequence.minimum = .some(nil)
            } else {
                try expect("MAXVALUE")
                sequence.maximum = .some(nil)
            }
        case "OWNED":
            try advance()
            try expect("BY")
            _ = try name()
        default: return false
        }
        return true
    }

    private var isInteger: Bool {
        if case .integer = token.kind { return true }
        return token.isSymbol("-")
    }

    /// GENERATED ALWAYS | BY DEFAULT AS IDENTITY [(options)]; the position is behind IDENTITY.
    mutating func identity(isAlways: Bool) throws(SQLError) -> ColumnDefinition.Identity {
        let place = token.place
        var sequence = SequenceSyntax(Name("", isQuoted: true, place), place)
        if try takeSymbol("(") {
            while try sequenceOption(of: &sequence) {}
            try expectSymbol(")")
        }
        return ColumnDefinition.Identity(isAlways: isAlways, sequence: sequence)
    }

    /// ALTER TABLE | VIEW | SEQUENCE; nil, and nothing taken, if another word is next. The position
    /// is behind ALTER.
    mutating func alterRelation() throws(SQLError) -> Statement? {
        guard let kind = token.keyword, ["TABLE", "VIEW", "SEQUENCE"].contains(kind) else {
            return nil
        }
        let start = token.place.lowerBound
        try advance()
        let ifExists = try takeIfExists()
        _ = try take("ONLY")
        var alter = AlterTableSyntax(kind, try relationName(), start..<start)
        alter.ifExists = ifExists
        _ = try takeSymbol("*")
        if kind == "SEQUENCE", !token.is("RENAME") {
            var sequence = SequenceSyntax(alter.name, alter.name.place)
            sequence.ifNotExists = ifExists
            while try sequenceOption(of: &sequence) {}
            return .alterSequence(sequence)
        }
        if try take("RENAME") {
            alter.actions = [try renaming(kind)]
        } else {
            guard kind == "TABLE" else { throw unexpected(["RENAME"]) }
            repeat {
                alter.actions.append(try alterAction())
                try checkCount(alter.actions.count)
            } while try takeSymbol(",")
        }
        alter.place = start..<lastEnd
        return .alterTable(alter)
    }

    /// RENAME TO x | [COLUMN] a TO b | CONSTRAINT a TO b
    private mutating func renaming(_ kind: String) throws(SQLError) -> AlterTableSyntax.Action {
        if try take("TO") { return .renameTo(try columnName()) }
        guard kind != "SEQUENCE" else { throw unexpected(["TO"]) }
        let isConstraint = try take("CONSTRAINT")
        if !isConstraint { _ = try take("COLUMN") }
        let old = try columnName()
        try expect("TO")
        let new = try columnName()
        return isConstraint ? .renameConstraint(old, to: new) : .renameColumn(old, to: new)
    }

    private mutating func alterAction() throws(SQLError) -> AlterTableSyntax.Action {
        if try take("ADD") { return try addition() }
        if try take("DROP") {
            let isConstraint = try take("CONSTRAINT")
            if !isConstraint { _ = try take("COLUMN") }
            let ifExists = try takeIfExists()
            let name = try columnName()
            let cascades = try take("CASCADE")
            if !cascades { _ = try take("RESTRICT") }
            return isConstraint
                ? .dropConstraint(name, ifExists: ifExists)
                : .dropColumn(name, ifExists: ifExists, cascades: cascades)
        }
        guard try take("ALTER") else { throw unexpected(["ADD", "DROP", "ALTER", "RENAME"]) }
        _ = try take("COLUMN")
        let name = try columnName()
        if try take("TYPE") { return try typeChange(name) }
        if try take("SET", "DATA") {
            try expect("TYPE")
            return try typeChange(name)
        }
        if try take("SET") {
            if try take("DEFAULT") { return .setDefault(name, try expression()) }
            try expect("NOT")
            try expect("NULL")
            return .setNotNull(name, true)
        }
        let first = token
        guard try take("DROP") else {
            if token.is("ADD") || token.is("RESTART") {
                throw unsupported("ALTER of an identity", first)
            }
            throw unexpected(["TYPE", "SET", "DROP"])
        }
        if try take("DEFAULT") { return .setDefault(name, nil) }
        if token.is("IDENTITY") || token.is("EXPRESSION") {
            throw unsupported("DROP \(token.keyword ?? "")", first)
        }
        try expect("NOT")
        try expect("NULL")
        return .setNotNull(name, false)
    }

    /// t [COLLATE c] [USING e]
    private mutating func typeChange(_ name: Name) throws(SQLError) -> AlterTableSyntax.Action {
        let type = try typeName()
        if try take("COLLATE") { _ = try self.name() }
        return .setType(name, type, using: try take("USING") ? try expression() : nil)
    }

    /// [COLUMN] definition, or a constraint of the table
    private mutating func addition() throws(SQLError) -> AlterTableSyntax.Action {
        var table = TableDefinition(Name("", isQuoted: true, token.place), token.place)
        let constraints = ["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN", "EXCLUDE"]
        if constraints.contains(token.keyword ?? ""), try !isColumn() {
            try element(of: &table)
            guard let element = table.elements.first else { throw unexpected() }
            return .addConstraint(element, name: table.keyName)
        }
        _ = try take("COLUMN")
        let ifNotExists = try takeIfNotExists()
        try column(of: &table)
        return .addColumn(table.elements, ifNotExists: ifNotExists)
    }

    /// A word of constraints is a column's name before a type: `ADD check int`.
    private mutating func isColumn() throws(SQLError) -> Bool {
        guard let word = token.keyword, Keywords.isColumnName(word) else { return false }
        let next = try following()
        return next.keyword != nil && !next.is("KEY") && !next.is("USING")
    }
}
