/// The table of one command: its options and what is said about it. The parser, the help, the man
/// page and the completions all come from it.
public struct Command<Options: Sendable>: Sendable {
    public let documentation: CommandDocumentation
    /// The options when nothing was typed.
    let initial: Options
    let flags: [Flag<Options>]
    /// Takes the operands and refuses what does not fit together.
    let finish: @Sendable (inout Options, [String]) throws(UsageError) -> Void

    public init(
        _ documentation: CommandDocumentation, initial: Options, groups: [FlagGroup<Options>],
        finish: @escaping @Sendable (inout Options, [String]) throws(UsageError) -> Void
    ) {
        var documentation = documentation
        documentation.sections = groups.map { group in
            CommandDocumentation.Section(
                title: group.title,
                flags: group.flags.map(\.documentation).filter { !$0.isHidden })
        }
        documentation.sections.append(.init(title: "Help", flags: [.help]))
        self.documentation = documentation
        self.initial = initial
        self.flags = groups.flatMap(\.flags)
        self.finish = finish
    }

    /// Every option, the hidden ones too; for tests of the table.
    public var allFlags: [FlagDocumentation] { flags.map(\.documentation) }
}

/// What a command line asks for.
public enum ParsedCommand<Options: Sendable>: Sendable {
    case run(Options)
    /// `--help`, or `-h` for the short form.
    case help(HelpLength)
}

public enum HelpLength: Sendable, Equatable {
    case short
    case long
}
