import ArgumentParsing
import Platform

/// `rtd help [COMMAND]`.
enum HelpCommand {
    static func run(_ operands: [String]) throws(UsageError) -> Int32 {
        let program = Program.documentation
        guard let name = operands.first(where: { !$0.hasPrefix("-") }) else {
            return print(HelpPage.text(program, columns: StandardOutput.columns))
        }
        if name == "help" {
            return print(HelpPage.text(program, columns: StandardOutput.columns))
        }
        guard let command = program.commands.first(where: { $0.name == name }) else {
            let nearest = nearestName(to: name, among: Program.commandNames)
            let hint = nearest.map { "; did you mean \($0)?" } ?? ""
            throw UsageError("help: unknown command \"\(name)\"\(hint) (rtd help)")
        }
        return print(
            HelpPage.text(command, of: program, .long, columns: StandardOutput.columns))
    }

    /// Writes a text for stdout and returns the exit status; a reader that has left is no error.
    static func print(_ text: String) -> Int32 {
        do {
            try StandardOutput.write(text)
            return 0
        } catch {
            guard !error.isBrokenPipe else { return 0 }
            StandardError.write(line: "rtd: \(error)")
            return 1
        }
    }
}
