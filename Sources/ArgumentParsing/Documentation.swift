/// What is said about one option, without its effect: what the parser matches and the writers of
/// help, man page and completions print.
public struct FlagDocumentation: Sendable {
    /// What a negatable switch hands to its effect when it was typed as `--no-name`.
    static let negation = "no"

    public let long: String
    public let short: Character?
    /// nil: a switch.
    public let valueName: String?
    /// One sentence with a full stop.
    public let summary: String
    /// Further paragraphs in the markup of `Markup`.
    public let details: String
    public let completion: Completion
    public internal(set) var aliases: [String] = []
    public internal(set) var isHidden = false
    public internal(set) var isRepeatable = false
    public internal(set) var isNegatable = false
    public internal(set) var exclusiveGroup: String?

    public init(_ long: String, _ short: Character?, summary: String, details: String = "") {
        self.long = long
        self.short = short
        self.valueName = nil
        self.summary = summary
        self.details = details
        self.completion = .none
    }

    public init(
        _ long: String, _ short: Character?, _ parser: ValueParser<some Any>,
        summary: String, details: String = ""
    ) {
        self.long = long
        self.short = short
        self.valueName = parser.name
        self.summary = summary
        self.details = details
        self.completion = parser.completion
    }

    /// The built-in switch of every command.
    static let help = FlagDocumentation(
        "help", "h", summary: "Print help; --help prints all of it, -h the options only.")
}

/// An operand as the documentation shows it.
public struct OperandDocumentation: Sendable {
    public let name: String
    public let summary: String
    public let completion: Completion
    public let repeats: Bool

    public init(
        _ name: String, _ summary: String, completion: Completion = .none, repeats: Bool = false
    ) {
        self.name = name
        self.summary = summary
        self.completion = completion
        self.repeats = repeats
    }
}

/// A command line with what it prints. The tests run each in bash with `rtd` on the path and
/// `RTD_DATA` set to a new directory, after `setup`, and put the address of a running server in the
/// place of `remoteBroker`.
public struct Example: Sendable {
    public static let remoteBroker = "broker.example:9092"

    public let command: String
    /// One sentence with a full stop.
    public let explanation: String
    /// Shell lines that make what the example presumes; not shown.
    public let setup: String
    /// What it prints on stdout, shown too; nil when that differs from run to run.
    public let output: String?
    /// It runs until it is told to stop: the tests end it with SIGTERM.
    public let isEndless: Bool
    /// It needs a database that the tests of examples do not have; other tests cover it.
    public let needsDatabase: Bool

    public init(
        _ command: String, _ explanation: String, setup: String = "", output: String? = nil,
        isEndless: Bool = false, needsDatabase: Bool = false
    ) {
        self.command = command
        self.explanation = explanation
        self.setup = setup
        self.output = output
        self.isEndless = isEndless
        self.needsDatabase = needsDatabase
    }
}

/// A term and what it means: an exit status, an environment variable, a file.
public struct Definition: Sendable {
    public let term: String
    public let meaning: String

    public init(_ term: String, _ meaning: String) {
        self.term = term
        self.meaning = meaning
    }
}

/// Everything that help, man page and completions say about a command.
public struct CommandDocumentation: Sendable {
    /// A heading with the options under it, without the hidden ones.
    public struct Section: Sendable {
        public let title: String
        public let flags: [FlagDocumentation]
    }

    public let name: String
    /// A phrase in the imperative, without a full stop.
    public let summary: String
    /// One or more lines of operands, as in `[OPTION...] TOPIC [FILE...]`.
    public let synopsis: [String]
    /// Paragraphs in the markup of `Markup`.
    public let description: String
    public let operands: [OperandDocumentation]
    public internal(set) var sections: [Section] = []
    public let examples: [Example]
    public let exitStatuses: [Definition]
    public let environment: [Definition]
    public let files: [Definition]

    public init(
        name: String, summary: String, synopsis: [String], description: String,
        operands: [OperandDocumentation], examples: [Example], exitStatuses: [Definition],
        environment: [Definition] = [], files: [Definition] = []
    ) {
        self.name = name
        self.summary = summary
        self.synopsis = synopsis
        self.description = description
        self.operands = operands
        self.examples = examples
        self.exitStatuses = exitStatuses
        self.environment = environment
        self.files = files
    }

    /// The options that are shown, in order.
    public var flags: [FlagDocumentation] { sections.flatMap(\.flags) }

    /// `-o/--offset` for the option named `offset`; a reference to none is a mistake in the table.
    func reference(to long: String) -> String {
        guard let flag = flags.first(where: { $0.long == long }) else {
            preconditionFailure("the text of \(name) refers to an option --\(long) it has not")
        }
        return flag.short.map { "-\($0)/--\(long)" } ?? "--\(long)"
    }
}

/// The program and its commands, for the pages that list them.
public struct ProgramDocumentation: Sendable {
    public let name: String
    public let summary: String
    public let description: String
    public let commands: [CommandDocumentation]
    public let examples: [Example]
    public let exitStatuses: [Definition]
    public let environment: [Definition]
    public let files: [Definition]

    public init(
        name: String, summary: String, description: String, commands: [CommandDocumentation],
        examples: [Example], exitStatuses: [Definition], environment: [Definition],
        files: [Definition]
    ) {
        self.name = name
        self.summary = summary
        self.description = description
        self.commands = commands
        self.examples = examples
        self.exitStatuses = exitStatuses
        self.environment = environment
        self.files = files
    }
}
