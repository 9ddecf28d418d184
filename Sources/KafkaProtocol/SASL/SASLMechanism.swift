import Bytes

/// The ways to say who one is that both sides speak, by their registered names.
public enum SASLMechanism: String, Sendable, CaseIterable {
    case plain = "PLAIN"
    case scramSHA256 = "SCRAM-SHA-256"
    case scramSHA512 = "SCRAM-SHA-512"

    /// The hash of a SCRAM mechanism; nil for the others.
    public var hash: SCRAMHash? {
        switch self {
        case .plain: nil
        case .scramSHA256: .sha256
        case .scramSHA512: .sha512
        }
    }
}

/// A user's name and password. Neither is in its description, as that may reach a log.
public struct SASLCredentials: Sendable, Equatable, CustomStringConvertible,
    CustomDebugStringConvertible
{
    public var username: String
    public var password: String

    public init(username: String, password: String) {
        self.username = username
        self.password = password
    }

    public var description: String { "SASL credentials" }
    public var debugDescription: String { description }
}

/// The hash under SCRAM (RFC 5802, RFC 7677); the numbers are those of KIP-554.
public enum SCRAMHash: Int8, Sendable, CaseIterable {
    case sha256 = 1
    case sha512 = 2

    public var mechanism: SASLMechanism { self == .sha256 ? .scramSHA256 : .scramSHA512 }

    public var digestBytes: Int { self == .sha256 ? SHA256.digestBytes : SHA512.digestBytes }

    public func digest(of bytes: [UInt8]) -> [UInt8] {
        switch self {
        case .sha256: SHA256.digest(of: bytes)
        case .sha512: SHA512.digest(of: bytes)
        }
    }

    public func code(of message: [UInt8], key: [UInt8]) -> [UInt8] {
        switch self {
        case .sha256: HMAC<SHA256>(key: key).code(of: message)
        case .sha512: HMAC<SHA512>(key: key).code(of: message)
        }
    }

    /// The salted password: what a password is turned into before anything is derived from it.
    public func stretched(_ password: String, salt: [UInt8], iterations: Int) -> [UInt8] {
        let bytes = Array(password.utf8)
        return switch self {
        case .sha256:
            stretchedPassword(bytes, salt: salt, iterations: iterations, hash: SHA256.self)
        case .sha512:
            stretchedPassword(bytes, salt: salt, iterations: iterations, hash: SHA512.self)
        }
    }
}

/// Why an exchange failed. The texts hold no secret.
public enum SASLError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A message that breaks the mechanism's rules.
    case malformed(String)
    /// The other side's refusal, in its words.
    case refused(String)
    /// The server did not prove that it knows the password: it is not who it claims to be.
    case unprovenServer
    /// The client did not prove it, or there is no such user.
    case unprovenClient

    public var description: String {
        switch self {
        case .malformed(let detail): "invalid SASL message: \(detail)"
        case .refused(let text): "the server refuses: \(text)"
        case .unprovenServer: "the server did not prove that it knows the password"
        case .unprovenClient: "invalid user name or password"
        }
    }
}
