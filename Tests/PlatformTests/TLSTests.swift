import Foundation
import Testing

@testable import Platform

/// Certificates made with the openssl command, as a person would.
private struct TestAuthority {
    let directory: URL

    /// Whether this machine has OpenSSL, the library and the command.
    static let isPossible: Bool = {
        guard (try? OpenSSL.library()) != nil, let authority = try? TestAuthority() else {
            return false
        }
        authority.remove()
        return true
    }()

    init() throws {
        directory = FileManager.default.temporaryDirectory
            .appending(path: "rtd-tls-\(UInt64.random(in: 0 ... .max))")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        try openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Test", "-days", "2")
    }

    func remove() { try? FileManager.default.removeItem(at: directory) }

    func issue(_ name: String, for names: String, notAfter: String? = nil) throws {
        try "subjectAltName=\(names)\n".write(
            to: directory.appending(path: "\(name).ext"), atomically: true, encoding: .utf8)
        try openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
            "\(name).key", "-out", "\(name).csr", "-subj", "/CN=\(name)")
        try openssl(
            "x509", "-req", "-in", "\(name).csr", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-CAcreateserial", "-extfile", "\(name).ext", "-out", "\(name).pem", "-days",
            notAfter ?? "2")
    }

    func text(_ file: String) throws -> TLSSettings.Text {
        TLSSettings.Text(
            name: file, bytes: Array(try Data(contentsOf: directory.appending(path: file))))
    }

    private func openssl(_ arguments: String...) throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["openssl"] + arguments
        process.currentDirectoryURL = directory
        process.standardError = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        if process.terminationStatus != 0 { throw CocoaError(.featureUnsupported) }
    }
}

/// Sends what it is given, keeps what comes, and how it ended.
private final class Peer: StreamHandler, @unchecked Sendable {
    let stream: any Platform.Stream
    private(set) var received: [UInt8] = []
    private(set) var end: StreamResult?
    private var unsent: [UInt8] = []
    var answers: (([UInt8]) -> [UInt8])?

    init(_ stream: any Platform.Stream) { self.stream = stream }

    func send(_ bytes: [UInt8]) {
        unsent += bytes
        flush()
    }

    private func flush() {
        while !unsent.isEmpty {
            guard case .moved(let count) = unsent.withUnsafeBytes({ stream.write($0) }) else {
                return
            }
            unsent.removeFirst(count)
        }
    }

    func streamReady(readable: Bool, writable: Bool) {
        flush()
        var buffer = [UInt8](repeating: 0, count: 10_000)
        while end == nil {
            switch buffer.withUnsafeMutableBytes({ stream.read(into: $0) }) {
            case .moved(let count):
                received += buffer[..<count]
                if let answers { send(answers(Array(buffer[..<count]))) }
            case .wouldBlock: return
            case let result: end = result
            }
        }
    }
}

