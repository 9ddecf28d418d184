import ArgumentParsing

/// How much a command says on stderr.
struct ReportingOptions: Sendable, Equatable {
    var isQuiet = false
    var isVerbose = false
    /// nil: when stderr is a terminal.
    var showsProgress: Bool?

    static let quiet = Flag<ReportingOptions>.toggle(
        "quiet", "q", \.isQuiet, "Say nothing on stderr but errors."
    ).exclusive("verbosity")

    static let verbose = Flag<ReportingOptions>.toggle(
        "verbose", "v", \.isVerbose, "Say on stderr what is done."
    ).exclusive("verbosity")

    static let progress = Flag<ReportingOptions>.negatable(
        "progress", \.showsProgress, "Show progress on stderr; the default on a terminal.")

    static let group = FlagGroup("Messages", [quiet, verbose, progress])
    static let groupWithoutProgress = FlagGroup("Messages", [quiet, verbose])
}
