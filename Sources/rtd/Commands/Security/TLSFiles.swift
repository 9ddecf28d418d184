import Platform

/// Reads what the `ssl.*` properties name into the settings of TLS.
struct TLSFiles {
    private let properties: SecurityProperties
    private static let bytesMax = 4 << 20

    init(_ properties: SecurityProperties) { self.properties = properties }

    func clientSettings() throws(TLSError) -> TLSSettings {
        var settings = TLSSettings()
        settings.verifiesPeer = properties.verifiesPeer
        settings.verifiesHost = properties.verifiesHost
        settings.cipherSuites = properties["ssl.cipher.suites"]
        try setAuthorities(&settings)
        try setOwn(&settings)
        return settings
    }

    /// The authorities: a file or folder, or PEM in the property itself.
    func setAuthorities(_ settings: inout TLSSettings) throws(TLSError) {
        if let text = properties.first("ssl.ca.pem", "ssl.truststore.certificates") {
            settings.authorities = Self.inline("ssl.ca.pem", text)
        } else if let path = properties["ssl.ca.location"], path != "probe" {
            if POSIXFileSystem().isDirectory(path) {
                settings.authoritiesDirectory = path
            } else {
                settings.authorities = try Self.file(path)
            }
        } else if let path = properties["ssl.truststore.location"] {
            try refuseStore("ssl.truststore", path)
            settings.authorities = try Self.file(path)
        }
    }

    /// The own certificate with its key: together in a PEM key store, or apart.
    func setOwn(_ settings: inout TLSSettings) throws(TLSError) {
        settings.keyPassword = properties.first("ssl.key.password", "ssl.keystore.password")
        if let chain = properties.first("ssl.keystore.certificate.chain", "ssl.certificate.pem") {
            settings.certificates = Self.inline("ssl.keystore.certificate.chain", chain)
        } else if let path = properties["ssl.certificate.location"] {
            settings.certificates = try Self.file(path)
        }
        if let key = properties.first("ssl.keystore.key", "ssl.key.pem") {
            settings.key = Self.inline("ssl.keystore.key", key)
        } else if let path = properties["ssl.key.location"] {
            settings.key = try Self.file(path)
        }
        if settings.certificates == nil, let path = properties["ssl.keystore.location"] {
            try refuseStore("ssl.keystore", path)
            settings.certificates = try Self.file(path)
            settings.key = settings.key ?? settings.certificates
        }
    }

    private func refuseStore(_ name: String, _ path: String) throws(TLSError) {
        let isStore = [".jks", ".p12", ".pfx", ".keystore"].contains { path.hasSuffix($0) }
        let type = properties["\(name).type"]?.uppercased()
        guard let kind = type ?? (isStore ? "JKS or PKCS12" : nil), kind != "PEM" else { return }
        throw TLSError(
            "\(name).location=\(path) is \(kind), and PEM is wanted (\(name).type=PEM;"
                + " openssl pkcs12 -in STORE.p12 -out STORE.pem -nodes makes it)")
    }

    static func file(_ path: String) throws(TLSError) -> TLSSettings.Text {
        do throws(SystemError) {
            let bytes = try POSIXFileSystem().readAll(path, limit: bytesMax)
            return TLSSettings.Text(name: path, bytes: bytes)
        } catch {
            throw TLSError(error.description)
        }
    }

    /// PEM in a property, whose line ends may be spelled `\n`.
    private static func inline(_ name: String, _ text: String) -> TLSSettings.Text {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "\\"), rest.first == UInt8(ascii: "n") {
                rest = rest.dropFirst()
                bytes.append(UInt8(ascii: "\n"))
            } else {
                bytes.append(byte)
            }
        }
        return TLSSettings.Text(name: name, bytes: bytes)
    }
}
