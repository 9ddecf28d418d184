/// What a topic's configuration says to its logs; names in comments are Kafka's.
public struct LogSettings: Sendable, Equatable {
    /// segment.bytes
    public var segmentBytes = 1 << 30
    /// segment.ms
    public var segmentMilliseconds: Int64 = 604_800_000
    /// retention.ms; -1 keeps forever.
    public var retentionMilliseconds: Int64 = 604_800_000
    /// retention.bytes; -1 keeps all.
    public var retentionBytes: Int64 = -1
    /// flush.messages; `Int64.max` never syncs, any other value syncs before acks=all is answered.
    public var flushMessages: Int64 = 1
    /// message.timestamp.type is LogAppendTime.
    public var usesLogAppendTime = false
    /// cleanup.policy holds "compact".
    public var isCompacted = false
    /// delete.retention.ms
    public var deleteRetentionMilliseconds: Int64 = 86_400_000
    /// min.compaction.lag.ms
    public var minCompactionLagMilliseconds: Int64 = 0
    /// max.compaction.lag.ms
    public var maxCompactionLagMilliseconds = Int64.max
    /// min.cleanable.dirty.ratio
    public var minCleanableDirtyRatio = 0.5
    /// producer.id.expiration.ms
    public var producerExpirationMilliseconds: Int64 = 86_400_000
    /// Bytes behind the end that a fetch expects in the page cache.
    public var recentWindowBytes = Limits.recentWindowBytes
    /// Bytes after which the mark, index and producers are written out.
    public var checkpointBytes = Limits.checkpointBytes

    public init() {}

    var syncs: Bool { flushMessages != Int64.max }
    var segmentBytesEffective: Int { min(max(segmentBytes, 14), Limits.segmentBytesMax) }
}

/// When the high watermark passes a batch (acks): when it is synced, or once it is appended.
public enum Durability: Sendable {
    case synced, appended
}
