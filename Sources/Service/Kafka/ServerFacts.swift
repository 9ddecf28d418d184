import KafkaProtocol
import Platform
import Streaming

/// What a server says of itself under the names of Kafka's broker configs.
extension KafkaServer {
    /// By name; a client hears the address that it is told to connect to.
    func facts(for connection: KafkaConnection) -> [String: String] {
        let listeners = listening
        let places = listeners.map { address, security in
            "\(security.protocolName)://\(address)"
        }
        var facts = [
            "listeners": places.joined(separator: ","),
            "advertised.listeners": places.joined(separator: ","),
            "listener.security.protocol.map": Set(listeners.map(\.security.protocolName)).sorted()
                .map { "\($0):\($0)" }.joined(separator: ","),
            "log.dir": broker.directory,
            "log.dirs": broker.directory,
            "sasl.enabled.mechanisms": (listeners.first?.security.mechanisms ?? [])
                .map(\.rawValue).joined(separator: ","),
            "super.users": logIn.superUsers.sorted().map { "User:\($0)" }.joined(separator: ";"),
        ]
        if !connection.stream.localAddress.isUnix {
            let (host, port) = advertised(to: connection.stream.localAddress)
            let name = host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]" : host
            facts["advertised.listeners"] =
                "\(connection.security.protocolName)://\(name):\(port)"
        }
        return facts
    }
}

extension ListenerSecurity {
    /// Kafka's name for what is asked of clients.
    var protocolName: String {
        switch (mechanisms.isEmpty, usesTLS) {
        case (true, false): "PLAINTEXT"
        case (true, true): "SSL"
        case (false, false): "SASL_PLAINTEXT"
        case (false, true): "SASL_SSL"
        }
    }
}

extension SocketAddress {
    /// The host as IPv4 where it is one: a listener for both families sees a mapped address.
    var plainHost: String? {
        guard let host else { return nil }
        return host.hasPrefix("::ffff:") ? String(host.dropFirst(7)) : host
    }
}
