import ArgumentParsing
import KafkaClient
import KafkaProtocol
import Platform
import Service

/// A command's way to the cluster that its options name: the server of a local directory, started
/// when none runs, or brokers. Made on the main thread; used on `loop`, which runs there.
final class ClusterConnection: Sendable {
    private static let localAttemptsMax = 5

    let loop: Loop
    /// Not in contact yet: `connect` comes first.
    let cluster: Cluster
    let properties: ClientProperties
    /// Nil when the command talks to brokers.
    let directory: DataDirectory?
    /// Where the topics are, as messages say it: "in ~/.local/share/rtd", "on 127.0.0.1:9092".
    let place: String

    /// Finds the cluster; blocks while a local server starts. `command` begins usage messages.
    init(
        _ command: String, _ options: ConnectionOptions, _ reporting: ReportingOptions
    ) throws(CommandFailure) {
        let target: ConnectionOptions.Target
        (properties, target) = try Self.resolve(command, options)
        if let warning = properties.warning, !reporting.isQuiet {
            StandardError.write(line: "rtd: \(warning)")
        }
        let endpoints: [Endpoint]
        switch target {
        case .brokers(let brokers):
            directory = nil
            place = "on " + brokers.map(\.description).joined(separator: ",")
            endpoints = brokers.map { .tcp(host: $0.host, port: $0.port) }
        case .directory(let path):
            let (found, endpoint) = try Self.startLocal(path)
            directory = found
            place = "in \(found.displayPath)"
            endpoints = [endpoint]
        }
        var configuration = properties.clientConfiguration(endpoints)
        if directory == nil { try Self.secure(&configuration, command, properties.security) }
        if let retry = options.retry {
            configuration.retryFirstContactMilliseconds = retry.millisecondsClamped
        }
        if reporting.isVerbose {
            configuration.log = { StandardError.write(line: "rtd: \($0)") }
        }
        if !reporting.isQuiet {
            configuration.warn = { StandardError.write(line: "rtd: \($0)") }
        }
        loop = Loop()
        if let directory {
            cluster = Cluster(configuration, on: loop, connector: Self.restarting(directory))
        } else {
            cluster = Cluster(configuration, on: loop)
        }
    }

    /// Connects to the directory's server, and starts one anew if it has gone meanwhile.
    private static func restarting(_ directory: DataDirectory) -> StreamConnector {
        let workers = WorkerThreads(threadsMax: 1)
        return { loop, address, done in
            loop.connect(address) { result in
                guard case .failure(let error) = result, error.isRefused || error.isNotFound else {
                    return done(result)
                }
                workers.submit {
                    // It may listen elsewhere than the one before.
                    let found = try? LocalServer.socket(of: directory, version: Program.version)
                    loop.post { found.map { loop.connect($0, done: done) } ?? done(result) }
                }
            }
        }
    }

    private static func resolve(
        _ command: String, _ options: ConnectionOptions
    ) throws(CommandFailure) -> (ClientProperties, ConnectionOptions.Target) {
        do throws(UsageError) {
            let files = try PropertyFiles.readForClient(options.propertyFiles)
            var properties = try options.clientProperties(files: files)
            if options.usesRegistry {
                properties.foreign.removeAll { RegistryProperties.name($0) != nil }
            }
            let target = try options.target(
                properties: properties, environment: ProcessEnvironment.value)
            return (properties, target)
        } catch {
            throw CommandFailure("\(command): \(error.message)", status: UsageError.exitStatus)
        }
    }

    /// Sets who the client is and whom it trusts; the server of a directory needs neither.
    private static func secure(
        _ configuration: inout ClientConfiguration, _ command: String,
        _ security: SecurityProperties
    ) throws(CommandFailure) {
        do throws(UsageError) {
            configuration.login = try security.login(environment: ProcessEnvironment.value)
            configuration.tls = try security.tls()
        } catch {
            throw CommandFailure("\(command): \(error.message)", status: UsageError.exitStatus)
        }
    }

