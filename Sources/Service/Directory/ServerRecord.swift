import Platform

/// What the holder of a data directory says of itself in the lock file: one JSON line.
public struct ServerRecord: Sendable, Equatable {
    public enum Kind: String, Sendable {
        /// Started by a person, stays until told to stop.
        case serve
        /// Started by a command, leaves when idle.
        case onDemand = "on-demand"
        /// Started by a person, keeps everything in memory.
        case ephemeral
    }

    public var kind: Kind
    public var processID: Int32
    public var host: String
    public var version: String
    /// Addresses of the Kafka listeners; none for a server on demand.
    public var kafka: [String]
    public var directory: String
    /// Where its Unix sockets are; nil for versions that do not say.
    public var runDirectory: String?

    /// One line, without its end.
    public var line: String {
        let addresses = kafka.map(Self.quoted).joined(separator: ",")
        return "{\"kind\":\(Self.quoted(kind.rawValue)),\"pid\":\(processID),"
            + "\"host\":\(Self.quoted(host)),\"version\":\(Self.quoted(version)),"
            + "\"kafka\":[\(addresses)],\"data\":\(Self.quoted(directory))"
            + (runDirectory.map { ",\"run\":\(Self.quoted($0))" } ?? "") + "}"
    }

    private static func quoted(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case _ where scalar.value < 32:
                let digits = String(scalar.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }

    /// "rtd 0.1.0, pid 4242 (kafka 127.0.0.1:9092)".
    var sentence: String {
        let addresses = kafka.isEmpty ? "" : " (kafka \(kafka.joined(separator: ", ")))"
        return "rtd \(version), pid \(processID)\(addresses)"
    }

    public init(
        kind: Kind, processID: Int32, host: String, version: String, kafka: [String],
        directory: String, runDirectory: String? = nil
    ) {
        self.kind = kind
        self.processID = processID
        self.host = host
        self.version = version
        self.kafka = kafka
        self.directory = directory
        self.runDirectory = runDirectory
    }

    /// Reads its own lines only, which have their members in one order; later ones may have more.
    init?(line: String) {
        guard line.hasSuffix("}") else { return nil }
        var rest = Substring(line)
        func take(_ prefix: String) -> Bool {
            guard rest.hasPrefix(prefix) else { return false }
            rest.removeFirst(prefix.count)
            return true
        }
        guard take("{\"kind\":"), let kind = Self.text(&rest).flatMap(Kind.init),
            take(",\"pid\":"), let id = Int32(rest.prefix { $0.isNumber })
        else { return nil }
        rest = rest.drop { $0.isNumber }
        guard take(",\"host\":"), let host = Self.text(&rest), take(",\"version\":"),
            let version = Self.text(&rest), take(",\"kafka\":[")
        else { return nil }
        var addresses: [String] = []
        while let address = Self.text(&rest) {
            addresses.append(address)
            _ = take(",")
        }
        guard take("],\"data\":"), let directory = Self.text(&rest) else { return nil }
        var run: String?
        if take(",\"run\":") {
            run = Self.text(&rest)
            if run == nil { return nil }
        }
        guard rest.hasPrefix("}") || rest.hasPrefix(",") else { return nil }
        self.init(
            kind: kind, processID: id, host: host, version: version, kafka: addresses,
            directory: directory, runDirectory: run)
    }

    /// A quoted text at the front, with the escapes that `quoted` makes.
    private static func text(_ rest: inout Substring) -> String? {
        guard rest.first == "\"" else { return nil }
        rest.removeFirst()
        var out = ""
        while let character = rest.popFirst() {
            if character == "\"" { return out }
            guard character == "\\" else {
                out.append(character)
                continue
            }
            guard let escaped = rest.popFirst() else { return nil }
            if escaped == "u" {
                guard let value = UInt32(rest.prefix(4), radix: 16),
                    let scalar = Unicode.Scalar(value)
                else { return nil }
                rest.removeFirst(4)
                out.unicodeScalars.append(scalar)
            } else {
                out.append(escaped)
            }
        }
        return nil
    }

    /// Whether it runs on this machine, so that its process id means something here.
    var isHere: Bool { host == Processes.hostName }

    /// Who holds the directory now; nil if nobody does, or has not said so yet.
    public static func holder(of data: DataDirectory) -> ServerRecord? {
        guard FileLock.isHeld(data.lockPath),
            let bytes = try? POSIXFileSystem().readAll(data.lockPath, limit: 16_384)
        else { return nil }
        let text = String(decoding: bytes, as: UTF8.self)
        return ServerRecord(line: text.split(separator: "\n").first.map(String.init) ?? "")
    }
}
