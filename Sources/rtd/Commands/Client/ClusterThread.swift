import KafkaClient
import Platform

/// A cluster for code that is synchronous: its loop runs on a thread of its own, and `call` waits
/// for what is asked of it.
final class ClusterThread: Sendable {
    let connection: ClusterConnection

    /// Finds the cluster (blocks while a local server starts) and makes the first contact.
    init(
        _ command: String, _ options: ConnectionOptions, _ reporting: ReportingOptions
    ) throws(CommandFailure) {
        connection = try ClusterConnection(command, options, reporting)
        let loop = connection.loop
        Thread.start(stackBytes: 4 << 20) { loop.run() }
        let connection = connection
        try call { () async throws(CommandFailure) in try await connection.connect() }
    }

    /// Runs `body` on the loop and waits for it.
    func call<Value: Sendable, Failure: Error>(
        _ body: @escaping @Sendable () async throws(Failure) -> Value
    ) throws(Failure) -> Value {
        let promise = Promise<Result<Value, Failure>>()
        Task(executorPreference: connection.loop) {
            do throws(Failure) {
                promise.set(.success(try await body()))
            } catch {
                promise.set(.failure(error))
            }
        }
        return try promise.waitBlocking().get()
    }

    /// Closes the connections and ends the loop.
    func close() {
        let cluster = connection.cluster
        call { () async in await cluster.close() }
        connection.loop.stop()
    }
}
