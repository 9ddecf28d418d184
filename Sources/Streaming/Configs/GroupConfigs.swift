/// The configs that a group sets itself (resource type GROUP), by Kafka's names: of groups that the
/// server shares out (`consumer.*`), and of share groups.
public enum GroupConfigs {
    private static let times: ClosedRange<Int64> = 1...Int64(Int32.max)

    public static let all: [ConfigDefinition] = [
        .init(
            "consumer.heartbeat.interval.ms", .int(times), "1000",
            broker: "group.consumer.heartbeat.interval.ms",
            "How often members of a consumer group are to be heard of."),
        .init(
            "consumer.session.timeout.ms", .int(times), "45000",
            broker: "group.consumer.session.timeout.ms",
            "A member of a consumer group that is silent for so long is out."),
        .init(
            "share.auto.offset.reset", .startOfShare, "latest",
            "Where a share group begins in a partition that it has not read: latest, earliest, or "
                + "by_duration:PnDTnHnMnS, so long ago."),
        .init(
            "share.delivery.count.limit", .int(2...10), "5",
            broker: "group.share.delivery.count.limit",
            "How often a record is handed out at most."),
        .init(
            "share.heartbeat.interval.ms", .int(times), "1000",
            broker: "group.share.heartbeat.interval.ms",
            "How often members of a share group are to be heard of."),
        .init(
            "share.isolation.level", .choice(["read_committed", "read_uncommitted"]),
            "read_uncommitted",
            "Whether records of transactions are handed out before they are committed."),
        .init(
            "share.partition.max.record.locks", .int(100...10_000), "2000",
            broker: "group.share.partition.max.record.locks",
            "Records of a partition that the group works on at a time."),
        .init(
            "share.record.lock.duration.ms", .int(1_000...3_600_000), "30000",
            broker: "group.share.record.lock.duration.ms",
            "How long a member may keep a record."),
        .init(
            "share.session.timeout.ms", .int(times), "45000",
            broker: "group.share.session.timeout.ms",
            "A member of a share group that is silent for so long is out."),
    ]

    public static func named(_ name: String) throws(StreamingError) -> ConfigDefinition {
        try all.named(name)
    }

    /// Throws if they cannot be a group's.
    public static func check(
        _ configs: [String: String], _ broker: BrokerSettings
    ) throws(StreamingError) {
        for (name, value) in configs.sorted(by: { $0.key < $1.key }) {
            try named(name).check(value)
            if let time = GroupTime.all.first(where: { $0.name == name }), let own = Int64(value) {
                try time.check(own, named: name, broker)
            }
        }
        for kind in ["consumer", "share"] {
            let session = "\(kind).session.timeout.ms"
            let heartbeat = "\(kind).heartbeat.interval.ms"
            guard configs[session] != nil || configs[heartbeat] != nil else { continue }
            func time(_ name: String) -> Int64 {
                configs[name].flatMap { Int64($0) } ?? broker.number("group." + name)
            }
            guard time(session) > time(heartbeat) else {
                throw .invalidConfig("\(session) must be greater than \(heartbeat)")
            }
        }
    }
}

/// Where a share group begins in a partition that it has not read: `share.auto.offset.reset`.
enum ShareStart: Equatable, Sendable {
    case earliest, latest
    /// With the first record of the last so many milliseconds.
    case ago(Int64)

    /// Nil for what is none.
    init?(_ text: String) {
        switch text {
        case "earliest": self = .earliest
        case "latest": self = .latest
        default:
            let prefix = "by_duration:"
            guard text.hasPrefix(prefix),
                let milliseconds = Self.milliseconds(text.dropFirst(prefix.count))
            else { return nil }
            self = .ago(milliseconds)
        }
    }

    /// Reads an ISO 8601 duration of days and less, as `java.time.Duration.parse`: `PnDTnHnMn.nS`.
    private static func milliseconds(_ text: Substring) -> Int64? {
        var rest = text.uppercased()[...]
        guard rest.popFirst() == "P", !rest.isEmpty else { return nil }
        var units: [(name: Character, size: Double)] = [
            ("D", 86_400_000), ("T", 0), ("H", 3_600_000), ("M", 60_000), ("S", 1_000),
        ]
        var total = 0.0
        var isInTime = false
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            rest = rest.dropFirst(digits.count)
            guard let name = rest.popFirst(),
                let place = units.firstIndex(where: { $0.name == name })
            else { return nil }
            let size = units[place].size
            units.removeFirst(place + 1)
            if name == "T" {
                guard digits.isEmpty, !rest.isEmpty else { return nil }
                isInTime = true
                continue
            }
            guard isInTime == (name != "D"), name == "S" || !digits.contains("."),
                let number = Double(digits)
            else { return nil }
            total += number * size
        }
        return total < Double(Int64.max) ? Int64(total) : nil
    }
}
