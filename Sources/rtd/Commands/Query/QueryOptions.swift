import Aggregation
import ArgumentParsing
import Formats
import Query

/// What was typed after `rtd query`.
struct QueryOptions: Sendable, Equatable {
    enum Format: String, CaseIterable, Sendable {
        case table, json, csv, tsv, debezium, upsert, chart, none
    }

    /// One piece of the script, in the order typed.
    enum Source: Sendable, Equatable {
        case sql(String)
        case file(String)
    }

    /// The form of stdin.
    enum InputFormat: String, CaseIterable, Sendable {
        case json, csv, tsv, lines, logfmt
    }

    /// `name=value` of --param.
    struct Parameter: Sendable, Equatable {
        var name: String
        var value: String
    }

    /// Empty: the statements come from stdin, or from a prompt on a terminal.
    var sources: [Source] = []
    /// nil: a table on a terminal, else JSON lines.
    var format: Format?
    var timeout: Duration?
    var inputFormat: InputFormat?
    var errorPolicy: ErrorPolicy?
    var isStrict = false
    var follows = false
    /// `column` or `column:unit`
    var time: String?
    var delay: Duration?
    var idle: Duration?
    var isVerifying = false
    var explainsWaits = false
    /// Bytes; nil: half of the machine's.
    var memory: Int?
    var stateTTL: Duration?
    var temporaryDirectory: String?
    var stateDirectory: String?
    var parameters: [Parameter] = []
    var null: String?
    var hasNoHeader = false
    var connection = ConnectionOptions()
    var reporting = ReportingOptions()

    static func finish(_ options: inout Self, _ operands: [String]) throws(UsageError) {
        try options.check()
        options.connection.usesRegistry = true
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

    /// Options that rule each other out.
    func check() throws(UsageError) {
        if isVerifying, stateDirectory != nil {
            throw UsageError("--verify keeps no state; leave --state out")
        }
        if let stateTTL, stateTTL < .milliseconds(1) {
            throw UsageError("--state-ttl wants at least 1ms")
        }
    }
}

extension QueryOptions {
    /// --state-ttl in microseconds.
    var idleLimit: Int64? { stateTTL?.wholeMicroseconds }

