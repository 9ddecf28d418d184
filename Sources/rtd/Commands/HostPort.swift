import ArgumentParsing

/// A host and a port as typed: `broker:9092`, `:9092`, `broker`, `[::1]:9092`. An empty host is
/// 127.0.0.1, a missing port is Kafka's.
struct HostPort: Equatable, Sendable, CustomStringConvertible {
    static let kafkaPort: UInt16 = 9092
    static let emptyHost = "127.0.0.1"

    /// Without brackets around an IPv6 address.
    var host: String
    var port: UInt16

    init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    init(_ text: String, defaultPort: UInt16 = kafkaPort) throws(UsageError) {
        var rest = text[...]
        if rest.first == "[" {
            guard let close = rest.firstIndex(of: "]") else { throw Self.refused(text) }
            host = String(rest[rest.index(after: rest.startIndex)..<close])
            rest = rest[rest.index(after: close)...]
            guard rest.isEmpty || rest.first == ":", !host.isEmpty else { throw Self.refused(text) }
        } else {
            let name = rest.prefix { $0 != ":" }
            // A second colon means an IPv6 address without brackets: where its port would begin
            // cannot be told.
            guard rest.filter({ $0 == ":" }).count < 2 else { throw Self.refused(text) }
            host = name.isEmpty ? Self.emptyHost : String(name)
            rest = rest[name.endIndex...]
        }
        guard !text.isEmpty, !host.contains(where: { $0.isWhitespace || $0 == "/" }) else {
            throw Self.refused(text)
        }
        if rest.isEmpty {
            port = defaultPort
        } else if let number = UInt16(rest.dropFirst()), rest.dropFirst().first != "+" {
            port = number
        } else {
            throw Self.refused(text)
        }
    }

    /// As one types it: an IPv6 address in brackets.
    var description: String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    /// Whether only this machine can reach a listener bound to the address.
    var isLoopback: Bool {
        host == "localhost" || host == "::1" || host.hasPrefix("127.")
    }

    private static func refused(_ text: String) -> UsageError {
        UsageError("wants HOST:PORT, such as 127.0.0.1:9092 or [::1]:9092, not \"\(text)\"")
    }
}

extension ValueParser where Value == [HostPort] {
    /// The bootstrap list of a cluster. A URL-like prefix as in `PLAINTEXT://` is taken off.
    static let brokers = ValueParser("HOST:PORT,...") { text throws(UsageError) in
        var brokers: [HostPort] = []
        for part in text.split(separator: ",") {
            var address = part.drop { $0 == " " }
            for transport in SecurityProperties.Transport.allCases {
                let scheme = "\(transport.rawValue)://"
                guard address.prefix(scheme.count).uppercased() == scheme else { continue }
                address = address.dropFirst(scheme.count)
            }
            brokers.append(try HostPort(String(address)))
        }
        guard !brokers.isEmpty else {
            throw UsageError("wants HOST:PORT, such as 127.0.0.1:9092, not \"\(text)\"")
        }
        return brokers
    }
}

extension ValueParser where Value == HostPort {
    static let address = ValueParser("HOST:PORT") { text throws(UsageError) in
        try HostPort(text)
    }
}
