import ArgumentParsing
import KafkaProtocol
import Platform
import Service

/// What the listeners of `rtd serve` ask of clients, from its options and from Kafka's broker
/// properties (`ssl.*`, `sasl.enabled.mechanisms`, `super.users`).
struct ServeSecurity {
    private let options: ServeOptions
    private var properties = SecurityProperties()
    private var mechanisms: [SASLMechanism] = SASLMechanism.allCases
    private var clientCertificates = TLSSettings.ClientCertificates.none
    private var superUsers: Set<String> = []

    init(_ options: ServeOptions, _ assignments: [PropertyAssignment]) throws(UsageError) {
        self.options = options
        if options.clientAuthorityFile != nil { clientCertificates = .required }
        for assignment in assignments {
            let value = assignment.value.trimmingSpaces
            switch assignment.name {
            case "sasl.enabled.mechanisms": mechanisms = try Self.mechanisms(value)
            case "super.users": superUsers = try Self.users(value)
            case "ssl.client.auth":
                guard let choice = TLSSettings.ClientCertificates(rawValue: value) else {
                    throw UsageError(
                        "ssl.client.auth wants none, requested or required, not \"\(value)\"")
                }
                clientCertificates = choice
            case "sasl.mechanism", "sasl.mechanism.inter.broker.protocol": continue
            case let name where name.hasPrefix("ssl."): _ = try properties.set(name, value)
            default: continue
            }
        }
    }

    private static func mechanisms(_ text: String) throws(UsageError) -> [SASLMechanism] {
        var result: [SASLMechanism] = []
        for part in text.split(separator: ",") {
            let name = String(part).trimmingSpaces.uppercased()
            guard let known = SASLMechanism(rawValue: name) else {
                let all = SASLMechanism.allCases.map(\.rawValue).joined(separator: ", ")
                throw UsageError("sasl.enabled.mechanisms: \(name) is not built; there are \(all)")
            }
            result.append(known)
        }
        guard !result.isEmpty else { throw UsageError("sasl.enabled.mechanisms names none") }
        return result
    }

    private static func users(_ text: String) throws(UsageError) -> Set<String> {
        var result: Set<String> = []
        for part in text.split(separator: ";") {
            let name = String(part).trimmingSpaces
            guard name.hasPrefix("User:"), name.count > 5 else {
                throw UsageError("super.users wants User:NAME;User:NAME, not \"\(name)\"")
            }
            result.insert(String(name.dropFirst(5)))
        }
        return result
    }

    private var usesTLS: Bool {
        options.certificateFile != nil || properties["ssl.keystore.location"] != nil
            || properties["ssl.keystore.certificate.chain"] != nil
    }

    private var authenticates: Bool {
        options.asksForLogin || (usesTLS && clientCertificates == .required)
    }

    /// Why the listener is refused: others could reach it, and nobody would have to say who he is,
    /// or everybody between could read along.
    var openListenerRefusal: UsageError? {
        guard case .address(let address) = options.kafka, !address.isLoopback,
            !options.allowsInsecureListening
        else { return nil }
        if !authenticates {
            return UsageError(
                "\(address) is open to other machines and has no authentication"
                    + " (--insecure-listen allows it)")
        }
        guard !usesTLS else { return nil }
        return UsageError(
            "\(address) is open to other machines and has no TLS (--tls-certificate FILE, or"
                + " --insecure-listen allows it)")
    }

    /// What a warning says at every start of a listener that others reach.
    var exposure: String? {
        if !authenticates {
            return "has no authentication: whoever reaches it can read and write everything"
        }
        return usesTLS ? nil : "has no TLS: whoever is on the way can read everything"
    }

    func configuration() -> ServerSecurity {
        var result = ServerSecurity()
        if options.asksForLogin { result.mechanisms = mechanisms }
        result.superUsers = superUsers
        guard usesTLS else { return result }
        result.wantsCertificates = clientCertificates == .required
        let maker = self
        result.tls = { () throws(TLSError) in
            try TLSContext(.server, try maker.settings())
        }
        result.tlsFiles = files
        return result
    }

    private var files: [String] {
        [
            options.certificateFile, options.keyFile, options.clientAuthorityFile,
            properties["ssl.keystore.location"], properties["ssl.truststore.location"],
        ].compactMap { $0 }
    }

    private func settings() throws(TLSError) -> TLSSettings {
        var settings = TLSSettings()
        settings.clientCertificates = clientCertificates
        settings.cipherSuites = properties["ssl.cipher.suites"]
        let files = TLSFiles(properties)
        try files.setAuthorities(&settings)
        try files.setOwn(&settings)
        if let path = options.clientAuthorityFile { settings.authorities = try TLSFiles.file(path) }
        if let path = options.certificateFile {
            settings.certificates = try TLSFiles.file(path)
            settings.key = try TLSFiles.file(options.keyFile ?? path)
        }
        if let key = options.keyFile ?? properties["ssl.keystore.location"],
            POSIXFileSystem().isOpenToOthers(key)
        {
            throw TLSError("\(key) holds a key, and other users can read it (chmod 600 \(key))")
        }
        return settings
    }
}
