import ArgumentParsing
import ChangeDataCapture

extension CaptureOptions {
    static let command = Command(
        documentation, initial: CaptureOptions(), groups: groups, finish: finish)

    private static let documentation = CommandDocumentation(
        name: "cdc",
        summary: "the changes of a PostgreSQL database, and the rows it has",
        synopsis: [
            "[OPTION...] SOURCE", "--check SOURCE",
            "--backfill TABLE --request SOURCE", "--backfill TABLE --cancel SOURCE",
            "--pause SOURCE", "--resume SOURCE", "--emit PREFIX SOURCE",
            "--slots [--drop NAME] SOURCE",
            "--verify SOURCE",
        ],
        description: """
            Prints the rows of a database and then each change that is committed, in the order of \
            the commits, without a gap or a repetition between the two. By default a change is a \
            line of JSON, Debezium's envelope; Ctrl-C ends it and leaves nothing behind in the \
            database.

            SOURCE is `postgres://user:password@host:port/database` or `key=value` pairs as libpq \
            takes them; what is not said comes from `PGHOST`, `PGPORT`, `PGUSER`, `PGPASSWORD`, \
            `PGDATABASE` and the password file. The server needs `wal_level = logical`, the user \
            the right to replicate; {check} says in one screen what is missing and what will go \
            wrong. PostgreSQL 10 to 18 are captured (13 and 15 to 18 were tried). A standby of 16 \
            or newer is captured with {publication}, made on its primary; since 17 a slot is made \
            so that standbys can take it over.

            TLS is as libpq has it: `sslmode` in SOURCE or `PGSSLMODE` (disable, allow, prefer: \
            the default, require, verify-ca, verify-full), `sslrootcert`, `sslcert`, `sslkey`, \
            `sslpassword`, `channel_binding`, and the files in `~/.postgresql`. A Unix socket has \
            none.

            To stdout the slot and the publication are temporary. With {to} `topics` or a file \
            they stay, under the name `rtd_PREFIX`, and the capture continues where its output \
            ends: it can be killed at any moment and neither loses nor repeats a change. In \
            topics, a source transaction, the position and the cut that it makes in all topics \
            (a record in `PREFIX.cuts`) are one Kafka transaction; the topics are \
            `PREFIX.SCHEMA.TABLE`, the key of a record is the row's primary key, and a delete is \
            followed by a tombstone. The rows that the tables have are in one transaction too, \
            unless they are many: then tables appear one after the other, large ones in parts, the \
            cut records name in `backfills` what is missing, and a start after a kill goes on \
            with that. A transaction of the database that takes longer to write than \
            `transaction.timeout.ms` (15 minutes) is refused; {property} sets another time.

            A change is named for ever by the position of its commit and its ordinal in the \
            transaction. A large value that an update did not touch is not in the stream: it is \
            left out and named in `unavailable`, unless the table has REPLICA IDENTITY FULL or \
            {fill-unchanged} looks it up.

            Tables that get another name while it runs, or are attached to a partitioned one, are \
            noticed within seconds, also at the next start, and their rows are read; in topics \
            also those of a table that gets another primary key, and in topics and files those of \
            one whose columns were renamed, got another type, or were added with a default, of \
            which the stream says nothing. To stdout a line names the {backfill} that reads them. \
            A server that does not go on with the log of the output (set up anew, from a backup, \
            or without the end of the log after a fail-over) is refused, and so is a topic that \
            the capture of another slot writes. SIGUSR1 has it say on stderr what it is at.
            """,
        operands: [OperandDocumentation("SOURCE", "The database.")],
        examples: [
            Example(
                "rtd cdc postgres://postgres@localhost/shop --until now | jq .after",
                "Prints the rows that a database has and what was committed meanwhile.",
                needsDatabase: true),
            Example(
                "rtd cdc postgres://localhost/shop --format flat --tables 'orders,order_*'",
                "Follows some tables in a form made for jq.", needsDatabase: true),
            Example(
                "rtd cdc postgres://localhost/shop --format sql | psql copy",
                "Keeps a replica.", needsDatabase: true),
            Example(
                "rtd cdc postgres://localhost/shop --to topics",
                "Keeps topics that hold every change once.", needsDatabase: true),
            Example(
                "rtd cdc postgres://localhost/shop --to topics --outbox outbox",
                "Sends what applications put into an outbox table.", needsDatabase: true),
            Example(
                "rtd cdc postgres://localhost/shop --check",
                "Says what will go wrong before it does.", needsDatabase: true),
        ],
        exitStatuses: [
            ManualTerms.closedOutput, ManualTerms.failed, ManualTerms.usage,
            ManualTerms.signalled,
        ],
        environment: [
            Definition(
                "PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE, PGPASSFILE",
                "As libpq has them, where SOURCE does not say it."),
            Definition(
                "PGSSLMODE, PGSSLROOTCERT, PGSSLCERT, PGSSLKEY, PGCHANNELBINDING",
                "TLS, the same."),
        ] + ManualTerms.clientEnvironment,
        files: [
            Definition("~/.pgpass", "Passwords, as libpq reads them."),
            Definition(
                "FILE.position", "With {to} FILE: how much of FILE is whole and where it ends."),
        ] + ManualTerms.files)

