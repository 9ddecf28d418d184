import ArgumentParsing
import Platform

/// The entry: finds the command, reads its options, runs it and exits with its status. Synchronous,
/// so that a short command does not pay for the start of the concurrency runtime.
@main
enum Main {
    static func main() {
        ProcessEnvironment.reserveStandardDescriptors()
        ProcessEnvironment.ignoreBrokenPipes()
        ProcessEnvironment.exit(run(Array(CommandLine.arguments.dropFirst())))
    }

    private static func run(_ arguments: [String]) -> Int32 {
        do {
            return try dispatch(arguments)
        } catch {
            StandardError.write(line: "rtd: \(error.message)")
            return UsageError.exitStatus
        }
    }

    private static func dispatch(_ arguments: [String]) throws(UsageError) -> Int32 {
        guard let name = arguments.first else {
            let names = Program.commandNames.joined(separator: ", ")
            throw UsageError("which command? \(names) (rtd help)")
        }
        let rest = Array(arguments.dropFirst())
        switch name {
        case "serve": return try run(ServeOptions.command, rest, ServeCommand.run)
        case "produce": return try run(ProduceOptions.command, rest, ProduceCommand.run)
        case "consume": return try run(ConsumeOptions.command, rest, ConsumeCommand.run)
        case "query": return try run(QueryOptions.command, rest, QueryCommand.run)
        case "bench": return try run(BenchOptions.command, rest, BenchCommand.run)
        case "cdc": return try run(CaptureOptions.command, rest, CaptureCommand.run)
        case "help", "--help", "-h": return try HelpCommand.run(rest)
        case "--version", "-V": return HelpCommand.print("rtd \(Program.version)\n")
        case "generate": return try GenerateCommand.run(rest)
        default: throw unknown(name)
        }
    }

    private static func run<Options>(
        _ command: Command<Options>, _ arguments: [String], _ body: (Options) -> Int32
    ) throws(UsageError) -> Int32 {
        switch try command.parse(arguments) {
        case .run(let options): return body(options)
        case .help(let length):
            return HelpCommand.print(
                HelpPage.text(
                    command.documentation, of: Program.documentation, length,
                    columns: StandardOutput.columns))
        }
    }

    private static func unknown(_ name: String) -> UsageError {
        let isOption = name.hasPrefix("-")
        let names = isOption ? ["--help", "--version"] : Program.commandNames + ["--version"]
        let hint = nearestName(to: name, among: names).map { "; did you mean \($0)?" } ?? ""
        let kind = isOption ? "option \(name)" : "command \"\(name)\""
        return UsageError("unknown \(kind)\(hint) (rtd help)")
    }
}
