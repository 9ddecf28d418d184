import Formats

// CREATE and DROP of tables, sources and views.
extension Parser {
    mutating func create() throws(SQLError) -> Statement {
        let first = token
        try advance()
        if try take("TOPIC") { return .administration(try createTopic()) }
        let orReplace = try take("OR", "REPLACE")
        var isTemporary = false
        if token.is("TEMP") || token.is("TEMPORARY") {
            try advance()
            isTemporary = true
        } else if token.is("UNLOGGED"), try following().is("TABLE") {
            // A session's tables have no log anyway.
            try advance()
        }
        if try take("VIEW") {
            return .createView(try view(orReplace: orReplace, isTemporary: isTemporary))
        }
        if !isTemporary, try take("MATERIALIZED", "VIEW") {
            var view = try view(orReplace: orReplace, isTemporary: false, isMaterialized: true)
            view.isMaterialized = true
            return .createView(view)
        }
        if !orReplace, !isTemporary, try take("SCHEMA") { return try schema() }
        if !orReplace, try take("SEQUENCE") { return .createSequence(try sequence()) }
        if !orReplace, !isTemporary, try take("TYPE") { return try userType() }
        if !orReplace, !isTemporary, try take("DOMAIN") { return try domain() }
        if !orReplace, token.is("TABLE") || token.is("SOURCE") {
            return .createTable(try table(isTemporary: isTemporary))
        }
        throw otherObject("CREATE", first, ["TABLE", "SOURCE", "VIEW", "TOPIC"])
    }

    /// SCHEMA [IF NOT EXISTS] name [AUTHORIZATION user]; the position is behind SCHEMA.
    private mutating func schema() throws(SQLError) -> Statement {
        let ifNotExists = try takeIfNotExists()
        if token.is("AUTHORIZATION") { throw unsupported("CREATE SCHEMA AUTHORIZATION", token) }
        let name = try columnName()
        if try take("AUTHORIZATION") { _ = try label() }
        if !isAtEnd { throw unsupported("CREATE SCHEMA with elements", token) }
        return .createSchema(name, ifNotExists: ifNotExists)
    }

    /// REFRESH MATERIALIZED VIEW [CONCURRENTLY] name [WITH DATA]
    mutating func refresh() throws(SQLError) -> Statement {
        try advance()
        try expect("MATERIALIZED")
        try expect("VIEW")
        _ = try take("CONCURRENTLY")
        let name = try relationName()
        try withData("REFRESH MATERIALIZED VIEW")
        return .refresh(name)
    }

    /// [WITH DATA]; WITH NO DATA would leave a view that cannot be read.
    private mutating func withData(_ statement: String) throws(SQLError) {
        guard token.is("WITH") else { return }
        let next = try following()
        if next.is("NO") { throw unsupported("\(statement) WITH NO DATA", token) }
        guard next.is("DATA") else { return }
        try advance()
        try advance()
    }

    /// TABLE | SOURCE | VIEW [IF EXISTS] name, ... [CASCADE | RESTRICT], and those of the cluster
    mutating func drop() throws(SQLError) -> Statement {
        let first = token
        try advance()
        if let statement = try dropOfCluster() { return .administration(statement) }
        let kinds = ["TABLE", "SOURCE", "VIEW", "SEQUENCE", "SCHEMA", "TYPE", "DOMAIN"]
        let kind: String
        if try take("MATERIALIZED", "VIEW") {
            kind = "MATERIALIZED VIEW"
        } else if let word = token.keyword, kinds.contains(word) {
            kind = word
            try advance()
        } else {
            throw otherObject("DROP", first, ["TABLE", "SOURCE", "VIEW", "TOPIC", "GROUP"])
        }
        let ifExists = try takeIfExists()
        var names = [try relationName()]
        while try takeSymbol(",") {
            try checkCount(names.count)
            names.append(try relationName())
        }
        let cascades = try take("CASCADE")
        if !cascades { _ = try take("RESTRICT") }
        return .dropRelations(kind: kind, names, ifExists: ifExists, cascades: cascades)
    }

