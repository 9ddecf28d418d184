import Bytes

/// The start of a conversation: from the start-up message to the first ReadyForQuery.
///
/// A machine without I/O: it is told each message of the server and says what to send. Its owner
/// sends `start` first, over TLS if that was agreed.
public struct Login: Sendable {
    public enum Step: Equatable, Sendable {
        case wait
        case send([UInt8])
        /// Statements can be sent now.
        case ready
    }

    private enum State {
        case started
        case exchanging(SCRAMClient)
        case proven
        case accepted
    }

    private let user: String
    private let password: String?
    private let nonce: String
    private let parameters: [(name: String, value: String)]
    private let binding: ChannelBinding
    private var state = State.started
    /// What the server reports of itself: `server_version`, `integer_datetimes`, ...
    public private(set) var reported: [String: String] = [:]
    /// The process that serves this connection.
    public private(set) var process: Int32 = 0

    /// What ties a proof of the password to the TLS session that it is sent over, so that nobody in
    /// the middle can pass it on.
    public struct ChannelBinding: Sendable {
        /// `tls-server-end-point`: a digest of the server's certificate; nil without TLS.
        public var endPoint: [UInt8]?
        /// A login without it is refused.
        public var isRequired: Bool

        public init(endPoint: [UInt8]? = nil, isRequired: Bool = false) {
            self.endPoint = endPoint
            self.isRequired = isRequired
        }
    }

    /// `nonce` is random and printable, without commas; `parameters` are the session's settings,
    /// beside the user.
    public init(
        user: String, password: String?, nonce: String,
        parameters: [(name: String, value: String)], binding: ChannelBinding = ChannelBinding()
    ) {
        self.user = user
        self.password = password
        self.nonce = nonce
        self.parameters = parameters
        self.binding = binding
    }

    public var start: [UInt8] { FrontendMessage.startup([("user", user)] + parameters) }

    public mutating func received(_ message: BackendMessage) throws(ProtocolError) -> Step {
        switch message {
        case .authentication(let request): return try asked(request)
        case .parameter(let name, let value):
            if reported.count < 1_000 { reported[name] = value }
            return .wait
        case .backendKey(let process):
            self.process = process
            return .wait
        case .notice, .other: return .wait
        case .error(let report): throw .server(report)
        case .ready:
            guard case .accepted = state else {
                throw .malformed("ReadyForQuery before the login was accepted")
            }
            return .ready
        default: throw .malformed("a message that does not belong to a login")
        }
    }

    private mutating func asked(_ request: AuthenticationRequest) throws(ProtocolError) -> Step {
        if binding.isRequired, case .started = state {
            guard case .sasl = request else { throw .noChannelBinding }
        }
        switch (request, state) {
        case (.accepted, .started), (.accepted, .proven):
            state = .accepted
            return .wait
        case (.accepted, .exchanging): throw .unprovenServer
        case (.clearText, .started):
            return .send(FrontendMessage.password(Array(try secret().utf8)))
        case (.md5(let salt), .started):
            return .send(FrontendMessage.password(Self.md5(user, try secret(), salt: salt)))
        case (.sasl(let mechanisms), .started):
            let client = try scram(mechanisms)
            state = .exchanging(client)
            return .send(FrontendMessage.saslInitial(client.mechanism, client.first))
        case (.saslContinue(let token), .exchanging(var client)):
            let answer = try client.challenged(token)
            state = .exchanging(client)
            return .send(FrontendMessage.saslResponse(answer))
        case (.saslFinal(let token), .exchanging(let client)):
            try client.verify(token)
            state = .proven
            return .wait
        case (.unknown(let kind), _): throw .unsupportedAuthentication(Self.name(kind))
        default: throw .malformed("a step of the login that does not follow")
        }
    }

    private func scram(_ mechanisms: [String]) throws(ProtocolError) -> SCRAMClient {
        let channel: SCRAMClient.Channel
        if let endPoint = binding.endPoint, mechanisms.contains(SCRAMClient.boundMechanism) {
            channel = .bound(endPoint)
        } else {
            guard !binding.isRequired else { throw .noChannelBinding }
            guard mechanisms.contains(SCRAMClient.mechanism) else {
                throw .unsupportedAuthentication(mechanisms.joined(separator: ", "))
            }
            channel = binding.endPoint == nil ? .none : .notOffered
        }
        return SCRAMClient(password: try secret(), nonce: nonce, channel)
    }

    private func secret() throws(ProtocolError) -> String {
        guard let password, !password.isEmpty else { throw .noPassword }
        return password
    }

    /// `"md5" + hex(md5(hex(md5(password + user)) + salt))`.
    static func md5(_ user: String, _ password: String, salt: [UInt8]) -> [UInt8] {
        let inner = hex(MD5.digest(of: Array((password + user).utf8)))
        return Array("md5".utf8) + hex(MD5.digest(of: inner + salt))
    }

    private static func hex(_ bytes: [UInt8]) -> [UInt8] {
        let digits = Array("0123456789abcdef".utf8)
        return bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
    }

    private static func name(_ kind: Int32) -> String {
        switch kind {
        case 2: "Kerberos"
        case 7: "GSSAPI"
        case 9: "SSPI"
        default: "number \(kind)"
        }
    }
}
