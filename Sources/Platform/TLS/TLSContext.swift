/// What all TLS sessions of a client or of a listener share: certificates, key, authorities. Made
/// on any thread; sessions are made from it on any loop.
@safe public final class TLSContext: @unchecked Sendable {
    public enum Side: Sendable {
        case client, server
    }

    let library: OpenSSL
    let side: Side
    let settings: TLSSettings
    private let pointer: OpenSSL.Pointer

    /// Throws if the machine has no OpenSSL 3, or for a file that is no PEM or does not fit.
    public init(_ side: Side, _ settings: TLSSettings) throws(TLSError) {
        let library = try OpenSSL.library()
        library.errorClear()
        guard let pointer = unsafe library.contextNew(library.methodTLS()) else {
            throw TLSError("OpenSSL makes no context: \(library.lastReason())")
        }
        self.library = library
        self.side = side
        self.settings = settings
        unsafe self.pointer = unsafe pointer
        _ = unsafe library.contextControl(
            pointer, OpenSSL.Control.setVersionMin, OpenSSL.Control.version12, nil)
        _ = unsafe library.contextControl(pointer, OpenSSL.Control.mode, OpenSSL.Control.modes, nil)
        try setCiphers()
        try loadCertificates()
        try loadKey()
        try setVerification()
    }

    deinit { unsafe library.contextFree(pointer) }

    /// Speaks TLS over a stream that is not started yet. A client gives the host it means to reach.
    public func secure(_ stream: any Stream, host: String? = nil) throws(TLSError) -> TLSStream {
        TLSStream(stream, try session(host: host))
    }

    func session(host: String? = nil) throws(TLSError) -> TLSSession {
        unsafe try TLSSession(self, pointer, host: host)
    }

    private func setCiphers() throws(TLSError) {
        guard let suites = settings.cipherSuites, !suites.isEmpty else { return }
        guard unsafe library.contextSetCiphers(pointer, suites) == 1 else {
            throw TLSError("ssl.cipher.suites=\(suites) names no suite that OpenSSL has")
        }
    }

    private func loadCertificates() throws(TLSError) {
        guard let text = settings.certificates else {
            if side == .server { throw TLSError("a TLS listener needs a certificate and its key") }
            return
        }
        var count = 0
        unsafe try forEachCertificate(text) { certificate in
            defer { count += 1 }
            if count == 0 { return unsafe library.contextUseCertificate(pointer, certificate) == 1 }
            // The context takes a reference of its own.
            return unsafe library.contextControl(
                pointer, OpenSSL.Control.addChainCertificate, 1,
                UnsafeMutableRawPointer(certificate)) == 1
        }
    }

    private func loadKey() throws(TLSError) {
        guard let text = settings.key else {
            if settings.certificates != nil { throw TLSError("the certificate has no key with it") }
            return
        }
        let buffer = unsafe buffer(of: text)
        defer { _ = unsafe library.bufferFree(buffer) }
        // With no password an empty one is given: OpenSSL would ask the terminal.
        let password = Array((settings.keyPassword ?? "").utf8CString)
        let key = unsafe password.withUnsafeBytes { secret in
            unsafe library.readKey(
                buffer, nil, nil, UnsafeMutableRawPointer(mutating: secret.baseAddress))
        }
        guard unsafe key != nil else {
            let isLocked = String(decoding: text.bytes, as: UTF8.self).mentions("ENCRYPTED")
            throw TLSError(
                isLocked
                    ? "the key in \(text.name) is encrypted, and "
                        + "\(settings.vocabulary.keyPassword) does not open it"
                    : "\(text.name) holds no private key in PEM")
        }
        defer { unsafe library.keyFree(key) }
        guard unsafe library.contextUseKey(pointer, key) == 1,
            unsafe library.contextCheckKey(pointer) == 1
        else {
            throw TLSError("the key in \(text.name) is not that of the certificate")
        }
    }

    private func setVerification() throws(TLSError) {
        switch side {
        case .client:
            let mode =
                settings.verifiesPeer ? OpenSSL.Verification.peer : OpenSSL.Verification.none
            unsafe library.contextSetVerify(pointer, mode, nil)
            if settings.verifiesPeer { try loadAuthorities() }
        case .server:
            switch settings.clientCertificates {
            case .none: return
            case .requested:
                unsafe library.contextSetVerify(pointer, OpenSSL.Verification.peer, nil)
            case .required:
                unsafe library.contextSetVerify(pointer, OpenSSL.Verification.required, nil)
            }
            guard settings.authorities != nil else {
                throw TLSError("client certificates are checked against ssl.truststore.location")
            }
            try loadAuthorities()
        }
    }

    private func loadAuthorities() throws(TLSError) {
        if let directory = settings.authoritiesDirectory {
            guard unsafe library.contextLoadPaths(pointer, nil, directory) == 1 else {
                throw TLSError("\(directory) is no folder of certificates")
            }
            return
        }
        guard let text = settings.authorities else {
            _ = unsafe library.contextDefaultPaths(pointer)
            return
        }
        let store = unsafe library.contextStore(pointer)
        unsafe try forEachCertificate(text) { certificate in
            if side == .server {
                _ = unsafe library.contextAddClientAuthority(pointer, certificate)
            }
            return unsafe library.storeAdd(store, certificate) == 1
        }
    }

    private func buffer(of text: TLSSettings.Text) -> OpenSSL.Pointer? {
        let buffer = unsafe library.bufferNew(library.bufferMethod())
        unsafe text.bytes.withUnsafeBytes { bytes in
            _ = unsafe library.bufferWrite(buffer, bytes.baseAddress, CInt(clamping: bytes.count))
        }
        return unsafe buffer
    }

    /// Gives each certificate of a PEM; at least one.
    private func forEachCertificate(
        _ text: TLSSettings.Text, _ use: (OpenSSL.Pointer) -> Bool
    ) throws(TLSError) {
        let buffer = unsafe buffer(of: text)
        defer { _ = unsafe library.bufferFree(buffer) }
        var count = 0
        while let certificate = unsafe library.readCertificate(buffer, nil, nil, nil) {
            defer { unsafe library.certificateFree(certificate) }
            guard unsafe use(certificate) else {
                throw TLSError("a certificate in \(text.name) is refused: \(library.lastReason())")
            }
            count += 1
        }
        library.errorClear()
        guard count > 0 else { throw TLSError("\(text.name) holds no certificate in PEM") }
    }
}
