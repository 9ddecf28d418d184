import Formats
import Platform
import Query
import SQL

/// `rtd query`: runs the statements of its scripts one after another, up to the first that fails.
///
/// Statements on files, pipes and tables of the session run on one thread; the cluster is found
/// when the first statement names a topic, so that a query without one starts no server and touches
/// no directory.
enum QueryCommand {
    static func run(_ options: QueryOptions) -> Int32 {
        FreedMemory.keep()
        let interruption = Interruption.watch()
        // Expressions may nest deeper than the main thread's stack allows.
        let status = Thread.deep(stackBytes: SQL.Limits.deepStackBytes) {
            statements(options, interruption)
        }
        interruption.raiseAgain()
        return status
    }

    private static func statements(
        _ options: QueryOptions, _ interruption: Interruption
    ) -> Int32 {
        do throws(CommandFailure) {
            let isInteractive = options.sources.isEmpty && StandardInput.isTerminal
            let scripts = isInteractive ? [] : try QueryScript.read(options.sources)
            let run = StatementSequence(options, interruption)
            defer { run.close() }
            if isInteractive, let prompt = QueryPrompt(run) { try prompt.loop() }
            for script in scripts {
                guard try run.run(script) else { break }
            }
            return run.status
        } catch {
            StandardError.write(line: "rtd: \(error.message)")
            return error.status
        }
    }
}

extension QueryOptions {
    /// `--timeout` is the time of a request and of its repetitions. Without it a person waits half
    /// a minute for what can be tried again, not the two minutes that records are worth.
    var limitedConnection: ConnectionOptions {
        var connection = connection
        if let timeout {
            let milliseconds = max(1, min(timeout.wholeMilliseconds, Int64(Int32.max)))
            // The last assignment wins, so the option wins over properties.
            for name in ["request.timeout.ms", "delivery.timeout.ms"] {
                connection.properties.append(
                    PropertyAssignment(name: name, value: "\(milliseconds)"))
            }
        } else if connection.propertyFiles.isEmpty {
            connection.properties.insert(
                PropertyAssignment(name: "delivery.timeout.ms", value: "30000"), at: 0)
        }
        return connection
    }
}
