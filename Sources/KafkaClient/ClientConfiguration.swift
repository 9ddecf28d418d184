import KafkaProtocol
import Platform

/// How a client reaches its cluster. The comments give the property names of Kafka's clients.
public struct ClientConfiguration: Sendable {
    /// Tried in order until one answers (`bootstrap.servers`). With a Unix socket all brokers are
    /// reached through it, whatever their ids and addresses.
    public var bootstrap: [Endpoint]
    /// `client.id`
    public var clientID = "rtd"
    /// Sent with ApiVersions, for the broker's statistics (KIP-511).
    public var softwareVersion = "0.1.0"
    /// `request.timeout.ms`: without an answer for so long the connection is given up.
    public var requestTimeoutMilliseconds: Int64 = 30_000
    /// `delivery.timeout.ms`: how long whatever can be tried again is tried again.
    public var deliveryTimeoutMilliseconds: Int64 = 120_000
    /// `retry.backoff.ms` and `retry.backoff.max.ms`: the pause doubles from one to the other.
    public var retryBackoffMilliseconds: Int64 = 100
    public var retryBackoffMaxMilliseconds: Int64 = 1_000
    /// `metadata.max.age.ms`
    public var metadataAgeMaxMilliseconds: Int64 = 300_000
    /// `socket.connection.setup.timeout.ms`
    public var connectTimeoutMilliseconds: Int64 = 10_000
    /// `allow.auto.create.topics`
    public var allowsTopicCreation = false
    /// A cluster that cannot be reached at first is an error at once, unless it is tried for this
    /// long. A connection that is lost later is tried for `deliveryTimeoutMilliseconds`.
    public var retryFirstContactMilliseconds: Int64 = 0
    /// Who the client is (`sasl.mechanism`, `sasl.username`, `sasl.password`); nil: nobody asks.
    public var login: Login?
    /// TLS on TCP connections (`security.protocol` SSL and SASL_SSL, `ssl.*`); nil for plaintext.
    public var tls: TLSContext?
    /// Gets a line for each event that explains a delay: connections lost, leaders moved.
    public var log: (@Sendable (String) -> Void)?

    /// Gets a line, once a broker, when an address that the cluster names for it is not reached for
    /// a while: people wait for nothing then.
    public var warn: (@Sendable (String) -> Void)?

    /// A mechanism of SASL with what it needs.
    public struct Login: Sendable, Equatable {
        public var mechanism: SASLMechanism
        public var credentials: SASLCredentials

        public init(_ mechanism: SASLMechanism, _ credentials: SASLCredentials) {
            self.mechanism = mechanism
            self.credentials = credentials
        }
    }

    public init(bootstrap: [Endpoint]) {
        self.bootstrap = bootstrap
    }

    /// The pause before attempt `attempt` (from 1) to do something again, in nanoseconds.
    /// A transaction that is only being ended by its coordinator is not waited for longer.
    func backoffNanoseconds(attempt: Int, after error: ClientError? = nil) -> Int64 {
        if error?.code == .concurrentTransactions {
            return Limits.concurrentTransactionsNanoseconds
        }
        let doubled = retryBackoffMilliseconds << Int64(min(max(attempt - 1, 0), 16))
        return min(doubled, max(retryBackoffMaxMilliseconds, retryBackoffMilliseconds)) * 1_000_000
    }
}
