import Bytes
import KafkaProtocol
import Platform

/// The users of a server and what is kept of their passwords, in the file `users` of the data
/// directory (mode 0600, replaced as a whole and synced). Any thread; changes block.
final class UserStore: @unchecked Sendable {
    private struct Key: Hashable {
        let user: String
        let hash: SCRAMHash
    }

    private let fileSystem: any FileSystem
    private let path: String
    /// What unknown users' salts are derived from; new at each start.
    private let secret: [UInt8]
    private let lock = Lock()
    private var credentials: [Key: SCRAMCredential] = [:]
    /// One change after another.
    private let changing = Lock()

    private static let header = "rtd users 1"

    init(_ fileSystem: any FileSystem, path: String, random: any RandomSource)
        throws(ServiceError)
    {
        self.fileSystem = fileSystem
        self.path = path
        secret = Self.randomBytes(32, random)
        guard fileSystem.exists(path) else { return }
        do throws(SystemError) {
            let bytes = try fileSystem.readAll(path, limit: Limits.usersFileBytesMax)
            guard let read = Self.parse(String(decoding: bytes, as: UTF8.self)) else {
                throw SystemError(
                    code: SystemError.invalidCode, operation: "read", subject: path,
                    words: "it is damaged; restore it, or remove it and add the users again")
            }
            credentials = read
        } catch {
            throw ServiceError(error)
        }
    }

    var isEmpty: Bool { lock.withLock { credentials.isEmpty } }

    /// What is kept of a user; for one that is not known something that nothing matches.
    func credential(_ user: String, _ hash: SCRAMHash) -> (SCRAMCredential, isKnown: Bool) {
        if let known = lock.withLock({ credentials[Key(user: user, hash: hash)] }) {
            return (known, true)
        }
        return (.imaginary(hash, of: user, secret: secret), false)
    }

    /// Whether a user's password is right. Takes milliseconds, for unknown users too.
    func matches(_ login: SASLCredentials) -> Bool {
        for hash in SCRAMHash.allCases {
            let (kept, isKnown) = credential(login.username, hash)
            if isKnown { return kept.matches(login.password) }
        }
        return credential(login.username, .sha256).0.matches(login.password) && false
    }

    /// The credentials of each user, in the order of their names.
    func list() -> [(user: String, credentials: [SCRAMCredential])] {
        let all = lock.withLock { credentials }
        let users = Dictionary(grouping: all, by: \.key.user)
        return users.map { user, entries in
            (user, entries.map(\.value).sorted { $0.hash.rawValue < $1.hash.rawValue })
        }
        .sorted { $0.0 < $1.0 }
    }

    func has(_ user: String, _ hash: SCRAMHash) -> Bool {
        lock.withLock { credentials[Key(user: user, hash: hash)] != nil }
    }

    /// Takes credentials away and adds others; kept when it returns.
    func change(
        removing: [(user: String, hash: SCRAMHash)], adding: [(user: String, SCRAMCredential)]
    ) throws(SystemError) {
        changing.lock()
        defer { changing.unlock() }
        var next = lock.withLock { credentials }
        for (user, hash) in removing { next[Key(user: user, hash: hash)] = nil }
        for (user, credential) in adding {
            next[Key(user: user, hash: credential.hash)] = credential
        }
        guard next.count <= Limits.usersMax else {
            throw SystemError(
                code: SystemError.noSpaceCode, operation: "add to", subject: path,
                words: "there are \(Limits.usersMax) credentials already")
        }
        try fileSystem.replace(path, with: Array(Self.text(next).utf8))
        let new = next
        lock.withLock { credentials = new }
    }

    // MARK: The file

    private static func text(_ credentials: [Key: SCRAMCredential]) -> String {
        let lines = credentials.map { key, kept in
            [
                StrictBase64.text(Array(key.user.utf8)), key.hash.mechanism.rawValue,
                String(kept.iterations), StrictBase64.text(kept.salt),
                StrictBase64.text(kept.storedKey), StrictBase64.text(kept.serverKey),
            ].joined(separator: " ")
        }
        return ([header] + lines.sorted()).map { $0 + "\n" }.joined()
    }

    private static func parse(_ text: String) -> [Key: SCRAMCredential]? {
        var result: [Key: SCRAMCredential] = [:]
        let lines = text.split(separator: "\n")
        guard lines.first.map(String.init) == header else { return nil }
        for line in lines.dropFirst() {
            let parts = line.split(separator: " ")
            guard parts.count == 6,
                let name = StrictBase64.bytes(parts[0]),
                let user = String(validating: name, as: UTF8.self),
                let hash = SASLMechanism(rawValue: String(parts[1]))?.hash,
                let iterations = Int(parts[2]), iterations > 0,
                let salt = StrictBase64.bytes(parts[3]),
                let stored = StrictBase64.bytes(parts[4]), stored.count == hash.digestBytes,
                let server = StrictBase64.bytes(parts[5]), server.count == hash.digestBytes
            else { return nil }
            result[Key(user: user, hash: hash)] = SCRAMCredential(
                hash: hash, salt: salt, iterations: iterations, storedKey: stored,
                serverKey: server)
        }
        return result
    }

    static func randomBytes(_ count: Int, _ random: any RandomSource) -> [UInt8] {
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