/// TLS over the simulated network, so that records are torn as a seed says.
@Suite(.enabled(if: TestAuthority.isPossible)) struct TLSTests {
    private let address = SocketAddress.ipv4(host: "127.0.0.1", port: 9_093)

    private func server(
        _ authority: TestAuthority, _ name: String = "server",
        clients: TLSSettings.ClientCertificates = .none
    ) throws -> TLSContext {
        var settings = TLSSettings()
        settings.certificates = try authority.text("\(name).pem")
        settings.key = try authority.text("\(name).key")
        settings.clientCertificates = clients
        if clients != .none { settings.authorities = try authority.text("ca.pem") }
        return try TLSContext(.server, settings)
    }

    private func client(
        _ authority: TestAuthority?, own: String? = nil,
        _ change: (inout TLSSettings) -> Void = { _ in }
    ) throws -> TLSContext {
        var settings = TLSSettings()
        if let authority {
            settings.authorities = try authority.text("ca.pem")
            if let own {
                settings.certificates = try authority.text("\(own).pem")
                settings.key = try authority.text("\(own).key")
            }
        }
        change(&settings)
        return try TLSContext(.client, settings)
    }

    /// Connects; nil for a context leaves that side plain. What the client sends comes back.
    private func converse(
        _ client: TLSContext?, _ server: TLSContext?, host: String = "localhost",
        bytes: [UInt8] = Array("hello".utf8), bytesPerMoveMax: Int? = nil, seed: UInt64 = 1
    ) throws -> (client: Peer, server: Peer) {
        let loop = SimulatedLoop(seed: seed)
        loop.bytesPerMoveMax = bytesPerMoveMax
        nonisolated(unsafe) var near: Peer?
        nonisolated(unsafe) var far: Peer?
        _ = try loop.listen(address) { stream in
            guard let secured = server == nil ? stream : try? server?.secure(stream) else { return }
            let peer = Peer(secured)
            peer.answers = { $0 }
            far = peer
            secured.start(on: loop, handler: peer)
        }
        loop.connect(address) { result in
            guard case .success(let stream) = result,
                let secured = client == nil ? stream : try? client?.secure(stream, host: host)
            else { return }
            let peer = Peer(secured)
            near = peer
            secured.start(on: loop, handler: peer)
            peer.send(bytes)
        }
        loop.run(milliseconds: 10_000) {
            near.map { $0.received.count >= bytes.count || $0.end != nil } ?? false
        }
        loop.run(milliseconds: 0)
        return (try #require(near), try #require(far))
    }

    private func words(_ end: StreamResult?) -> String {
        guard case .failed(let error)? = end else { return "\(String(describing: end))" }
        return error.reason
    }

    @Test(arguments: [nil, 1, 7, 4_096])
    func `bytes come back, however the network tears them`(step: Int?) throws {
        let authority = try TestAuthority()
        defer { authority.remove() }
        try authority.issue("server", for: "DNS:localhost,IP:127.0.0.1")
        let count = step == 1 ? 3_000 : 700_000
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let (near, far) = try converse(
            try client(authority), try server(authority), bytes: bytes, bytesPerMoveMax: step)
        #expect(near.received == bytes)
        #expect((near.stream as? TLSStream)?.isEstablished == true)
        near.stream.close()
        #expect(far.end == nil)
    }

    @Test func `an address is checked as an address`() throws {
        let authority = try TestAuthority()
        defer { authority.remove() }
        try authority.issue("server", for: "DNS:localhost,IP:127.0.0.1")
        let context = try server(authority)
        let (near, _) = try converse(try client(authority), context, host: "127.0.0.1")
        #expect(near.received == Array("hello".utf8))
        let (other, _) = try converse(try client(authority), context, host: "127.0.0.2")
        #expect(words(other.end) == "its certificate is not for 127.0.0.2")
    }

    @Test func `a wrong host, an unknown authority and an expired certificate are named`() throws {
        let authority = try TestAuthority()
        defer { authority.remove() }
        try authority.issue("server", for: "DNS:localhost")
        try authority.issue("old", for: "DNS:localhost", notAfter: "-1")
        let (wrong, far) = try converse(
            try client(authority), try server(authority), host: "elsewhere.example")
        #expect(words(wrong.end) == "its certificate is not for elsewhere.example")
        #expect(words(far.end).contains("refused this server's certificate"))
        let (unknown, _) = try converse(try client(nil), try server(authority))
        #expect(words(unknown.end).contains("of an authority that is not trusted here"))
        let (old, _) = try converse(try client(authority), try server(authority, "old"))
        #expect(words(old.end) == "its certificate has expired")
    }

    @Test func `what is not verified is what the settings say`() throws {
        let authority = try TestAuthority()
        defer { authority.remove() }
        try authority.issue("server", for: "DNS:localhost")
        let context = try server(authority)
        let anyHost = try client(authority) { $0.verifiesHost = false }
        #expect(try converse(anyHost, context, host: "other").client.received.count == 5)
        let anyone = try client(nil) { $0.verifiesPeer = false }
        #expect(try converse(anyone, context, host: "other").client.received.count == 5)
    }

    @Test func `a client certificate is asked for, and tells who the client is`() throws {
        let authority = try TestAuthority()
        defer { authority.remove() }
        try authority.issue("server", for: "DNS:localhost")
        try authority.issue("alice", for: "DNS:alice")
        let context = try server(authority, clients: .required)
        let (near, far) = try converse(try client(authority, own: "alice"), context)
        #expect(near.received == Array("hello".utf8))
        #expect((far.stream as? TLSStream)?.peerName == "CN=alice")
        let (none, refuser) = try converse(try client(authority), context)
        #expect(words(none.end).contains("wants one (ssl.keystore.location"))
        #expect(words(refuser.end).contains("sent no certificate"))
    }

    @Test func `plain text on a TLS port and TLS on a plain one are told on both sides`() throws {
        let authority = try TestAuthority()
        defer { authority.remove() }
        try authority.issue("server", for: "DNS:localhost")
        let (_, server) = try converse(
            nil, try server(authority), bytes: [0, 0, 0, 20, 0, 18, 0, 3, 0, 0, 0, 1])
        #expect(words(server.end).contains("does not speak TLS on this TLS port"))
        // The plain server sends back what it was sent: no TLS.
        let (client, _) = try converse(try client(authority), nil)
        #expect(words(client.end) != "nil")
        if case .failed(let error)? = client.end { #expect(error.isRefusedByTLS) }
    }

    @Test func `flipped bits and cut connections end a session with an error`() throws {
        let authority = try TestAuthority()
        defer { authority.remove() }
        try authority.issue("server", for: "DNS:localhost")
        let context = try server(authority)
        var random = SeededRandom(seed: 7)
        for _ in 0..<200 {
            let session = try context.session()
            let bytes = (0..<random.below(300)).map { _ in UInt8(random.below(256)) }
            bytes.withUnsafeBytes { session.feed($0) }
            for _ in 0..<3 { _ = session.handshake() }
            session.end()
            _ = session.takeOutput()
        }
    }

    @Test func `files that do not fit are named`() throws {
        let authority = try TestAuthority()
        defer { authority.remove() }
        try authority.issue("server", for: "DNS:localhost")
        try authority.issue("other", for: "DNS:localhost")
        func message(_ change: (inout TLSSettings) throws -> Void) throws -> String {
            var settings = TLSSettings()
            settings.certificates = try authority.text("server.pem")
            settings.key = try authority.text("server.key")
            try change(&settings)
            do {
                _ = try TLSContext(.server, settings)
                return "accepted"
            } catch {
                return "\(error)"
            }
        }
        #expect(try message { _ in } == "accepted")
        #expect(
            try message { $0.key = try authority.text("other.key") }
                == "the key in other.key is not that of the certificate")
        #expect(
            try message { $0.certificates = try authority.text("server.key") }
                == "server.key holds no certificate in PEM")
        #expect(
            try message { $0.key = try authority.text("server.pem") }
                == "server.pem holds no private key in PEM")
        #expect(try message { $0.key = nil } == "the certificate has no key with it")
        #expect(
            try message {
                $0.certificates = nil; $0.key = nil
            }
                == "a TLS listener needs a certificate and its key")
        #expect(
            try message { $0.clientCertificates = .required }
                == "client certificates are checked against ssl.truststore.location")
    }
}
