/// A request of HTTP/1.1 (RFC 9112) on a connection of its own.
public struct HTTPRequest: Sendable, Equatable {
    public var method: String
    /// Path and query, as they are to stand in the request line.
    public var target: String
    /// With its port, if that is not the scheme's.
    public var host: String
    /// Names and values in turn: `Accept`, `text/plain`; without those that the encoding writes.
    public var headers: [Header] = []
    /// nil: there is none.
    public var body: [UInt8]?

    public init(method: String, target: String, host: String) {
        self.method = method
        self.target = target
        self.host = host
    }

    /// What is sent. A line end inside of a name or a value would begin another header: such bytes
    /// are spaces.
    public var encoded: [UInt8] {
        var text = "\(Self.line(method)) \(Self.line(target)) HTTP/1.1\r\n"
        text += "Host: \(Self.line(host))\r\n"
        for header in headers {
            text += "\(Self.line(header.name)): \(Self.line(header.value))\r\n"
        }
        if let body { text += "Content-Length: \(body.count)\r\n" }
        text += "Connection: close\r\n\r\n"
        return Array(text.utf8) + (body ?? [])
    }

    private static func line(_ text: String) -> String {
        let bytes = text.utf8.map { $0 < 0x20 || $0 == 0x7F ? UInt8(ascii: " ") : $0 }
        return String(decoding: bytes, as: UTF8.self)
    }
}

public struct Header: Sendable, Equatable {
    public var name: String
    public var value: String

    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}
