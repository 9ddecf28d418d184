import ArgumentParsing

/// Which cluster a command talks to and how patiently: the options that produce, consume, query
/// and bench share.
struct ConnectionOptions: Sendable, Equatable {
    var brokers: [HostPort]?
    var data: String?
    /// In the order typed; they win over those of `propertyFiles`.
    var properties: [PropertyAssignment] = []
    var propertyFiles: [String] = []
    var retry: Duration?
    /// The command has a use for the properties of a schema registry.
    var usesRegistry = false

    /// Where the records are.
    enum Target: Sendable, Equatable {
        case brokers([HostPort])
        /// nil: the default directory of this user.
        case directory(String?)
    }

    /// The first that is given of: `--broker` (or `bootstrap.servers`), `--data`, `$RTD_BROKER`,
    /// `$RTD_DATA`; else the default directory. `properties` are those of `clientProperties`.
    func target(
        properties: ClientProperties, environment: (String) -> String?
    ) throws(UsageError) -> Target {
        if let brokers { return .brokers(brokers) }
        if let data { return .directory(data) }
        if let brokers = properties.brokers { return .brokers(brokers) }
        if let text = environment("RTD_BROKER"), !text.isEmpty {
            do {
                return .brokers(try ValueParser.brokers.parse(text))
            } catch {
                throw UsageError("RTD_BROKER \(error.message)")
            }
        }
        if let directory = environment("RTD_DATA"), !directory.isEmpty {
            return .directory(directory)
        }
        return .directory(nil)
    }

    /// What `-F` and `-X` say together; `files` are the contents of `propertyFiles`, in order.
    func clientProperties(
        files: [(name: String, text: String)] = []
    ) throws(UsageError) -> ClientProperties {
        var result = ClientProperties()
        for file in files {
            for (line, assignment) in try PropertyAssignment.list(inFile: file.text, file.name) {
                do {
                    try result.set(assignment)
                } catch {
                    throw UsageError("\(file.name) line \(line): \(error.message)")
                }
            }
        }
        for assignment in properties {
            do {
                try result.set(assignment)
            } catch {
                throw UsageError("-X \(error.message)")
            }
        }
        return result
    }

    static let group = FlagGroup<ConnectionOptions>("Connection", flags)
    /// For a command whose `-X` takes more than the properties of Kafka's clients.
    static let groupWithoutProperty = FlagGroup<ConnectionOptions>(
        "Connection", flags.filter { $0.documentation.long != "property" })

    private static let flags: [Flag<ConnectionOptions>] = [
        .value(
            "broker", "b", \.brokers, .brokers, "Talk to this Kafka cluster.",
            details: """
                Several addresses with commas between them are tried in order. An empty host is \
                127.0.0.1, a missing port is 9092. Any Kafka-compatible cluster will do. Without \
                {broker} and {data}, `$RTD_BROKER` is used, then `$RTD_DATA`, then the default \
                directory.
                """
        ).aliases("brokers", "bootstrap-server").exclusive("cluster"),
        .value(
            "data", nil, \.data, .directory, "Use the data directory DIR of this machine.",
            details: """
                Its server is started when none runs, and leaves again when idle; \
                `RTD_AUTOSTART=0` forbids that.
                """
        ).exclusive("cluster"),
        .value(
            "retry", nil, \.retry, .duration, "Keep trying so long to reach a broker at first.",
            details: """
                Without it a refused first contact ends the command with status 1. A connection \
                that is lost later is retried in any case, for `delivery.timeout.ms`.
                """),
        .list(
            "property", "X", \.properties, .clientProperty,
            "Set a client property of Kafka or librdkafka.",
            details: """
                May be repeated. Durations are in milliseconds and sizes in bytes, as these \
                clients have them. A property that has no meaning here is accepted; one that \
                neither client knows is an error. An option of the command wins over a property.
                """),
        .list(
            "property-file", "F", \.propertyFiles, .file, "Read client properties from FILE.",
            details: """
                Lines `key=value`; `#` begins a comment. A configuration file of kcat or of \
                Kafka's own tools will do, with Java's `key: value`, escapes and lines that go on \
                after a backslash. Properties of a schema registry and of other programs that \
                share such a file are passed over with a warning. {property} wins over it.
                """
        ).aliases("command-config"),
    ]
}

extension FlagGroup {
    /// The same group for a command whose options contain `Inner`.
    static func within<Inner>(
        _ path: any WritableKeyPath<Options, Inner> & Sendable, _ group: FlagGroup<Inner>
    ) -> FlagGroup {
        FlagGroup(group.title, group.flags.map { $0.within(path) })
    }
}
