/// A hash of bytes, fed in pieces and finished once.
public protocol Digest: Sendable {
    /// What the hash takes at a time; HMAC pads its key to it.
    static var blockBytes: Int { get }
    static var digestBytes: Int { get }
    init()
    mutating func update(_ bytes: some Collection<UInt8>)
    /// The digest of all that was fed; the value is not used afterwards.
    mutating func finish() -> [UInt8]
}

extension Digest {
    public static func digest(of bytes: some Collection<UInt8>) -> [UInt8] {
        var hash = Self()
        hash.update(bytes)
        return hash.finish()
    }
}

/// HMAC of RFC 2104: one key, many messages. The two blocks of the key are hashed once.
public struct HMAC<Hash: Digest>: Sendable {
    private let inner: Hash
    private let outer: Hash

    public init(key: [UInt8]) {
        var padded = key.count > Hash.blockBytes ? Hash.digest(of: key) : key
        padded += [UInt8](repeating: 0, count: Hash.blockBytes - padded.count)
        var inner = Hash()
        inner.update(padded.map { $0 ^ 0x36 })
        var outer = Hash()
        outer.update(padded.map { $0 ^ 0x5c })
        self.inner = inner
        self.outer = outer
    }

    public func code(of message: some Collection<UInt8>) -> [UInt8] {
        var first = inner
        first.update(message)
        var second = outer
        second.update(first.finish())
        return second.finish()
    }
}

/// PBKDF2 of RFC 8018 with HMAC: a key of at most one digest from a password, which is all that
/// SCRAM asks for (its `Hi`).
public func stretchedPassword<Hash: Digest>(
    _ password: [UInt8], salt: [UInt8], iterations: Int, hash: Hash.Type
) -> [UInt8] {
    let keyed = HMAC<Hash>(key: password)
    var block = keyed.code(of: salt + [0, 0, 0, 1])
    var result = block
    var left = iterations - 1
    while left > 0 {
        block = keyed.code(of: block)
        for index in result.indices { result[index] ^= block[index] }
        left -= 1
    }
    return result
}

/// Whether two secrets are the same, in a time that tells nothing of where they differ.
public func areEqualInConstantTime(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    guard a.count == b.count else { return false }
    var difference: UInt8 = 0
    for index in a.indices { difference |= a[index] ^ b[index] }
    return difference == 0
}
