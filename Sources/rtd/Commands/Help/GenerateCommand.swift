import ArgumentParsing
import Platform

/// The hidden `rtd generate man|bash|zsh|fish [COMMAND]`, which packagers and the tests call.
enum GenerateCommand {
    static func run(_ operands: [String]) throws(UsageError) -> Int32 {
        guard let kind = operands.first, operands.count <= 2 else {
            throw UsageError("generate: wants man, bash, zsh or fish, and for man a command")
        }
        return HelpCommand.print(try text(kind, command: operands.count > 1 ? operands[1] : nil))
    }

    static func text(_ kind: String, command name: String? = nil) throws(UsageError) -> String {
        let program = Program.documentation
        switch kind {
        case "man":
            guard let name else { return ManualPage.text(program) }
            guard let command = program.commands.first(where: { $0.name == name }) else {
                throw UsageError("generate: there is no command \"\(name)\"")
            }
            return ManualPage.text(command, of: program)
        case "bash": return BashCompletion.script(program)
        case "zsh": return ZshCompletion.script(program)
        case "fish": return FishCompletion.script(program)
        default: throw UsageError("generate: wants man, bash, zsh or fish, not \"\(kind)\"")
        }
    }

    /// Every file of `man` and `completions` with its text, by path in the repository.
    static func files() throws(UsageError) -> [(path: String, text: String)] {
        var files = [("man/rtd.1", try text("man"))]
        for command in Program.documentation.commands {
            files.append(("man/rtd-\(command.name).1", try text("man", command: command.name)))
        }
        files.append(("completions/rtd.bash", try text("bash")))
        files.append(("completions/_rtd", try text("zsh")))
        files.append(("completions/rtd.fish", try text("fish")))
        return files
    }
}
