import ArgumentParsing
import Platform

/// `rtd produce`.
enum ProduceCommand {
    static func run(_ options: ProduceOptions) -> Int32 {
        var settings: ProduceSettings
        do {
            settings = try ProduceSettings(options)
            for input in settings.inputs { try input.check() }
        } catch let error as UsageError {
            StandardError.write(line: "rtd: \(error.message)")
            return UsageError.exitStatus
        } catch let error as CommandFailure {
            StandardError.write(line: "rtd: \(error.message)")
            return error.status
        } catch {
            return 1
        }
        prompt(settings)
        if options.isDryRun { return DryRun.run(settings, options) }
        let base = settings
        return ClientRun.run("produce", options.connection, options.reporting) {
            connection, interruption async throws(CommandFailure) in
            var settings = base
            settings.apply(connection.properties, options)
            if options.explains {
                return try await ProduceExplanation.run(settings, connection)
            }
            let configuration = try ProduceSettings.producer(options, connection.properties)
            return try await ProduceRun(settings, configuration, connection).run(interruption)
        }
    }

    /// A person at a terminal is told that lines are waited for.
    private static func prompt(_ settings: ProduceSettings) {
        guard settings.inputs.contains(.standardInput), StandardInput.isTerminal,
            !settings.reporting.isQuiet
        else { return }
        StandardError.write(line: "rtd: reading records from the terminal; Ctrl-D ends them")
    }
}
