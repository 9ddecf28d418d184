import Platform

/// Where a broker listens, as a person or the cluster names it.
public enum Endpoint: Hashable, Sendable, CustomStringConvertible {
    /// A host name or numeric address.
    case tcp(host: String, port: UInt16)
    /// A socket in the file system; rtd's own servers listen there.
    case unix(path: String)

    public var description: String {
        switch self {
        case .tcp(let host, let port):
            host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): path
        }
    }

    /// Reads `host:port`, `[v6]:port`, `:port` (127.0.0.1) or an absolute path; a missing port is
    /// Kafka's 9092. Nil for anything else.
    public init?(_ text: String) {
        if text.hasPrefix("/") {
            self = .unix(path: text)
            return
        }
        var host = text
        var port: UInt16? = 9_092
        if text.hasPrefix("[") {
            guard let close = text.firstIndex(of: "]") else { return nil }
            host = String(text[text.index(after: text.startIndex)..<close])
            let rest = text[text.index(after: close)...]
            if !rest.isEmpty { port = rest.hasPrefix(":") ? UInt16(rest.dropFirst()) : nil }
        } else if let colon = text.lastIndex(of: ":") {
            host = String(text[..<colon])
            port = UInt16(text[text.index(after: colon)...])
            // An address of IPv6 without brackets has no port of its own.
            if host.contains(":") {
                host = text
                port = 9_092
            }
        }
        guard let port else { return nil }
        self = .tcp(host: host.isEmpty ? "127.0.0.1" : host, port: port)
    }
}

/// A partition of a topic.
public struct TopicPartition: Hashable, Sendable, CustomStringConvertible, Comparable {
    public let topic: String
    public let partition: Int32

    public init(_ topic: String, _ partition: Int32) {
        self.topic = topic
        self.partition = partition
    }

    public var description: String { "\(topic)-\(partition)" }

    public static func < (a: TopicPartition, b: TopicPartition) -> Bool {
        a.topic == b.topic ? a.partition < b.partition : a.topic < b.topic
    }
}
