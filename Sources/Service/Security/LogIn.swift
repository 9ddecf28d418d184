import Bytes
import KafkaProtocol
import Platform

/// The log-ins of a server: chooses mechanisms, checks tokens, and lets failures wait. Called on
/// the loop of the connection.
final class LogIn: Sendable {
    let users: UserStore
    let superUsers: Set<String>
    /// Users are forgotten with the process, and what listeners ask of clients never changes.
    private let usersAreTransient: Bool
    private let random: any RandomSource
    private let workers: any Workers
    /// `connections.max.reauth.ms`; 0 for sessions without end.
    private let lifetime: Int64
    /// `connection.failed.authentication.delay.ms`
    private let delayMilliseconds: Int64

    /// What a token came to.
    enum Answer: Sendable {
        /// Bytes for the client; the milliseconds that its session lasts, if it is over.
        case token([UInt8], lifetime: Int64)
        /// Words for the client; the connection is closed after them.
        case refused(String)
    }

    init(
        users: UserStore, superUsers: Set<String>, usersAreTransient: Bool = false,
        random: any RandomSource,
        workers: any Workers, lifetime: Int64, delayMilliseconds: Int64
    ) {
        self.users = users
        self.superUsers = superUsers
        self.usersAreTransient = usersAreTransient
        self.random = random
        self.workers = workers
        self.lifetime = lifetime
        self.delayMilliseconds = delayMilliseconds
    }

    /// Begins an exchange; the error code for the client.
    func choose(_ name: String, isBare: Bool, _ connection: KafkaConnection) -> ErrorCode {
        let offered = connection.security.offered(to: connection.stream.peerAddress)
        if connection.security.mechanisms.isEmpty { return .illegalSaslState }
        guard let mechanism = SASLMechanism(rawValue: name), offered.contains(mechanism) else {
            return .unsupportedSaslMechanism
        }
        let nonce = StrictBase64.text(UserStore.randomBytes(24, random))
        let users = users
        let server = SASLServer(mechanism, nonce: nonce) { users.credential($0, $1) }
        return connection.session.choose(mechanism, server, isBare: isBare)
            ? .none : .illegalSaslState
    }

    /// Takes one token; `done` is called on the loop, at once or later.
    func received(
        _ token: [UInt8], isBare: Bool, _ connection: KafkaConnection,
        done: @escaping @Sendable (Answer) -> Void
    ) {
        guard var exchange = connection.session.takeExchange() else {
            return fail(connection, "SaslHandshake comes first", nil, done)
        }
        do throws(SASLError) {
            switch try exchange.received(token) {
            case .challenge(let bytes):
                connection.session.goOn(exchange, isBare: isBare)
                done(.token(bytes, lifetime: 0))
            case .accepted(let user, let bytes): accept(user, bytes, connection, done)
            case .check(let login): check(login, connection, done)
            }
        } catch {
            fail(connection, error.description, nil, done)
        }
    }

    /// Compares a password, away from the loop.
    private func check(
        _ login: SASLCredentials, _ connection: KafkaConnection,
        _ done: @escaping @Sendable (Answer) -> Void
    ) {
        workers.submit { [self] in
            let isRight = users.matches(login)
            connection.loop.post { [self] in
                if isRight { return accept(login.username, [], connection, done) }
                fail(connection, SASLError.unprovenClient.description, login.username, done)
            }
        }
    }

    private func accept(
        _ user: String, _ bytes: [UInt8], _ connection: KafkaConnection,
        _ done: @escaping @Sendable (Answer) -> Void
    ) {
        let now = connection.loop.clock.monotonicNanoseconds / 1_000_000
        guard connection.session.accepted(user, lifetime: lifetime, now: now) else {
            return fail(connection, "it was another user before", user, done)
        }
        connection.settle()
        done(.token(bytes, lifetime: lifetime))
    }

    /// Tells the log at once and the client after a while, so that guessing takes time.
    private func fail(
        _ connection: KafkaConnection, _ words: String, _ user: String?,
        _ done: @escaping @Sendable (Answer) -> Void
    ) {
        let name = user.map { " as \"\(KafkaConnection.printable($0))\"" } ?? ""
        connection.server.report(connection, "log-in\(name) failed: \(words)")
        connection.loop.after(delayMilliseconds * 1_000_000) {
            done(.refused("Authentication failed: \(words)"))
            connection.closeSoon()
        }
    }

    /// Whether a client may set or delete the password of a user: the owner and super users may,
    /// and everyone his own.
    ///
    /// Nobody in particular may not, though Kafka lets him: the listener may ask for log-ins after
    /// the next start, and then he would have a key. Where there is no next start he may.
    func mayChange(_ user: String, _ principal: Session.Principal) -> Bool {
        switch principal {
        case .owner: true
        case .anonymous: usersAreTransient
        case .user(let name): name == user || superUsers.contains(name)
        }
    }

    func maySeeUsers(_ principal: Session.Principal) -> Bool {
        principal != .anonymous || usersAreTransient
    }
}
