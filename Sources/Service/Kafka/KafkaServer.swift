import KafkaProtocol
import LogStorage
import Platform
import Records
import Streaming
import Synchronization

/// The Kafka side of a server: listens, spreads connections over its loops, dispatches requests.
///
/// Made on the main thread; `dispatch` and `closed` are called on the loop of the connection.
final class KafkaServer: @unchecked Sendable {
    let broker: Broker
    let workers: any Workers
    let sessions: FetchSessions
    let shareSessions: ShareSessions
    let tracer: RequestTracer?
    let logIn: LogIn
    let frameBytesMax: Int
    private let loops: [any EventLoop]
    private let pools: [BufferPool]
    private let advertise: (host: String, port: Int32)?
    private let bufferedBytesMax: Int
    private let idleMilliseconds: Int64
    private let report: @Sendable (String) -> Void
    private let refusals = RefusalLog()

    private let lock = Lock()
    private var connections: [UInt64: KafkaConnection] = [:]
    /// Those that have not logged in yet.
    private var unsettled: Set<UInt64> = []
    private var lastNumber: UInt64 = 0
    /// How many connections each address has.
    private var counts: [String: Int] = [:]
    private var listeners: [any Listener] = []
    /// Where TCP clients come in, and what is asked of them there.
    private var places: [(address: SocketAddress, security: ListenerSecurity)] = []
    private var draining = false
    /// Called, from any loop, when the number of connections has changed.
    private var countChanged: (@Sendable (Int) -> Void)?

    struct Options: Sendable {
        var advertise: (host: String, port: Int32)?
        var tracer: RequestTracer?
        var users: UserStore
        var superUsers: Set<String> = []
        /// Users are forgotten with the process, and what listeners ask of clients never changes.
        var usersAreTransient = false
        var report: @Sendable (String) -> Void
    }

    init(broker: Broker, loops: [any EventLoop], workers: any Workers, options: Options) {
        self.broker = broker
        self.loops = loops
        self.workers = workers
        pools = loops.map { _ in BufferPool() }
        advertise = options.advertise
        tracer = options.tracer
        report = options.report
        let settings = broker.brokerSettings
        logIn = LogIn(
            users: options.users, superUsers: options.superUsers,
            usersAreTransient: options.usersAreTransient, random: SystemRandom(),
            workers: workers, lifetime: settings.number("connections.max.reauth.ms"),
            delayMilliseconds: settings.number("connection.failed.authentication.delay.ms"))
        frameBytesMax = Int(settings.number("socket.request.max.bytes"))
        let queued = settings.number("queued.max.request.bytes")
        bufferedBytesMax = queued <= 0 ? Int.max : Int(queued)
        idleMilliseconds = settings.number("connections.max.idle.ms")
        sessions = FetchSessions(
            sessionsMax: Int(settings.number("max.incremental.fetch.session.cache.slots")),
            random: SystemRandom(), clock: broker.clock)
        shareSessions = ShareSessions(
            sessionsMax: Int(settings.number("group.share.max.share.sessions")))
        let loop = loops[0]
        broker.groups.setTimer { [broker] milliseconds in
            loop.post { loop.after(milliseconds * 1_000_000) { broker.groups.advance() } }
        }
        for number in loops.indices { loops[number].post { [weak self] in self?.sweep(number) } }
    }

    // MARK: Connections

    /// Listens on one more address; on the first loop's thread, or before it runs.
    func listen(_ address: SocketAddress, _ security: ListenerSecurity = .none)
        throws(SystemError) -> SocketAddress
    {
        let listener = try loops[0].listen(address) { [weak self] stream in
            self?.accept(stream, security)
        }
        lock.withLock {
            listeners.append(listener)
            if !listener.address.isUnix { places.append((listener.address, security)) }
        }
        return listener.address
    }

    var listening: [(address: SocketAddress, security: ListenerSecurity)] {
        lock.withLock { places }
    }

