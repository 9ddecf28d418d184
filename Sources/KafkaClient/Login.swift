import Bytes
import KafkaProtocol
import Platform

/// What the connections of one client remember of its log-ins. Used on the client's loop.
final class LoginMemory: @unchecked Sendable {
    /// The salt of a user is the same on every broker, so the work on the password is done once.
    var stretched: SASLClient.StretchedPassword?
    private let random: any RandomSource = SystemRandom()

    /// Random, and of letters that SCRAM allows.
    func nonce() -> String { StrictBase64.text(bytes(24)) }

    /// A new salt for a password.
    func salt() -> [UInt8] { bytes(Limits.saltBytes) }

    private func bytes(_ count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let word = random.next()
            for shift in stride(from: 0, to: 64, by: 8) {
                bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(shift)))
            }
        }
        return Array(bytes.prefix(count))
    }
}

extension Connection {
    /// Says who the client is, if the configuration does; after `negotiate`. A session that ends
    /// is renewed in time (KIP-368), on this connection, while other requests wait.
    func logIn(_ memory: LoginMemory, done: @escaping @Sendable (ClientError?) -> Void) {
        // The server of a directory knows the user by the socket's owner.
        guard let login = configuration.login, isOverNetwork else { return done(nil) }
        guard let version = version(of: SaslHandshakeRequest.api), version >= 1,
            self.version(of: SaslAuthenticateRequest.api) != nil
        else {
            return done(
                refusal("the broker does not list SASL (security.protocol=SSL or PLAINTEXT?)"))
        }
        let handshake = SaslHandshakeRequest.with { $0.mechanism = login.mechanism.rawValue }
        let timeout = configuration.connectTimeoutMilliseconds
        send(handshake, version: version, timeoutMilliseconds: timeout) { [self] result in
            switch result {
            case .failure(let error): done(error)
            case .success(let response) where response.errorCode == .none:
                var client = SASLClient(
                    login.mechanism, login.credentials, nonce: memory.nonce(),
                    stretched: memory.stretched)
                let token = client.begin()
                exchange(token, client, memory, done)
            case .success(let response): done(refused(response, login.mechanism))
            }
        }
    }

    private func refused(_ response: SaslHandshakeResponse, _ mechanism: SASLMechanism)
        -> ClientError
    {
        guard response.errorCode == .unsupportedSaslMechanism else {
            return refusal(
                response.errorCode == .illegalSaslState
                    ? "it asks nobody to log in there (security.protocol=SSL or PLAINTEXT?)"
                    : response.errorCode.message)
        }
        let offered =
            response.mechanisms.isEmpty ? "none" : response.mechanisms.joined(separator: ", ")
        return refusal(
            "it does not offer sasl.mechanism=\(mechanism.rawValue); it offers \(offered)")
    }

    private func exchange(
        _ token: [UInt8], _ client: SASLClient, _ memory: LoginMemory,
        _ done: @escaping @Sendable (ClientError?) -> Void
    ) {
        let request = SaslAuthenticateRequest.with { $0.authBytes = token }
        let timeout = configuration.connectTimeoutMilliseconds
        send(request, timeoutMilliseconds: timeout) { [self] result in
            switch result {
            case .failure(let error): done(error)
            case .success(let response) where response.errorCode == .none:
                proceed(response, client, memory, done)
            case .success(let response):
                let words = response.errorMessage ?? ""
                done(refusal(words.isEmpty ? response.errorCode.message : words))
            }
        }
    }

    private func proceed(
        _ response: SaslAuthenticateResponse, _ client: SASLClient, _ memory: LoginMemory,
        _ done: @escaping @Sendable (ClientError?) -> Void
    ) {
        var client = client
        do throws(SASLError) {
            switch try client.received(response.authBytes) {
            case .send(let token):
                memory.stretched = client.stretched
                exchange(token, client, memory, done)
            case .done:
                renew(after: response.sessionLifetimeMs, memory)
                done(nil)
            }
        } catch {
            done(refusal(error.description))
        }
    }

    /// Logs in again before the session ends; Kafka's own clients do so after 85 to 95 percent.
    private func renew(after milliseconds: Int64, _ memory: LoginMemory) {
        guard milliseconds > 0 else { return }
        let pause = min(milliseconds, Limits.sessionMillisecondsMax) * 850_000
        loop.after(pause) { [weak self] in
            guard let self, isOpen else { return }
            hold()
            logIn(memory) { [weak self] error in
                if let error { self?.close(error) } else { self?.release() }
            }
        }
    }

    private func refusal(_ detail: String) -> ClientError {
        .unauthenticated(address: address, detail: detail)
    }
}
