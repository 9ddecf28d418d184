/// The configs of a topic: Kafka's names and defaults, except `flush.messages`, which is 1 here.
public enum TopicConfigs {
    static let whole = Int64(0)...Int64.max
    static let orUnlimited = Int64(-1)...Int64.max
    static let intWhole = Int64(0)...Int64(Int32.max)

    public static func named(_ name: String) throws(StreamingError) -> ConfigDefinition {
        try all.named(name)
    }

    public static let all: [ConfigDefinition] = [
        .init(
            "cleanup.policy", .list(["delete", "compact"]), "delete", broker: "log.cleanup.policy",
            "Remove old segments (delete), or keep the last record of each key (compact)."),
        .init(
            "compression.gzip.level", .int(-1...9), "-1",
            "Accepted without effect: see compression.type."),
        .init(
            "compression.lz4.level", .int(1...17), "9",
            "Accepted without effect: see compression.type."),
        .init(
            "compression.type",
            .choice(["producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"]), "producer",
            broker: "compression.type",
            "Batches are kept as the producer compressed them, whatever is set here."),
        .init(
            "compression.zstd.level", .int(-131_072...22), "3",
            "Accepted without effect: see compression.type."),
        .init(
            "delete.retention.ms", .long(whole), "86400000",
            broker: "log.cleaner.delete.retention.ms",
            "How long a tombstone stays in a compacted topic."),
        .init(
            "file.delete.delay.ms", .long(whole), "60000", broker: "log.segment.delete.delay.ms",
            "Accepted without effect: an open reader keeps a removed segment."),
        .init(
            "flush.messages", .long(1...Int64.max), "1", broker: "log.flush.interval.messages",
            "1: acks=all is answered after the disk has the records. The largest value: never wait."
        ),
        .init(
            "flush.ms", .long(whole), "9223372036854775807", broker: "log.flush.interval.ms",
            "Accepted without effect: see flush.messages."),
        .init(
            "follower.replication.throttled.replicas", .list([]), "",
            "Accepted without effect: there is one replica."),
        .init(
            "index.interval.bytes", .int(intWhole), "4096", broker: "log.index.interval.bytes",
            "Accepted without effect: every batch is in the index."),
        .init(
            "leader.replication.throttled.replicas", .list([]), "",
            "Accepted without effect: there is one replica."),
        .init(
            "local.retention.bytes", .long(-2...Int64.max), "-2",
            "Accepted without effect: there is one tier."),
        .init(
            "local.retention.ms", .long(-2...Int64.max), "-2",
            "Accepted without effect: there is one tier."),
        .init(
            "max.compaction.lag.ms", .long(1...Int64.max), "9223372036854775807",
            broker: "log.cleaner.max.compaction.lag.ms",
            "The longest time a record stays out of reach of compaction."),
        .init(
            "max.message.bytes", .int(intWhole), "1048588", broker: "message.max.bytes",
            "The largest batch that is accepted, in bytes."),
        .init(
            "message.timestamp.after.max.ms", .long(whole), "3600000",
            broker: "log.message.timestamp.after.max.ms",
            "How far ahead of the server's clock a record's timestamp may be."),
        .init(
            "message.timestamp.before.max.ms", .long(whole), "9223372036854775807",
            broker: "log.message.timestamp.before.max.ms",
            "How far behind the server's clock a record's timestamp may be."),
        .init(
            "message.timestamp.type", .choice(["CreateTime", "LogAppendTime"]), "CreateTime",
            broker: "log.message.timestamp.type",
            "Whose clock a record's timestamp is: the producer's or the server's at the append."),
        .init(
            "min.cleanable.dirty.ratio", .double(0...1), "0.5",
            broker: "log.cleaner.min.cleanable.ratio",
            "The part of a compacted log that must be new before it is compacted again."),
        .init(
            "min.compaction.lag.ms", .long(whole), "0", broker: "log.cleaner.min.compaction.lag.ms",
            "The time a record is safe from compaction."),
        .init(
            "min.insync.replicas", .int(1...Int64(Int32.max)), "1", broker: "min.insync.replicas",
            "Accepted without effect: there is one replica."),
        .init(
            "preallocate", .boolean, "false", broker: "log.preallocate",
            "Accepted without effect."),
        .init(
            "remote.log.copy.disable", .boolean, "false",
            "Accepted without effect: there is one tier."),
        .init(
            "remote.log.delete.on.disable", .boolean, "false",
            "Accepted without effect: there is one tier."),
        .init(
            "remote.storage.enable", .boolean, "false",
            "Accepted without effect: there is one tier."),
        .init(
            "retention.bytes", .long(orUnlimited), "-1", broker: "log.retention.bytes",
            "The size of a partition past which its oldest segments go; -1 for no limit."),
        .init(
            "retention.ms", .long(orUnlimited), "604800000", broker: "log.retention.ms",
            "The age at which a segment goes; -1 for no limit."),
        .init(
            "segment.bytes", .int(14...Int64(Int32.max)), "1073741824", broker: "log.segment.bytes",
            "The size at which a new segment is begun."),
        .init(
            "segment.index.bytes", .int(4...Int64(Int32.max)), "10485760",
            broker: "log.index.size.max.bytes", "Accepted without effect."),
        .init(
            "segment.jitter.ms", .long(whole), "0", broker: "log.roll.jitter.ms",
            "Accepted without effect."),
        .init(
            "segment.ms", .long(1...Int64.max), "604800000", broker: "log.roll.ms",
            "The age at which a new segment is begun."),
        .init(
            "unclean.leader.election.enable", .boolean, "false",
            broker: "unclean.leader.election.enable",
            "Accepted without effect: there is one replica."),
    ]
}

