/// How records are delivered. The comments give the property names of Kafka's clients.
public struct ProducerConfiguration: Sendable {
    /// `acks`: when a batch counts as delivered.
    public enum Acks: Int16, Sendable {
        /// When it was written to the socket; nothing tells whether it arrived.
        case none = 0
        /// When the leader has appended it.
        case leader = 1
        /// When all in-sync replicas have it; with rtd: when it is on the disk.
        case all = -1
    }

    public var acks = Acks.all
    /// Told on the loop, each time, why batches are sent again.
    public var retried: (@Sendable (ClientError) -> Void)?
    /// `enable.idempotence`: a batch that is sent again is not appended twice, and order is kept.
    /// Needs acks `all`; without it, it is off.
    public var isIdempotent = true
    /// `buffer.memory`: bytes that were sent and are not acknowledged; `send` waits beyond it.
    public var bufferBytesMax = 64 << 20
    /// Bytes of batches in one request; a single larger batch goes alone.
    public var requestBytesMax = 8 << 20
    /// `max.in.flight.requests.per.connection`; at most 5 with idempotence.
    public var requestsInFlightMax = 5

    /// Where a broker rejects some records of a batch (KIP-467), the others are sent again without
    /// them; else they fail too, as with Java's client.
    public var resendsRest = false

    /// `transactional.id`: what is sent counts once `Producer.endTransaction` has committed it, and
    /// a later producer of the same name fences this one. Needs idempotence.
    public var transactionalID: String?
    /// `transaction.timeout.ms`: a transaction that is open for longer is aborted by the broker.
    public var transactionTimeoutMilliseconds: Int64 = 60_000

    public init() {}

    var inFlightMax: Int {
        let most = usesIdempotence ? Limits.idempotentRequestsInFlightMax : 1_024
        return max(1, min(requestsInFlightMax, most))
    }

    /// Whether batches are numbered: producer id, sequence and CRC are written when they are sent.
    public var usesIdempotence: Bool { isIdempotent && acks == .all }
}

/// What a producer has done so far.
public struct ProducerStatistics: Sendable, Equatable {
    public var batchesDelivered = 0
    public var recordsDelivered = 0
    public var bytesDelivered = 0
    public var batchesFailed = 0
    public var recordsFailed = 0
    public var requestsSent = 0
    /// Batches that were sent again.
    public var batchesRetried = 0
    /// Batches that the broker found too large and that went on as two.
    public var batchesSplit = 0

    public init() {}
}
