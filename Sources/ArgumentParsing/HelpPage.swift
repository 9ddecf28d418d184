/// Writes what `-h`, `--help` and `rtd help` print, wrapped to a number of columns.
public struct HelpPage {
    private static let summaryColumn = 30
    private static let detailsIndent = 10

    private let columns: Int
    private var text = ""

    /// The help of a command.
    public static func text(
        _ command: CommandDocumentation, of program: ProgramDocumentation, _ length: HelpLength,
        columns: Int?
    ) -> String {
        var page = HelpPage(columns)
        page.add("\(program.name) \(command.name) - \(command.summary)\n\n")
        page.addUsage(program.name, command)
        if length == .long {
            page.add("\n")
            page.add(Markup.blocks(command.description), indent: 0, of: command)
        }
        for section in command.sections {
            page.add("\n\(section.title):\n")
            for (index, flag) in section.flags.enumerated() {
                switch length {
                case .short: page.addLine(for: flag)
                case .long:
                    if index > 0 { page.add("\n") }
                    page.addParagraphs(for: flag, of: command)
                }
            }
        }
        if length == .long {
            page.addExamples(command.examples)
            page.addDefinitions("Exit status", command.exitStatuses)
            page.addDefinitions("Environment", command.environment)
        } else {
            page.add("\nMore: \(program.name) help \(command.name)\n")
        }
        return page.text
    }

    /// The list of commands.
    public static func text(_ program: ProgramDocumentation, columns: Int?) -> String {
        var page = HelpPage(columns)
        page.add("\(program.name) - \(program.summary)\n\n")
        page.add("Usage: \(program.name) COMMAND [OPTION...] [OPERAND...]\n\nCommands:\n")
        for command in program.commands {
            page.addEntry("  \(command.name)", command.summary, column: 14)
        }
        page.addEntry("  help", "explain a command: \(program.name) help COMMAND", column: 14)
        page.addExamples(program.examples)
        page.add("\n")
        page.addEntry("  --version", "Print the version.", column: 14)
        page.addEntry("  --help", "Print this.", column: 14)
        return page.text
    }

    private init(_ columns: Int?) {
        let wanted = columns ?? Limits.helpColumnsDefault
        self.columns = min(max(wanted, Limits.helpColumnsMin), Limits.helpColumnsMax)
    }

    private mutating func add(_ piece: String) { text += piece }

    private mutating func addUsage(_ program: String, _ command: CommandDocumentation) {
        var lead = "Usage:"
        for line in command.synopsis {
            add("\(lead) \(program) \(command.name) \(line)\n")
            lead = "   or:"
        }
    }

    private mutating func addLine(for flag: FlagDocumentation) {
        addEntry("  \(flag.signature)", flag.summary, column: Self.summaryColumn)
    }

    private mutating func addParagraphs(
        for flag: FlagDocumentation, of command: CommandDocumentation
    ) {
        add("  \(flag.signature)\n")
        addWrapped(flag.summary, indent: Self.detailsIndent)
        let blocks = Markup.blocks(flag.details)
        if !blocks.isEmpty { add("\n") }
        add(blocks, indent: Self.detailsIndent, of: command)
    }

    private mutating func add(
        _ blocks: [Markup.Block], indent: Int, of command: CommandDocumentation
    ) {
        for (index, block) in blocks.enumerated() {
            if index > 0 { add("\n") }
            switch block {
            case .paragraph(let spans):
                addWrapped(
                    Markup.plain(spans, reference: command.reference(to:)), indent: indent)
            case .literal(let lines):
                for line in lines { add(Self.spaces(indent + 2) + line + "\n") }
            }
        }
    }

    private mutating func addExamples(_ examples: [Example]) {
        guard !examples.isEmpty else { return }
        add("\nExamples:\n")
        for (index, example) in examples.enumerated() {
            if index > 0 { add("\n") }
            addWrapped(example.explanation, indent: 2)
            add("    $ \(example.command)\n")
            for line in (example.output ?? "").split(
                separator: "\n", omittingEmptySubsequences: false
            ).dropLast() {
                add("    \(line)\n")
            }
        }
    }

    private mutating func addDefinitions(_ title: String, _ definitions: [Definition]) {
        guard !definitions.isEmpty else { return }
        add("\n\(title):\n")
        for definition in definitions {
            let meaning = Markup.plain(Markup.spans(definition.meaning), reference: { "--\($0)" })
            addEntry("  \(definition.term)", meaning, column: 18)
        }
    }

    /// The left side, then the text from `column` on; on the next line where the left is too long.
    private mutating func addEntry(_ left: String, _ right: String, column: Int) {
        let lines = Self.wrapped(right, to: columns - column)
        var lead = left.count + 2 <= column ? left + Self.spaces(column - left.count) : left + "\n"
        if lead.hasSuffix("\n") { lead += Self.spaces(column) }
        for line in lines {
            add(lead + line + "\n")
            lead = Self.spaces(column)
        }
    }

    private mutating func addWrapped(_ paragraph: String, indent: Int) {
        for line in Self.wrapped(paragraph, to: columns - indent) {
            add(Self.spaces(indent) + line + "\n")
        }
    }

    private static func wrapped(_ text: String, to width: Int) -> [String] {
        var lines: [String] = []
        var line = ""
        for word in text.split(separator: " ") {
            if !line.isEmpty, line.count + 1 + word.count > width {
                lines.append(line)
                line = ""
            }
            line += line.isEmpty ? String(word) : " \(word)"
        }
        return lines + (line.isEmpty ? [] : [line])
    }

    private static func spaces(_ count: Int) -> String {
        String(repeating: " ", count: count)
    }
}

extension FlagDocumentation {
    /// `-o, --offset OFFSET`, the short name's place kept free where there is none.
    var signature: String {
        let lead = short.map { "-\($0), " } ?? "    "
        let name = isNegatable ? "--[no-]\(long)" : "--\(long)"
        return lead + name + (valueName.map { " \($0)" } ?? "")
    }
}
