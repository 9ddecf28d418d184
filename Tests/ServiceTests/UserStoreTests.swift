import KafkaProtocol
import Platform
import Testing

@testable import Service

/// Users in their file, and who may change them.
@Suite struct UserStoreTests {
    private let fileSystem = SimulatedFileSystem()
    private let path = "/data/users"

    private func store() throws -> UserStore {
        try fileSystem.makeDirectories("/data")
        return try UserStore(fileSystem, path: path, random: SystemRandom())
    }

    private func credential(_ password: String, _ hash: SCRAMHash = .sha256) -> SCRAMCredential {
        let salt: [UInt8] = [1, 2, 3, 4]
        return SCRAMCredential(
            hash: hash, salt: salt, iterations: 4_096,
            saltedPassword: hash.stretched(password, salt: salt, iterations: 4_096))
    }

    @Test func `users are there after a restart, whatever they are called`() throws {
        let first = try store()
        #expect(first.isEmpty)
        let names = ["alice", "with space", "a,b=c", "käse\n", "\u{0}"]
        try first.change(removing: [], adding: names.map { ($0, credential("pw")) })
        try first.change(removing: [], adding: [("alice", credential("pw", .sha512))])
        try first.change(removing: [("a,b=c", .sha256)], adding: [])
        let second = try store()
        #expect(second.list().map(\.user) == first.list().map(\.user))
        #expect(second.list().map(\.user).sorted() == ["\u{0}", "alice", "käse\n", "with space"])
        #expect(second.credential("alice", .sha512).0 == credential("pw", .sha512))
        #expect(second.matches(SASLCredentials(username: "alice", password: "pw")))
        #expect(!second.matches(SASLCredentials(username: "alice", password: "pW")))
        #expect(!second.matches(SASLCredentials(username: "a,b=c", password: "pw")))
    }

    @Test func `a damaged file is refused with its name`() throws {
        let first = try store()
        try first.change(removing: [], adding: [("alice", credential("pw"))])
        let text = String(decoding: try fileSystem.readAll(path, limit: 10_000), as: UTF8.self)
        for damaged in ["", "rtd users 9\n", text + "x\n", String(text.dropLast(8))] {
            try fileSystem.replace(path, with: Array(damaged.utf8))
            let error = #expect(throws: ServiceError.self) { try store() }
            #expect(error?.message.contains(path) == true)
        }
    }

    @Test func `an unknown user seems to have a salt, the same each time`() throws {
        let users = try store()
        let (one, isKnown) = users.credential("nobody", .sha256)
        #expect(!isKnown)
        #expect(users.credential("nobody", .sha256).0 == one)
        #expect(users.credential("somebody", .sha256).0.salt != one.salt)
    }

    @Test func `only the owner and super users change the passwords of others`() throws {
        let logIn = LogIn(
            users: try store(), superUsers: ["root"], random: SystemRandom(),
            workers: WorkerThreads(threadsMax: 1), lifetime: 0, delayMilliseconds: 0)
        #expect(logIn.mayChange("alice", .owner))
        #expect(logIn.mayChange("alice", .user("root")))
        #expect(logIn.mayChange("alice", .user("alice")))
        #expect(!logIn.mayChange("alice", .user("bob")))
        #expect(!logIn.mayChange("alice", .anonymous))
    }

    @Test func `a session that is over asks for a log-in, as the same user by the same way`() {
        var security = ServerSecurity()
        security.mechanisms = [.scramSHA256, .plain]
        let listener = ListenerSecurity(security, nil)
        var session = Session(listener, isLocal: false)
        #expect(!session.isLoggedIn(now: 0))
        let exchange = SASLServer(.plain, nonce: "n") { _, hash in
            (.imaginary(hash, of: "", secret: []), false)
        }
        let early = session.takeExchange()
        #expect(early.map { _ in true } == nil)
        let chosen = session.choose(.plain, exchange, isBare: false)
        let begun = session.takeExchange()
        let accepted = session.accepted("alice", lifetime: 100, now: 0)
        #expect(chosen && begun.map { _ in true } == true && accepted)
        #expect(session.isLoggedIn(now: 99) && !session.isLoggedIn(now: 100))
        let otherWay = session.choose(.scramSHA256, exchange, isBare: false)
        let sameWay = session.choose(.plain, exchange, isBare: false)
        #expect(!otherWay && sameWay)
        #expect(!session.isLoggedIn(now: 50))
        _ = session.takeExchange()
        let asOther = session.accepted("bob", lifetime: 100, now: 50)
        let asBefore = session.accepted("alice", lifetime: 100, now: 50)
        #expect(!asOther && asBefore)
        #expect(Session(listener, isLocal: true).isLoggedIn(now: 1_000_000))
    }
}
