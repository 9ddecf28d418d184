import Bytes
import KafkaProtocol
import Platform

/// Who is at the other end of one connection, and how far its log-in has come. Lives on the loop of
/// its connection.
struct Session {
    /// Who asks, as far as it is known.
    enum Principal: Equatable {
        /// Over the Unix socket of the directory: its owner.
        case owner
        /// A listener that asks nobody.
        case anonymous
        case user(String)
    }

    private enum State {
        case open
        /// A mechanism is to be chosen.
        case waiting
        case chosen(SASLServer, isBare: Bool)
        /// A password is looked at elsewhere.
        case checking
        case known
    }

    private(set) var principal: Principal
    private var state: State
    private var mechanism: SASLMechanism?
    /// Milliseconds of the monotonic clock after which it must log in again.
    private var expires = Int64.max

    init(_ security: ListenerSecurity, isLocal: Bool) {
        principal = isLocal ? .owner : .anonymous
        state = isLocal || security.mechanisms.isEmpty ? .open : .waiting
    }

    /// Whether a log-in is under way whose tokens are frames of their own (SaslHandshake v0).
    var expectsBareToken: Bool {
        if case .chosen(_, isBare: true) = state { true } else { false }
    }

    /// Whether requests of all kinds are taken.
    func isLoggedIn(now: Int64) -> Bool {
        switch state {
        case .open: true
        case .known: now < expires
        default: false
        }
    }

    /// The name in a verified certificate is who it is, until it logs in.
    mutating func showedCertificate(_ name: String) {
        if principal == .anonymous { principal = .user(name) }
    }

    /// Chooses the mechanism, for the first time or again (KIP-368: not another one then).
    mutating func choose(_ chosen: SASLMechanism, _ server: SASLServer, isBare: Bool) -> Bool {
        switch state {
        case .open, .checking, .chosen: return false
        case .known where mechanism != chosen: return false
        case .waiting, .known: break
        }
        mechanism = chosen
        state = .chosen(server, isBare: isBare)
        return true
    }

    /// Takes the exchange out, to go on with; nil if none was begun.
    mutating func takeExchange() -> SASLServer? {
        guard case .chosen(let server, _) = state else { return nil }
        state = .checking
        return server
    }

    /// Puts it back for the client's next token.
    mutating func goOn(_ server: SASLServer, isBare: Bool) {
        state = .chosen(server, isBare: isBare)
    }

    /// False if it has logged in as someone else before, which one connection cannot (KIP-368).
    mutating func accepted(_ user: String, lifetime: Int64, now: Int64) -> Bool {
        if case .user(let before) = principal, before != user, hasLoggedIn { return false }
        hasLoggedIn = true
        principal = .user(user)
        state = .known
        expires = lifetime > 0 ? now + lifetime : .max
        return true
    }

    private var hasLoggedIn = false
}
