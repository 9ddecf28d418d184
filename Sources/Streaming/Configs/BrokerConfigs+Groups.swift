/// The broker's configs of groups and their offsets, which hold from the start on.
extension BrokerConfigs {
    private static let times: ClosedRange<Int64> = 1...Int64(Int32.max)

    static let groups: [ConfigDefinition] = [
        .init(
            "group.consumer.assignors", .list(["uniform", "range"]), "uniform,range",
            dynamic: false, "The server's assignors; the first where no member names one."),
        .init(
            "group.consumer.heartbeat.interval.ms", .int(1...Int64(Int32.max)), "1000",
            dynamic: false, "How often members of a consumer group (KIP-848) are to be heard of."),
        .init(
            "group.consumer.max.size", .int(1...Int64(Int32.max)), "2147483647",
            dynamic: false, "Members of a consumer group (KIP-848)."),
        .init(
            "group.consumer.migration.policy",
            .choice(["bidirectional", "upgrade", "downgrade", "disabled"]), "bidirectional",
            dynamic: false, "Which way a group may change its protocol while it works."),
        .init(
            "group.consumer.session.timeout.ms", .int(1...Int64(Int32.max)), "45000",
            dynamic: false, "A member of a consumer group that is silent for so long is out."),
        .init(
            "group.initial.rebalance.delay.ms", .int(TopicConfigs.intWhole), "0", dynamic: false,
            "How long the first rebalance of a group waits for more members."),
        .init(
            "group.max.session.timeout.ms", .int(TopicConfigs.intWhole), "1800000", dynamic: false,
            "The longest session timeout that a member may ask for."),
        .init(
            "group.max.size", .int(1...Int64(Int32.max)), "2147483647", dynamic: false,
            "Members of a group."),
        .init(
            "group.min.session.timeout.ms", .int(TopicConfigs.intWhole), "6000", dynamic: false,
            "The shortest session timeout that a member may ask for."),
        .init(
            "group.share.delivery.count.limit", .int(2...10), "5", dynamic: false,
            "How often a record is handed out in a share group (KIP-932) at most."),
        .init(
            "group.share.heartbeat.interval.ms", .int(1...Int64(Int32.max)), "1000",
            dynamic: false, "How often members of a share group are to be heard of."),
        .init(
            "group.share.max.share.sessions", .int(1...Int64(Int32.max)), "2000", dynamic: false,
            "Share sessions that are kept."),
        .init(
            "group.share.max.size", .int(1...1_000), "200", dynamic: false,
            "Members of a share group."),
        .init(
            "group.share.partition.max.record.locks", .int(100...10_000), "2000",
            dynamic: false, "Records of a partition that a share group works on at a time."),
        .init(
            "group.share.record.lock.duration.ms", .int(1_000...3_600_000), "30000",
            dynamic: false, "How long a member of a share group may keep a record."),
        .init(
            "group.share.session.timeout.ms", .int(1...Int64(Int32.max)), "45000",
            dynamic: false, "A member of a share group that is silent for so long is out."),
        .init(
            "offset.metadata.max.bytes", .int(TopicConfigs.intWhole), "4096", dynamic: false,
            "The longest text that a consumer may keep with an offset."),
        .init(
            "offsets.retention.check.interval.ms", .long(1...Int64.max), "600000", dynamic: false,
            "How often old offsets are looked for."),
        .init(
            "offsets.retention.minutes", .int(1...Int64(Int32.max)), "10080", dynamic: false,
            "How long the offsets of an empty group are kept."),
    ]

    /// Within what a group may set its times.
    static let groupBounds: [ConfigDefinition] = GroupTime.all.flatMap { time in
        [
            ConfigDefinition(
                time.minimumName, .int(time.least), String(time.standard.lowerBound),
                dynamic: false, "The shortest \(time.name) that a group may set itself."),
            ConfigDefinition(
                time.maximumName, .int(time.most), String(time.standard.upperBound),
                dynamic: false, "The longest \(time.name) that a group may set itself."),
        ]
    }
}

