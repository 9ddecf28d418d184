import Platform
import Streaming

/// What a server is started with, resolved from what was typed.
public struct ServerConfiguration: Sendable {
    public var kind: ServerRecord.Kind
    public var directory: DataDirectory
    public var version: String
    /// Addresses for Kafka; empty for a server on demand.
    public var kafka: [SocketAddress]
    /// False for the default addresses, whose ::1 may be missing on this machine.
    public var kafkaWasAskedFor = false
    public var advertise: (host: String, port: Int32)?
    /// What TCP clients must do before their requests.
    public var security = ServerSecurity()
    /// Broker settings by Kafka's names.
    public var properties: [String: String] = [:]
    /// Bytes of records that an ephemeral server keeps; nil for no limit.
    public var memoryBytes: Int?
    public var portFile: String?
    /// Seconds after which a server on demand without clients leaves.
    public var idleNanoseconds: Int64 = 10_000_000_000
    /// Gets a line a request from the start on.
    public var trace: (@Sendable (String) -> Void)?
    /// Gets what whoever runs the server should know.
    public var report: @Sendable (String) -> Void

    public init(
        kind: ServerRecord.Kind, directory: DataDirectory, version: String,
        kafka: [SocketAddress], report: @escaping @Sendable (String) -> Void
    ) {
        self.kind = kind
        self.directory = directory
        self.version = version
        self.kafka = kafka
        self.report = report
    }
}
