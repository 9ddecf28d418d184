import ArgumentParsing

extension BenchOptions {
    static let command = Command(
        documentation, initial: BenchOptions(), groups: groups, finish: finish)

    private static let documentation = CommandDocumentation(
        name: "bench",
        summary: "measure a broker, or this machine under it",
        synopsis: ["[OPTION...] WORKLOAD [QUERY...]"],
        description: """
            Measures throughput and latency. Without {broker} a private server is started on a \
            new directory in the file system of the data directory, and both are removed \
            afterwards; with it, topics named `rtd-bench-` and an id are made and deleted.

                produce    producers send as fast as they can, or at the rate given
                consume    consumers read what was sent before
                e2e        both at once; latency from sending to reading
                mixed      producers beside consumers that read what was sent before
                storage    the log without a network
                query      SQL over web events in JSON lines
                nexmark    the queries of Nexmark, finite or with {endless}
                cdc        changes of the PostgreSQL database {source}

            With {rate} the latency of a record counts from the moment it was meant to be sent, \
            so a broker that falls behind does not look better. The line of \
            kafka-producer-perf-test comes first, then records a second for each core, CPU \
            seconds for each GB, memory, system calls that read or write for each 1,000 records \
            (sendfile is two), file system and durability.

            Queries run one after another, each in a process of its own whose results go nowhere: \
            rows out, seconds, CPU seconds, events for each CPU second and peak memory. Their \
            events, 2,000,000 or {count}, are the same for the same {seed}. With {live} rows come \
            through a pipe at a {rate}, and latencies are measured: of the first row from the \
            start of the process, of a row, and of a window from its end.

            Changes are made in a schema of its own, 200,000 rows or {count}, and drained from \
            copies of one slot: received only, which is what the server can give, received and \
            read, and made JSON. The server's CPU time is shown where its process is one of this \
            machine. Then commits at a {rate} (200 a second) are timed on their way to stdout and \
            to a reader of a topic, for 3 seconds or {duration}. Schema and slots are removed \
            afterwards.
            """,
        operands: [
            OperandDocumentation(
                "WORKLOAD", "What to measure.",
                completion: .choices(Workload.allCases.map(\.rawValue))),
            OperandDocumentation(
                "QUERY", "With query and nexmark: run these only, such as `group-by` or `q5`."),
        ],
        examples: [
            Example(
                "rtd bench produce --count 100k --size 100",
                "Sends 100,000 records of 100 bytes, each kept on the disk."),
            Example(
                "rtd bench e2e --rate 10k --duration 2s --json",
                "Measures latency at a steady rate; one JSON object."),
            Example(
                "rtd bench storage --floor --count 100k",
                "Prints what this machine can do at best with the same bytes."),
            Example(
                "rtd bench produce --count 10k --compare broker.example:9092",
                "Runs the same against rtd and another broker."),
            Example(
                "rtd bench produce --count 20k --sweep size=100,1k",
                "Runs it for both sizes, and prints a result for each."),
            Example(
                "rtd bench nexmark q0 q5 --count 100k",
                "Runs two of Nexmark's queries over 100,000 events."),
            Example(
                "rtd bench cdc --source postgres://localhost/shop --count 50k",
                "Measures how fast changes of a database come, and how soon.", needsDatabase: true),
            Example(
                "rtd bench nexmark --generate --count 10k --data-set nexmark",
                "Writes 10,000 events and the side input to a directory."),
        ],
        exitStatuses: [
            ManualTerms.closedOutput, ManualTerms.failed, ManualTerms.usage, ManualTerms.signalled,
        ],
        environment: ManualTerms.clientEnvironment, files: [ManualTerms.dataDirectory])

    private static let groups = [
        FlagGroup("Load", load), FlagGroup("Shape", shape), FlagGroup("Delivery", delivery),
        FlagGroup("Queries", queries), FlagGroup("Changes", changes),
        FlagGroup("Results", results),
        FlagGroup<BenchOptions>.within(\.connection, ConnectionOptions.group),
        FlagGroup<BenchOptions>.within(\.reporting, ReportingOptions.group),
    ]

