import Bytes
import Testing

@testable import KafkaProtocol

/// The exchanges of RFC 7677 and of both sides with each other, and what a hostile peer may send.
@Suite struct SASLTests {
    private static let pencil = SASLCredentials(username: "user", password: "pencil")

    private func server(
        _ hash: SCRAMHash, _ kept: SCRAMCredential, isKnown: Bool = true,
        nonce: String = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    ) -> SASLServer {
        SASLServer(hash.mechanism, nonce: nonce) { _, _ in (kept, isKnown) }
    }

    private func credential(
        _ hash: SCRAMHash = .sha256, password: String = "pencil", iterations: Int = 4_096
    ) throws -> SCRAMCredential {
        let salt = try #require(StrictBase64.bytes("W22ZaJ0SNY7soEsUEjb6gQ=="))
        return SCRAMCredential(
            hash: hash, salt: salt, iterations: iterations,
            saltedPassword: hash.stretched(password, salt: salt, iterations: iterations))
    }

    private func token(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test func `the client speaks the exchange of RFC 7677`() throws {
        var client = SASLClient(.scramSHA256, Self.pencil, nonce: "rOprNGfwEbeRWgbNEkqO")
        #expect(client.begin() == token("n,,n=user,r=rOprNGfwEbeRWgbNEkqO"))
        let first = token(
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
        )
        let final = token(
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                + "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
        #expect(try client.received(first) == .send(final))
        let proof = token("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
        #expect(try client.received(proof) == .done)
    }

    @Test func `the server speaks the exchange of RFC 7677`() throws {
        var server = server(.sha256, try credential())
        let challenge = token(
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
        )
        #expect(
            try server.received(token("n,,n=user,r=rOprNGfwEbeRWgbNEkqO"))
                == .challenge(challenge))
        let final = token(
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                + "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
        let proof = token("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
        #expect(try server.received(final) == .accepted(user: "user", proof))
    }

    /// Runs both sides against each other; the user that the server has accepted.
    private func converse(_ client: inout SASLClient, _ server: inout SASLServer) throws -> String {
        var bytes = client.begin()
        var user = ""
        while true {
            switch try server.received(bytes) {
            case .challenge(let answer):
                guard case .send(let next) = try client.received(answer) else { return "" }
                bytes = next
                continue
            case .accepted(let name, let answer):
                user = name
                #expect(try client.received(answer) == .done)
            case .check: break
            }
            return user
        }
    }

    @Test(arguments: SCRAMHash.allCases, ["user", "a=b,c", "käse", "=2C"])
    func `both sides agree, whatever the name is made of`(hash: SCRAMHash, name: String) throws {
        let login = SASLCredentials(username: name, password: "p,=ä")
        var client = SASLClient(hash.mechanism, login, nonce: "abc")
        var server = server(hash, try credential(hash, password: "p,=ä"))
        #expect(try converse(&client, &server) == name)
        // The next connection needs no second stretching.
        #expect(client.stretched != nil)
        var next = SASLClient(hash.mechanism, login, nonce: "abc", stretched: client.stretched)
        var other = self.server(hash, try credential(hash, password: "p,=ä"))
        #expect(try converse(&next, &other) == name)
    }

    @Test(arguments: SCRAMHash.allCases)
    func `a wrong password and an unknown user fail alike`(hash: SCRAMHash) throws {
        let wrong = SASLCredentials(username: "user", password: "pen")
        var client = SASLClient(hash.mechanism, wrong, nonce: "abc")
        var server = server(hash, try credential(hash))
        #expect(throws: SASLError.unprovenClient) { try converse(&client, &server) }
        let imaginary = SCRAMCredential.imaginary(hash, of: "nobody", secret: [1, 2, 3])
        #expect(imaginary == .imaginary(hash, of: "nobody", secret: [1, 2, 3]))
        var unknown = self.server(hash, imaginary, isKnown: false)
        var other = SASLClient(hash.mechanism, wrong, nonce: "abc")
        #expect(throws: SASLError.unprovenClient) { try converse(&other, &unknown) }
    }

    @Test func `a server that does not know the password is found out`() throws {
        var client = SASLClient(.scramSHA256, Self.pencil, nonce: "abc")
        _ = client.begin()
        _ = try client.received(token("r=abcdef,s=c2FsdA==,i=4096"))
        let forged = StrictBase64.text([UInt8](repeating: 7, count: 32))
        #expect(throws: SASLError.unprovenServer) { try client.received(token("v=\(forged)")) }
    }

    @Test(arguments: [
        "r=abc,s=c2FsdA==,i=4096", "r=xabcdef,s=c2FsdA==,i=4096", "r=abcdef,s=c2FsdA==,i=4095",
        "r=abcdef,s=c2FsdA==,i=1000001", "r=abcdef,s=c2FsdA==,i=99999999999999999999",
        "r=abcdef,s=c2FsdA==,i=-1", "r=abcdef,s=c2Fs dA,i=4096", "m=x,r=abcdef,s=c2FsdA==,i=4096",
        "r=abcdef,i=4096", "", ",", "r", "r=", "=,=", "r=abcdef,s=c2FsdA==,i=4096,m=x", "e=no",
        "s=c2FsdA==,r=abcdef,i=4096",
    ])
    func `a client takes no challenge that is wrong or too much work`(text: String) {
        var client = SASLClient(.scramSHA256, Self.pencil, nonce: "abc")
        _ = client.begin()
        #expect(throws: SASLError.self) { try client.received(token(text)) }
        // Nor anything after it.
        #expect(throws: SASLError.self) {
            try client.received(token("r=abcdef,s=c2FsdA==,i=4096"))
        }
    }

    @Test(arguments: [
        "", "n", "n,,", "n,,n=user", "n,,r=x,n=user", "p=tls-unique,,n=user,r=x",
        "n,a=other,n=user,r=x",
        "n,,n=,r=x", "n,,n=user,r=", "n,,n=us=er,r=x", "n,,n=us=2c,r=x", "n,,m=1,n=user,r=x",
        "q,,n=u,r=x",
        "n,,n=user,r=x,m=later",
    ])
    func `a server takes no first message that breaks the rules`(text: String) throws {
        var server = server(.sha256, try credential())
        #expect(throws: SASLError.self) { try server.received(token(text)) }
    }

    @Test(arguments: [
        "c=biws,r=abcOTHER,p=AAAA", "c=eSws,r=abcNONCE,p=AAAA", "c=biws,r=abcNONCE",
        "c=biws,r=NONC",
        "c=biws,r=abcNONCE,p=", "c=biws,r=abcNONCE,p=####", "r=abcNONCE,c=biws,p=AAAA",
        "c=biws,r=abcNONCE,p=AAAA,x=1", "v=x",
    ])
    func `a server takes no final message of another exchange`(text: String) throws {
        var server = server(.sha256, try credential(), nonce: "NONCE")
        _ = try server.received(token("n,,n=user,r=abc"))
        #expect(throws: SASLError.self) { try server.received(token(text)) }
        #expect(throws: SASLError.self) { try server.received(token("n,,n=user,r=abc")) }
    }

    @Test func `the client's nonce twice, as older librdkafka sends it, is no reason to refuse`()
        throws
    {
        let kept = try credential()
        var server = server(.sha256, kept, nonce: "NONCE")
        guard case .challenge(let bytes) = try server.received(token("n,,n=user,r=abc")) else {
            return
        }
        let final = "c=biws,r=abcabcNONCE"
        let signed = token("n=user,r=abc,\(String(decoding: bytes, as: UTF8.self)),\(final)")
        let salted = SCRAMHash.sha256.stretched("pencil", salt: kept.salt, iterations: 4_096)
        let key = HMAC<SHA256>(key: salted).code(of: token("Client Key"))
        let proof = zip(key, HMAC<SHA256>(key: SHA256.digest(of: key)).code(of: signed)).map {
            $0 ^ $1
        }
        guard
            case .accepted = try server.received(token("\(final),p=\(StrictBase64.text(proof))"))
        else {
            Issue.record("it was not accepted")
            return
        }
    }

    @Test func `PLAIN carries a user and a password and nothing else`() throws {
        var client = SASLClient(.plain, Self.pencil, nonce: "")
        #expect(client.begin() == token("\0user\0pencil"))
        #expect(try client.received([]) == .done)
        func received(_ bytes: [UInt8]) throws -> SASLServer.Step {
            var server = SASLServer(.plain, nonce: "") { hash, _ in
                (.imaginary(.sha256, of: hash, secret: []), false)
            }
            return try server.received(bytes)
        }
        #expect(try received(token("\0user\0pencil")) == .check(Self.pencil))
        #expect(try received(token("user\0user\0pencil")) == .check(Self.pencil))
        for text in ["", "\0", "\0user", "\0user\0", "\0\0x", "other\0user\0pencil", "\0a\0b\0c"] {
            #expect(throws: SASLError.self) { try received(token(text)) }
        }
        #expect(throws: SASLError.self) { try received([0, 0xff, 0xfe, 0, 0x61]) }
    }

    @Test func `random bytes and cut or changed messages are refused and never trap`() throws {
        var random = SeededGenerator(seed: 5_802)
        let kept = try credential(iterations: 4_096)
        let good = token("n,,n=user,r=rOprNGfwEbeRWgbNEkqO")
        for _ in 0..<2_000 {
            var bytes = good
            switch UInt8.random(in: 0..<3, using: &random) {
            case 0: bytes = (0..<Int.random(in: 0..<64)).map { _ in .random(in: 0...255) }
            case 1: bytes.removeLast(Int.random(in: 0..<bytes.count))
            default: bytes[Int.random(in: 0..<bytes.count)] = .random(in: 0...255)
            }
            var server = server(.sha256, kept)
            _ = try? server.received(bytes)
            _ = try? server.received(bytes)
            var client = SASLClient(.scramSHA256, Self.pencil, nonce: "abc")
            _ = client.begin()
            _ = try? client.received(bytes)
        }
        let long = [UInt8](repeating: 0x61, count: Limits.saslTokenBytesMax + 1)
        var server = server(.sha256, kept)
        #expect(throws: SASLError.self) { try server.received(long) }
    }

    @Test func `a password is in no description`() {
        let secret = SASLCredentials(username: "user", password: "hidden")
        #expect(!"\(secret)".contains("hidden"))
        #expect(!String(reflecting: secret).contains("hidden"))
    }

    @Test func `a kept credential tells its password from others`() throws {
        #expect(try credential(.sha512).matches("pencil"))
        #expect(try !credential(.sha512).matches("pencils"))
    }
}
