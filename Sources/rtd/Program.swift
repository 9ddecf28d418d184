import ArgumentParsing

/// The program as its pages describe it. Built only when help or a page is asked for.
enum Program {
    static let name = "rtd"
    static let version = "0.1.0"

    static let documentation = ProgramDocumentation(
        name: name,
        summary: "an event log that speaks Kafka, in one executable",
        description: """
            `rtd` keeps streams of records and serves them to Kafka clients of any language. It \
            is one executable that needs nothing else: a whole log on a laptop or in CI, pipes \
            from and to the shell, and the benchmark that measures it.

            A directory of data has one owner, a server. Commands reach it through a socket of \
            this user; when none runs, they start one, and it leaves when idle. So \
            `rtd produce` and `rtd consume` work at once, without any set-up. With \
            `--broker HOST:PORT` the same commands work against any Kafka cluster.

            stdout carries data only. What is for people goes to stderr, a line a message, \
            beginning with `rtd:`. Options may follow operands; `--key=value` and `--key value` \
            are the same; `--` ends the options; `-` is stdin or stdout. Quantities take `k`, \
            `M`, `G` (powers of 1000) and `KiB`, `MiB`, `GiB` (of 1024); durations need a unit, \
            as in `500ms`, `5s`, `2m`, `1h`, `1d`.
            """,
        commands: [
            ServeOptions.command.documentation, ProduceOptions.command.documentation,
            ConsumeOptions.command.documentation, QueryOptions.command.documentation,
            CaptureOptions.command.documentation, BenchOptions.command.documentation,
        ],
        examples: [
            Example(
                "printf 'hello\\n' | rtd produce demo && rtd consume demo -e",
                "Keeps a line and prints it.", output: "hello\n"),
            Example(
                "seq 100000 | rtd produce s && rtd consume s -e | cmp - <(seq 100000)",
                "What goes in comes out, in its order."),
        ],
        exitStatuses: [
            ManualTerms.done, ManualTerms.failed, ManualTerms.usage, ManualTerms.rejected,
            ManualTerms.idle, ManualTerms.signalled,
        ],
        environment: ManualTerms.clientEnvironment, files: ManualTerms.files)

    /// The commands by name, for the error that suggests one.
    static let commandNames = ["serve", "produce", "consume", "query", "cdc", "bench", "help"]
}
