/// The configs that a group sets itself (resource type GROUP), by Kafka's names; those of share
/// groups, for the others have theirs from the broker.
public enum GroupConfigs {
    public static let all: [ConfigDefinition] = [
        .init(
            "share.auto.offset.reset", .choice(["latest", "earliest"]), "latest",
            "Where a share group begins in a partition that it has not read."),
        .init(
            "share.delivery.count.limit", .int(2...10), "5",
            broker: "group.share.delivery.count.limit",
            "How often a record is handed out at most."),
        .init(
            "share.partition.max.record.locks", .int(100...10_000), "2000",
            broker: "group.share.partition.max.record.locks",
            "Records of a partition that the group works on at a time."),
        .init(
            "share.record.lock.duration.ms", .int(1_000...3_600_000), "30000",
            broker: "group.share.record.lock.duration.ms",
            "How long a member may keep a record."),
    ]

    public static func named(_ name: String) throws(StreamingError) -> ConfigDefinition {
        try all.named(name)
    }

    /// Throws if they cannot be a group's.
    public static func check(_ configs: [String: String]) throws(StreamingError) {
        for (name, value) in configs.sorted(by: { $0.key < $1.key }) {
            try named(name).check(value)
        }
    }
}