    /// VIEW [IF NOT EXISTS] name [(columns)] AS query; the position is behind VIEW.
    private mutating func view(
        orReplace: Bool, isTemporary: Bool, isMaterialized: Bool = false
    ) throws(SQLError) -> ViewDefinition {
        let ifNotExists = try takeIfNotExists()
        let name = try relationName()
        let columns = token.isSymbol("(") ? try columnNames() : []
        if isMaterialized, try take("WITH") { _ = try options(isSpaced: true) }
        try expect("AS")
        let start = token.place.lowerBound
        let query = try query()
        let place = start..<lastEnd
        if isMaterialized { try withData("CREATE MATERIALIZED VIEW") }
        var view = ViewDefinition(name, query, place)
        if !isMaterialized, try take("WITH") {
            view.checkOption = try take("LOCAL") ? .local : .cascaded
            if view.checkOption == .cascaded { _ = try take("CASCADED") }
            try expect("CHECK")
            try expect("OPTION")
        }
        view.queryText = lexer.text(place)
        view.columns = columns
        view.orReplace = orReplace
        view.ifNotExists = ifNotExists
        view.isTemporary = isTemporary
        return view
    }

    private mutating func table(isTemporary: Bool) throws(SQLError) -> TableDefinition {
        let start = token.place.lowerBound
        let isSource = token.is("SOURCE")
        try advance()
        let ifNotExists = try takeIfNotExists()
        var table = TableDefinition(try relationName(), start..<start)
        table.isTemporary = isTemporary
        table.isSource = isSource
        table.ifNotExists = ifNotExists
        if try takeSymbol("(") {
            if !token.isSymbol(")") { try elements(of: &table) }
            try expectSymbol(")")
        }
        try clauses(of: &table)
        if try take("AS") {
            table.query = try query()
            if try take("WITH") {
                table.isWithoutData = try take("NO")
                try expect("DATA")
            }
        } else if let bare = table.bareColumn {
            throw lexer.syntaxError(at: bare)
        } else if !isAtEnd {
            throw unexpected(["INCLUDE", "WITH", "FORMAT", "AS"])
        }
        table.place = start..<lastEnd
        return table
    }

    /// INCLUDE, WITH, FORMAT ... ENCODE
    private mutating func clauses(of table: inout TableDefinition) throws(SQLError) {
        while true {
            if try take("INCLUDE") {
                table.includes.append(try include())
                try checkCount(table.includes.count)
            } else if !table.isAppendOnly, try take("APPEND", "ONLY") {
                table.isAppendOnly = true
            } else if table.options.isEmpty, try take("WITH") {
                table.options = try options(isSpaced: true)
            } else if table.format == nil, try take("FORMAT") {
                table.format = try oneOf(["PLAIN", "UPSERT", "DEBEZIUM"])
                try expect("ENCODE")
                table.encode = try oneOf([
                    "JSON", "CSV", "TEXT", "BYTES", "AVRO", "PROTOBUF", "PARQUET",
                ])
                if token.isSymbol("(") { table.encodeOptions = try options(isSpaced: true) }
            } else {
                return
            }
        }
    }

    private mutating func include() throws(SQLError) -> TableDefinition.Include {
        let what = try oneOf(["KEY", "OFFSET", "PARTITION", "TIMESTAMP", "HEADERS"])
        return TableDefinition.Include(what, alias: try take("AS") ? try columnName() : nil)
    }

    private mutating func oneOf(_ words: [String]) throws(SQLError) -> String {
        guard let word = token.keyword, words.contains(word) else { throw unexpected(words) }
        try advance()
        return word
    }

    private mutating func elements(of table: inout TableDefinition) throws(SQLError) {
        repeat {
            try element(of: &table)
            try checkColumnCount(table.elements.count)
        } while try takeSymbol(",")
    }

    mutating func element(of table: inout TableDefinition) throws(SQLError) {
        if try takeSymbol("*") { return table.elements.append(.star) }
        if token.is("WATERMARK"), try following().is("FOR") {
            let watermark = try watermark()
            if token.is("WITH") { throw unsupported("WITH TTL", token) }
            return table.elements.append(.watermark(watermark))
        }
        let name = try take("CONSTRAINT") ? try columnName() : nil
        switch token.keyword {
        case "PRIMARY":
            try advance()
            try expect("KEY")
            table.keyName = name
            table.elements.append(.primaryKey(try columnNames()))
            try notEnforced()
        case "UNIQUE":
            try advance()
            table.elements.append(.unique(try columnNames(), name: name))
            try notEnforced()
        case "CHECK":
            try advance()
            table.elements.append(.check(try checkedCondition(), name: name))
        case "LIKE" where name == nil: table.elements.append(try like())
        case "FOREIGN": throw unsupported("FOREIGN", token)
        case "EXCLUDE" where try !isColumnDefinition(): throw unsupported("EXCLUDE", token)
        default: try column(of: &table)
        }
    }

