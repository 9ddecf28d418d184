/// What ends a conversation with a server.
public enum ProtocolError: Error, Equatable, Sendable {
    /// The server sent what the protocol does not allow: a program that is no PostgreSQL, or
    /// damage.
    case malformed(String)
    /// The server answers an error.
    case server(ServerReport)
    /// The server asks for a password and there is none.
    case noPassword
    /// The server asks for a way to log in that is not spoken here.
    case unsupportedAuthentication(String)
    /// SCRAM: the server did not prove that it knows the password.
    case unprovenServer
    /// The login must be bound to the TLS session, and the server does not offer that.
    case noChannelBinding
}