    /// What --time and --delay say together; nil without --time.
    var declaredTime: DeclaredTime? {
        guard let time else { return nil }
        let parts = time.split(separator: ":", maxSplits: 1)
        let unit = parts.count > 1 ? EpochUnit(rawValue: String(parts[1])) : nil
        return DeclaredTime(
            column: unit == nil ? time : String(parts[0]), unit: unit ?? .byMagnitude,
            delay: delay?.wholeMicroseconds ?? 0, idle: idle?.wholeMicroseconds)
    }
}

extension Duration {
    fileprivate var wholeMicroseconds: Int64 {
        components.seconds * 1_000_000 + components.attoseconds / 1_000_000_000_000
    }
}

extension ValueParser where Value == QueryOptions.Parameter {
    static let parameter = ValueParser("NAME=VALUE") { text throws(UsageError) in
        guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
            throw UsageError("wants NAME=VALUE, not \"\(text)\"")
        }
        return QueryOptions.Parameter(
            name: String(text[..<equals]), value: String(text[text.index(after: equals)...]))
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
        summary: "SQL over files, pipes and topics",
        synopsis: ["[OPTION...] [SQL]"],
        description: """
            Runs statements, separated by semicolons: queries over files, stdin and topics, and \
            the administration of topics and groups. Without SQL they are read from stdin; on a \
            terminal a prompt takes them (`\\?` there lists its commands, Tab completes columns, \
            relations, functions and paths).

            The dialect is PostgreSQL's. A relation is a file in quotes (`'orders.csv'`, \
            `'logs.ndjson'`), `stdin`, a topic by its name, or a table or view made in the same \
            call. Columns and their types come from the first rows; `rtd query "DESCRIBE 'file'"` \
            shows them. JSON lines, documents and arrays are read; nested members are reached by \
            dots, and objects leave, and are seen by `->` and `->>`, as they were read. On a pipe \
            the first rows are those that are there at once, so cast (`a::float8`) what must not \
            depend on that. Text of no known format is read as lines (`line`, `line_number`).

            A topic of another cluster is `'kafka://host:port/topic'`, to read and to write, or \
            `kafka('topic', brokers => 'host:port')`, to read. \
            `read_csv`, `read_json`, `read_lines` and `read_logfmt` read a file in that format. \
            `read_debezium(file, stdin or topic)` reads changes: its rows are those that the \
            changes leave; `key => 'id'` names the columns that tell rows apart where the records \
            have no key. `CREATE TABLE t (...) WITH (connector = 'kafka', topic = 'x')`, with \
            `properties.bootstrap.server` and `FORMAT PLAIN, UPSERT` or `DEBEZIUM ENCODE JSON`, \
            gives a topic a name in the call, for SELECT and INSERT.

            Records that name Avro schemas of a registry (Confluent's wire format) are read as \
            those of JSON are, with the types that the schemas say: {property} \
            `schema.registry.url`, in a file of {property-file} or `$RTD_CONFIG` too, says where \
            it is (`basic.auth.user.info` \
            and `schema.registry.ssl.ca.location` go with it), and so does `ENCODE AVRO \
            (schema.registry = 'http://host:8081')`.

            Input that ends gives its result once. `STREAM` behind a topic or a file follows it \
            without end: then rows leave as they come, groups as they change, with `_op` c, u or \
            d, and windows when they close. Windows are `TUMBLE`, `HOP`, `CUMULATE` and `SESSION` \
            in FROM over a \
            time column that `--time` or `WATERMARK FOR` names:

                SELECT window_start, page, COUNT(*)
                FROM TUMBLE(stdin, ts, INTERVAL '10 s')
                GROUP BY 1, 2

            `EMIT CHANGES`, `EMIT ON WINDOW CLOSE` and `EMIT PERIODIC INTERVAL '1 s'` say when \
            rows leave. Ctrl-C is the end of input: what is open is printed. `LATE ROWS UPDATE FOR \
            INTERVAL '1 m'` behind the second corrects windows that have left, as changes.

            A later value that its column's type does not hold widens the type: input that can be \
            read again is, before rows have left; else rows from there on have the wider type, \
            and sums and groups go on in it. Where they cannot (some joins, OVER, what `--state` \
            keeps, sums of text) the value is an error.

            Sketches answer in little memory: `approx_count_distinct(x)`, \
            `approx_percentile(0.99) WITHIN GROUP (ORDER BY x)`, `approx_top_k(x, 10)`. Their \
            states are values (bytea; base64 in JSON, which is taken back) that are merged later: \
            `hll_state(x)`, `hll_merge(s)`, `hll_count(s)`; `quantile_state(x)`, \
            `quantile_merge(s)`, `quantile_value(s, 0.99)`; `top_k_state(x, 10)`, \
            `top_k_merge(s)`, `top_k_values(s)`. The last of each three also takes what the others \
            give: `quantile_value(quantile_merge(s), 0.99)`.

            `--on-error skip` goes over lines that cannot be read, and over values of another \
            kind than the others of their column where the query does not go with both.

            CREATE TABLE, CREATE SCHEMA, CREATE [MATERIALIZED] VIEW (whose rows each query \
            computes), CREATE SEQUENCE, CREATE TYPE, CREATE DOMAIN, ALTER TABLE, INSERT, \
            UPDATE, DELETE and MERGE make and \
            change what lives as long as the call, BEGIN, SAVEPOINT, COMMIT and \
            ROLLBACK hold these changes together, and PREPARE and EXECUTE run a statement again; \
            `COPY (query) TO 'file'` writes a file (compressed where its name ends in `.gz`), and \
            `TO 'kafka://...'` a topic; \
            `COPY t FROM 'file'` or `FROM STDIN` reads text, csv or json into a table. \
            EXPLAIN shows what a query, a change or COPY does; with ANALYZE it runs it, and tells \
            rows, time and memory of each operator; with (FORMAT JSON) as PostgreSQL's tools \
            read it.

            `INSERT INTO topic SELECT ...` writes records: each row as a JSON object, but for the \
            columns `_key`, `_timestamp`, `_partition` and `_headers`, which have their place in \
            the record. Where nothing but `_value` is left it is the value itself, as text or \
            bytes, or none if it is NULL. So `INSERT INTO b SELECT _key, _timestamp, _headers, * \
            FROM a` copies a topic. A member of a topic's objects that has such a name is \
            `(t)._timestamp`; the name alone means the record's.

            Topics and groups are administered by:

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
                "echo '{\"a\":1}' | rtd query 'SELECT a + 1 AS b FROM stdin'",
                "Computes over JSON lines as they come."),
            Example(
                "rtd query \"SELECT page, COUNT(*) AS n FROM 'clicks.ndjson' GROUP BY page\"",
                "Counts the rows of a file.",
                setup: "printf '{\"page\":\"a\"}\\n{\"page\":\"b\"}\\n' > clicks.ndjson"),
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
        exitStatuses: [
            ManualTerms.closedOutput, ManualTerms.failed, ManualTerms.usage, ManualTerms.rejected,
        ],
        environment: ManualTerms.clientEnvironment, files: ManualTerms.files)

    private static let input: [Flag<QueryOptions>] = [
        .value(
            "input", "i", \.inputFormat, .choice("FORMAT"), "Read stdin as FORMAT.",
            details: """
                    json    documents: one a line, pretty-printed, or one array of them
                    csv     with a first line of names; tsv with tabs
                    lines   the columns `line` and `line_number`
                    logfmt  key=value pairs

