import ArgumentParsing

extension ConsumeOptions {
    static let command = Command(
        documentation, initial: ConsumeOptions(), groups: groups, finish: finish)

    private static let documentation = CommandDocumentation(
        name: "consume",
        summary: "print the records of topics",
        synopsis: ["[OPTION...] TOPIC...", "[OPTION...] -r REGEX"],
        description: """
            Prints the values of the records, one a line, from the beginning of the topics on, \
            and then goes on with what arrives. {exit-at-end} ends where the topics end when the \
            command starts. With {group} it begins at the committed offset and commits what has \
            been written to stdout.

            Records of one partition come in their order. Over several partitions {exit-at-end} \
            merges by timestamp; otherwise they come as they arrive.

            When the reader of stdout leaves, as in `rtd consume t | head -1`, the command ends \
            at once with status 0, on a quiet topic too. A topic that does not exist is not \
            created: it is an error, but see {wait}.
            """,
        operands: [
            OperandDocumentation(
                "TOPIC", "A topic to read.", completion: .topic, repeats: true)
        ],
        examples: [
            Example(
                "seq 5 | rtd produce numbers && rtd consume numbers -e -o -2",
                "Prints the last two records.", output: "4\n5\n"),
            Example(
                "rtd consume numbers -e -f '%p %o %v\\n' -c 2",
                "Prints partition, offset and value of the first two.",
                setup: "seq 5 | rtd produce numbers", output: "0 0 1\n0 1 2\n"),
            Example(
                "rtd consume numbers -g counting -e | wc -l",
                "Reads what the group has not read yet, and commits.",
                setup: "seq 5 | rtd produce numbers", output: "5\n"),
            Example(
                "rtd consume numbers -g odd -e --exec 'grep [13579]$ || test $? = 1' --to odds "
                    + "--txn odd && rtd consume odds -e",
                "Writes the odd numbers to another topic, each once, whatever is killed.",
                setup: "seq 5 | rtd produce numbers", output: "1\n3\n5\n"),
            Example(
                "rtd consume jobs -g workers --protocol share -e | sort -n | tail -1",
                "Takes what no other worker has taken, and says that it is done.",
                setup: "seq 5 | rtd produce jobs", output: "5\n"),
            Example(
                "rtd consume -r '^sensor' -e", "Prints what all topics hold whose names begin so.",
                setup: "echo 20 | rtd produce sensor-1 && echo 21 | rtd produce sensor-2",
                output: "20\n21\n"),
            Example(
                "rtd consume orders -J -o @-1h", "Prints the last hour as JSON and goes on.",
                setup: "echo 1 | rtd produce orders", isEndless: true),
            Example(
                "rtd consume -b broker.example:9092 orders --wait --timeout 1s -e",
                "Reads from another cluster, waiting for the topic.",
                setup: "echo 1 | rtd produce -b broker.example:9092 orders", output: "1\n"),
        ],
        exitStatuses: [
            ManualTerms.closedOutput, ManualTerms.failed, ManualTerms.usage, ManualTerms.rejected,
            ManualTerms.idle, ManualTerms.signalled,
        ],
        environment: ManualTerms.clientEnvironment, files: ManualTerms.files)

    private static let groups = [
        FlagGroup("Reading", reading), FlagGroup("Output", output),
        FlagGroup("Commands", commands),
        FlagGroup<ConsumeOptions>.within(\.connection, ConnectionOptions.group),
        FlagGroup<ConsumeOptions>.within(\.reporting, ReportingOptions.group),
    ]

