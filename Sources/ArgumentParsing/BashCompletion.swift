/// Writes the completion script of bash.
public enum BashCompletion {
    public static func script(_ program: ProgramDocumentation) -> String {
        let name = program.name
        let commands = program.commands.map(\.name) + ["help"]
        var script = """
            # bash completion of \(name), made by `\(name) generate bash`; the tests compare it.

            _\(name)_words() { COMPREPLY=($(compgen -W "$1" -- "$current")); }
            _\(name)_files() { compopt -o filenames; COMPREPLY=($(compgen -f -- "$current")); }
            _\(name)_directories() {
                compopt -o filenames
                COMPREPLY=($(compgen -d -- "$current"))
            }
            # Only a server that runs is asked; completion starts none.
            _\(name)_topics() {
                _\(name)_words "$(
                    RTD_AUTOSTART=0 \(name) query --format tsv 'SHOW TOPICS' 2>/dev/null |
                        tail -n +2 | cut -f 1
                )"
            }

            _\(name)() {
                local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
                # --option=value comes as three words.
                if [[ $current == = ]]; then
                    current=
                elif [[ $previous == = ]]; then
                    previous=${COMP_WORDS[COMP_CWORD-2]}
                fi
                if ((COMP_CWORD == 1)); then
                    _\(name)_words "\(commands.joined(separator: " ")) --help --version"
                    return
                fi
                case ${COMP_WORDS[1]} in
                    help) _\(name)_words "\(program.commands.map(\.name).joined(separator: " "))" ;;

            """
        for command in program.commands { script += branch(command, name) }
        return script + "    esac\n}\n\ncomplete -F _\(name) \(name)\n"
    }

    private static func branch(_ command: CommandDocumentation, _ program: String) -> String {
        var text = "        \(command.name))\n            case $previous in\n"
        for flag in command.flags where flag.valueName != nil {
            let pattern = (flag.short.map { "-\($0) | " } ?? "") + "--\(flag.long)"
            let action = action(flag.completion, program)
            text += "                \(pattern)) \(action.map { "\($0); " } ?? "")return ;;\n"
        }
        let names = command.flags.flatMap { flag in
            flag.isNegatable ? ["--\(flag.long)", "--no-\(flag.long)"] : ["--\(flag.long)"]
        }
        text += "            esac\n            if [[ $current == -* ]]; then\n"
        text += "                _\(program)_words \"\(names.joined(separator: " "))\"\n"
        if let operand = command.operands.first, let action = action(operand.completion, program) {
            // Only where a second kind of operand follows does the first word's place matter.
            if let last = command.operands.last, command.operands.count > 1,
                let further = self.action(last.completion, program)
            {
                text += "            elif ((COMP_CWORD == 2)); then\n                \(action)\n"
                text += "            else\n                \(further)\n"
            } else {
                text += "            else\n                \(action)\n"
            }
        }
        return text + "            fi\n            ;;\n"
    }

    private static func action(_ completion: Completion, _ program: String) -> String? {
        switch completion {
        case .none: nil
        case .file: "_\(program)_files"
        case .directory: "_\(program)_directories"
        case .choices(let choices): "_\(program)_words \"\(choices.joined(separator: " "))\""
        case .topic: "_\(program)_topics"
        }
    }
}
