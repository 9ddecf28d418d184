import ArgumentParsing
import Formats
import KafkaClient
import Platform
import Query

/// The clusters of one call: the command's own, found when the first statement needs it, and those
/// that URLs and sources name. Used from any thread.
final class SessionClusters: @unchecked Sendable {
    private let options: QueryOptions
    private let lock = Lock()
    /// By their brokers as written; the command's own has none.
    private var found: [String: ClusterThread] = [:]
    /// Of registries, by their URLs and the cluster whose properties tell more.
    private var books: [String: SchemaBook] = [:]
    /// For the names that a prompt completes.
    private var looksOnly = false
    private var hasFailed = false

    init(_ options: QueryOptions) { self.options = options }

    /// The command's own cluster; a local server is started for it.
    func thread() throws(StatementError) -> ClusterThread { try thread(brokers: nil) }

    /// `brokers` are `host:port,...`; nil: the command's own.
    func thread(brokers: String?) throws(StatementError) -> ClusterThread {
        let name = brokers ?? ""
        if let known = lock.withLock({ found[name] }) { return known }
        guard !lock.withLock({ looksOnly }) || (brokers == nil && mayBeAsked) else {
            throw .command(CommandFailure("no cluster is in use"))
        }
        var connection = options.limitedConnection
        if let brokers {
            do throws(UsageError) {
                connection.brokers = try ValueParser.brokers.parse(brokers)
            } catch {
                throw .command(CommandFailure("kafka://\(brokers) \(error.message)"))
            }
            connection.data = nil
        }
        do throws(CommandFailure) {
            let thread = try ClusterThread("query", connection, options.reporting)
            lock.withLock { found[name] = thread }
            return thread
        } catch {
            lock.withLock { hasFailed = true }
            throw .command(error)
        }
    }

    /// Runs `body`, which only looks: it makes no directory, waits for no broker a second time, and
    /// turns to no other cluster.
    func lookOnly<Value>(_ body: () -> Value) -> Value {
        lock.withLock { looksOnly = true }
        defer { lock.withLock { looksOnly = false } }
        return body()
    }

    /// The command's cluster is there, as far as can be told without asking it.
    var mayBeAsked: Bool {
        lock.withLock { found[""] != nil || !hasFailed }
            && ClusterConnection.isThere(options.connection)
    }

    /// Where the topics are that have no other cluster's name, as the prompt says it.
    var text: String {
        if let own = lock.withLock({ found[""] }) { return "Topics are \(own.connection.place)." }
        do throws(CommandFailure) {
            return "Topics are \(try ClusterConnection.place(options.connection)); not asked yet."
        } catch {
            return "rtd: \(error.message)"
        }
    }

    /// Whether the command's own cluster was found.
    var isConnected: Bool { lock.withLock { found[""] != nil } }

    /// The words for an error of the command's own cluster.
    func failure(_ error: ClientError) -> CommandFailure {
        guard let own = lock.withLock({ found[""] }) else {
            return CommandFailure(error.description)
        }
        return own.connection.failure(error)
    }

    /// Ends what waits for a schema registry.
    func stopWaiting() {
        for book in lock.withLock({ Array(books.values) }) { book.stop() }
    }

    /// At a prompt, before the next line: what was stopped is asked anew.
    func forgetStopped() { lock.withLock { books = [:] } }

    func close() {
        for thread in lock.withLock({ Array(found.values) }) { thread.close() }
    }
}

// Schema registries.
extension SessionClusters {
    /// Those of the registry that a topic's records name; nil: nobody has said where it is.
    func schemas(
        _ reference: TopicReference, _ thread: ClusterThread
    ) throws(SQLError) -> SchemaBook? {
        let key = "\(reference.brokers ?? "") \(reference.registry ?? "")"
        if let known = lock.withLock({ books[key] }) { return known }
        let client = thread.connection.properties
        var properties = RegistryProperties()
        do throws(UsageError) {
            for assignment in client.registry { _ = try properties.set(assignment) }
            if let url = reference.registry {
                _ = try properties.set(
                    PropertyAssignment(name: "schema.registry.url", value: url))
            }
        } catch {
            throw SQLError(error.message, .invalidParameterValue)
        }
        guard !properties.addresses.isEmpty else {
            guard reference.isAvro else { return nil }
            throw SQLError(
                "the schemas of topic \"\(reference.name)\" are in a registry that is not known",
                .invalidParameterValue,
                hint: "-X schema.registry.url=http://HOST:8081, or the option "
                    + "schema.registry.url of WITH, says where it is.")
        }
        do throws(CommandFailure) {
            let registry = try RegistryClient(
                properties,
                deliveryMilliseconds: client.deliveryTimeout?.millisecondsClamped ?? 30_000
            ) { message in StandardError.write(line: "rtd: \(message)") }
            let book = SchemaBook(registry, retry: options.connection.retry)
            lock.withLock { books[key] = book }
            return book
        } catch {
            throw SQLError(error.message, .systemError)
        }
    }
}
