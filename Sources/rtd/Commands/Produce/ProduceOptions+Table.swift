import ArgumentParsing

extension ProduceOptions {
    static let command = Command(
        documentation, initial: ProduceOptions(), groups: groups, finish: finish)

    private static let documentation = CommandDocumentation(
        name: "produce",
        summary: "send lines, JSON, CSV or framed records to a topic",
        synopsis: ["[OPTION...] TOPIC [FILE...]", "[OPTION...] -t TOPIC [FILE...]"],
        description: """
            Reads records from the files, or from stdin, and sends them to the topic. Each line \
            is a record, the empty one too; the last needs no newline. A topic that does not \
            exist is created, with one partition, so that a pipe keeps its order.

            Records are sent as they arrive: a slow pipe is not held back to fill a batch. The \
            command ends with status 0 only when every record was acknowledged; otherwise stderr \
            says how many were and where in the input the first failure is.

            A record with a key goes to the partition that Kafka's own clients would choose \
            (murmur2); without one, to any, a batch at a time.
            """,
        operands: [
            OperandDocumentation("TOPIC", "The topic to send to.", completion: .topic),
            OperandDocumentation(
                "FILE", "What to send; `-` is stdin.", completion: .file, repeats: true),
        ],
        examples: [
            Example(
                "printf 'a\\n\\nb' | rtd produce demo && rtd consume demo -e",
                "Lines become records, the empty one too.", output: "a\n\nb\n"),
            Example(
                "printf 'u1:login\\nu2:logout\\n' | rtd produce -K : events",
                "Sends each line's part before the colon as the key."),
            Example(
                "rtd produce -m hello -k greeting -H lang=en words && rtd consume -J words -e"
                    + " | cut -d, -f5-",
                "Sends one record with a key and a header.",
                output: """
                    "key":"greeting","value":"hello","headers":[["lang","en"]]}

                    """),
            Example(
                "rtd consume -J old -e | rtd produce -J new",
                "Copies a topic with keys, nulls, headers and timestamps.",
                setup: "echo x | rtd produce old"),
            Example(
                "seq 1000 | rtd produce -b broker.example:9092 -z zstd --acks all numbers",
                "Sends to another Kafka cluster."),
        ],
        exitStatuses: [
            Definition("0", "Every record was acknowledged."), ManualTerms.failed,
            ManualTerms.usage, ManualTerms.rejected, ManualTerms.idle, ManualTerms.signalled,
        ],
        environment: ManualTerms.clientEnvironment, files: ManualTerms.files)

    private static let groups = [
        FlagGroup("Input", input), FlagGroup("Records", records), FlagGroup("Delivery", delivery),
        FlagGroup("Course", course),
        FlagGroup<ProduceOptions>.within(\.connection, ConnectionOptions.group),
        FlagGroup<ProduceOptions>.within(\.reporting, ReportingOptions.group),
    ]

    private static let input: [Flag<ProduceOptions>] = [
        .value(
            "topic", "t", \.topicOption, .topic,
            "Send to TOPIC; then every operand is a file."),
        .value(
            "format", nil, \.format, .choice("FORMAT"), "Read the input as FORMAT.",
            details: """
                    lines            a record a line; the default
                    json             as -J
                    csv              the first line names the columns, each further
                                     one becomes a JSON object
                    length-prefixed  as --length-prefixed
                """
        ).exclusive("format"),
        .choosing(
            "json", "J", .json, \.format, "Read records as JSON, as consume -J prints them.",
            details: """
                One object after another with the members `key`, `value`, `headers` and \
                `timestamp`, each optional, bytes that are not UTF-8 as `key_b64` and \
                `value_b64`. kcat's `payload`, `ts` and flat headers are understood. `topic`, \
                `partition` and `offset` are passed over, but see {keep-partition}; an unknown \
                member is an error.
                """
        ).exclusive("format"),
        .choosing("lines", "l", .lines, \.format, "Read a record a line; the default.")
            .exclusive("format"),
        .choosing(
            "length-prefixed", nil, .lengthPrefixed, \.format,
            "Read records that follow their length.",
            details: "The length of the value is four bytes, the highest first."
        ).exclusive("format"),
        .value(
            "template", "f", \.template, .template,
            "Read each record by a template such as '%k %v\\n'.",
            details: """
                The template of `rtd consume -f`, read backwards: `%k` is the key, `%v` or `%s` \
                the value, `%T` the timestamp, `%h` the headers, anything else must stand in the \
                input as it stands in the template.
                """
        ).exclusive("format"),
        .value(
            "delimiter", "D", \.delimiter, .delimiter, "End records at DELIMITER, not at newlines.",
            details: "The escapes `\\n \\r \\t \\0 \\\\ \\xNN` are understood."
        ).exclusive("delimiter"),
        .choosing(
            "zero-terminated", "0", [0], \.delimiter, "End records at a zero byte."
        ).exclusive("delimiter"),
        .value(
            "key-delimiter", "K", \.keyDelimiter, .delimiter,
            "Cut each record there: the key comes first.",
            details: "A record without it has no key."),
        .value(
            "key-json-path", nil, \.keyJSONPath, .nonEmpty("PATH"),
            "Take the key from the JSON value, such as .user.id."),
        .toggle(
            "json-value", nil, \.takesJSONValues,
            "With -J: a value may be any JSON, sent as its text.",
            details: "The counterpart of `rtd consume --json-value`."),
        .toggle("skip-empty", nil, \.skipsEmpty, "Send no record for an empty line."),
        .value(
            "max-line", nil, \.lineBytesMax, .quantity("SIZE", in: 1...1 << 30),
            "Refuse a record longer than SIZE.",
            details: "The default is the greatest that the topic takes."),
        .list(
            "message", "m", \.messages, .text("TEXT"), "Send TEXT instead of reading input.",
            details: "May be repeated: a record each."),
    ]