    private static let load: [Flag<BenchOptions>] = [
        .value(
            "size", nil, \.size, .quantity("SIZE", in: 1...1 << 30),
            "Make each value SIZE bytes (default 100)."
        ).exclusive("payload"),
        .value(
            "payload-file", nil, \.payloadFile, .file, "Send the lines of FILE, over and over."
        ).exclusive("payload"),
        .value(
            "random-ratio", nil, \.randomRatio, .ratio,
            "Make RATIO of each value random bytes (default 0.5)."
        ),
        .value(
            "count", "c", \.count, .quantity("COUNT", in: 1...Int.max), "Send COUNT records."
        ).aliases("n", "num-records").exclusive("length"),
        .value("duration", nil, \.duration, .duration, "Send for DURATION (default 10s).")
            .exclusive("length"),
        .value(
            "rate", nil, \.rate, .quantity("RATE"),
            "Send RATE records a second (default 0, as many as possible).",
            details: """
                Latency then counts from the moment a record was meant to be sent. With nexmark: \
                events a second of event time (default 10k); with {live}: rows a second.
                """),
        .value(
            "warmup", nil, \.warmup, .duration, "Leave the first DURATION out of the figures."),
    ]

    private static let shape: [Flag<BenchOptions>] = [
        .value(
            "producers", nil, \.producers, .integer("COUNT", in: 1...1_000),
            "Run COUNT producers (default 1)."
        ),
        .value(
            "consumers", nil, \.consumers, .integer("COUNT", in: 1...1_000),
            "Run COUNT consumers (default 1)."
        ),
        .value(
            "topics", nil, \.topics, .integer("COUNT", in: 1...10_000),
            "Spread over COUNT topics (default 1)."),
        .value(
            "partitions", nil, \.partitions, .integer("COUNT", in: 1...100_000),
            "Give each topic COUNT partitions (default 1)."),
    ]

    private static let delivery: [Flag<BenchOptions>] = [
        .value("acks", nil, \.acks, .acks, "How much an acknowledgement promises (default all)."),
        .value("linger", nil, \.linger, .duration, "Wait so long for a batch to fill (default 0)."),
        .value(
            "batch-bytes", nil, \.batchBytes, .quantity("SIZE", in: 1...1 << 30),
            "Make batches of at most SIZE before compression."),
        .value(
            "compression", "z", \.compression, .choice("CODEC"),
            "Compress batches (default none)."),
        .toggle(
            "txn", nil, \.isTransactional,
            "Send in transactions; consumers read committed records.",
            details: "Latency then counts to the commit."),
        .value(
            "txn-every", nil, \.transactionSpan, .transactionSpan,
            "With {txn}: commit after so many records or so long.",
            details: "The default is 100ms."),
    ]

    private static let queries: [Flag<BenchOptions>] = [
        .value(
            "data-set", nil, \.dataSet, .directory,
            "Read the events in DIR; make them there when there are none.",
            details: "Without it they are made in a new directory and removed afterwards."),
        .toggle("generate", nil, \.onlyGenerates, "Only make the events."),
        .value(
            "seed", nil, \.seed, .integer("NUMBER", in: 0...Int.max),
            "Make the events from NUMBER (default 1)."),
        .toggle(
            "endless", nil, \.isEndless, "Run as over endless input: read a pipe as a stream."
        ).exclusive("live"),
        .toggle("live", nil, \.isLive, "With query: measure latencies at a steady rate.")
            .exclusive("live"),
    ]

    private static let changes: [Flag<BenchOptions>] = [
        .value(
            "source", nil, \.source, .nonEmpty("SOURCE"),
            "With cdc: the database, as rtd cdc takes it.",
            details:
                "It needs `wal_level = logical` and the right to replicate and to make a schema.")
    ]

    private static let results: [Flag<BenchOptions>] = [
        .value(
            "sweep", nil, \.sweep, .sweep, "Run once for each value, such as size=100,1k,64k.",
            details: """
                KEY is size, rate, producers, consumers, topics, partitions, batch-bytes, acks, \
                linger, compression or random-ratio, as the option of that name.
                """),
        .choosing("json", nil, .json, \.format, "Print the results as one JSON object.")
            .exclusive("format"),
        .choosing("csv", nil, .csv, \.format, "Print the results as CSV, a line a run.")
            .exclusive("format"),
        .value(
            "histogram-file", nil, \.histogramFile, .file,
            "Write the latencies to FILE, as HdrHistogram prints them."),
        .value(
            "compare", nil, \.compare, .brokers, "Run the same against this cluster, in turn."),
        .toggle(
            "floor", nil, \.measuresFloor,
            "With storage or consume: measure the machine itself.",
            details: """
                With storage: receives the same bytes, computes their CRC-32C, appends and syncs \
                them, with nothing around it. With consume: sends a file over loopback, by \
                sendfile and by reading and writing. It is what a broker can reach at best here.
                """),
    ]
}

extension ValueParser where Value == Double {
    /// A number from 0 to 1.
    static let ratio = ValueParser("RATIO") { text throws(UsageError) in
        guard let value = Double(text), (0...1).contains(value) else {
            throw UsageError("wants a number from 0 to 1, not \"\(text)\"")
        }
        return value
    }
}
