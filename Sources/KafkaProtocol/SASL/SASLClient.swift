import Bytes

/// The client's side of one authentication: `begin` gives the first token, `received` answers each
/// of the server's. Nothing waits and nothing is sent here.
public struct SASLClient: Sendable {
    public enum Step: Sendable, Equatable {
        case send([UInt8])
        /// The server has accepted us, and for SCRAM has proved that it knows the password.
        case done
    }

    /// A password that was stretched for one salt; a client keeps it, as the next connection to the
    /// same cluster wants the same again and it costs thousands of hashes.
    public struct StretchedPassword: Sendable, Equatable {
        let hash: SCRAMHash
        let salt: [UInt8]
        let iterations: Int
        let bytes: [UInt8]
    }

    private enum State {
        case new
        case sentPassword
        case sentFirst(bare: String)
        case sentFinal(serverSignature: [UInt8])
        case ended
    }

    private let mechanism: SASLMechanism
    private let credentials: SASLCredentials
    private let nonce: String
    private var state = State.new
    public private(set) var stretched: StretchedPassword?

    /// `nonce` is random and printable, without commas.
    public init(
        _ mechanism: SASLMechanism, _ credentials: SASLCredentials, nonce: String,
        stretched: StretchedPassword? = nil
    ) {
        self.mechanism = mechanism
        self.credentials = credentials
        self.nonce = nonce
        self.stretched = stretched
    }

    public mutating func begin() -> [UInt8] {
        guard mechanism.hash != nil else {
            state = .sentPassword
            return Array("\0\(credentials.username)\0\(credentials.password)".utf8)
        }
        let bare = "n=\(SCRAMMessage.escaped(credentials.username)),r=\(nonce)"
        state = .sentFirst(bare: bare)
        return Array("n,,\(bare)".utf8)
    }

    public mutating func received(_ token: [UInt8]) throws(SASLError) -> Step {
        let before = state
        state = .ended
        switch before {
        case .sentPassword: return .done
        case .sentFirst(let bare):
            let (final, signature) = try answer(token, bare)
            state = .sentFinal(serverSignature: signature)
            return .send(final)
        case .sentFinal(let signature):
            let message = try SCRAMMessage(token)
            if let refusal = message["e"] { throw .refused(String(refusal)) }
            guard areEqualInConstantTime(try message.bytes("v", at: 0), signature) else {
                throw .unprovenServer
            }
            return .done
        case .new, .ended: throw .malformed("it was not expected")
        }
    }

    /// The proof for the server's challenge, and the signature that it must answer with.
    private mutating func answer(
        _ token: [UInt8], _ bare: String
    ) throws(SASLError) -> (final: [UInt8], signature: [UInt8]) {
        guard let hash = mechanism.hash else { throw .malformed("it was not expected") }
        let message = try SCRAMMessage(token)
        if let refusal = message["e"] { throw .refused(String(refusal)) }
        let nonce = try message.value("r", at: 0)
        guard nonce.utf8.starts(with: self.nonce.utf8),
            nonce.utf8.count > self.nonce.utf8.count
        else { throw .malformed("the nonce is not ours") }
        let salt = try message.bytes("s", at: 1)
        let count = try message.value("i", at: 2)
        guard let iterations = Int(count),
            (Limits.scramIterationsMin...Limits.scramIterationsMax).contains(iterations)
        else {
            throw .malformed(
                "\(count.prefix(20)) iterations are not between \(Limits.scramIterationsMin) and "
                    + "\(Limits.scramIterationsMax)")
        }
        let salted = stretch(hash, salt, iterations)
        let final = "c=biws,r=\(nonce)"
        let signed = Array("\(bare),\(String(decoding: token, as: UTF8.self)),\(final)".utf8)
        let clientKey = hash.code(of: SCRAMCredential.clientKeyName, key: salted)
        let proof = zip(clientKey, hash.code(of: signed, key: hash.digest(of: clientKey)))
            .map { $0 ^ $1 }
        let serverKey = hash.code(of: SCRAMCredential.serverKeyName, key: salted)
        return (
            Array("\(final),p=\(StrictBase64.text(proof))".utf8),
            hash.code(of: signed, key: serverKey)
        )
    }

    private mutating func stretch(_ hash: SCRAMHash, _ salt: [UInt8], _ iterations: Int) -> [UInt8]
    {
        if let stretched, stretched.hash == hash, stretched.salt == salt,
            stretched.iterations == iterations
        {
            return stretched.bytes
        }
        let bytes = hash.stretched(credentials.password, salt: salt, iterations: iterations)
        stretched = StretchedPassword(
            hash: hash, salt: salt, iterations: iterations, bytes: bytes)
        return bytes
    }
}