                Without it the first bytes tell.
                """),
        .value(
            "on-error", nil, \.errorPolicy, .choice("ACTION"),
            "At a broken line end (fail, the default) or go on (skip).",
            details: "What was skipped is counted on stderr and makes the status 3."),
        .toggle(
            "follow", nil, \.follows, "Read files and topics without end, as STREAM does.",
            details: """
                A file is followed as `tail -F` does: what is appended comes at once, a line when \
                its end is there; when another file takes the name it is read from its start, and \
                so is a file that was cut. STREAM BOUNDED behind a relation leaves it out.
                """),
        .toggle(
            "strict", nil, \.isStrict,
            "Fail at a value that does not fit the type of its column."),
        .value(
            "time", nil, \.time, .nonEmpty("COLUMN"), "Take COLUMN for the time of the rows.",
            details: """
                `ts:ms` fixes the unit of a number (s, ms, us, ns); without it its size tells, \
                and it is said once. Windows close when the time has passed their end. The column \
                stays a number: bounds of joins (`b.ts BETWEEN a.ts AND a.ts + 1000`) are of its \
                unit, and `ts + INTERVAL '1 s'`, `ts::timestamptz` and the like take the moment \
                that it means.
                """),
        .value(
            "delay", nil, \.delay, .duration, "Rows may come late by DURATION (default 0s)."),
        .value(
            "idle", nil, \.idle, .duration,
            "Windows do not wait for a partition that was silent for DURATION.",
            details: """
                It counts while nothing is there to be read, never in files. When all partitions \
                are silent for twice a window's length, at least a second, open windows close; \
                `EMIT ON WINDOW CLOSE WITH TIMEOUT INTERVAL '0 s'` forbids it.
                """),
    ]

    private static let running: [Flag<QueryOptions>] = [
        .toggle(
            "verify", nil, \.isVerifying,
            "Run each query finite and endless, and compare the rows.",
            details: """
                The endless run cuts its input into batches and steps at random, and is stopped \
                and started again from its saved state; the seed is said. Prints no rows; the \
                status is 1 if the two differ. Input is read twice, so a pipe must fit 64 MiB.
                """),
        .toggle(
            "explain-wait", nil, \.explainsWaits,
            "Say on stderr what a query waits for while its input is silent.",
            details: "Which windows are open, the watermark, and the partition that holds it."),
        .value(
            "memory", nil, \.memory, .quantity("SIZE", in: 65_536...Int.max),
            "Hold at most SIZE of rows and state (default half the memory).",
            details: """
                Over input that ends, sorts, joins and aggregations put what does not fit into \
                {temp}. A query without end stops when it holds more.
                """),
        .value(
            "state-ttl", nil, \.stateTTL, .duration,
            "Let go of state without end that nothing touched for DURATION.",
            details: """
                Of joins, groups, DISTINCT, INTERSECT, EXCEPT, and partitions of OVER and of \
                first rows that no window and no time bound frees, over rows that are only \
                inserted, where rows leave while the query runs. Time is the watermark \
                where {time} or WATERMARK FOR declares one, else the clock; a quarter more may \
                pass. What has left stays; rows that come later for a key that was let go begin \
                anew: a count from 1, a join without partners. It is said once when it happens.
                """),
        .value(
            "temp", nil, \.temporaryDirectory, .directory,
            "Put temporary files into DIR (default $TMPDIR, else /tmp).",
            details: "They have no name and are gone with the process."),
        .value(
            "state", nil, \.stateDirectory, .directory,
            "Keep in DIR what the query knows; the next start goes on there.",
            details: """
                For one query over topics and files whose rows leave while it runs. Ctrl-C, a \
                crash or a kill lose nothing: topics are read on from where they were, and if \
                stdout is a file, what was written behind the last saved place is cut off and \
                comes again, so each row is there once. So it is in topics that `INSERT INTO topic \
                SELECT` writes, for readers of committed records (`rtd consume` is one): each step \
                is a transaction, with the offsets that the query has read as those of a group of \
                the transaction's name (`rtd-query-...` in SHOW GROUPS). Only one copy of a state \
                goes on; another fails as soon as it commits. For clusters without transactions \
                `"sink.delivery-guarantee" = 'at-least-once'` of CREATE TABLE leaves them out. \
                Into a pipe, rows of the last moments before a crash may come twice. A file that \
                is followed is found again after its rotation, beside its old name.
                """),
    ]

    private static let groups = [
        FlagGroup("Statements", statements),
        FlagGroup("Input", input),
        FlagGroup("Running", running),
        FlagGroup<QueryOptions>.within(\.connection, ConnectionOptions.group),
        FlagGroup<QueryOptions>.within(\.reporting, ReportingOptions.group),
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
                    chart  bars; lines for times with names, or several numbers
                    debezium  changes as `before`, `after` and `op`
                    upsert    `key` and `value`; a null value deletes the key
                    none   nothing, for measuring

                upsert needs a result with a key, such as that of GROUP BY. On a terminal a chart \
                of input without end is drawn again in its place.
                """),
        .value(
            "null", nil, \.null, .text("TEXT"), "Write TEXT for NULL in csv and tsv.",
            details: "Without it csv has nothing there and tsv `\\N`."),
        .toggle("no-header", nil, \.hasNoHeader, "Leave out the line of names of csv and tsv."),
        .list(
            "param", nil, \.parameters, .parameter, "Give :NAME or $1 in the SQL a value.",
            details: "`--param 1=x` is `$1`. The value takes the type of its place."),
        .value(
            "timeout", nil, \.timeout, .duration,
            "Give a request up after DURATION (default 30s).",
            details: "A query over STREAM goes on; `timeout -s INT 10s rtd query ...` ends it."),
    ]
}
