import Formats
import LogStorage
import Platform
import Records
import Streaming

/// A running server: the owner of one data directory, its broker, and the listeners in front of it.
///
/// Started and stopped by the main thread; everything else runs on its loops and workers.
public final class Server: @unchecked Sendable {
    public let record: ServerRecord
    /// Addresses that are listened on for Kafka.
    public let kafka: [SocketAddress]
    private let configuration: ServerConfiguration
    private let lock: FileLock
    private let runDirectory: RunDirectory
    private let broker: Broker
    private let kafkaServer: KafkaServer
    private let loops: [Loop]
    private let workers: WorkerThreads
    private let tracing: TraceSocket
    private let upkeep: Upkeep
    private let certificates: CertificateUpkeep?
    private let users: UserStore

    /// Threads that sync and read for the loops; DESIGN §4 has at most 32 files synced in parallel.
    private static let workersMax = 32

    /// Takes the directory, opens what is in it, listens. The lock says afterwards who it is.
    public init(_ configuration: ServerConfiguration) throws(ServiceError) {
        Processes.restrictFileModes()
        Processes.raiseFileLimit()
        self.configuration = configuration
        let directory = configuration.directory
        try directory.prepare()
        lock = try Takeover.lock(directory, for: configuration.kind)
        runDirectory = RunDirectory(of: directory)
        try runDirectory.prepare()
        try runDirectory.note(directory)
        workers = WorkerThreads(threadsMax: Self.workersMax)
        loops = (0..<min(2, Processes.processorCount)).map { _ in Loop() }
        tracing = TraceSocket(path: runDirectory.traceSocket, loop: loops[0])
        broker = try Self.openBroker(configuration, workers)
        users = try Self.openUsers(configuration)
        let listeners = try Self.security(configuration.security)
        kafkaServer = KafkaServer(
            broker: broker, loops: loops, workers: workers,
            options: KafkaServer.Options(
                advertise: configuration.advertise,
                tracer: RequestTracer(
                    clock: SystemClock(), also: configuration.trace, socket: tracing),
                users: users, superUsers: configuration.security.superUsers,
                usersAreTransient: configuration.kind == .ephemeral,
                report: configuration.report))
        certificates = CertificateUpkeep(
            configuration.security, listeners, report: configuration.report)
        upkeep = Upkeep(
            broker: broker, loop: loops[0], workers: workers, certificates: certificates)
        kafka = try Self.listen(configuration, kafkaServer, listeners, runDirectory, tracing)
        record = ServerRecord(
            kind: configuration.kind, processID: Processes.currentID, host: Processes.hostName,
            version: configuration.version, kafka: kafka.map(\.description),
            directory: directory.path, runDirectory: runDirectory.path)
        do throws(SystemError) {
            try lock.write(record.line + "\n")
            try writePortFile()
        } catch {
            throw ServiceError(error)
        }
        upkeep.start()
        for loop in loops { loop.start() }
    }

    private static func openBroker(
        _ configuration: ServerConfiguration, _ workers: WorkerThreads
    ) throws(ServiceError) -> Broker {
        let directory = configuration.directory
        let random = SystemRandom()
        let isEphemeral = configuration.kind == .ephemeral
        let format =
            isEphemeral
            ? DataDirectory.Format(
                version: 1, clusterID: UUID(high: random.next() | 1, low: random.next()), nodeID: 1)
            : try directory.openFormat(random: random)
        let memoryBytes = isEphemeral ? configuration.memoryBytes ?? Limits.ephemeralBytesMax : nil
        // The budget lets old segments go; the file system's own limit is for what it does not see.
        let fileSystem: any FileSystem =
            memoryBytes.map { MemoryFileSystem(bytesMax: 2 * Int64($0)) } ?? POSIXFileSystem()
        do throws(StreamingError) {
            var settings = configuration.properties
            if isEphemeral {
                // Nothing outlives the process, so nothing is waited for.
                settings["log.flush.interval.messages"] = String(Int64.max)
            }
            var environment = Broker.Environment(
                directory: directory.path, fileSystem: fileSystem, clock: SystemClock(),
                random: random, workers: workers, clusterID: format.clusterID,
                nodeID: format.nodeID, settings: try BrokerSettings(settings),
                report: configuration.report)
            environment.recoveryThreads = Limits.recoveryThreads
            environment.memoryBytes = memoryBytes.map(Int64.init)
            environment.namesMatching = { pattern, names in
                RegularExpression.names(names, matching: pattern)
            }
            return try Broker(environment)
        } catch {
            if case .invalidConfig(let text) = error { throw ServiceError(text, status: 2) }
            throw ServiceError(error.message ?? "\(error)")
        }
    }