    private static let records: [Flag<ProduceOptions>] = [
        .value("key", "k", \.key, .text("KEY"), "Give every record KEY, unless it brings its own."),
        .list(
            "header", "H", \.headers, .header, "Give every record this header; may be repeated.",
            details: "`NAME:VALUE` does as well; a `NAME` alone has the value null."),
        .toggle(
            "empty-as-null", "Z", \.sendsEmptyAsNull, "Send an empty value or key as null.",
            details: "A null value is a tombstone: compaction deletes what its key had."),
        .value(
            "partition", "p", \.partition, .integer("PARTITION", in: -1...Int(Int32.max)),
            "Send everything to PARTITION; -1 to any, whatever the key."),
        .toggle(
            "keep-partition", nil, \.keepsPartition,
            "With -J: send each record to the partition it names."),
    ]

    private static let delivery: [Flag<ProduceOptions>] = [
        .value(
            "partitions", nil, \.partitions, .integer("COUNT", in: 1...100_000),
            "Create a missing topic with COUNT partitions (default 1)."),
        .value(
            "acks", nil, \.acks, .acks, "How much an acknowledgement promises (default all).",
            details: """
                    all   kept, whatever happens to process or power
                    1     written by the leader, not yet on the disk
                    0     none is waited for, so a loss goes unnoticed
                """),
        .negatable(
            "idempotent", \.isIdempotent, "Send so that a retry makes no duplicate; the default.",
            details: "It needs {acks} `all`."),
        .value(
            "txn", nil, \.transactionalID, .nonEmpty("ID"),
            "Send everything in a transaction: all of it counts, or nothing.",
            details: """
                It is committed at the end of the input, and aborted by a signal, by bad input or \
                when a record cannot be delivered. Readers of committed records (`rtd consume` \
                is one) see nothing of it before. ID is the transactional id: a later producer of \
                the same ID fences this one.
                """),
        .value(
            "txn-every", nil, \.transactionSpan, .transactionSpan,
            "With {txn}: commit after so many records, or so long.",
            details: "The next transaction begins there; an abort takes back the last one only."),
        .value(
            "linger", nil, \.linger, .duration, "Wait so long for a batch to fill.",
            details: "Without it a batch leaves when the input pauses."),
        .value(
            "batch-bytes", nil, \.batchBytes, .quantity("SIZE", in: 1...1 << 30),
            "Make batches of at most SIZE before compression."),
        .value(
            "compression", "z", \.compression, .choice("CODEC"),
            "Compress batches (default none)."),
    ]

    private static let course: [Flag<ProduceOptions>] = [
        .value(
            "count", "c", \.count, .quantity("COUNT", in: 1...Int.max), "End after COUNT records."
        ).aliases("n"),
        .value(
            "timeout", nil, \.timeout, .duration,
            "End with status 4 when no record has come for DURATION."),
        .value(
            "on-error", nil, \.errorPolicy, .choice("ACTION"),
            "At a bad record end (fail, the default) or go on (skip).",
            details: "What was skipped is counted on stderr and makes the status 3."),
        .choosing(
            "tee", "T", .tee, \.echo, "Copy the records to stdout as they are sent.",
            details: "When the reader of stdout leaves, the records are sent on without the copy."
        ).exclusive("echo"),
        .choosing(
            "report", nil, .report, \.echo, "Print partition and offset of each record.",
            details: "A JSON line when it is acknowledged."
        ).exclusive("echo"),
        .toggle(
            "dry-run", nil, \.isDryRun, "Send nothing; print what would be sent.",
            details: "One JSON line a record, as `rtd consume -J` prints it, without an offset."
        ).exclusive("dry"),
        .toggle(
            "unbuffered", "u", \.isUnbuffered, "Send each record by itself.",
            details: "Not needed to send a record at once: input that pauses holds nothing back."),
        .toggle(
            "explain", nil, \.explains, "Send nothing; tell which partition would get how much.",
            details: """
                A line for each partition, with its records and the bytes of their keys, values \
                and headers. The topic is looked at and not made. Records without a key go to any \
                partition.
                """
        ).exclusive("dry"),
    ]
}
