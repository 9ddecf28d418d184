import Bytes

/// The server's side of one authentication. PLAIN asks its owner whether the password is right, as
/// that takes milliseconds which are not spent on a network loop; SCRAM decides here.
public struct SASLServer: Sendable {
    public enum Step: Sendable, Equatable {
        /// A token for the client, which has more to say.
        case challenge([UInt8])
        /// The client is who it says, and gets this last token.
        case accepted(user: String, [UInt8])
        /// PLAIN: whoever keeps the users says whether that is right.
        case check(SASLCredentials)
    }

    private enum State {
        case new
        case challenged(
            user: String, isKnown: Bool, SCRAMCredential, binding: String, signed: String)
        case ended
    }

    private let mechanism: SASLMechanism
    private let nonce: String
    private let credential: @Sendable (String, SCRAMHash) -> (SCRAMCredential, isKnown: Bool)
    private var state = State.new

    /// `credential` gives what is kept of a user, or something imaginary for one that is not known,
    /// so that both take the same steps. `nonce` is random and printable, without commas.
    public init(
        _ mechanism: SASLMechanism, nonce: String,
        credential: @escaping @Sendable (String, SCRAMHash) -> (SCRAMCredential, isKnown: Bool)
    ) {
        self.mechanism = mechanism
        self.nonce = nonce
        self.credential = credential
    }

    public mutating func received(_ token: [UInt8]) throws(SASLError) -> Step {
        guard token.count <= Limits.saslTokenBytesMax else { throw .malformed("it is too long") }
        let before = state
        state = .ended
        switch before {
        case .new:
            guard let hash = mechanism.hash else { return .check(try Self.plain(token)) }
            return .challenge(try challenge(token, hash))
        case .challenged(let user, let isKnown, let kept, let binding, let signed):
            let signature = try verify(token, kept, binding, signed)
            guard let signature, isKnown else { throw .unprovenClient }
            return .accepted(user: user, Array("v=\(StrictBase64.text(signature))".utf8))
        case .ended: throw .malformed("it was not expected")
        }
    }

    /// `authorization NUL user NUL password` of RFC 4616; nobody may act for another user.
    private static func plain(_ token: [UInt8]) throws(SASLError) -> SASLCredentials {
        let parts = token.split(separator: 0, omittingEmptySubsequences: false)
            .map { String(validating: $0, as: UTF8.self) }
        guard parts.count == 3, let authorization = parts[0], let user = parts[1],
            let password = parts[2], !user.isEmpty, !password.isEmpty
        else { throw .malformed("PLAIN wants a user and a password") }
        guard authorization.isEmpty || authorization == user else {
            throw .malformed("the authorization id is another user's")
        }
        return SASLCredentials(username: user, password: password)
    }

    private mutating func challenge(_ token: [UInt8], _ hash: SCRAMHash) throws(SASLError)
        -> [UInt8]
    {
        guard let text = String(validating: token, as: UTF8.self) else {
            throw .malformed("it is no UTF-8")
        }
        // gs2-header: no channel binding ("n", or "y" from one that could), then an authorization.
        let parts = text.split(separator: ",", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == "n" || parts[0] == "y" else {
            throw .malformed("channel binding is not offered")
        }
        let message = try SCRAMMessage(parts[2])
        let user = try SCRAMMessage.unescaped(try message.value("n", at: 0))
        let theirs = try message.value("r", at: 1)
        guard !user.isEmpty, !theirs.isEmpty else { throw .malformed("the user or nonce is empty") }
        if !parts[1].isEmpty {
            guard parts[1].hasPrefix("a="),
                try SCRAMMessage.unescaped(parts[1].dropFirst(2)) == user
            else { throw .malformed("the authorization id is another user's") }
        }
        let (kept, isKnown) = credential(user, hash)
        let both = "\(theirs)\(nonce)"
        let challenge = "r=\(both),s=\(StrictBase64.text(kept.salt)),i=\(kept.iterations)"
        let header = StrictBase64.text(Array("\(parts[0]),\(parts[1]),".utf8))
        state = .challenged(
            user: user, isKnown: isKnown, kept, binding: header,
            signed: "\(parts[2]),\(challenge)")
        return Array(challenge.utf8)
    }

    /// The server's signature if the client's proof is right; nil if it is wrong.
    private func verify(
        _ token: [UInt8], _ kept: SCRAMCredential, _ binding: String, _ signed: String
    ) throws(SASLError) -> [UInt8]? {
        let message = try SCRAMMessage(token)
        let header = try message.value("c", at: 0)
        let nonce = try message.value("r", at: 1)
        // As Kafka's: librdkafka before 2.6.1 puts its own nonce before both (librdkafka#4895).
        guard areEqualInConstantTime(Array(header.utf8), Array(binding.utf8)),
            areEqualInConstantTime(
                Array(nonce.utf8.suffix(self.nonce.utf8.count)), Array(self.nonce.utf8))
        else { throw .malformed("the nonce or channel binding is not that of the exchange") }
        let text = String(decoding: token, as: UTF8.self)
        guard let mark = text.utf8.lastIndexOfProof else { throw .malformed("p= is missing") }
        let proof = StrictBase64.bytes(text[text.index(mark, offsetBy: 3)...])
        guard let proof, proof.count == kept.hash.digestBytes else {
            throw .malformed("p= is no proof")
        }
        let all = Array("\(signed),\(text[..<mark])".utf8)
        let signature = kept.hash.code(of: all, key: kept.storedKey)
        let clientKey = zip(proof, signature).map { $0 ^ $1 }
        guard areEqualInConstantTime(kept.hash.digest(of: clientKey), kept.storedKey) else {
            return nil
        }
        return kept.hash.code(of: all, key: kept.serverKey)
    }
}

extension String.UTF8View {
    /// Where the `,p=` of a proof begins, which ends a message.
    fileprivate var lastIndexOfProof: Index? {
        guard let comma = lastIndex(of: UInt8(ascii: ",")) else { return nil }
        return self[comma...].starts(with: ",p=".utf8) ? comma : nil
    }
}
