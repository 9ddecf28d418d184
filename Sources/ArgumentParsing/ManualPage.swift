/// Writes pages of the manual in roff's man macros. They hold neither date nor version, so that a
/// committed page changes only when its text does.
public struct ManualPage {
    private var roff = ""

    /// The page of a command, `rtd-consume(1)`.
    public static func text(
        _ command: CommandDocumentation, of program: ProgramDocumentation
    ) -> String {
        var page = ManualPage()
        let title = "\(program.name)-\(command.name)"
        page.open(title, summary: command.summary)
        page.line(".SH SYNOPSIS")
        for (index, synopsis) in command.synopsis.enumerated() {
            if index > 0 { page.line(".br") }
            page.line(bold("\(program.name) \(command.name)") + " " + styledSynopsis(synopsis))
        }
        page.line(".SH DESCRIPTION")
        page.add(Markup.blocks(command.description), of: command)
        page.addOperands(command.operands)
        page.line(".SH OPTIONS")
        for section in command.sections {
            page.line(".SS \(escaped(section.title))")
            for flag in section.flags { page.add(flag, of: command) }
        }
        page.addExamples(command.examples)
        page.addDefinitions("EXIT STATUS", command.exitStatuses)
        page.addDefinitions("ENVIRONMENT", command.environment)
        page.addDefinitions("FILES", command.files)
        let others = program.commands.map(\.name).filter { $0 != command.name }
        page.addReferences([program.name] + others.map { "\(program.name)-\($0)" })
        return page.roff
    }

    /// The page of the program, `rtd(1)`.
    public static func text(_ program: ProgramDocumentation) -> String {
        var page = ManualPage()
        page.open(program.name, summary: program.summary)
        page.line(".SH SYNOPSIS")
        page.line(bold(program.name) + " " + styledSynopsis("COMMAND [OPTION...] [OPERAND...]"))
        page.line(".br")
        page.line(bold("\(program.name) help") + " " + styledSynopsis("[COMMAND]"))
        page.line(".br")
        page.line(bold("\(program.name) --version"))
        page.line(".SH DESCRIPTION")
        page.add(Markup.blocks(program.description), of: nil)
        page.line(".SH COMMANDS")
        for command in program.commands {
            page.line(".TP")
            page.line(bold("\(program.name) \(command.name)"))
            page.line(escaped("\(command.summary); see \(program.name)-\(command.name)(1)."))
        }
        page.addExamples(program.examples)
        page.addDefinitions("EXIT STATUS", program.exitStatuses)
        page.addDefinitions("ENVIRONMENT", program.environment)
        page.addDefinitions("FILES", program.files)
        page.addReferences(program.commands.map { "\(program.name)-\($0.name)" })
        return page.roff
    }

    private mutating func line(_ text: String) { roff += text + "\n" }

    private mutating func open(_ title: String, summary: String) {
        line(".\\\" Made by rtd generate man; the tests compare it.")
        line(".TH \(Self.escaped(title.uppercased())) 1 \"\" \"rtd\" \"User Commands\"")
        // No hyphenation and no stretched lines: option names must stay findable.
        line(".nh")
        line(".ad l")
        line(".SH NAME")
        line("\(Self.escaped(title)) \\- \(Self.escaped(summary))")
    }

    private mutating func add(_ blocks: [Markup.Block], of command: CommandDocumentation?) {
        for (index, block) in blocks.enumerated() {
            switch block {
            case .paragraph(let spans):
                if index > 0 { line(".PP") }
                line(Self.protected(Self.roff(spans, of: command)))
            case .literal(let lines): addLiteral(lines)
            }
        }
    }

    private mutating func add(_ flag: FlagDocumentation, of command: CommandDocumentation) {
        line(".TP")
        var names = flag.short.map { [Self.bold("-\($0)")] } ?? []
        names.append(Self.bold(flag.isNegatable ? "--[no-]\(flag.long)" : "--\(flag.long)"))
        let value = flag.valueName.map { " " + Self.italic($0) } ?? ""
        line(names.joined(separator: ", ") + value)
        line(Self.protected(Self.escaped(flag.summary)))
        for block in Markup.blocks(flag.details) {
            switch block {
            case .paragraph(let spans):
                line(".IP")
                line(Self.protected(Self.roff(spans, of: command)))
            // No further in than the text above: tables shall fit 80 columns.
            case .literal(let lines): addLiteral(lines, indent: 6)
            }
        }
    }

    private mutating func addLiteral(_ lines: [String], indent: Int = 4) {
        line(".PP")
        line(".RS \(indent)")
        line(".nf")
        for text in lines { line(Self.protected(Self.escaped(text))) }
        line(".fi")
        line(".RE")
    }

    private mutating func addOperands(_ operands: [OperandDocumentation]) {
        for operand in operands {
            line(".TP")
            line(Self.italic(operand.repeats ? "\(operand.name)..." : operand.name))
            line(Self.protected(Self.roff(Markup.spans(operand.summary), of: nil)))
        }
    }

    private mutating func addExamples(_ examples: [Example]) {
        guard !examples.isEmpty else { return }
        line(".SH EXAMPLES")
        for example in examples {
            line(".PP")
            line(Self.protected(Self.escaped(example.explanation)))
            var lines = ["$ \(example.command)"]
            lines += (example.output ?? "").split(
                separator: "\n", omittingEmptySubsequences: false
            ).dropLast().map(String.init)
            addLiteral(lines)
        }
    }

    private mutating func addDefinitions(_ title: String, _ definitions: [Definition]) {
        guard !definitions.isEmpty else { return }
        line(".SH \(title)")
        for definition in definitions {
            line(".TP")
            line(Self.bold(definition.term))
            line(Self.protected(Self.roff(Markup.spans(definition.meaning), of: nil)))
        }
    }

    private mutating func addReferences(_ pages: [String]) {
        line(".SH SEE ALSO")
        line(pages.map { "\(Self.bold($0))(1)" }.joined(separator: ", "))
    }

    private static func roff(_ spans: [Markup.Span], of command: CommandDocumentation?) -> String {
        spans.map { span in
            switch span {
            case .text(let text): escaped(text)
            case .code(let text): bold(text)
            case .option(let name): bold(command?.reference(to: name) ?? "--\(name)")
            }
        }.joined()
    }

    /// Words in capitals stand for what the user puts there.
    private static func styledSynopsis(_ text: String) -> String {
        var result = ""
        var rest = text[...]
        while let first = rest.first {
            let isName = first.isUppercase
            let run = rest.prefix { $0.isUppercase == isName }
            let isPlaceholder = isName && run.count > 1
            result += isPlaceholder ? italic(String(run)) : escaped(String(run))
            rest = rest[run.endIndex...]
        }
        return result
    }

    private static func bold(_ text: String) -> String { "\\fB\(escaped(text))\\fR" }

    private static func italic(_ text: String) -> String { "\\fI\(escaped(text))\\fR" }

    /// A line that begins with a dot or a quote would be a request.
    private static func protected(_ line: String) -> String {
        line.hasPrefix(".") || line.hasPrefix("'") ? "\\&" + line : line
    }

    /// Every character prints as it is typed: copied commands must work.
    private static func escaped(_ text: String) -> String {
        var result = ""
        for character in text {
            switch character {
            case "\\": result += "\\(rs"
            case "-": result += "\\-"
            case "'": result += "\\(aq"
            case "`": result += "\\(ga"
            case "^": result += "\\(ha"
            case "~": result += "\\(ti"
            case "\"": result += "\\(dq"
            default: result.append(character)
            }
        }
        return result
    }
}
