import Platform

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
    private var state = State.idle
    private var waiting: [Completion] = []
    private var attempt = 0
    private var failures = 0
    /// Monotonic nanoseconds before which no attempt is made.
    private var nextAttempt: Int64 = 0

    init(_ endpoint: Endpoint, _ environment: ClientEnvironment) {
        self.endpoint = endpoint
        self.environment = environment
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
        environment.resolve(endpoint) { [self] result in
            switch result {
            case .success(let addresses): open(addresses[...], this)
            case .failure(let error): failed(this, error)
            }
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
        connection.ended = { [self] error in lost(error) }
        state = .ready(connection)
        finish(.success(connection))
    }

    private func failed(_ this: Int, _ error: ClientError) {
        guard this == attempt, case .connecting = state else { return }
        pause()
        environment.log("\(error)")
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
