/// Where a schema registry is: `https://user:password@host:8081/path`.
struct RegistryAddress: Sendable, Equatable, CustomStringConvertible {
    var isSecure: Bool
    var host: String
    var port: UInt16
    /// In front of the paths of the registry; without a slash at its end.
    var path: String
    /// `user:password` as the URL has it, without its escapes.
    var userInfo: String?

    /// nil: not such a URL.
    init?(_ text: String) {
        let scheme = text.prefix { $0 != ":" }
        switch scheme.lowercased() {
        case "http": isSecure = false
        case "https": isSecure = true
        default: return nil
        }
        guard text[scheme.endIndex...].hasPrefix("://") else { return nil }
        let rest = text.dropFirst(scheme.count + 3)
        var authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        path = String(rest[authority.endIndex...])
        while path.hasSuffix("/") { path.removeLast() }
        guard !path.contains(where: { $0 == "?" || $0 == "#" || $0.isWhitespace }) else {
            return nil
        }
        if let at = authority.lastIndex(of: "@") {
            guard let info = Self.unescaped(authority[..<at]) else { return nil }
            userInfo = info
            authority = authority[authority.index(after: at)...]
        }
        let standard: UInt16 = isSecure ? 443 : 80
        guard !authority.isEmpty,
            let place = try? HostPort(String(authority), defaultPort: standard)
        else { return nil }
        (host, port) = (place.host, place.port)
    }

    /// `%40` is `@`.
    private static func unescaped(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            let digits = String(decoding: rest.prefix(2), as: UTF8.self)
            guard digits.utf8.count == 2, let value = UInt8(digits, radix: 16) else { return nil }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// As the `Host` header has it.
    var authority: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return port == (isSecure ? 443 : 80) ? name : "\(name):\(port)"
    }

    /// Without the password.
    var description: String { "\(isSecure ? "https" : "http")://\(authority)\(path)" }
}
