import ArgumentParsing

/// What was typed after `rtd query`.
struct QueryOptions: Sendable, Equatable {
    enum Format: String, CaseIterable, Sendable {
        case table, json, csv, tsv
    }

    /// One piece of the script, in the order typed.
    enum Source: Sendable, Equatable {
        case sql(String)
        case file(String)
    }

    /// Empty: the statements come from stdin, or from a prompt on a terminal.
    var sources: [Source] = []
    /// nil: a table on a terminal, else JSON lines.
    var format: Format?
    var timeout: Duration?
    var connection = ConnectionOptions()
    var reporting = ReportingOptions()

    static func finish(_ options: inout Self, _ operands: [String]) throws(UsageError) {
        guard let sql = operands.first else { return }
        guard operands.count == 1 else {
            throw UsageError(
                "unexpected operand \"\(operands[1])\"; the statements are one argument")
        }
        guard options.sources.isEmpty else {
            throw UsageError("statements are given twice, as an operand and by -c or -f")
        }
        options.sources = [.sql(sql)]
    }
}

extension ValueParser where Value == QueryOptions.Source {
    static let sql = ValueParser("SQL") { .sql($0) }
    static let script = ValueParser("FILE", completion: .file) { text throws(UsageError) in
        .file(try ValueParser<String>.file.parse(text))
    }
}

extension QueryOptions {
    static let command = Command(
        documentation, initial: QueryOptions(), groups: groups, finish: finish)

    private static let documentation = CommandDocumentation(
        name: "query",
        summary: "administer topics and groups by SQL",
        synopsis: ["[OPTION...] [SQL]"],
        description: """
            Runs statements, separated by semicolons, that show and change the topics, groups \
            and configurations of a cluster. They are sent as Kafka's admin requests, so any \
            Kafka cluster will do. Without SQL they are read from stdin.

                SHOW TOPICS
                SHOW GROUPS
                SHOW CONFIGS [FOR topic]
                DESCRIBE topic
                DESCRIBE GROUP name
                CREATE TOPIC name [WITH (partitions = 4, 'retention.ms' = 60000)]
                ALTER TOPIC name SET (partitions = 8, 'retention.ms' = 60000)
                ALTER TOPIC name RESET ('retention.ms')
                DROP TOPIC name
                ALTER GROUP name RESET OFFSETS TO offset [FOR topic]
                DROP GROUP name

            The statements run one after another; the first that fails ends the command.
            """,
        operands: [OperandDocumentation("SQL", "The statements; stdin without them.")],
        examples: [
            Example(
                "rtd query 'CREATE TOPIC orders WITH (partitions = 4)' && rtd query 'SHOW TOPICS'",
                "Creates a topic and lists all."),
            Example(
                "rtd query 'DESCRIBE orders'",
                "Shows the partitions of a topic with their offsets.",
                setup: "echo 1 | rtd produce orders"),
            Example(
                "echo 'SHOW GROUPS' | rtd query -b broker.example:9092 --format csv",
                "Lists the groups of another cluster as CSV."),
        ],
        exitStatuses: [ManualTerms.closedOutput, ManualTerms.failed, ManualTerms.usage],
        environment: ManualTerms.clientEnvironment, files: ManualTerms.files)

    private static let groups = [
        FlagGroup("Statements", statements),
        FlagGroup<QueryOptions>.within(\.connection, ConnectionOptions.group),
        FlagGroup<QueryOptions>.within(\.reporting, ReportingOptions.groupWithoutProgress),
    ]

    private static let statements: [Flag<QueryOptions>] = [
        .list("command", "c", \.sources, .sql, "Run SQL; may be repeated."),
        .list(
            "file", "f", \.sources, .script, "Run the statements of FILE; may be repeated.",
            details: "In the order typed, together with {command}; `-` is stdin."),
        .value(
            "format", nil, \.format, .choice("FORMAT"), "Print the answers as FORMAT.",
            details: """
                    table  aligned columns; the default on a terminal
                    json   an object a line; the default elsewhere
                    csv    with a first line of names; tsv with tabs
                """),
        .value(
            "timeout", nil, \.timeout, .duration,
            "Give a request up after DURATION (default 30s)."),
    ]
}