    /// LIKE table [INCLUDING | EXCLUDING what] ...
    private mutating func like() throws(SQLError) -> TableDefinition.Element {
        try advance()
        let name = try relationName()
        var options: Set<String> = []
        while token.is("INCLUDING") || token.is("EXCLUDING") {
            let including = token.is("INCLUDING")
            try advance()
            let word = try oneOf(Parser.likeOptions + ["ALL"])
            let words = word == "ALL" ? Parser.likeOptions : [word]
            if including { options.formUnion(words) } else { options.subtract(words) }
        }
        return .like(name, including: options)
    }

    private static let likeOptions = [
        "COMMENTS", "COMPRESSION", "CONSTRAINTS", "DEFAULTS", "GENERATED", "IDENTITY", "INDEXES",
        "STATISTICS", "STORAGE",
    ]

    /// Whether a word is a column's name before a type.
    private mutating func isColumnDefinition() throws(SQLError) -> Bool {
        let next = try following()
        return next.keyword != nil && !next.is("USING")
    }

    private mutating func notEnforced() throws(SQLError) {
        if try take("NOT", "ENFORCED") { return }
        _ = try take("ENFORCED")
    }

    private mutating func checkedCondition() throws(SQLError) -> SyntaxExpression {
        try expectSymbol("(")
        let condition = try expression()
        try expectSymbol(")")
        return condition
    }

    /// name [type] constraints
    mutating func column(of table: inout TableDefinition) throws(SQLError) {
        var column = ColumnDefinition(try columnName())
        if token.isSymbol(",") || token.isSymbol(")") {
            // CREATE TABLE t (a, b) AS
            table.bareColumn = table.bareColumn ?? token.place
            return table.elements.append(.column(column))
        }
        let hasType = !token.is("AS") && !token.is("GENERATED") && !token.is("METADATA")
        if hasType { column.type = try typeName() }
        var checks: [TableDefinition.Element] = []
        while try constraint(of: &column, &table, &checks) {}
        if column.type == nil, column.generated == nil { throw unexpected() }
        table.elements.append(.column(column))
        table.elements.append(contentsOf: checks)
    }

    private mutating func constraint(
        of column: inout ColumnDefinition, _ table: inout TableDefinition,
        _ checks: inout [TableDefinition.Element]
    ) throws(SQLError) -> Bool {
        let name = try take("CONSTRAINT") ? try columnName() : nil
        switch token.keyword {
        case "NOT":
            try advance()
            try expect("NULL")
            column.isNotNull = true
        case "NULL": try advance()
        case "PRIMARY":
            try advance()
            try expect("KEY")
            try notEnforced()
            column.isPrimaryKey = true
            table.keyName = name
        case "UNIQUE":
            try advance()
            checks.append(.unique([column.name], name: name))
        case "CHECK":
            try advance()
            checks.append(.check(try checkedCondition(), name: name))
        case "DEFAULT":
            try advance()
            let start = token.place.lowerBound
            column.defaultValue = try operand(Precedence.other)
            column.expressionText = lexer.text(start..<lastEnd)
        case "COLLATE":
            try advance()
            _ = try self.name()
        case "GENERATED", "AS": try generation(of: &column)
        case "METADATA":
            try advance()
            column.metadata = column.name.text
            if try take("FROM") { column.metadata = try string() }
            _ = try take("VIRTUAL")
        case "REFERENCES": throw unsupported("REFERENCES", token)
        default: return false
        }
        return true
    }

    /// [GENERATED ALWAYS] AS (expression) [STORED | VIRTUAL], or an identity
    private mutating func generation(of column: inout ColumnDefinition) throws(SQLError) {
        if try take("GENERATED") {
            let isAlways = try take("ALWAYS")
            if !isAlways {
                try expect("BY")
                try expect("DEFAULT")
            }
            if try take("AS", "IDENTITY") {
                column.identity = try identity(isAlways: isAlways)
                return
            }
            guard isAlways else {
                throw SQLError(
                    "for a generated column, GENERATED ALWAYS must be specified", .syntaxError,
                    at: token.place)
            }
        }
        try expect("AS")
        let start = token.place.lowerBound
        column.generated = try operand(Precedence.other)
        column.expressionText = lexer.text(start..<lastEnd)
        if try !take("STORED") { _ = try take("VIRTUAL") }
    }

    mutating func string() throws(SQLError) -> String {
        guard case .string(let text) = token.kind else { throw unexpected() }
        try advance()
        return text
    }
}
