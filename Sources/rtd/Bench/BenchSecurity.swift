import Bytes
import KafkaClient
import KafkaProtocol
import Platform

/// TLS and log-in of the load's bare connections.
struct BenchSecurity: Sendable {
    var login: ClientConfiguration.Login?
    var tls: TLSContext?

    /// For a server of the benchmark's own.
    static let none = BenchSecurity()

    func secure(_ socket: BlockingSocket, _ address: HostPort) throws(CommandFailure) {
        guard let tls else { return }
        do throws(SystemError) {
            try socket.secure(tls, host: address.host)
        } catch {
            throw CommandFailure("cannot speak TLS with \(address): \(error.reason)")
        }
    }

    func logIn(_ connection: WireConnection) throws(CommandFailure) {
        guard let login else { return }
        let handshake = SaslHandshakeRequest.with { $0.mechanism = login.mechanism.rawValue }
        let offer = try connection.ask(handshake, version: 1)
        guard offer.errorCode == .none else {
            throw Self.refused(connection, "it offers " + offer.mechanisms.joined(separator: ", "))
        }
        let words = (0..<3).map { _ in SystemRandom().next() }
        let nonce = words.map { String($0, radix: 36) }.joined()
        var client = SASLClient(login.mechanism, login.credentials, nonce: nonce)
        var token = client.begin()
        while true {
            let answer = try connection.ask(SaslAuthenticateRequest.with { $0.authBytes = token })
            guard answer.errorCode == .none else {
                throw Self.refused(connection, answer.errorMessage ?? answer.errorCode.message)
            }
            do throws(SASLError) {
                guard case .send(let next) = try client.received(answer.authBytes) else { return }
                token = next
            } catch {
                throw Self.refused(connection, error.description)
            }
        }
    }

    private static func refused(_ connection: WireConnection, _ detail: String) -> CommandFailure {
        CommandFailure("cannot log in to \(connection.address): \(detail)")
    }
}