    private static let reading: [Flag<ConsumeOptions>] = [
        .list("topic", "t", \.topicOptions, .topic, "Read TOPIC; may be repeated."),
        .list(
            "regex", "r", \.patterns.texts, .topicPattern,
            "Read the topics that REGEX matches, later ones too.",
            details: """
                May be repeated, and topics named beside it. REGEX is one of SQL's `~`, found \
                anywhere in a name unless `^` and `$` say otherwise. While the command follows, \
                topics that are made later join within five seconds, from their beginning, and \
                deleted ones leave. The cluster's own topics are never matched.
                """
        ).aliases("include"),
        .list(
            "offset", "o", \.offsetParts, .offset, "Begin there, and end there where a range.",
            details: """
                    beginning        the first record; also start, earliest
                    end              what arrives from now on; also latest
                    stored           the committed offset of the group
                    N                offset N
                    -N, +N           N records before the end, after the beginning
                    A:B  :B          from A up to, not including, B (also :end)
                    @TIME            the first record at or after TIME
                    @TIME:TIME       from one time up to another, or to end
                    s@MS e@MS        kcat's two ends of a time span, in two options

                TIME is milliseconds since 1970, or seconds with up to ten digits, a date, an \
                ISO 8601 time (UTC unless it says otherwise) or a time ago, as `-48h`. After the \
                colon `1h` means an hour later. A range ends the command at its end. With \
                {group} it says where to begin when no offset is committed.
                """),
        .choosing(
            "exit-at-end", "e", .exit, \.atEnd, "End where the topics end now.",
            details: "The ends are looked up once, at the start. An empty topic ends at once."
        ).exclusive("end"),
        .choosing("follow", nil, .follow, \.atEnd, "Go on with what arrives; the default.")
            .exclusive("end"),
        .lists(
            "partition", "p", \.partitions,
            .list(of: .integer("PARTITION", in: 0...Int(Int32.max)), named: "PARTITION,..."),
            "Read only these partitions."
        ).exclusive("assignment"),
        .value(
            "group", "g", \.group, .nonEmpty("GROUP"), "Share the topics with the group's members.",
            details: """
                Offsets are committed for what has been written to stdout, and when the command \
                ends. `auto.offset.reset` and {offset} say where to begin without one. The \
                property `group.id` names the group as well, unless {partition} or {offset} says \
                what to read now (`stored` needs the group); {group} wins over it.
                """
        ).aliases("G").exclusive("assignment"),
        .value(
            "protocol", nil, \.groupProtocol, .choice("PROTOCOL"),
            "How the group's members share its topics.",
            details: """
                    classic   a member shares them out; the default
                    consumer  the server does (KIP-848), moving only what has to move
                    share     records are shared, not partitions (KIP-932)

                Members of the first two may be in one group. A share group may have more members \
                than there are partitions, see {ack}; {exit-at-end} ends when no record is to be \
                had. Only with {group}.
                """),
        .value(
            "ack", nil, \.acknowledgement, .choice("VERDICT"),
            "What becomes of a share group's records once printed.",
            details: """
                    accept   they are done; the default
                    release  they are handed out again, to whoever asks
                    reject   they are done with, though nobody could use them

                A record that nobody accepts is handed out up to five times \
                (`share.delivery.count.limit`).
                """),
        .value(
            "count", "c", \.count, .quantity("COUNT", in: 1...Int.max), "End after COUNT records."
        ).aliases("n"),
        .value(
            "timeout", nil, \.timeout, .duration,
            "End with status 4 when no record has come for DURATION."),
        .toggle("wait", nil, \.waitsForTopic, "Wait for a topic that does not exist yet."),
        .toggle(
            "explain", nil, \.explains, "Print from where to where it would read, and end.",
            details: """
                A line for each partition: the first offset, the one before which it ends, and \
                what the log has. With {json} as objects. Nothing is read or committed, and no \
                group is joined.
                """),
        .value(
            "isolation", nil, \.isolation, .choice("LEVEL"),
            "Which records of transactions to show.",
            details: """
                    read_committed    those of committed transactions; the default
                    read_uncommitted  all

                The first waits at an open transaction. A share group has its own level, \
                `share.isolation.level` (all, unless it is set).
                """),
        .value(
            "on-error", nil, \.errorPolicy, .choice("ACTION"),
            "At a damaged batch end (fail, the default) or go on (skip).",
            details: "What was skipped is counted on stderr and makes the status 3."),
    ]

