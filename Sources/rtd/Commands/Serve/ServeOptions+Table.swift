import ArgumentParsing

extension ServeOptions {
    static let command = Command(
        documentation, initial: ServeOptions(), groups: groups, finish: finish)

    private static let documentation = CommandDocumentation(
        name: "serve",
        summary: "run the event log in one process",
        synopsis: ["[OPTION...]"],
        description: """
            Serves the topics of a data directory to Kafka clients until it is told to stop. \
            Clients of any language connect to {kafka}; the other commands of this user need no \
            address: they find the server through its directory, and take over from a server \
            that was started on demand.

            What was acknowledged with `acks=all` is on the disk. SIGTERM and SIGINT let the \
            requests under way finish and end the server with status 0.

            At start stderr says where it listens, and the `export` line that other shells need \
            when the directory is not the default one.
            """,
        operands: [],
        examples: [
            Example(
                "rtd serve", "Serves the default directory on 127.0.0.1:9092.", isEndless: true),
            Example(
                "rtd serve --ephemeral --kafka :0 --port-file ports",
                "Serves from memory on a free port, which is then in the file; for tests.",
                isEndless: true),
            Example(
                "rtd serve --detach && rtd serve --status && rtd serve --stop",
                "Starts a server, returns when it is ready, describes it, and stops it."),
            Example(
                "printf 'a password\\n' | rtd serve --add-user alice --password-file -"
                    + " && rtd serve --users",
                "Makes a user, and lists those there are."),
            Example(
                "rtd serve --check",
                "Verifies every batch of the directory, which no server may be using.",
                setup: "echo hello | rtd produce greetings && rtd serve --stop"),
        ],
        exitStatuses: [
            Definition("0", "It was told to stop and has drained, or the job was done."),
            Definition("1", "It could not serve, or `--check` found damage."),
            Definition("2", "The command line is wrong, or `--check` found the directory in use."),
        ],
        environment: [
            ManualTerms.data, ManualTerms.idleTime,
            Definition("RTD_SASL_PASSWORD", "The password of `--add-user` when no file has it."),
            ManualTerms.noColor,
        ],
        files: ManualTerms.files)

    private static let groups = [
        FlagGroup("Listening", listening), FlagGroup("Security", securing),
        FlagGroup("Data", storing), FlagGroup("Jobs", jobs),
        FlagGroup<ServeOptions>.within(\.reporting, ReportingOptions.groupWithoutProgress),
    ]

    private static let listening: [Flag<ServeOptions>] = [
        .value(
            "kafka", nil, \.kafka, .listener, "Listen there for Kafka clients.",
            details: """
                Without it: 127.0.0.1:9092 and the same port of ::1. Port 0 lets the kernel \
                choose one, see {port-file}; `none` opens no port. A port that is taken is an \
                error.
                """),
        .value(
            "advertise", nil, \.advertise, .address, "Tell clients to connect to this address.",
            details: """
                Kafka clients connect again to the address that the server names. Without it \
                that is the one by which the client came in, so it is needed only behind a \
                translation of addresses. A client that cannot reach the address that is named \
                says so, and by whom.
                """),
        .toggle(
            "insecure-listen", nil, \.allowsInsecureListening,
            "Allow an address that other machines can reach.",
            details: """
                Such an address wants {auth} and {tls-certificate}. Without them whoever reaches \
                the port can read, write and delete everything; a warning says so at every start.
                """),
        .value(
            "port-file", nil, \.portFile, .file, "Write the addresses to FILE when ready.",
            details: """
                One line `name host:port` a listener, such as `kafka 127.0.0.1:41234`. The file \
                appears whole, when all of them accept connections.
                """),
    ]