    private static let groups = [
        FlagGroup("Source", source), FlagGroup("Rows", rows), FlagGroup("Output", output),
        FlagGroup("Other jobs", jobs),
        FlagGroup<CaptureOptions>.within(\.connection, ConnectionOptions.groupWithoutProperty),
        FlagGroup<CaptureOptions>.within(\.reporting, ReportingOptions.group),
    ]

    private static let source: [Flag<CaptureOptions>] = [
        .value(
            "snapshot", nil, \.snapshot, .choice("WHEN"),
            "When to read the rows that tables have.",
            details: """
                    initial  when there is nothing to continue; the default
                    never    changes only
                    only     the rows, then end
                    always   at each start

                While they are read no table may be altered or truncated, as with pg_dump: \
                such a statement waits, and whatever reads the output should not stand still.
                """),
        .value(
            "snapshot-workers", nil, \.snapshotWorkers, .integer("COUNT", in: 1...64),
            "Read a large table by COUNT connections at once (default 1).",
            details: """
                All in one snapshot, each a part of the table's file (16 MB) after the other; its \
                rows then come in another order. Debezium's `snapshot.max.threads` is the same. \
                Needs PostgreSQL 14.
                """),
        .value(
            "until", nil, \.end, .captureEnd, "End there: with all that is committed, or at LSN.",
            details: """
                `now` is everything that was committed before the start, with the rows; a \
                position is that of a commit's end, as `pg_current_wal_lsn()` prints it.
                """),
        .list(
            "backfill", nil, \.backfills, .backfill,
            "Read TABLE's rows anew beside the stream; may be repeated.",
            details: """
                All of them or those that a condition in SQL selects: `orders`, \
                `sales.orders:total > 100`; names and operators in it are found where \
                `search_path` of the role and the database says. They are read in chunks by the \
                primary key while changes go on, and no row is given that is older than what was \
                given before. The rows are `r` events with `snapshot` `incremental`; what is not \
                done when the command ends goes on at the next start (to stdout it begins anew). \
                Needs PostgreSQL 14.
                """),
        .value(
            "slot", nil, \.slot, .nonEmpty("NAME"), "Use the slot NAME, and keep it.",
            details: "It is made if it is missing. Without it the slot to stdout is temporary."),
        .toggle(
            "two-phase", nil, \.isTwoPhase,
            "Have the server send transactions when they are prepared.",
            details: """
                What PREPARE TRANSACTION prepares is then here, in memory or a temporary file, \
                before COMMIT PREPARED, with which it is given; what is rolled back never is. The \
                slot stays so; one that was made so needs no option. To stdout, what was committed \
                while a prepared transaction waited comes again at the next start. Needs \
                PostgreSQL 15.
                """),
        .value(
            "publication", nil, \.publication, .nonEmpty("NAME"),
            "Use the publication NAME, which exists.",
            details: """
                Its tables, row filters and columns are what is captured. It is never altered. \
                Rows are read of tables that were made again, got another name, or were left out \
                before.
                """),
        .value(
            "password-file", nil, \.passwordFile, .file,
            "Take the password from the first line of FILE."),
        .value(
            "max-wal", nil, \.retainedBytesMax, .quantity("SIZE", in: 1...Int.max),
            "Give the slot up when the server keeps more log for it.",
            details: """
                The slot is dropped and the command ends with status 1, rather than that the \
                disk of the database fills.
                """),
    ]

