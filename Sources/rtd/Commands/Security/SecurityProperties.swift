import ArgumentParsing
import KafkaClient
import KafkaProtocol
import Platform

/// How a client shows who it is and whom it trusts: the properties `security.protocol`, `sasl.*`
/// and `ssl.*` as they were given. They are judged together, by `login` and `tls`.
struct SecurityProperties: Sendable, Equatable {
    /// The values of `security.protocol`.
    enum Transport: String, CaseIterable, Sendable {
        case plaintext = "PLAINTEXT"
        case ssl = "SSL"
        case saslPlaintext = "SASL_PLAINTEXT"
        case saslSSL = "SASL_SSL"

        var usesTLS: Bool { self == .ssl || self == .saslSSL }
        var logsIn: Bool { self == .saslPlaintext || self == .saslSSL }
    }

    var transport = Transport.plaintext
    private var values: [String: String] = [:]

    /// Where a password may come from when no file has it.
    static let passwordVariable = "RTD_SASL_PASSWORD"

    /// Properties that are never taken from the command line, which other users can see.
    static let secrets: Set = [
        "sasl.password", "sasl.jaas.config", "ssl.key.password", "ssl.key.pem",
        "ssl.keystore.password", "ssl.keystore.key", "ssl.truststore.password",
        "sasl.oauthbearer.client.secret", "sasl.oauthbearer.client.credentials.client.secret",
        "sasl.oauthbearer.assertion.private.key.passphrase", "basic.auth.user.info",
        "schema.registry.basic.auth.user.info", "bearer.auth.token",
    ]

    /// The names that have an effect, with the older one of librdkafka behind Kafka's.
    private static let names: Set = [
        "sasl.mechanism", "sasl.mechanisms", "sasl.username", "sasl.password", "sasl.jaas.config",
        "enable.ssl.certificate.verification", "ssl.endpoint.identification.algorithm",
        "ssl.ca.location", "ssl.ca.pem", "ssl.truststore.location", "ssl.truststore.certificates",
        "ssl.truststore.type", "ssl.certificate.location", "ssl.certificate.pem",
        "ssl.key.location", "ssl.key.pem", "ssl.key.password", "ssl.keystore.location",
        "ssl.keystore.type", "ssl.keystore.password", "ssl.keystore.key",
        "ssl.keystore.certificate.chain", "ssl.cipher.suites",
    ]

    /// Refuses a secret that was typed as an argument, without repeating it.
    static func refuseSecret(_ name: String) throws(UsageError) {
        guard secrets.contains(name) else { return }
        throw UsageError(
            "\(name) is a secret, and other users can read command lines: put it in a file for"
                + " -F or $RTD_CONFIG (chmod 600)"
                + (name == "sasl.password" ? ", or in $\(passwordVariable)" : ""))
    }

    /// Takes a property; false if it is none of these. Errors never repeat a value of a secret.
    mutating func set(_ name: String, _ value: String) throws(UsageError) -> Bool {
        if name == "security.protocol" {
            guard let transport = Transport(rawValue: value.uppercased()) else {
                throw UsageError(
                    "security.protocol wants PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL, not"
                        + " \"\(value)\"")
            }
            self.transport = transport
            return true
        }
        guard Self.names.contains(name) else { return false }
        switch name {
        case "sasl.mechanism", "sasl.mechanisms": _ = try Self.mechanism(value)
        case "sasl.jaas.config": _ = try JAASLogin(value)
        case "enable.ssl.certificate.verification":
            guard ["true", "false"].contains(value.lowercased()) else {
                throw UsageError("\(name) wants true or false, not \"\(value)\"")
            }
        case "ssl.endpoint.identification.algorithm":
            guard ["https", "none", ""].contains(value.lowercased()) else {
                throw UsageError("\(name) wants https or none, not \"\(value)\"")
            }
        default: break
        }
        values[name] = value
        return true
    }

    private static func mechanism(_ text: String) throws(UsageError) -> SASLMechanism {
        guard let known = SASLMechanism(rawValue: text.uppercased()) else {
            let all = SASLMechanism.allCases.map(\.rawValue).joined(separator: ", ")
            throw UsageError("sasl.mechanism=\(text) is not built; there are \(all)")
        }
        return known
    }

    subscript(_ name: String) -> String? {
        values[name].flatMap { $0.isEmpty ? nil : $0 }
    }

    func first(_ names: String...) -> String? {
        for name in names {
            if let value = self[name] { return value }
        }
        return nil
    }

    // MARK: What they come to

    /// Nil unless `security.protocol` asks for a log-in.
    func login(
        environment: (String) -> String?
    ) throws(UsageError) -> ClientConfiguration.Login? {
        guard transport.logsIn else { return nil }
        let jaas: JAASLogin?
        if let text = self["sasl.jaas.config"] { jaas = try JAASLogin(text) } else { jaas = nil }
        guard let text = first("sasl.mechanism", "sasl.mechanisms") ?? jaas?.mechanism else {
            throw UsageError(
                "security.protocol=\(transport.rawValue) wants sasl.mechanism (PLAIN,"
                    + " SCRAM-SHA-256 or SCRAM-SHA-512)")
        }
        guard let username = self["sasl.username"] ?? jaas?.username else {
            throw UsageError("sasl.mechanism=\(text) wants sasl.username")
        }
        guard
            let password = self["sasl.password"] ?? jaas?.password
                ?? environment(Self.passwordVariable)
        else {
            throw UsageError(
                "sasl.username=\(username) wants sasl.password, in a file for -F (chmod 600) or"
                    + " in $\(Self.passwordVariable)")
        }
        return ClientConfiguration.Login(
            try Self.mechanism(text), SASLCredentials(username: username, password: password))
    }

    /// Nil unless `security.protocol` asks for TLS. Reads the files that are named.
    func tls() throws(UsageError) -> TLSContext? {
        guard transport.usesTLS else { return nil }
        do throws(TLSError) {
            return try TLSContext(.client, try TLSFiles(self).clientSettings())
        } catch {
            throw UsageError(error.message)
        }
    }

    var verifiesPeer: Bool {
        self["enable.ssl.certificate.verification"]?.lowercased() != "false"
    }

    /// Kafka's clients verify unless told not to; librdkafka says `none`, Java an empty value.
    var verifiesHost: Bool {
        guard let value = values["ssl.endpoint.identification.algorithm"] else { return true }
        return value.lowercased() == "https"
    }
}
