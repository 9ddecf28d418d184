import Formats
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
            Kafka cluster will do. Without SQL they are read from stdin; a prompt for a terminal \
            is not in this version.

                SHOW [ALL] TOPICS
                SHOW GROUPS
                SHOW CONFIGS [FOR TOPIC name | FOR BROKER [number]]
                DESCRIBE name
                DESCRIBE GROUP name
                CREATE TOPIC [IF NOT EXISTS] name [WITH (option = value, ...)]
                ALTER TOPIC [IF EXISTS] name SET (option = value, ...)
                ALTER TOPIC [IF EXISTS] name RESET (option, ...)
                ALTER TOPIC [IF EXISTS] name ADD PARTITIONS number
                DROP TOPIC [IF EXISTS] name, ...
                DELETE FROM name [WHERE _offset < number [AND _partition = number]]
                ALTER GROUP name RESET OFFSETS
                  TO EARLIEST | LATEST | OFFSET number | TIMESTAMP 'time'
                  [FOR TOPIC name [PARTITION number]]
                DROP GROUP [IF EXISTS] name, ...

            Options are `partitions`, `replication_factor` and Kafka's topic configurations, such \
            as `retention.ms`, with or without quotes. `SET (partitions = 8)` names the new total, \
            `ADD PARTITIONS` how many are added; `RESET` goes back to the default.

            A name is matched exactly, else without regard to case if only one fits. Names with \
            other characters than letters, digits, dots and underscores are quoted: \
            `"my-topic"`. DELETE moves the start of the log: it removes what lies below an offset, \
            or all. Offsets of a group are reset while it has no members; with FOR the group need \
            not exist yet.

            The statements run one after another; the first that fails ends the command, and an \
            error names the line and the place. Answers go to stdout; what was done is said on \
            stderr when it is a terminal, or with `-v`.
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