    private static let rows: [Flag<CaptureOptions>] = [
        .lists(
            "tables", nil, \.tables, .tablePatterns, "Capture these tables only.",
            details: """
                Names with `*` and `?`, with commas between them: `orders`, `sales.*`, `*_log`. \
                One without a dot is a table of any schema; behind `~` stands a regular expression \
                for `schema.table`. Without it all tables are captured, also those that are made \
                later: their rows are read beside the stream within seconds.
                """),
        .lists(
            "exclude", nil, \.excluded, .tablePatterns, "Leave these tables out.",
            details: """
                A start that leaves out what its slot has captured until now is refused, with \
                status 2: the slot goes on, and what changes there would be lost. Another {slot} \
                or {topic-prefix} begins a capture of its own; {drop-tables} gives tables up.
                """),
        .lists(
            "drop-tables", nil, \.givenUp, .tablePatterns,
            "Give up tables that the slot has captured.",
            details: """
                Those that {tables} and {exclude} leave out. What the output has of them stays as \
                it is; when they are selected again, their rows are read anew and replace that.
                """),
        .list(
            "where", nil, \.filters, .rowFilter,
            "Capture these rows of TABLE only; may be repeated.",
            details: """
                A condition in SQL over its columns, such as `orders=total > 100`, which the \
                server evaluates (PostgreSQL 15). Updates that bring a row into what is selected \
                are inserts, those that take it out deletes; for that the columns must be part of \
                the primary key, or the table has REPLICA IDENTITY FULL. It holds for the slot \
                that is made with it.
                """),
        .list(
            "key", nil, \.keys, .keyChoice, "Take COLUMNS for the key of TABLE; may be repeated.",
            details: """
                Such as `orders=customer_id,number`, instead of the primary key. In topics a start \
                with another key reads the rows of the table anew under it.
                """),
        .list(
            "mask", nil, \.masks, .columnMask, "Hide a column's values; may be repeated.",
            details: """
                `COLUMN`, `TABLE.COLUMN` or `SCHEMA.TABLE.COLUMN`, with `*`:

                    email=sha256       the SHA-256 of the text; sha256:SALT with a salt
                    note=len           how many characters the text has
                    name=truncate:3    the first characters
                    name=stars:8       asterisks
                    secret=drop        nothing

                Of a key's columns only `sha256`: it keeps rows apart.
                """),
        .toggle(
            "fill-unchanged", nil, \.fillsUnchanged,
            "Look up large values that an update did not touch.",
            details: """
                In the table, by the key of the row: a statement for each such update, which waits \
                for it (some 0.2 ms in the same machine), and reads what the database has now: a \
                later change of the value may come early, with its own event behind it. Of a row \
                that is gone by then they stay unknown. REPLICA IDENTITY FULL gives them exactly, \
                and costs log.
                """),
        .value(
            "image", nil, \.image, .choice("WHICH"), "Which sides of a row to write.",
            details: """
                    both  the old one as far as it is known, and the new; the default
                    new   the new row only
                    old   the old row only
                    keys  the key's columns only
                """),
    ]