    private func accept(_ plain: any Stream, _ security: ListenerSecurity) {
        let asks = security.asksSomething
        let limits = ConnectionLimits(broker.brokerSettings)
        let host = plain.peerAddress.plainHost
        let number = lock.withLock { () -> UInt64? in
            guard !draining, connections.count < limits.total,
                !asks || unsettled.count < Limits.unsettledMax
            else { return nil }
            if let host {
                guard counts[host, default: 0] < limits.limit(of: host) else { return nil }
                counts[host, default: 0] += 1
            }
            lastNumber += 1
            if asks { unsettled.insert(lastNumber) }
            return lastNumber
        }
        guard let number else { return plain.close() }
        let stream: any Stream
        do throws(TLSError) {
            stream = try security.secured(plain)
        } catch {
            report("\(plain.peerAddress): \(error); closed")
            lock.withLock {
                unsettled.remove(number)
                uncount(host)
            }
            return plain.close()
        }
        let place = Int(number) % loops.count
        let connection = KafkaConnection(
            stream, loop: loops[place], pool: pools[place], server: self, number: number,
            security: security)
        let count = lock.withLock {
            connections[number] = connection
            return connections.count
        }
        countChanged?(count)
        loops[place].post { connection.start() }
    }

    private func uncount(_ host: String?) {
        guard let host, let count = counts[host] else { return }
        counts[host] = count > 1 ? count - 1 : nil
    }

    func closed(_ connection: KafkaConnection) {
        let count = lock.withLock {
            if connections.removeValue(forKey: connection.number) != nil {
                uncount(connection.stream.peerAddress.plainHost)
            }
            unsettled.remove(connection.number)
            return connections.count
        }
        for (group, member) in shareSessions.end(connection: connection.number) {
            broker.shares.release(group: group, member: member)
        }
        countChanged?(count)
    }

    /// A connection has done what is asked of it before its requests.
    func settled(_ connection: KafkaConnection) {
        lock.withLock { _ = unsettled.remove(connection.number) }
    }

    func onCountChange(_ callback: @escaping @Sendable (Int) -> Void) {
        countChanged = callback
    }

    var connectionCount: Int { lock.withLock { connections.count } }

    /// What connections hold of memory: frames that are not whole, requests and answers that wait.
    private var heldBytes: Int { pools.reduce(0) { $0 + $1.heldBytes } }

    /// True while connections hold so much that one which has answers to come gets no more.
    var isShortOfMemory: Bool { heldBytes > bufferedBytesMax }

    /// True if a frame of so many bytes may be gathered in memory now: the largest always may once
    /// the others are within the limit.
    func mayBuffer(_ count: Int) -> Bool { heldBytes + count <= bufferedBytesMax + frameBytesMax }

    private func sweep(_ number: Int) {
        let loop = loops[number]
        let mine = lock.withLock { connections.values.filter { $0.loop === loop } }
        let now = loop.clock.monotonicNanoseconds / 1_000_000
        for connection in mine { connection.sweep(now: now, idleMilliseconds: idleMilliseconds) }
        loop.after(Limits.sweepNanoseconds) { [weak self] in self?.sweep(number) }
    }

    /// The address clients are told: the one asked for at start, else where this one came in.
    func advertised(to local: SocketAddress) -> (host: String, port: Int32) {
        if let advertise { return advertise }
        guard let host = local.plainHost, let port = local.port else {
            return ("127.0.0.1", 9_092)
        }
        return (host, Int32(port))
    }

    // MARK: Requests

