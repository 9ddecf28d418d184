/// How records are fetched. The comments give the property names of Kafka's clients.
public struct ConsumerConfiguration: Sendable {
    /// `auto.offset.reset`: what happens when an offset is not in the log (any more).
    public enum OutOfRange: Sendable {
        case earliest
        case latest
        case fail
    }

    /// `fetch.min.bytes` and `fetch.max.wait.ms`: a broker answers when it has so much, or then.
    public var fetchBytesMin: Int32 = 1
    public var fetchWaitMaxMilliseconds: Int32 = 500
    /// `fetch.max.bytes`
    public var fetchBytesMax: Int32 = 16 << 20
    /// `max.partition.fetch.bytes`
    public var partitionBytesMax: Int32 = 4 << 20
    /// Bytes that were fetched and not taken by `next`; beyond it no fetch is sent.
    public var prefetchBytesMax = 32 << 20
    public var isolation = IsolationLevel.readUncommitted
    public var outOfRange = OutOfRange.earliest
    /// `check.crcs`
    public var checksChecksums = true

    public init() {}
}

/// Where reading of a partition starts.
public enum StartPosition: Sendable, Hashable {
    case earliest
    case latest
    case offset(Int64)
    /// The first record at or after a time in milliseconds, else the end.
    case timestamp(Int64)
    /// So many offsets before the end, at most the whole log.
    case beforeEnd(Int64)
    /// So many offsets behind the beginning, at most the end.
    case afterEarliest(Int64)
}
