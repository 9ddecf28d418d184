import Formats

// Statements about topics, their configs and records.
extension Parser {
    /// SHOW [ALL] TOPICS | GROUPS | CONFIGS [FOR ...]
    mutating func show() throws(SQLError) -> AdministrationStatement {
        let first = token
        try advance()
        if try take("ALL") {
            try expect("TOPICS")
            return .showTopics(all: true)
        }
        if try take("TOPICS") { return .showTopics(all: false) }
        if try take("GROUPS") { return .showGroups }
        if try take("CONFIGS") { return .showConfigs(try configOwner()) }
        if let word = token.keyword, Parser.laterObjects.contains(word) {
            throw unsupported("SHOW \(word)", first)
        }
        throw unexpected(["TOPICS", "GROUPS", "CONFIGS"])
    }

    private static let laterObjects: Set<String> = [
        "CLUSTERS", "COLUMNS", "CREATE", "DATABASES", "FUNCTIONS", "INDEXES", "SCHEMAS", "SINKS",
        "SOURCES", "TABLES", "VIEWS",
    ]

    private mutating func configOwner() throws(SQLError) -> ConfigOwner {
        guard try take("FOR") else { return .broker(nil) }
        let owner = token
        if try take("BROKER") {
            // A topic may have this name.
            if isAtEnd { return .broker(nil) }
            return .broker(try integer())
        }
        if try take("TOPIC") {
            if isAtEnd { return .topic(Name("topic", isQuoted: false, owner.place)) }
            return .topic(try name())
        }
        return .topic(try name())
    }

    /// DESCRIBE [TOPIC] t | DESCRIBE GROUP g
    mutating func describe() throws(SQLError) -> AdministrationStatement {
        try advance()
        let kind = token
        if try take("GROUP") {
            guard isAtEnd else { return .describeGroup(try name()) }
            return .describeTopic(Name(lexer.text(kind.place), isQuoted: false, kind.place))
        }
        if try take("TOPIC") {
            guard isAtEnd else { return .describeTopic(try name()) }
            return .describeTopic(Name(lexer.text(kind.place), isQuoted: false, kind.place))
        }
        return .describeTopic(try name())
    }

    /// CREATE TOPIC [IF NOT EXISTS] t [WITH (...)]
    mutating func create() throws(SQLError) -> AdministrationStatement {
        try expectTopicOrGroup("CREATE", ["TOPIC"])
        try expect("TOPIC")
        var ifNotExists = false
        if try take("IF") {
            try expect("NOT")
            try expect("EXISTS")
            ifNotExists = true
        }
        let name = try name()
        var options: [OptionAssignment] = []
        if try take("WITH") {
            options = try self.options()
        } else if !isAtEnd {
            throw unexpected(["WITH"])
        }
        return .createTopic(name, ifNotExists: ifNotExists, options)
    }

    /// ALTER TOPIC [IF EXISTS] t SET (...) | RESET (...) | ADD PARTITIONS n
    mutating func alter() throws(SQLError) -> AdministrationStatement {
        try expectTopicOrGroup("ALTER", ["TOPIC", "GROUP"])
        if try take("GROUP") { return .resetOffsets(try offsetReset()) }
        try expect("TOPIC")
        let ifExists = try takeIfExists()
        let name = try name()
        return .alterTopic(name, ifExists: ifExists, try topicChange())
    }

    private mutating func topicChange() throws(SQLError) -> TopicChange {
        if try take("SET") { return .set(try options()) }
        if try take("RESET") { return .reset(try optionNames()) }
        guard try take("ADD") else { throw unexpected(["SET", "RESET", "ADD"]) }
        guard token.is("PARTITIONS") || token.is("PARTITION") else {
            throw unexpected(["PARTITIONS"])
        }
        try advance()
        return .addPartitions(try integer())
    }

    /// DROP TOPIC | GROUP [IF EXISTS] name, ...
    mutating func drop() throws(SQLError) -> AdministrationStatement {
        try expectTopicOrGroup("DROP", ["TOPIC", "GROUP"])
        if try take("GROUP") {
            let ifExists = try takeIfExists()
            return .dropGroups(try names(), ifExists: ifExists)
        }
        try expect("TOPIC")
        let ifExists = try takeIfExists()
        return .dropTopics(try names(), ifExists: ifExists)
    }

    /// Takes the verb. What follows it is one of the kinds, or of PostgreSQL's, which are refused.
    private mutating func expectTopicOrGroup(
        _ verb: String, _ kinds: [String]
    ) throws(SQLError) {
        let first = token
        try advance()
        guard let word = token.keyword else { throw unexpected() }
        guard !kinds.contains(word) else { return }
        guard Parser.objectKinds.contains(word) else { throw unexpected(kinds) }
        throw unsupported("\(verb) \(word)", first)
    }

    private static let objectKinds: Set<String> = [
        "AGGREGATE", "CLUSTER", "CONNECTION", "DATABASE", "DOMAIN", "EXTENSION", "FUNCTION",
        "GLOBAL", "GROUP", "INDEX", "LOCAL", "MATERIALIZED", "OR", "POLICY", "PROCEDURE",
        "PUBLICATION", "ROLE", "SCHEMA", "SECRET", "SEQUENCE", "SERVER", "SINK", "SOURCE",
        "STREAM", "SUBSCRIPTION", "SYSTEM", "TABLE", "TEMP", "TEMPORARY", "TRIGGER", "TYPE",
        "UNIQUE", "UNLOGGED", "USER", "VIEW",
    ]

    /// DELETE FROM t [WHERE _offset < n [AND _partition = p]]
    mutating func delete() throws(SQLError) -> AdministrationStatement {
        try advance()
        try expect("FROM")
        var deletion = RecordDeletion(topic: try name())
        if try take("WHERE") {
            repeat {
                try condition(of: &deletion)
            } while try take("AND")
        } else if !isAtEnd {
            throw unexpected(["WHERE"])
        }
        return .deleteRecords(deletion)
    }

    private mutating func condition(of deletion: inout RecordDeletion) throws(SQLError) {
        let column = token
        if column.keyword == "_OFFSET", deletion.before == nil {
            try advance()
            let operation = token
            let isInclusive = operation.isSymbol("<=")
            guard isInclusive || operation.isSymbol("<") else { throw otherCondition(column) }
            try advance()
            let bound = try integer()
            let (value, overflow) = bound.value.addingReportingOverflow(isInclusive ? 1 : 0)
            deletion.before = IntegerLiteral(
                value: overflow ? bound.value : value, place: bound.place)
        } else if column.keyword == "_PARTITION", deletion.partition == nil {
            try advance()
            guard try takeSymbol("=") else { throw otherCondition(column) }
            deletion.partition = try integer()
        } else if isAtEnd {
            throw unexpected()
        } else {
            throw otherCondition(column)
        }
    }

    private func otherCondition(_ column: Token) -> SQLError {
        SQLError(
            "this condition is not supported by DELETE", .featureNotSupported, at: column.place,
            hint: "A log is deleted from its start: WHERE _offset < 100 AND _partition = 0.")
    }
}