    private static let output: [Flag<CaptureOptions>] = [
        .value(
            "to", nil, \.target, .captureTarget, "Write to stdout (default), topics, or a file.",
            details: """
                A file is continued behind its last whole transaction; what it holds is kept in \
                FILE.position beside it.
                """),
        .value(
            "format", nil, \.format, .envelopeFormat, "Write changes as ENVELOPE.",
            details: """
                    debezium  before, after, source, op; the default
                    avro      the same in Avro, in topics with a schema registry
                    flat      action, table, keys, columns, changes, metadata: for jq
                    maxwell   Maxwell's lines
                    wal2json  wal2json's lines of format version 2
                    sql       statements that replay in another database
                    csv       with a line of names
                    none      nothing, for measuring

                Avro's keys and values are those of Debezium with Confluent's converter: the \
                schemas are registered for `TOPIC-key` and `TOPIC-value` at \
                {property} `schema.registry.url`, before the first record that has them. Decimals \
                are strings, or Avro's decimals with `decimal.handling.mode=precise`; names that \
                Avro does not take have `_` in them; what an update did not touch and the stream \
                does not carry is `__debezium_unavailable_value` and is named in `unavailable`. \
                To a file or stdout it is an Avro object container file, which has one schema: the \
                changes of one table, until its columns change.
                """),
        .toggle(
            "schemas", nil, \.hasSchemas, "Put Debezium's schema block beside each payload."),
        .toggle(
            "schema-changes", nil, \.writesSchemaChanges,
            "Write an event where a table's columns are new.",
            details: """
                Before the first row of a table and where its columns differ from those before, \
                with the number of the version; in topics in `PREFIX`.
                """),
        .toggle(
            "ddl", nil, \.capturesStatements,
            "Write an event of each statement that changes the schema.",
            details: """
                With its text, in the order of the commits; in topics in `PREFIX`. Event triggers \
                of the database write them into its log, which only a superuser may make: they go \
                with a temporary slot, or by --slots --drop. Needs PostgreSQL 14.
                """),
        .value(
            "outbox", nil, \.outbox, .nonEmpty("TABLE"),
            "Make messages of the rows inserted into TABLE.",
            details: """
                As Debezium's event router: a row is a record of the topic \
                `outbox.event.AGGREGATETYPE` with the key `aggregateid`, the value `payload` and \
                the header `id`; {property} `route.by.field`, `route.topic.replacement`, \
                `table.field.event.key` and their like name others. Deletes are passed over. To \
                stdout it is a line for `rtd produce -J`.
                """),
        .value(
            "metrics", nil, \.metrics, .metricsAddress,
            "Answer Prometheus at http://HOST:PORT/metrics.",
            details: """
                The numbers of the progress line: rows of the snapshot, changes, positions, the \
                lag in bytes and seconds. Port 0 picks one and says which.
                """),
        .toggle(
            "insecure-listen", nil, \.allowsInsecureListening,
            "Let other machines reach the address of --metrics."),
        .value(
            "topic-prefix", nil, \.topicPrefix, .nonEmpty("PREFIX"),
            "Name topics and slot by PREFIX (default the database)."),
        .value(
            "partitions", nil, \.partitions, .integer("COUNT", in: 1...100_000),
            "Create missing topics with COUNT partitions (default 1)."),
        .list(
            "property", "X", \.properties, .captureProperty,
            "Set a property of Debezium's or of a Kafka client.",
            details: """
                May be repeated. Of Debezium's these have an effect: `decimal.handling.mode` \
                (number: the default, exact digits; precise, double, string), \
                `time.precision.mode`, `binary.handling.mode`, `interval.handling.mode`, \
                `hstore.handling.mode`, `unavailable.value.placeholder`, `tombstones.on.delete`, \
                `skipped.operations`, `provide.transaction.metadata`, `schemas.enable`, \
                `include.schema.changes`, `snapshot.mode`, `table.include.list` and \
                `table.exclude.list`, those of schemas and columns, `message.key.columns`, \
                `message.prefix.include.list`, `column.truncate.to.N.chars`, \
                `column.mask.with.N.chars`, `column.mask.hash.SHA-256.with.salt.SALT`, \
                `slot.name`, `publication.name`, those of the event router; \
                `json.handling.mode=string` makes json a string in flat lines. Of a schema \
                registry's: `schema.registry.url` (http or https, several with commas between \
                them, `user:password@` in front of the host), `basic.auth.user.info` in a file \
                for {property-file}, `auto.register.schemas`, `schema.registry.ssl.ca.location`.
                """),
    ]

    private static let jobs: [Flag<CaptureOptions>] = [
        .choosing(
            "check", nil, .check, \.job, "Say what will go wrong, and capture nothing.",
            details: "The status is 1 if something stands in the way."
        ).exclusive("job"),
        .choosing(
            "verify", nil, .verify, \.job, "Compare the tables with their topics.",
            details: """
                Both are read at one position of the database's log, with the tables, masks, \
                prefix and properties that are given, which must be those of the capture. Prints \
                rows and a checksum for each table, and keys that differ; the status is 1 if \
                any do.
                """
        ).exclusive("job"),
        .value(
            "memory", nil, \.memory, .quantity("SIZE", in: 4_096...Int.max),
            "With --verify: hold at most SIZE of rows at once (256 MiB).",
            details: """
                What is more is compared in several passes, each over a share of the keys and in a \
                snapshot of its own.
                """),
        .choosing(
            "slots", nil, .slots, \.job, "List the server's slots and the log they keep."
        ).exclusive("job"),
        .choosing(
            "request", nil, .request, \.job,
            "With --backfill: ask the capture that runs, and end.",
            details: "The request goes through the database's log to the capture of the slot."
        ).exclusive("job"),
        .choosing(
            "cancel", nil, .cancel, \.job,
            "With --backfill: have the capture give that one up, and end.",
            details: "Without a condition all of the table's."
        ).exclusive("job"),
        .choosing(
            "pause", nil, .pause, \.job, "Have the capture's backfills rest.",
            details: "Until {resume}, or the next start. Changes go on."
        ).exclusive("job"),
        .choosing(
            "resume", nil, .resume, \.job, "Have the capture's backfills go on."
        ).exclusive("job"),
        .value(
            "emit", nil, \.emittedPrefix, .nonEmpty("PREFIX"),
            "Write lines of stdin as logical messages into the database.",
            details: """
                Each is a transaction with one message of the prefix (`pg_logical_emit_message`), \
                which captures give as an `m` event where it stands among the changes. Needs \
                PostgreSQL 14.
                """),
        .value(
            "drop", nil, \.droppedSlot, .nonEmpty("NAME"),
            "With --slots: drop the slot NAME, and its publication."),
    ]
}
