import Bytes

/// The client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677), over TLS bound to the server's
/// certificate, as PostgreSQL wants it: the user's name is that of the start-up message, so it is
/// empty here.
struct SCRAMClient: Sendable {
    static let mechanism = "SCRAM-SHA-256"
    static let boundMechanism = "SCRAM-SHA-256-PLUS"

    enum Channel: Equatable, Sendable {
        case none
        /// It could be bound here, but the server does not offer that: a server that did would know
        /// then that somebody in the middle has taken the offer out.
        case notOffered
        case bound([UInt8])
    }

    private let password: [UInt8]
    private let nonce: String
    private let channel: Channel
    /// Set when the challenge has come.
    private var serverSignature: [UInt8]?

    init(password: String, nonce: String, _ channel: Channel) {
        // RFC 4013 would compose other scripts first; ASCII stays as it is, and so does what is
        // composed already.
        self.password = Array(password.utf8)
        self.nonce = nonce
        self.channel = channel
    }

    var mechanism: String {
        if case .bound = channel { Self.boundMechanism } else { Self.mechanism }
    }

    /// What stands in front of the first message.
    private var header: String {
        switch channel {
        case .none: "n,,"
        case .notOffered: "y,,"
        case .bound: "p=tls-server-end-point,,"
        }
    }

    private var bindingText: String {
        guard case .bound(let data) = channel else { return StrictBase64.text(Array(header.utf8)) }
        return StrictBase64.text(Array(header.utf8) + data)
    }

    private var firstBare: String { "n=,r=\(nonce)" }

    var first: [UInt8] { Array("\(header)\(firstBare)".utf8) }

    mutating func challenged(_ token: [UInt8]) throws(ProtocolError) -> [UInt8] {
        guard serverSignature == nil else { throw .malformed("a second challenge") }
        guard let challenge = String(validating: token, as: UTF8.self) else {
            throw .malformed("a challenge that is no UTF-8")
        }
        let fields = challenge.split(separator: ",", omittingEmptySubsequences: false)
        guard fields.count >= 3, fields[0].hasPrefix("r="), fields[1].hasPrefix("s="),
            fields[2].hasPrefix("i="), let salt = StrictBase64.bytes(fields[1].dropFirst(2)),
            let iterations = Int(fields[2].dropFirst(2)), iterations > 0
        else { throw .malformed("a challenge that is no SCRAM") }
        let both = fields[0].dropFirst(2)
        guard both.hasPrefix(nonce), both.utf8.count > nonce.utf8.count else {
            throw .malformed("a challenge for another nonce")
        }
        guard iterations <= Limits.scramIterationsMax else {
            throw .malformed("a challenge of \(iterations) rounds")
        }
        let salted = stretchedPassword(
            password, salt: salt, iterations: iterations, hash: SHA256.self)
        let withoutProof = "c=\(bindingText),r=\(both)"
        let signed = Array("\(firstBare),\(challenge),\(withoutProof)".utf8)
        let clientKey = HMAC<SHA256>(key: salted).code(of: Array("Client Key".utf8))
        let serverKey = HMAC<SHA256>(key: salted).code(of: Array("Server Key".utf8))
        let signature = HMAC<SHA256>(key: SHA256.digest(of: clientKey)).code(of: signed)
        let proof = zip(clientKey, signature).map { $0 ^ $1 }
        serverSignature = HMAC<SHA256>(key: serverKey).code(of: signed)
        return Array("\(withoutProof),p=\(StrictBase64.text(proof))".utf8)
    }

    /// Checks that the server knows the password too.
    func verify(_ token: [UInt8]) throws(ProtocolError) {
        guard let expected = serverSignature, let text = String(validating: token, as: UTF8.self)
        else { throw .malformed("a last word of SCRAM that was not expected") }
        let field = text.split(separator: ",").first ?? ""
        guard field.hasPrefix("v="), let given = StrictBase64.bytes(field.dropFirst(2)),
            areEqualInConstantTime(given, expected)
        else { throw .unprovenServer }
    }
}
