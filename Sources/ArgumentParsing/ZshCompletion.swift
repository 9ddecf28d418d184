/// Writes the completion function of zsh.
public enum ZshCompletion {
    public static func script(_ program: ProgramDocumentation) -> String {
        let name = program.name
        var script = """
            #compdef \(name)
            # Made by `\(name) generate zsh`; the tests compare it.

            # Only a server that runs is asked; completion starts none.
            _\(name)_topics() {
                local -a topics
                topics=(${(f)"$(
                    RTD_AUTOSTART=0 \(name) query --format tsv 'SHOW TOPICS' 2>/dev/null |
                        tail -n +2 | cut -f 1
                )"})
                compadd -a topics
            }

            _\(name)() {
                local -a commands
                commands=(

            """
        for command in program.commands {
            script += "        '\(command.name):\(quoted(command.summary))'\n"
        }
        script += """
                    'help:explain a command'
                )
                if ((CURRENT == 2)); then
                    _describe -t commands command commands
                    _values option --help --version
                    return
                fi
                local command=$words[2]
                shift words
                ((CURRENT--))
                case $command in
                    help) _describe -t commands command commands ;;

            """
        for command in program.commands { script += branch(command, name) }
        return script + "    esac\n}\n\n_\(name) \"$@\"\n"
    }

    private static func branch(_ command: CommandDocumentation, _ program: String) -> String {
        var lines = ["        \(command.name))", "            _arguments -s -S \\"]
        for flag in command.flags {
            lines.append("                \(specification(flag, program)) \\")
        }
        for (index, operand) in command.operands.enumerated() {
            let position = operand.repeats ? "*" : "\(index + 1)"
            let action = action(operand.completion, program)
            lines.append("                '\(position):\(operand.name):\(action)' \\")
        }
        lines.append("                && return")
        lines.append("            ;;")
        return lines.joined(separator: "\n") + "\n"
    }

    private static func specification(_ flag: FlagDocumentation, _ program: String) -> String {
        var names = ["--\(flag.long)"]
        if let short = flag.short { names.insert("-\(short)", at: 0) }
        if flag.isNegatable { names.append("--no-\(flag.long)") }
        let exclusion = flag.isRepeatable ? "*" : "(\(names.joined(separator: " ")))"
        var spellings = names
        var value = ""
        if let valueName = flag.valueName {
            spellings = names.map { $0.hasPrefix("--") ? $0 + "=" : $0 + "+" }
            value = ":\(quoted(valueName)):\(action(flag.completion, program))"
        }
        let description = "'[\(quoted(flag.summary))]\(value)'"
        guard spellings.count > 1 else { return "'\(exclusion)'\(spellings[0])\(description)" }
        return "'\(exclusion)'{\(spellings.joined(separator: ","))}\(description)"
    }

    private static func action(_ completion: Completion, _ program: String) -> String {
        switch completion {
        case .none: " "
        case .file: "_files"
        case .directory: "_files -/"
        case .choices(let choices): "(\(choices.joined(separator: " ")))"
        case .topic: "_\(program)_topics"
        }
    }

    /// For text within single quotes in a specification, where brackets and colons have a meaning.
    private static func quoted(_ text: String) -> String {
        var result = ""
        for character in text {
            switch character {
            case "'": result += "'\\''"
            case "[", "]", ":", "\\": result += "\\\(character)"
            default: result.append(character)
            }
        }
        return result
    }
}
