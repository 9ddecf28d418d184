import KafkaProtocol
import Platform

/// What the TCP listeners of a server ask of their clients. The Unix sockets ask nothing: only the
/// owner of the directory reaches them.
public struct ServerSecurity: Sendable {
    /// Ways to log in; empty: nobody has to.
    public var mechanisms: [SASLMechanism] = []
    /// Clients must show a certificate (`ssl.client.auth=required`).
    public var wantsCertificates = false
    /// Users who may change the passwords of others (`super.users`, without `User:`).
    public var superUsers: Set<String> = []
    /// Reads the certificate and key anew; nil for listeners without TLS.
    public var tls: (@Sendable () throws(TLSError) -> TLSContext)?
    /// The files behind `tls`: when one changes, it is read anew.
    public var tlsFiles: [String] = []

    public init() {}

    /// Whether a client has to say who it is.
    public var authenticates: Bool { !mechanisms.isEmpty || wantsCertificates }
}

/// What one kind of listener asks, as its connections see it. Any thread.
final class ListenerSecurity: @unchecked Sendable {
    let mechanisms: [SASLMechanism]
    let wantsCertificates: Bool
    private let lock = Lock()
    private var context: TLSContext?

    init(_ security: ServerSecurity, _ context: TLSContext?) {
        mechanisms = security.mechanisms
        wantsCertificates = security.wantsCertificates
        self.context = context
    }

    /// A Unix socket of the owner's, or a listener that is open to whoever reaches it.
    static let none = ListenerSecurity(ServerSecurity(), nil)

    var usesTLS: Bool { lock.withLock { context != nil } }

    /// Whether a connection must do something before its first request.
    var asksSomething: Bool { !mechanisms.isEmpty || usesTLS }

    /// From the next connection on.
    func replace(_ new: TLSContext) { lock.withLock { context = new } }

    /// The stream as Kafka's bytes go over it.
    func secured(_ stream: any Stream) throws(TLSError) -> any Stream {
        guard let context = lock.withLock({ context }) else { return stream }
        return try context.secure(stream)
    }

    /// PLAIN shows the password to whoever can listen: it is for TLS and for this machine.
    func offered(to peer: SocketAddress) -> [SASLMechanism] {
        mechanisms.filter { $0 != .plain || usesTLS || peer.isLoopback }
    }
}