/// A time that a group may set itself, within bounds that are the broker's.
///
/// The bounds are Kafka's, but for the shortest heartbeat interval, which is this server's default.
/// A broker's time that lies outside of a bound that nobody set moves that bound.
public struct GroupTime: Sendable {
    /// As a group sets it.
    public let name: String
    /// As the broker sets it for all groups.
    let brokerName: String
    let minimumName: String
    let maximumName: String
    /// The bounds where nobody sets others.
    let standard: ClosedRange<Int64>
    /// What the bounds themselves can be.
    let least: ClosedRange<Int64>
    let most: ClosedRange<Int64>

    private init(
        _ kind: String, _ time: String, _ standard: ClosedRange<Int64>,
        least: ClosedRange<Int64> = 1...Int64(Int32.max),
        most: ClosedRange<Int64> = 1...Int64(Int32.max)
    ) {
        name = "\(kind).\(time)"
        brokerName = "group.\(kind).\(time)"
        minimumName = "group.\(kind).min.\(time)"
        maximumName = "group.\(kind).max.\(time)"
        self.standard = standard
        self.least = least
        self.most = most
    }

    static let consumerSession = GroupTime("consumer", "session.timeout.ms", 45_000...60_000)
    static let consumerHeartbeat = GroupTime("consumer", "heartbeat.interval.ms", 1_000...15_000)
    static let shareSession = GroupTime("share", "session.timeout.ms", 45_000...60_000)
    static let shareHeartbeat = GroupTime("share", "heartbeat.interval.ms", 1_000...15_000)
    static let shareLock = GroupTime(
        "share", "record.lock.duration.ms", 15_000...60_000, least: 1_000...30_000,
        most: 30_000...3_600_000)

    static let all = [consumerSession, consumerHeartbeat, shareSession, shareHeartbeat, shareLock]

    private static let byBound: [String: GroupTime] = Dictionary(
        uniqueKeysWithValues: all.flatMap { [($0.minimumName, $0), ($0.maximumName, $0)] })

    /// The value of a bound that nobody set and that the broker's own time has moved; nil for none.
    static func movedBound(_ name: String, _ broker: BrokerSettings) -> Int64? {
        guard let time = byBound[name] else { return nil }
        let own = broker.number(time.brokerName)
        if name == time.minimumName { return own < time.standard.lowerBound ? own : nil }
        return own > time.standard.upperBound ? own : nil
    }

    func bounds(_ broker: BrokerSettings) -> ClosedRange<Int64> {
        let minimum = broker.number(minimumName)
        return minimum...max(minimum, broker.number(maximumName))
    }

    func milliseconds(_ broker: BrokerSettings) -> ClosedRange<Int32> {
        let bounds = bounds(broker)
        return Int32(clamping: bounds.lowerBound)...Int32(clamping: bounds.upperBound)
    }

    /// Throws if a group cannot set it so, with Kafka's words.
    func check(_ value: Int64, named name: String, _ broker: BrokerSettings) throws(StreamingError)
    {
        let (minimum, maximum) = (broker.number(minimumName), broker.number(maximumName))
        if value < minimum {
            throw .invalidConfig(
                "\(name) must be greater than or equal to \(minimumName) (\(minimum)).")
        }
        if value > maximum {
            throw .invalidConfig(
                "\(name) must be less than or equal to \(maximumName) (\(maximum)).")
        }
    }

    /// Throws if the broker's own times contradict each other.
    static func check(_ broker: BrokerSettings) throws(StreamingError) {
        for time in all {
            try time.check(broker.number(time.brokerName), named: time.brokerName, broker)
        }
        for (session, heartbeat) in [
            (consumerSession, consumerHeartbeat), (shareSession, shareHeartbeat),
        ] where broker.number(session.brokerName) <= broker.number(heartbeat.brokerName) {
            throw .invalidConfig(
                "\(session.brokerName) must be greater than \(heartbeat.brokerName).")
        }
    }
}
