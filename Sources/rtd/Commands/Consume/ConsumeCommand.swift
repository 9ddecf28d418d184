import ArgumentParsing
import Platform

/// `rtd consume`: checks what was typed, then reads on a thread of its own while the main thread is
/// the client's loop, so that a reader of stdout that stalls does not stop heartbeats.
enum ConsumeCommand {
    static func run(_ options: ConsumeOptions) -> Int32 {
        let printing: RecordPrinter.Options
        do throws(RecordTextError) {
            printing = try options.printing(
                toTerminal: StandardOutput.isTerminal && options.command == nil)
        } catch {
            StandardError.write(line: "rtd: consume: \(error)")
            return UsageError.exitStatus
        }
        return ClientRun.run("consume", options.connection, options.reporting) {
            connection, interruption async throws(CommandFailure) in
            let options = try joined(options, connection)
            let transform = try Transform(options, connection)
            return try await ConsumeSession(connection, options, printing, transform)
                .run(interruption)
        }
    }

    private static func joined(
        _ typed: ConsumeOptions, _ connection: ClusterConnection
    ) throws(CommandFailure) -> ConsumeOptions {
        do throws(UsageError) {
            return try typed.joined(connection.properties)
        } catch {
            throw CommandFailure("consume: \(error.message)", status: UsageError.exitStatus)
        }
    }
}

extension ConsumeOptions {
    /// How records are printed. Throws for a template that means nothing.
    func printing(toTerminal isTerminal: Bool) throws(RecordTextError) -> RecordPrinter.Options {
        var printing = RecordPrinter.Options()
        printing.keyDelimiter = keyDelimiter
        printing.printsNulls = printsNulls
        printing.printsHeaders = printsHeaders
        if let delimiter { printing.delimiter = delimiter }
        switch format {
        case .json: printing.format = .json(nestsValues: nestsJSONValues)
        case .lengthPrefixed: printing.format = .lengthPrefixed
        case .raw: printing.delimiter = []
        case .lines, nil: printing.escapesControls = isTerminal
        }
        if let template { printing.format = .template(try RecordTemplate(template)) }
        return printing
    }
}
