#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Why TLS cannot be set up, in words for the person at the shell.
public struct TLSError: Error, Equatable, Sendable, CustomStringConvertible {
    public let message: String

    public init(_ message: String) { self.message = message }

    public var description: String { message }
}

extension SystemError {
    /// A peer that TLS refuses, or that refuses us: trying again gives the same.
    static func refusedByTLS(_ words: String) -> SystemError {
        SystemError(code: EPROTO, operation: "speak TLS", words: words)
    }

    /// A peer that left before the handshake was done.
    static let endedInHandshake = SystemError(
        code: ECONNRESET, operation: "speak TLS",
        words: "it closed the connection in the TLS handshake; is it a TLS port?")

    /// Whether TLS said so; the reason is in words, and trying again gives the same.
    public var isRefusedByTLS: Bool { code == EPROTO }
}

/// Puts OpenSSL's words into ones that name the way out.
enum TLSReason {
    /// Why the certificate of a server was refused; `code` is that of X509_V_ERR.
    static func certificate(
        _ code: Int, _ text: String, host: String?, _ names: TLSSettings.Vocabulary
    ) -> String {
        switch code {
        case 9: "its certificate is not valid yet"
        case 10: "its certificate has expired"
        case 18, 19, 20, 21, 2:
            "its certificate is of an authority that is not trusted here"
                + " (\(names.authorities) names a PEM file of those that are)"
        case 62, 64: "its certificate is not for \(host ?? "that host")"
        default: "its certificate is refused: \(text)"
        }
    }

    /// What broke a handshake or session, seen from a client.
    static func ofClient(_ reason: String, _ names: TLSSettings.Vocabulary) -> String {
        if isNoTLS(reason) { return "it does not speak TLS there (\(names.mode))" }
        if reason.mentions("certificate required") || reason.mentions("handshake failure")
            || reason.mentions("alert bad certificate")
        {
            return "it refused the client certificate or wants one (\(names.certificate)): "
                + reason
        }
        if reason.mentions("unknown ca") { return "it does not trust the client certificate" }
        return reason.isEmpty ? "TLS failed" : reason
    }

    /// The same, seen from a server.
    static func ofServer(_ reason: String) -> String {
        if reason == "http request" || reason == "https proxy request" || isNoTLS(reason) {
            return
                "the client does not speak TLS on this TLS port (security.protocol=SSL or SASL_SSL)"
        }
        if reason.mentions("did not return a certificate") {
            return "the client sent no certificate (ssl.client.auth=required)"
        }
        if reason == "certificate verify failed" {
            return "the client's certificate is not trusted here or not valid"
        }
        if reason.mentions("alert unknown ca") || reason.mentions("alert bad certificate")
            || reason.mentions("alert certificate")
        {
            return "the client refused this server's certificate: \(reason)"
        }
        return reason.isEmpty ? "TLS failed" : reason
    }

    private static func isNoTLS(_ reason: String) -> Bool {
        reason == "wrong version number" || reason == "unknown protocol"
            || reason == "packet length too long" || reason == "record layer failure"
    }
}

extension String {
    /// Whether the text holds `words`.
    func mentions(_ words: String) -> Bool {
        let wanted = Array(words.utf8)
        let all = Array(utf8)
        guard all.count >= wanted.count else { return false }
        return (0...(all.count - wanted.count)).contains {
            all[$0..<($0 + wanted.count)].elementsEqual(wanted)
        }
    }
}
