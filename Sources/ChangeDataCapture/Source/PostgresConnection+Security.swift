import Platform
import PostgresProtocol

/// One way to begin a connection; libpq's `sslmode` says which are tried, one after the other.
enum SecurityAttempt: Equatable {
    case plain
    /// Encrypted if the server can.
    case encryptedIfOffered
    case encrypted

    static func all(for address: PostgresAddress) -> [SecurityAttempt] {
        if address.isLocal { return [.plain] }
        return switch address.tls {
        case .disable: [.plain]
        case .allow: [.plain, .encrypted]
        case .prefer: [.encryptedIfOffered, .plain]
        case .require, .verifyCA, .verifyFull: [.encrypted]
        }
    }
}

// How a connection is secured before anything is said on it.
extension PostgresConnection {
    func secure(_ attempt: SecurityAttempt) throws(CaptureError) {
        if attempt == .plain { return }
        let context: TLSContext
        do throws(TLSError) {
            context = try TLSContext(.client, try tlsSettings())
        } catch {
            throw .setting(CaptureReport(error.message))
        }
        guard try isOffered() else {
            if attempt == .encryptedIfOffered { return }
            throw .setting(
                CaptureReport(
                    "\(address.description) does not speak TLS, and sslmode="
                        + "\(address.tls.rawValue) wants it",
                    hint: "ssl = on in postgresql.conf lets it; sslmode=prefer goes without"))
        }
        do throws(SystemError) {
            try socket.secure(context, host: address.host)
        } catch {
            let report = CaptureReport(
                "cannot speak TLS with \(address.description): \(error.reason)")
            // What TLS itself refuses is refused again; a connection that broke may come back.
            throw error.isRefusedByTLS ? .authentication(report) : .connection(report)
        }
    }

    /// Asks for TLS. Exactly one byte is read: what somebody in the middle has put behind it would
    /// be taken for the server's word later (CVE-2021-23222).
    private func isOffered() throws(CaptureError) -> Bool {
        try send(FrontendMessage.tlsRequest)
        var answer: [UInt8] = [0]
        do throws(SystemError) {
            guard try socket.receiveAll(into: &answer, 0..<1) else {
                throw SystemError(code: SystemError.connectionResetCode, operation: "read")
            }
        } catch {
            throw .connection(
                CaptureReport("cannot reach \(address.description): \(error.reason)"))
        }
        switch answer[0] {
        case UInt8(ascii: "S"): return true
        // "E" is a server that knows no TLS, or has no room for us; its words could be anyone's.
        case UInt8(ascii: "N"), UInt8(ascii: "E"): return false
        default:
            throw .malformed(
                CaptureReport(
                    "\(address.description) gives no answer to the question for TLS",
                    hint: "is it PostgreSQL?"))
        }
    }

    /// What the proof of the password is bound to.
    var loginBinding: Login.ChannelBinding {
        Login.ChannelBinding(
            endPoint: address.channelBinding == .disable ? nil : socket.endPointBinding,
            isRequired: address.channelBinding == .require)
    }

    private func tlsSettings() throws(TLSError) -> TLSSettings {
        var settings = TLSSettings()
        settings.vocabulary = .postgres
        settings.keyPassword = address.keyPassword
        settings.certificates = try file(address.certificate, or: "postgresql.crt")
        if settings.certificates != nil {
            settings.key = try file(address.key, or: "postgresql.key")
            let path =
                address.key ?? address.certificateDirectory.map { $0 + "/postgresql.key" } ?? ""
            if POSIXFileSystem().isOpenToOthers(path) {
                throw TLSError(
                    "private key file \"\(path)\" has group or world access; permissions should be "
                        + "u=rw (0600) or less")
            }
        }
        settings.verifiesHost = address.tls == .verifyFull
        try addAuthorities(to: &settings)
        return settings
    }

    /// `require` with a file of authorities is as strict as `verify-ca`, as with libpq.
    private func addAuthorities(to settings: inout TLSSettings) throws(TLSError) {
        settings.verifiesPeer = false
        switch address.tls {
        case .disable, .allow, .prefer: return
        case .require, .verifyCA, .verifyFull: break
        }
        if address.rootCertificate != "system" {
            settings.authorities = try file(
                address.rootCertificate, or: "root.crt", mayBeMissing: address.tls == .require)
            guard settings.authorities != nil else {
                if address.tls == .require { return }
                let directory = address.certificateDirectory ?? "~/.postgresql"
                throw TLSError(
                    "sslmode=\(address.tls.rawValue) needs the authorities to trust, and "
                        + "\(directory)/root.crt does not exist; sslrootcert names a PEM file, or "
                        + "system for those of this machine")
            }
        }
        settings.verifiesPeer = true
    }

    /// A file that was named, or the one of libpq's directory, if that is there.
    private func file(
        _ path: String?, or name: String, mayBeMissing: Bool = false
    ) throws(TLSError) -> TLSSettings.Text? {
        let files = POSIXFileSystem()
        let standard = address.certificateDirectory.map { "\($0)/\(name)" }
        guard let path = path ?? standard else { return nil }
        if !files.exists(path), path == standard || mayBeMissing { return nil }
        do throws(SystemError) {
            let bytes = try files.readAll(path, limit: Limits.certificateFileBytesMax)
            return TLSSettings.Text(name: path, bytes: bytes)
        } catch {
            throw TLSError("cannot read \(path): \(error.reason)")
        }
    }
}