/// The values that the data path needs, read once whenever a config changes.
public struct TopicSettings: Sendable, Equatable {
    public var compacted: Bool
    public var deletesOld: Bool
    public var flushMessages: Int64
    public var maxMessageBytes: Int
    public var usesLogAppendTime: Bool
    public var timestampAfterMaxMilliseconds: Int64
    public var timestampBeforeMaxMilliseconds: Int64
    /// -1 for no limit, as for the bytes.
    public var retentionMilliseconds: Int64
    public var retentionBytes: Int64
    public var segmentBytes: Int64
    public var segmentMilliseconds: Int64
    public var deleteRetentionMilliseconds: Int64
    public var minCompactionLagMilliseconds: Int64
    public var maxCompactionLagMilliseconds: Int64
    public var minCleanableDirtyRatio: Double

    /// `value` gives the text that holds for a name.
    init(_ value: (String) -> String?) {
        func number(_ name: String) -> Int64 { value(name).flatMap { Int64($0) } ?? 0 }
        let policies = ConfigType.elements(of: value("cleanup.policy") ?? "")
        compacted = policies.contains("compact")
        deletesOld = policies.contains("delete")
        flushMessages = number("flush.messages")
        maxMessageBytes = Int(number("max.message.bytes"))
        usesLogAppendTime = value("message.timestamp.type") == "LogAppendTime"
        timestampAfterMaxMilliseconds = number("message.timestamp.after.max.ms")
        timestampBeforeMaxMilliseconds = number("message.timestamp.before.max.ms")
        retentionMilliseconds = number("retention.ms")
        retentionBytes = number("retention.bytes")
        segmentBytes = number("segment.bytes")
        segmentMilliseconds = number("segment.ms")
        deleteRetentionMilliseconds = number("delete.retention.ms")
        minCompactionLagMilliseconds = number("min.compaction.lag.ms")
        maxCompactionLagMilliseconds = number("max.compaction.lag.ms")
        minCleanableDirtyRatio =
            value("min.cleanable.dirty.ratio").flatMap { Double($0) } ?? 0.5
    }
}
