/// How TLS is set up, for a client or a server. Files are PEM.
public struct TLSSettings: Sendable, Equatable, CustomStringConvertible {
    /// PEM, and how messages call where it came from.
    public struct Text: Sendable, Equatable {
        public var name: String
        public var bytes: [UInt8]

        public init(name: String, bytes: [UInt8]) {
            self.name = name
            self.bytes = bytes
        }
    }

    /// What a server asks of its clients (`ssl.client.auth`).
    public enum ClientCertificates: String, Sendable, CaseIterable {
        case none, requested, required
    }

    /// Whose names messages use for these settings.
    public enum Vocabulary: Sendable {
        case kafka, postgres

        var authorities: String { self == .kafka ? "ssl.ca.location" : "sslrootcert" }
        var mode: String { self == .kafka ? "security.protocol" : "sslmode" }
        var keyPassword: String { self == .kafka ? "ssl.key.password" : "sslpassword" }
        var certificate: String {
            self == .kafka
                ? "ssl.keystore.location, or ssl.certificate.location and ssl.key.location"
                : "sslcert and sslkey"
        }
    }

    /// Certificates of the authorities that are trusted; nil for those of this machine.
    public var authorities: Text?
    /// A folder of hashed authorities, as `c_rehash` makes it.
    public var authoritiesDirectory: String?
    /// The own certificate, then those between it and the authority.
    public var certificates: Text?
    /// The key of the own certificate.
    public var key: Text?
    public var keyPassword: String?
    /// A client checks the server's certificate against the authorities.
    public var verifiesPeer = true
    /// A client checks that the certificate is for the host it connects to.
    public var verifiesHost = true
    /// Cipher suites of TLS 1.2 by OpenSSL's names.
    public var cipherSuites: String?
    public var clientCertificates = ClientCertificates.none
    public var vocabulary = Vocabulary.kafka

    public init() {}

    /// Without secrets.
    public var description: String { "TLS settings" }
}
