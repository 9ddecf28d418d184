import Bytes
import KafkaProtocol
import PostgresProtocol

/// One side of a log-in, told lines of the other: the first byte says which side and mechanism. Two
/// sides that the input gives a user and a password come to terms.
func fuzzLogin(_ bytes: RawSpan) {
    guard bytes.byteCount > 1 else { return }
    let all = bytes.withUnsafeBytes { Array($0) }
    let mechanism = SASLMechanism.allCases[Int(all[0] >> 4) % SASLMechanism.allCases.count]
    let lines = all[1...].split(separator: 0x0a, omittingEmptySubsequences: false).map(Array.init)
    // As many iterations as it takes are a server's to ask for, and a second's work.
    let isSlow = all.split(separator: UInt8(ascii: "i")).contains {
        $0.prefix { $0 < 0x3a }.count > 5
    }
    guard !isSlow else { return }
    switch all[0] & 3 {
    case 0:
        var server = SASLServer(mechanism, nonce: "def") { user, hash in
            (.imaginary(hash, of: user, secret: [1]), false)
        }
        for line in lines { _ = try? server.received(line) }
    case 1:
        let credentials = SASLCredentials(username: "user", password: "pencil")
        var client = SASLClient(mechanism, credentials, nonce: "abc")
        _ = client.begin()
        for line in lines { _ = try? client.received(line) }
    case 2:
        var login = Login(user: "user", password: "pencil", nonce: "abc", parameters: [])
        for line in lines {
            guard let tag = line.first else { continue }
            let body = Array(line.dropFirst())
            guard let message = try? BackendMessage.read(tag, body.span.bytes) else { continue }
            _ = try? login.received(message)
        }
    default: agree(mechanism, lines)
    }
}

/// A client and a server that know the same user and password.
private func agree(_ mechanism: SASLMechanism, _ lines: [[UInt8]]) {
    guard let hash = mechanism.hash, lines.count > 1,
        let user = String(validating: lines[0], as: UTF8.self), !user.isEmpty,
        let password = String(validating: lines[1], as: UTF8.self)
    else { return }
    let salt: [UInt8] = [1, 2, 3]
    let kept = SCRAMCredential(
        hash: hash, salt: salt, iterations: 4_096,
        saltedPassword: hash.stretched(password, salt: salt, iterations: 4_096))
    var client = SASLClient(
        mechanism, SASLCredentials(username: user, password: password), nonce: "abc")
    var server = SASLServer(mechanism, nonce: "def") { name, _ in (kept, name == user) }
    // A name that makes the message too long is refused.
    guard case .challenge(let challenge)? = try? server.received(client.begin()) else { return }
    guard case .send(let proof)? = try? client.received(challenge),
        case .accepted(let accepted, let signature)? = try? server.received(proof)
    else { fatalError("a user with the right password is refused") }
    precondition(accepted == user, "another user is accepted")
    guard case .done? = try? client.received(signature) else {
        fatalError("the server's signature is refused")
    }
}