    private static func startLocal(
        _ path: String?
    ) throws(CommandFailure) -> (DataDirectory, Endpoint) {
        do throws(ServiceError) {
            let directory = try DataDirectory.locate(path)
            let socket = try LocalServer.socket(of: directory, version: Program.version)
            guard case .unix(let path) = socket else {
                return (directory, .unix(path: "\(socket)"))
            }
            return (directory, .unix(path: path))
        } catch {
            throw CommandFailure(error)
        }
    }

    /// Brokers are named, or the directory is there: nothing would be made by asking.
    static func isThere(_ options: ConnectionOptions) -> Bool {
        guard let target = try? resolve("query", options).1 else { return false }
        switch target {
        case .brokers: return true
        case .directory(let path):
            guard let directory = try? DataDirectory.locate(path) else { return false }
            return POSIXFileSystem().isDirectory(directory.path)
        }
    }

    /// Where the topics of `options` are, as `place` says it; makes nothing.
    static func place(_ options: ConnectionOptions) throws(CommandFailure) -> String {
        switch try resolve("query", options).1 {
        case .brokers(let brokers):
            return "on " + brokers.map(\.description).joined(separator: ",")
        case .directory(let path):
            do throws(ServiceError) {
                return "in \(try DataDirectory.locate(path).displayPath)"
            } catch {
                throw CommandFailure(error.message)
            }
        }
    }

    /// Makes the first contact. A local server that ends just then, be it killed, may still have
    /// taken the connection: the next attempt finds another one, or starts it.
    func connect() async throws(CommandFailure) {
        var attempts = 0
        while true {
            do throws(ClientError) {
                return try await cluster.connect()
            } catch {
                attempts += 1
                guard directory != nil, attempts < Self.localAttemptsMax,
                    case .connectionLost = error
                else { throw failure(error) }
            }
        }
    }

    /// The words for a client's error.
    func failure(_ error: ClientError) -> CommandFailure {
        CommandFailure(text(error))
    }

    func text(_ error: ClientError) -> String {
        guard let directory else { return error.description }
        let server = "the server of \(directory.displayPath)"
        return switch error {
        case .unreachable(_, let reason): "cannot reach \(server): \(reason)"
        case .connectionLost(_, let reason): "lost the connection to \(server): \(reason)"
        case .timedOut(let api, _, let milliseconds):
            "\(server) did not answer \(api.name) within \(milliseconds) ms"
        default: error.description
        }
    }

    /// The words for a topic that is not there, with the nearest name; `hint` names the way out,
    /// such as "--wait waits for it".
    func unknownTopic(_ name: String, hint: String? = nil) async -> CommandFailure {
        var message = "topic \"\(name)\" does not exist \(place)"
        if let all = try? await cluster.describe() {
            let names = all.topics.values.filter { !$0.isInternal }.map(\.name).sorted()
            if let nearest = nearestName(to: name, among: names) {
                message += "; did you mean \"\(nearest)\"?"
            }
        }
        if let hint { message += " (\(hint))" }
        return CommandFailure(message)
    }
}

extension ClientProperties {
    /// The client's own settings, where set.
    func clientConfiguration(_ bootstrap: [Endpoint]) -> ClientConfiguration {
        var result = ClientConfiguration(bootstrap: bootstrap)
        result.softwareVersion = Program.version
        if let clientID { result.clientID = clientID }
        func set(_ path: WritableKeyPath<ClientConfiguration, Int64>, _ time: Duration?) {
            if let time { result[keyPath: path] = time.millisecondsClamped }
        }
        set(\.requestTimeoutMilliseconds, requestTimeout)
        set(\.deliveryTimeoutMilliseconds, deliveryTimeout)
        set(\.retryBackoffMilliseconds, retryBackoff)
        set(\.retryBackoffMaxMilliseconds, retryBackoffMax)
        set(\.metadataAgeMaxMilliseconds, metadataAgeMax)
        set(\.connectTimeoutMilliseconds, connectTimeout)
        return result
    }
}

extension Duration {
    /// Whole milliseconds, at least 1 for what is more than nothing.
    var millisecondsClamped: Int64 {
        let nanoseconds = nanosecondsClamped
        return nanoseconds > 0 ? max(1, nanoseconds / 1_000_000) : 0
    }
}