    private static let securing: [Flag<ServeOptions>] = [
        .toggle(
            "auth", nil, \.asksForLogin, "Clients must log in with a name and a password.",
            details: """
                By SCRAM-SHA-256 or SCRAM-SHA-512, or by PLAIN over TLS and on this machine; \
                {property} `sasl.enabled.mechanisms=` allows fewer. {add-user} makes users. The \
                commands of this user reach the server through its directory and need no log-in.
                """),
        .value(
            "tls-certificate", nil, \.certificateFile, .file,
            "Speak TLS with the certificates in FILE, in PEM.",
            details: """
                The own certificate first, then those between it and the authority: \
                `rtd serve --kafka 0.0.0.0:9092 --auth --tls-certificate cert.pem --tls-key \
                key.pem` serves other machines. SIGHUP, or a \
                change of the file, has it read anew. Needs OpenSSL 3 (libssl.so.3), which is \
                looked for when the server starts. Kafka's `ssl.keystore.location` with \
                `ssl.keystore.type=PEM` does the same.
                """),
        .value(
            "tls-key", nil, \.keyFile, .file, "The key of the certificate, in PEM.",
            details: """
                Without it the key is in the file of {tls-certificate}. Other users must not be \
                able to read it. The password of an encrypted key is `ssl.key.password` in a file \
                of {property-file}.
                """),
        .value(
            "tls-client-ca", nil, \.clientAuthorityFile, .file,
            "Clients must have a certificate of an authority in FILE.",
            details: """
                That is enough to authenticate them; with {auth} they log in as well. As Kafka's \
                `ssl.truststore.location` with `ssl.client.auth=required`.
                """),
    ]

    private static let storing: [Flag<ServeOptions>] = [
        .value("data", nil, \.data, .directory, "Serve the data directory DIR."),
        .toggle(
            "ephemeral", nil, \.isEphemeral, "Keep everything in memory; it is gone at the end.",
            details: """
                The server stands in for the one of the directory, so the other commands use it \
                as they are.
                """),
        .value(
            "memory", nil, \.memoryBytes, .quantity("SIZE", in: 1...Int.max),
            "With --ephemeral: keep at most SIZE of records.",
            details: "Past it the oldest segments are deleted."),
        .list(
            "property", "X", \.properties, .brokerProperty,
            "Set a property of Kafka's brokers, such as num.partitions=1.",
            details: """
                May be repeated. A property that has no meaning here is accepted; one that \
                Kafka does not know is an error.
                """),
        .list(
            "property-file", "F", \.propertyFiles, .file, "Read broker properties from FILE.",
            details: "Lines `key=value`, as in Kafka's `server.properties`."),
        .toggle(
            "upgrade", nil, \.upgradesFormat, "Bring a directory of an older format up to date.",
            details: "An older rtd cannot read it afterwards."),
    ]

    private static let jobs: [Flag<ServeOptions>] = [
        .toggle("on-demand", nil, \.isOnDemand, "Serve commands of this user until idle.").hidden(),
        .toggle("ready-pipe", nil, \.hasReadyPipe, "Say on descriptor 3 when ready.").hidden(),
        .value(
            "private-to", nil, \.ownerID, .integer("NUMBER"),
            "Leave and remove the directory when the starting process has ended."
        ).hidden(),
        .choosing(
            "detach", nil, .detach, \.job, "Return when the server is ready.",
            details: "Its messages go to `server.log` in the directory."
        ).exclusive("job"),
        .choosing(
            "status", nil, .status, \.job, "Print one JSON line about the running server."
        ).exclusive("job"),
        .toggle(
            "all", nil, \.coversAll, "With --status: a line for each server of this user."),
        .choosing(
            "stop", nil, .stop, \.job, "Stop the running server and return when it is gone.",
            details: "When none runs, there is nothing to do: status 0."
        ).exclusive("job"),
        .value(
            "add-user", nil, \.addedUser, .nonEmpty("NAME"), "Make a user, or set his password.",
            details: """
                The password comes from {password-file}, else from `$RTD_SASL_PASSWORD`; it is \
                kept salted and hashed, in `DIR/users`. A running server takes it at once. \
                Kafka's tools do the same for `super.users`.
                """
        ).exclusive("job"),
        .value(
            "password-file", nil, \.passwordFile, .file,
            "With --add-user: the first line of FILE is the password.",
            details: "`-` is stdin. Other users must not be able to read the file."),
        .value(
            "remove-user", nil, \.removedUser, .nonEmpty("NAME"),
            "Take a user's password away: he cannot log in again."
        ).exclusive("job"),
        .choosing(
            "users", nil, .users, \.job, "Print the users and their mechanisms."
        ).exclusive("job"),
        .choosing(
            "check", nil, .check, \.job, "Verify the directory without a server.",
            details: """
                Reads every batch and prints file, offset and cause of each damage. Status 1 \
                when there is any, 2 when a server is using the directory. What was read is \
                said on stderr, with `-v` for each log.
                """
        ).exclusive("job"),
        .choosing(
            "trace", nil, .trace, \.job, "Print a line for each request.",
            details: "When a server runs, its requests; else one is started."
        ).exclusive("job"),
    ]
}
