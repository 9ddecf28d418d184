/// Writes the completions of fish.
public enum FishCompletion {
    public static func script(_ program: ProgramDocumentation) -> String {
        let name = program.name
        var script = """
            # fish completions of \(name), made by `\(name) generate fish`; the tests compare it.

            # Only a server that runs is asked; completion starts none.
            function __\(name)_topics
                RTD_AUTOSTART=0 \(name) query --format tsv 'SHOW TOPICS' 2>/dev/null |
                    tail -n +2 | cut -f 1
            end

            complete -c \(name) -f
            complete -c \(name) -n __fish_use_subcommand -l help -d 'Print the commands.'
            complete -c \(name) -n __fish_use_subcommand -l version -d 'Print the version.'
            complete -c \(name) -n __fish_use_subcommand -a help -d 'explain a command'

            """
        for command in program.commands {
            script += "complete -c \(name) -n __fish_use_subcommand -a \(command.name)"
            script += " -d '\(quoted(command.summary))'\n"
        }
        let names = program.commands.map(\.name).joined(separator: " ")
        script += "complete -c \(name) -n '__fish_seen_subcommand_from help' -a '\(names)'\n"
        for command in program.commands { script += lines(command, name) }
        return script
    }

    private static func lines(_ command: CommandDocumentation, _ program: String) -> String {
        let lead = "complete -c \(program) -n '__fish_seen_subcommand_from \(command.name)'"
        var text = "\n"
        for flag in command.flags {
            var line = lead
            if let short = flag.short { line += " -s \(short)" }
            line += " -l \(flag.long)"
            if flag.valueName != nil { line += " -r" + arguments(flag.completion, program) }
            text += line + " -d '\(quoted(flag.summary))'\n"
            if flag.isNegatable { text += "\(lead) -l no-\(flag.long) -d 'The opposite.'\n" }
        }
        for operand in command.operands where operand.completion != .none {
            text += "\(lead)\(arguments(operand.completion, program))\n"
        }
        return text
    }

    private static func arguments(_ completion: Completion, _ program: String) -> String {
        switch completion {
        case .none: " -f"
        case .file: " -F"
        case .directory: " -f -a '(__fish_complete_directories)'"
        case .choices(let choices): " -f -a '\(choices.joined(separator: " "))'"
        case .topic: " -f -a '(__\(program)_topics)'"
        }
    }

    private static func quoted(_ text: String) -> String {
        var result = ""
        for character in text {
            if character == "'" || character == "\\" { result += "\\" }
            result.append(character)
        }
        return result
    }
}
