import Bytes
import PostgresProtocol
import Testing

@Suite struct LoginTests {
    private func login(
        user: String = "user", password: String? = "pencil",
        binding: Login.ChannelBinding = .init()
    ) -> Login {
        Login(
            user: user, password: password, nonce: "rOprNGfwEbeRWgbNEkqO",
            parameters: [("database", "db")], binding: binding)
    }

    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    @Test func `the first message names user and database`() {
        let bytes = login().start
        #expect(Array(bytes[..<8]) == [0, 0, 0, UInt8(bytes.count), 0, 3, 0, 0])
        #expect(text(Array(bytes[8...])) == "user\0user\0database\0db\0\0")
    }

    @Test func `trust needs no password`() throws {
        var login = login(password: nil)
        #expect(try login.received(.authentication(.accepted)) == .wait)
        #expect(try login.received(.parameter(name: "server_version", value: "15.2")) == .wait)
        #expect(try login.received(.backendKey(process: 42)) == .wait)
        #expect(try login.received(.ready) == .ready)
        #expect(login.process == 42 && login.reported["server_version"] == "15.2")
    }

    @Test func `clear text and md5 send the password in their form`() throws {
        var clear = login()
        #expect(
            try clear.received(.authentication(.clearText))
                == .send(FrontendMessage.password(Array("pencil".utf8))))
        var md5 = login(user: "joe", password: "secret")
        // printf secretjoe | md5sum, its hex and the salt again
        #expect(
            try md5.received(.authentication(.md5(salt: [1, 2, 3, 4])))
                == .send(FrontendMessage.password(Array(Self.md5Answer.utf8))))
    }

    static let md5Answer = "md5850be429f1fe77df3f603ac424abb440"

    /// The exchange of RFC 7677 section 3, with the empty user that PostgreSQL wants.
    @Test func `SCRAM proves both sides to each other`() throws {
        var login = login()
        #expect(
            try login.received(
                .authentication(.sasl(mechanisms: ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"])))
                == .send(Self.initial("n,,n=,r=rOprNGfwEbeRWgbNEkqO")))
        let step = try login.received(.authentication(.saslContinue(Array(Self.challenge.utf8))))
        guard case .send(let bytes) = step else { throw Unexpected() }
        let answer = text(Array(bytes[5...]))
        #expect(answer == Self.answer)
        #expect(
            try login.received(.authentication(.saslFinal(Array(Self.proof.utf8)))) == .wait)
        #expect(try login.received(.authentication(.accepted)) == .wait)
        #expect(try login.received(.ready) == .ready)
    }

    static let challenge =
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    /// Computed with Python's hashlib and hmac.
    static let answer =
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=qvT2SWdEH5Q06albL+hjSYuUhCG7VndFyzIb7CK4n9k="
    static let proof = "v=3HO6Qt1M4MKJrmlKaoOqLAI0/0TV0HZe7J9H3MBtSOg="

    @Test func `over TLS the proof is bound to the session`() throws {
        var bound = login(binding: .init(endPoint: [1, 2, 3]))
        #expect(
            try bound.received(
                .authentication(.sasl(mechanisms: ["SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"])))
                == .send(
                    Self.initial(
                        "p=tls-server-end-point,,n=,r=rOprNGfwEbeRWgbNEkqO", "SCRAM-SHA-256-PLUS")))
        let step = try bound.received(.authentication(.saslContinue(Array(Self.challenge.utf8))))
        guard case .send(let bytes) = step else { throw Unexpected() }
        // Base64 of "p=tls-server-end-point,," and the three bytes.
        #expect(text(Array(bytes[5...])).hasPrefix("c=cD10bHMtc2VydmVyLWVuZC1wb2ludCwsAQID,r="))
        // Who could bind says so, or an offer that was taken out would not be noticed.
        var unbound = login(binding: .init(endPoint: [1, 2, 3]))
        #expect(
            try unbound.received(.authentication(.sasl(mechanisms: ["SCRAM-SHA-256"])))
                == .send(Self.initial("y,,n=,r=rOprNGfwEbeRWgbNEkqO")))
    }

    @Test(arguments: [
        AuthenticationRequest.accepted, .clearText, .md5(salt: [1, 2, 3, 4]),
        .sasl(mechanisms: ["SCRAM-SHA-256"]),
    ])
    func `a binding that is required refuses every other login`(request: AuthenticationRequest)
        throws
    {
        var strict = login(binding: .init(endPoint: [1], isRequired: true))
        #expect(throws: ProtocolError.noChannelBinding) {
            _ = try strict.received(.authentication(request))
        }
        var withoutTLS = login(binding: .init(isRequired: true))
        #expect(throws: ProtocolError.noChannelBinding) {
            _ = try withoutTLS.received(
                .authentication(.sasl(mechanisms: ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"])))
        }
    }

    private static func initial(_ token: String, _ mechanism: String = "SCRAM-SHA-256") -> [UInt8] {
        var writer = ByteWriter()
        writer.uint8(UInt8(ascii: "p"))
        writer.int32(Int32(4 + mechanism.utf8.count + 1 + 4 + token.utf8.count))
        writer.append(utf8: "\(mechanism)\0")
        writer.int32(Int32(token.utf8.count))
        writer.append(utf8: token)
        return writer.bytes
    }

    @Test func `a server that does not prove itself is refused`() throws {
        var wrong = login()
        _ = try wrong.received(.authentication(.sasl(mechanisms: ["SCRAM-SHA-256"])))
        _ = try wrong.received(.authentication(.saslContinue(Array(Self.challenge.utf8))))
        #expect(throws: ProtocolError.unprovenServer) {
            _ = try wrong.received(.authentication(.saslFinal(Array("v=AAAA".utf8))))
        }
        var silent = login()
        _ = try silent.received(.authentication(.sasl(mechanisms: ["SCRAM-SHA-256"])))
        #expect(throws: ProtocolError.unprovenServer) {
            _ = try silent.received(.authentication(.accepted))
        }
    }

    @Test(arguments: [
        "r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", "r=rOprNGfwEbeRWgbNEkqO,s=AAAA,i=4096",
        "r=rOprNGfwEbeRWgbNEkqOx,s=%%%%,i=4096", "r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=0",
        "r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=99999999999", "m=x,r=rOprNGfwEbeRWgbNEkqOx", "",
    ])
    func `a challenge that is none ends the login`(challenge: String) throws {
        var login = login()
        _ = try login.received(.authentication(.sasl(mechanisms: ["SCRAM-SHA-256"])))
        #expect(throws: ProtocolError.self) {
            _ = try login.received(.authentication(.saslContinue(Array(challenge.utf8))))
        }
    }

    @Test func `what is missing or not spoken is said`() throws {
        var without = login(password: nil)
        #expect(throws: ProtocolError.noPassword) {
            _ = try without.received(.authentication(.clearText))
        }
        var kerberos = login()
        #expect(throws: ProtocolError.unsupportedAuthentication("GSSAPI")) {
            _ = try kerberos.received(.authentication(.unknown(7)))
        }
        var early = login()
        #expect(throws: ProtocolError.self) { _ = try early.received(.ready) }
    }
}