    /// The users of the directory; those of an ephemeral server are gone with it.
    private static func openUsers(_ configuration: ServerConfiguration) throws(ServiceError)
        -> UserStore
    {
        let path = configuration.directory.path
        guard configuration.kind == .ephemeral else {
            return try UserStore(POSIXFileSystem(), path: path + "/users", random: SystemRandom())
        }
        let memory = MemoryFileSystem(bytesMax: Int64(2 * Limits.usersFileBytesMax))
        do throws(SystemError) {
            try memory.makeDirectories(path)
        } catch {
            throw ServiceError(error)
        }
        return try UserStore(memory, path: path + "/users", random: SystemRandom())
    }

    private static func security(_ security: ServerSecurity) throws(ServiceError)
        -> ListenerSecurity
    {
        if security.authenticates { Processes.forbidCoreDumps() }
        do throws(TLSError) {
            return ListenerSecurity(security, try security.tls?())
        } catch {
            throw ServiceError(error.message, status: 2)
        }
    }

    private static func listen(
        _ configuration: ServerConfiguration, _ server: KafkaServer,
        _ security: ListenerSecurity, _ run: RunDirectory, _ tracing: TraceSocket
    ) throws(ServiceError) -> [SocketAddress] {
        do throws(SystemError) {
            run.removeSocket(run.kafkaSocket)
            _ = try server.listen(.unix(path: run.kafkaSocket))
            run.removeSocket(run.traceSocket)
            try tracing.listen()
        } catch {
            throw ServiceError(error)
        }
        var addresses: [SocketAddress] = []
        for address in configuration.kafka {
            do throws(SystemError) {
                addresses.append(
                    try server.listen(sharingPort(address, addresses.first), security))
            } catch {
                // The second default listener is for machines that have IPv6.
                if !configuration.kafkaWasAskedFor && !addresses.isEmpty && !error.isInUse {
                    continue
                }
                throw Self.explained(error, address)
            }
        }
        return addresses
    }

    /// IPv4 and IPv6 of one listener get the same port, also when the kernel picks it.
    private static func sharingPort(_ address: SocketAddress, _ first: SocketAddress?)
        -> SocketAddress
    {
        if case .ipv6(let host, 0) = address, let port = first?.port {
            return .ipv6(host: host, port: port)
        }
        return address
    }

    private static func explained(_ error: SystemError, _ address: SocketAddress) -> ServiceError {
        if error.isInUse {
            return ServiceError(
                "\(address) is taken by another program; --kafka 127.0.0.1:0 picks a free port")
        }
        return ServiceError(error)
    }

    private func writePortFile() throws(SystemError) {
        guard let path = configuration.portFile else { return }
        let lines = kafka.map { "kafka \($0)\n" }.joined()
        try POSIXFileSystem().replace(path, with: Array(lines.utf8), isDurable: false)
    }

    /// True if a broker property of this name has a meaning here.
    public static func understands(_ property: String) -> Bool {
        BrokerConfigs.all.contains { $0.name == property }
    }

    // MARK: The end

    /// Calls `leave` once a server on demand has had no client for its idle time, or at once when
    /// its lock file is gone.
    public func leaveWhenIdle(_ leave: @escaping @Sendable () -> Void) {
        upkeep.watchIdle(kafkaServer, lock, configuration.idleNanoseconds, leave)
    }

    /// Calls `leave` once the process that started this one, `owner`, has ended in whatever way.
    public func leave(with owner: Int32, _ leave: @escaping @Sendable () -> Void) {
        upkeep.watchParent(owner, leave)
    }

    /// Whether anyone could log in.
    public var hasUsers: Bool { !users.isEmpty }

    /// Reads the certificate of the listeners anew, if they have one.
    public func reloadCertificate() { certificates?.reload() }

    /// True while clients are connected.
    public var isInUse: Bool { kafkaServer.connectionCount > 0 }

    /// Ends: no new connections, the answers under way, everything on the disk. Blocks.
    public func stop() {
        let finished = Flag()
        kafkaServer.drain { finished.raise() }
        let deadline = SystemClock().monotonicNanoseconds + Limits.drainNanoseconds
        while kafkaServer.connectionCount > 0 || !finished.isRaised {
            if SystemClock().monotonicNanoseconds > deadline { break }
            Processes.pause(milliseconds: 2)
        }
        kafkaServer.closeAll()
        upkeep.stop()
        runDirectory.removeSocket(runDirectory.kafkaSocket)
        runDirectory.removeSocket(runDirectory.traceSocket)
        broker.close()
        for loop in loops { loop.stop() }
    }
}

/// Something that happens once and is seen by other threads.
final class Flag: Sendable {
    private let lock = Lock()
    nonisolated(unsafe) private var raised = false

    func raise() { lock.withLock { unsafe raised = true } }
    var isRaised: Bool { lock.withLock { unsafe raised } }
}
