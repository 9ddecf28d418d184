import Platform

/// Runs the asynchronous body of a command that is a Kafka client, from the synchronous `main`.
///
/// Signals are taken over first, then the cluster is found (a local server starts), then the main
/// thread becomes the client's loop until the body has returned. What the body throws goes to
/// stderr. After a signal the process ends by that signal, whatever the body returned.
enum ClientRun {
    typealias Body =
        @Sendable (ClusterConnection, Interruption) async throws(CommandFailure) -> Int32

    static func run(
        _ command: String, _ options: ConnectionOptions, _ reporting: ReportingOptions,
        _ body: @escaping Body
    ) -> Int32 {
        let interruption = Interruption.watch()
        var status: Int32
        do throws(CommandFailure) {
            let connection = try ClusterConnection(command, options, reporting)
            status = try run(on: connection.loop) { () async throws(CommandFailure) in
                try await body(connection, interruption)
            }
        } catch {
            StandardError.write(line: "rtd: \(error.message)")
            status = error.status
        }
        interruption.raiseAgain()
        return status
    }

    /// Runs `body` with the current thread as its loop.
    private static func run(
        on loop: Loop, _ body: @escaping @Sendable () async throws(CommandFailure) -> Int32
    ) throws(CommandFailure) -> Int32 {
        let outcome = Outcome()
        Task(executorPreference: loop) {
            do throws(CommandFailure) {
                outcome.result = .success(try await body())
            } catch {
                outcome.result = .failure(error)
            }
            loop.stop()
        }
        loop.run()
        return try outcome.result.get()
    }
}

/// Carries a body's result out of its task; written on the loop, read when the loop has ended.
private final class Outcome: @unchecked Sendable {
    var result: Result<Int32, CommandFailure> = .failure(CommandFailure("the command was cut off"))
}