    private static let commands: [Flag<ConsumeOptions>] = [
        .value(
            "exec", nil, \.command, .nonEmpty("COMMAND"),
            "Give records to COMMAND and write what it prints, exactly once.",
            details: """
                Records are read in turns. For each a shell runs COMMAND with the records on its \
                stdin, as they would be printed; what it prints is written to the topic of {to}, \
                as `rtd produce` reads it (JSON with {json}, keys with {key-delimiter}), together \
                with the offsets of the group, in one transaction. If COMMAND fails nothing of the \
                turn counts, and the command ends; the next start reads the same records again. \
                Whatever is killed, readers of committed records see each turn once.
                """),
        .value("to", nil, \.targetTopic, .topic, "With {exec}: write to TOPIC, made if missing."),
        .value(
            "txn", nil, \.transactionalID, .nonEmpty("ID"),
            "With {exec}: the transactional id, one for each process.",
            details: "A later process of the same ID fences this one."),
        .value(
            "txn-every", nil, \.transactionSpan, .transactionSpan,
            "With {exec}: run it for so many records at least, or so long.",
            details: """
                The default is 1s. Batches are not cut, and a turn ends where nothing more is to \
                come or 16 MiB have.
                """),
    ]

    private static let output: [Flag<ConsumeOptions>] = [
        .value(
            "format", nil, \.format, .choice("FORMAT"), "Print records as FORMAT.",
            details: """
                    lines            the value and a newline; the default
                    json             as -J
                    raw              as --raw
                    length-prefixed  as --length-prefixed
                """
        ).exclusive("format"),
        .choosing(
            "json", "J", .json, \.format, "Print a JSON object a record.",
            details: """
                Its members are `topic`, `partition`, `offset`, `timestamp` (milliseconds since \
                1970), `key`, `value` and `headers` (pairs of name and value). What is not UTF-8 \
                is in `key_b64` and `value_b64`, or `{"b64":"..."}` in a header. `rtd produce -J` \
                reads it and nothing is lost.
                """
        ).exclusive("format"),
        .value(
            "template", "f", \.template, .template,
            "Print each record by a template such as '%k %v\\n'.",
            details: """
                    %t %p %o         topic, partition, offset
                    %k %v (or %s)    key, value
                    %K %V (or %S)    their length in bytes; -1 for null
                    %T               timestamp in milliseconds
                    %h               headers as name=value,name=value
                    %H               how many headers
                    %d{FORMAT}       timestamp by strftime, in UTC
                    %e %x %y %i      leader epoch, producer id and epoch, number from 1
                    %R               length of the value in four bytes, high one first
                    %a{ATTRIBUTE}    compression, timestamp-type,
                                     transactional-bit, control-bit
                    %k{hex} %v{hex} %k{base64} %v{base64}
                    %%               a percent sign
                    \\n \\r \\t \\0 \\xNN

                Nothing is added between records.
                """
        ).exclusive("format"),
        .choosing("raw", nil, .raw, \.format, "Print values with nothing between them.")
            .exclusive("format"),
        .choosing(
            "length-prefixed", nil, .lengthPrefixed, \.format,
            "Print each value after its length.",
            details: "The length is four bytes, the highest first; -1 stands for null."
        ).exclusive("format"),
        .value(
            "delimiter", "D", \.delimiter, .delimiter, "End records with DELIMITER.",
            details: "The escapes `\\n \\r \\t \\0 \\\\ \\xNN` are understood."
        ).exclusive("delimiter"),
        .choosing(
            "zero-terminated", "0", [0], \.delimiter, "End records with a zero byte, for xargs -0."
        ).exclusive("delimiter"),
        .value(
            "key-delimiter", "K", \.keyDelimiter, .delimiter,
            "Print the key and DELIMITER before the value."),
        .toggle(
            "headers", nil, \.printsHeaders, "Print the headers and a tab before each line.",
            details: "As `name=value,name=value`."),
        .toggle("show-null", "Z", \.printsNulls, "Print NULL for a null key or value."),
        .toggle(
            "json-value", nil, \.nestsJSONValues, "With -J: print a JSON value as it is.",
            details: """
                Without the quotes of a string around it. Spaces and the order of bytes may not \
                survive a round trip.
                """),
        .toggle(
            "unbuffered", "u", \.isUnbuffered, "Write each record by itself.",
            details: "Not needed to see a record at once: output never waits for more to come."),
    ]
}
