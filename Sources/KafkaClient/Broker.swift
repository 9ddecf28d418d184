import Platform

/// An address that a cluster names for a broker, which may be none that this machine can reach. On
/// the cluster's loop; shared by the connections to that address.
final class Advertisement: @unchecked Sendable {
    private let node: Int32
    private let source: Endpoint
    var isReached = false
    var isReported = false

    init(node: Int32, source: Endpoint) {
        self.node = node
        self.source = source
    }

    /// Goes behind the reason why the address cannot be reached.
    var hint: String {
        "; \(source) names this address for broker \(node) "
            + "(its advertised.listeners; rtd serve --advertise)"
    }
}

/// A broker of the cluster, and the connection to it: made when asked for, made again when lost.
///
/// Lives on its cluster's loop. After a failure the next attempt waits, longer each time.
final class Broker: @unchecked Sendable {
    private enum State {
        case idle
        /// Resolving, connecting or negotiating; the number tells attempts apart.
        case connecting
        case pausing
        case ready(Connection)
        case closed
    }

    typealias Completion = @Sendable (Result<Connection, ClientError>) -> Void

    let endpoint: Endpoint
    private let environment: ClientEnvironment
    /// Nil for an address that the client was given.
    private let advertisement: Advertisement?
    /// When it was tried for the first time, in monotonic nanoseconds.
    private var firstAttempt: Int64?
    private var state = State.idle
    private var waiting: [Completion] = []
    private var attempt = 0
    private var failures = 0
    /// Monotonic nanoseconds before which no attempt is made.
    private var nextAttempt: Int64 = 0

    init(
        _ endpoint: Endpoint, _ environment: ClientEnvironment, _ advertisement: Advertisement?
    ) {
        self.endpoint = endpoint
        self.environment = environment
        self.advertisement = advertisement
    }

    private var loop: any EventLoop { environment.loop }

    /// The connection, if there is one right now.
    var ready: Connection? {
        if case .ready(let connection) = state { connection } else { nil }
    }

    /// Gives the connection, at once if there is one.
    func connection(_ done: @escaping Completion) {
        switch state {
        case .ready(let connection): done(.success(connection))
        case .closed: done(.failure(.closed))
        case .connecting, .pausing: waiting.append(done)
        case .idle:
            waiting.append(done)
            let pause = nextAttempt - loop.clock.monotonicNanoseconds
            guard pause > 0 else { return connect() }
            state = .pausing
            loop.after(pause) { [self] in if case .pausing = state { connect() } }
        }
    }

    func close() {
        let connection = ready
        state = .closed
        finish(.failure(.closed))
        connection?.close(.closed)
    }

    private func connect() {
        state = .connecting
        attempt += 1
        let this = attempt
        loop.after(environment.configuration.connectTimeoutMilliseconds * 1_000_000) { [self] in
            failed(
                this, .unreachable(address: "\(endpoint)", reason: "the connection timed out"))
        }
        watchFirstAttempt(this)
        environment.resolve(endpoint) { [self] result in
            switch result {
            case .success(let addresses): open(addresses[...], this)
            case .failure(let error): failed(this, error)
            }
        }
    }

    /// An address that is silent, as behind a firewall, is told of before its attempt has failed.
    private func watchFirstAttempt(_ this: Int) {
        guard firstAttempt == nil else { return }
        firstAttempt = loop.clock.monotonicNanoseconds
        loop.after(Limits.unreachedMilliseconds * 1_000_000) { [self] in
            guard this == attempt, case .connecting = state else { return }
            report(explained(.unreachable(address: "\(endpoint)", reason: "no answer yet")))
        }
    }

    /// Tells people, once, what they wait for, if the address has not been reached for a while.
    private func report(_ error: ClientError) {
        guard let advertisement, !advertisement.isReached, !advertisement.isReported,
            case .unreachable = error, let firstAttempt,
            loop.clock.monotonicNanoseconds - firstAttempt
                >= Limits.unreachedMilliseconds * 1_000_000
        else { return }
        advertisement.isReported = true
        environment.configuration.warn?("\(error); still trying")
    }

    /// With who named the address, if it was never reached.
    private func explained(_ error: ClientError) -> ClientError {
        guard let advertisement, !advertisement.isReached else { return error }
        switch error {
        case .unreachable(let address, let reason):
            return .unreachable(address: address, reason: reason + advertisement.hint)
        case .untrusted(let address, let reason):
            return .untrusted(address: address, reason: reason + advertisement.hint)
        case .malformed(let address, let detail):
            return .malformed(address: address, detail: detail + advertisement.hint)
        default: return error
        }
    }

    /// Tries the addresses of a host in turn.
    private func open(_ addresses: ArraySlice<SocketAddress>, _ this: Int) {
        guard this == attempt, case .connecting = state, let address = addresses.first else {
            return
        }
        environment.connector(loop, address) { [self] result in
            switch result {
            case .success(let stream): negotiate(stream, this)
            case .failure(let error):
                let others = addresses.dropFirst()
                guard others.isEmpty else { return open(others, this) }
                failed(this, .unreachable(address: "\(endpoint)", reason: error.reason))
            }
        }
    }

    private func negotiate(_ stream: any Stream, _ this: Int) {
        guard this == attempt, case .connecting = state else { return stream.close() }
        let secured: any Stream
        do throws(ClientError) {
            secured = try environment.secured(stream, endpoint)
        } catch {
            stream.close()
            return failed(this, error)
        }
        let connection = Connection(
            stream: secured, endpoint: endpoint, loop: loop,
            configuration: environment.configuration, pool: environment.pool)
        connection.begin()
        connection.negotiate { [self] error in
            if let error {
                connection.close(error)
                return failed(this, error)
            }
            connection.logIn(environment.login) { [self] in began(connection, $0, this) }
        }
    }

    private func began(_ connection: Connection, _ error: ClientError?, _ this: Int) {
        if let error {
            connection.close(error)
            return failed(this, error)
        }
        guard this == attempt, case .connecting = state else { return connection.close(.closed) }
        failures = 0
        advertisement?.isReached = true
        connection.ended = { [self] error in lost(error) }
        state = .ready(connection)
        finish(.success(connection))
    }

    private func failed(_ this: Int, _ error: ClientError) {
        guard this == attempt, case .connecting = state else { return }
        pause()
        let error = explained(error)
        environment.log("\(error)")
        report(error)
        finish(.failure(error))
    }

    private func lost(_ error: ClientError) {
        guard case .ready = state else { return }
        environment.log("\(error)")
        pause()
    }

    private func pause() {
        state = .idle
        failures += 1
        nextAttempt =
            loop.clock.monotonicNanoseconds
            + environment.configuration.backoffNanoseconds(attempt: failures)
    }

    private func finish(_ result: Result<Connection, ClientError>) {
        let completions = waiting
        waiting = []
        for done in completions { done(result) }
    }
}
