import ArgumentParsing

/// What several man pages say in the same words.
enum ManualTerms {
    static let done = Definition("0", "Everything asked for was done.")
    static let closedOutput = Definition(
        "0", "Everything asked for was done, or the reader of stdout has left.")
    static let failed = Definition(
        "1", "It failed: stderr names what could not be reached, read, written or delivered.")
    static let usage = Definition("2", "The command line is wrong; nothing was done.")
    static let rejected = Definition(
        "3", "Some records were rejected and `--on-error skip` went on without them.")
    static let idle = Definition("4", "`--timeout` passed without a record.")
    static let signalled = Definition(
        "128+N",
        "Ended by signal N, after what was begun was finished; a second signal ends at once.")

    static let broker = Definition(
        "RTD_BROKER", "The cluster to talk to when neither `--broker` nor `--data` is given.")
    static let data = Definition(
        "RTD_DATA", "The data directory when `--data` is not given.")
    static let autostart = Definition(
        "RTD_AUTOSTART", "With `0` no server is started on demand; the command to run is named.")
    static let idleTime = Definition(
        "RTD_IDLE",
        "How long a server that was started on demand stays without a client (default 10s).")
    static let noColor = Definition("NO_COLOR", "When set, nothing is coloured.")
    static let configuration = Definition(
        "RTD_CONFIG", "A file of client properties, read before those of `--property-file`.")
    static let password = Definition(
        "RTD_SASL_PASSWORD", "The value of `sasl.password` when no file has one.")
    static let clientEnvironment = [
        broker, data, configuration, password, autostart, idleTime, noColor,
    ]

    static let dataDirectory = Definition(
        "~/.local/share/rtd",
        "The default data directory, `$XDG_DATA_HOME/rtd` where that is set (macOS: "
            + "`~/Library/Application Support/rtd`). One server owns it; no other program opens it."
    )
    static let serverLog = Definition(
        "DIR/server.log", "What a server that was started on demand or detached has said.")
    static let runDirectory = Definition(
        "$XDG_RUNTIME_DIR/rtd, /tmp/rtd-UID",
        "The Unix sockets through which commands reach the servers of this machine.")
    static let files = [dataDirectory, serverLog, runDirectory]
}
