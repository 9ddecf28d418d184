import Bytes

/// What a server keeps of a password: enough to check a proof, not enough to make one.
public struct SCRAMCredential: Sendable, Equatable {
    public let hash: SCRAMHash
    public let salt: [UInt8]
    public let iterations: Int
    public let storedKey: [UInt8]
    public let serverKey: [UInt8]

    public init(
        hash: SCRAMHash, salt: [UInt8], iterations: Int, storedKey: [UInt8], serverKey: [UInt8]
    ) {
        self.hash = hash
        self.salt = salt
        self.iterations = iterations
        self.storedKey = storedKey
        self.serverKey = serverKey
    }

    public init(hash: SCRAMHash, salt: [UInt8], iterations: Int, saltedPassword: [UInt8]) {
        let clientKey = hash.code(of: Self.clientKeyName, key: saltedPassword)
        self.init(
            hash: hash, salt: salt, iterations: iterations,
            storedKey: hash.digest(of: clientKey),
            serverKey: hash.code(of: Self.serverKeyName, key: saltedPassword))
    }

    /// Whether a password is the one this was made from. Stretches it, so it takes milliseconds.
    public func matches(_ password: String) -> Bool {
        let salted = hash.stretched(password, salt: salt, iterations: iterations)
        let clientKey = hash.code(of: Self.clientKeyName, key: salted)
        return areEqualInConstantTime(hash.digest(of: clientKey), storedKey)
    }

    /// What an unknown user seems to have: the same salt each time he is asked for, and keys that
    /// nothing matches. `secret` is the server's own.
    public static func imaginary(_ hash: SCRAMHash, of user: String, secret: [UInt8]) -> Self {
        let salt = hash.code(of: Array("salt \(user)".utf8), key: secret)
        let key = hash.code(of: Array("key \(user)".utf8), key: secret)
        return SCRAMCredential(
            hash: hash, salt: Array(salt.prefix(Limits.scramSaltBytes)),
            iterations: Limits.scramIterationsMin, storedKey: key, serverKey: key)
    }

    static let clientKeyName = Array("Client Key".utf8)
    static let serverKeyName = Array("Server Key".utf8)
}
