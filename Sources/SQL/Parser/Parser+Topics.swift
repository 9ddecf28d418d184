import Formats

// Statements about topics, their configs and records.
extension Parser {
    /// SHOW [ALL] TOPICS | GROUPS | CONFIGS [FOR ...]; nil, and nothing taken, if it is another.
    mutating func showOfCluster() throws(SQLError) -> AdministrationStatement? {
        switch try following().keyword {
        case "TOPICS":
            try advance()
            try advance()
            return .showTopics(all: false)
        case "GROUPS":
            try advance()
            try advance()
            return .showGroups
        case "CONFIGS":
            try advance()
            try advance()
            return .showConfigs(try configOwner())
        case "ALL":
            var probe = self
            try probe.advance()
            guard try probe.take("ALL", "TOPICS") else { return nil }
            self = probe
            return .showTopics(all: true)
        default: return nil
        }
    }

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

    /// [TOPIC] t | GROUP g; the position is behind DESCRIBE.
    mutating func describeOfCluster() throws(SQLError) -> AdministrationStatement {
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

    /// [IF NOT EXISTS] t [WITH (...)]; the position is behind CREATE TOPIC.
    mutating func createTopic() throws(SQLError) -> AdministrationStatement {
        let ifNotExists = try takeIfNotExists()
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
    mutating func alter() throws(SQLError) -> Statement {
        let first = token
        try advance()
        if let statement = try alterRelation() { return statement }
        if try take("GROUP") { return .administration(.resetOffsets(try offsetReset())) }
        guard try take("TOPIC") else {
            throw otherObject("ALTER", first, ["TABLE", "VIEW", "SEQUENCE", "TOPIC", "GROUP"])
        }
        let ifExists = try takeIfExists()
        let name = try name()
        return .administration(.alterTopic(name, ifExists: ifExists, try topicChange()))
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

    /// TOPIC | GROUP [IF EXISTS] name, ...; nil, and nothing taken, if another word is next.
    mutating func dropOfCluster() throws(SQLError) -> AdministrationStatement? {
        if try take("GROUP") {
            let ifExists = try takeIfExists()
            return .dropGroups(try names(), ifExists: ifExists)
        }
        guard try take("TOPIC") else { return nil }
        let ifExists = try takeIfExists()
        return .dropTopics(try names(), ifExists: ifExists)
    }

    /// The error for a kind of object that a verb does not know, or not yet.
    func otherObject(_ verb: String, _ first: Token, _ kinds: [String]) -> SQLError {
        guard let word = token.keyword, Parser.objectKinds.contains(word) else {
            return unexpected(kinds)
        }
        let kind = word == "MATERIALIZED" ? "MATERIALIZED VIEW" : word
        return unsupported("\(verb) \(kind)", first)
    }

    private static let objectKinds: Set<String> = [
        "AGGREGATE", "CLUSTER", "CONNECTION", "DATABASE", "DOMAIN", "EXTENSION", "FUNCTION",
        "GLOBAL", "GROUP", "INDEX", "LOCAL", "MATERIALIZED", "POLICY", "PROCEDURE",
        "PUBLICATION", "ROLE", "SCHEMA", "SECRET", "SEQUENCE", "SERVER", "SINK", "SOURCE",
        "STREAM", "SUBSCRIPTION", "SYSTEM", "TABLE", "TRIGGER", "TYPE", "UNIQUE", "UNLOGGED",
        "USER", "VIEW",
    ]

    /// WHERE _offset < n [AND _partition = p]; the position is behind the topic's name.
    mutating func recordDeletion(of topic: Name) throws(SQLError) -> AdministrationStatement {
        var deletion = RecordDeletion(topic: topic)
        try expect("WHERE")
        repeat {
            try condition(of: &deletion)
        } while try take("AND")
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