    /// Handles one request; throws if the connection cannot go on.
    func dispatch(_ frame: UnsafeMutableRawBufferPointer, from connection: KafkaConnection)
        throws(WireError)
    {
        let span = unsafe UnsafeRawBufferPointer(frame).bytes
        if connection.session.expectsBareToken {
            return unsafe takeBareToken(Array(frame), connection)
        }
        let parsed = try RequestFrame(span)
        let header = parsed.header
        let key = Int(header.apiKey)
        guard key >= 0, key < HandlerTable.byKey.count, let entry = HandlerTable.byKey[key] else {
            throw .unsupportedAPI(header.apiKey)
        }
        connection.note(client: header.clientId)
        guard connection.mayAsk(entry.key) else { throw .unauthenticated(entry.key) }
        guard entry.served.contains(header.apiVersion) else {
            guard entry.key == .apiVersions else {
                throw .unsupportedVersion(entry.key, header.apiVersion)
            }
            return answerUnsupported(header, connection)
        }
        let context = unsafe RequestContext(
            server: self, connection: connection, header: header, frame: frame)
        try entry.run(parsed, context)
    }

    private func answerUnsupported(_ header: RequestHeader, _ connection: KafkaConnection) {
        let frame = encodeResponse(
            ApiVersionsHandler.unsupported, api: ApiVersionsRequest.api, version: 0,
            correlationID: header.correlationId)
        connection.answer(connection.expectAnswer(), frame, [])
    }

    /// A token that followed SaslHandshake v0: the answer has no header either, and a failure none.
    private func takeBareToken(_ token: [UInt8], _ connection: KafkaConnection) {
        let ticket = connection.expectAnswer()
        logIn.received(token, isBare: true, connection) { answer in
            guard case .token(let bytes, _) = answer else { return }
            connection.answer(ticket, EncodedFrame(bare: bytes), [])
        }
    }

    // MARK: The log of the server

    /// Says why a connection is closed.
    func report(_ connection: KafkaConnection, _ words: String) {
        let client = connection.clientID.isEmpty ? "" : " (\(connection.printableClientID))"
        report("\(connection.stream.peerAddress)\(client): \(words); closed")
    }

    /// A connection was closed for what it sent.
    func closing(_ connection: KafkaConnection, _ error: WireError) {
        if case .frameTooLarge(let size) = error, !connection.security.usesTLS, size >> 16 == 0x1603
        {
            return report(
                connection,
                "it speaks TLS on a port without (security.protocol=PLAINTEXT or"
                    + " SASL_PLAINTEXT)")
        }
        report(
            "\(connection.stream.peerAddress) (\(connection.printableClientID)): \(error); closed")
    }

    /// A request was refused for a reason that whoever runs the server should know.
    /// What a client does wrong is told once a minute. `place` names what it was about.
    func refused<Request: KafkaRequest>(
        _ reply: Reply<Request>, _ error: StreamingError, _ place: String = ""
    ) {
        let about = place.isEmpty ? "" : "\(place): "
        if case .storage(let text) = error { return refused(reply, because: about + text) }
        guard error.isFaultOfClient else { return }
        let name = ErrorCode(rawValue: error.code).name
        let cause = error.message.map { "\($0) (\(name))" } ?? name
        let line =
            "\(Request.api.key.name) of \(reply.connection.printableClientID): \(about)\(cause)"
        if refusals.isDue(line, at: broker.clock.monotonicNanoseconds) { report(line) }
    }

    func refused<Request: KafkaRequest>(_ reply: Reply<Request>, because text: String) {
        report("\(Request.api.key.name) of \(reply.connection.printableClientID): \(text)")
    }

    // MARK: The end

    /// Stops listening, lets every connection finish what is under way, then calls `done`.
    func drain(done: @escaping @Sendable () -> Void) {
        let (open, sockets) = lock.withLock {
            draining = true
            defer { listeners = [] }
            return (Array(connections.values), listeners)
        }
        for socket in sockets { loops[0].post { socket.close() } }
        let gather = Gather<Void>(open.count) { _ in done() }
        for (place, connection) in open.enumerated() {
            connection.loop.post {
                connection.drain()
                gather.put((), at: place)
            }
        }
    }

    /// Closes what is left.
    func closeAll() {
        for connection in lock.withLock({ Array(connections.values) }) {
            connection.loop.post { connection.close() }
        }
    }
}
