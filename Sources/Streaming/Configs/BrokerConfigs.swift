/// The configs of the broker by Kafka's names. Those with a topic config of their own give its
/// default; `num.partitions` is 4 here, and the first rebalance of a group does not wait.
public enum BrokerConfigs {
    private static let whole = TopicConfigs.whole
    private static let intWhole = TopicConfigs.intWhole

    /// What stands at the broker only.
    static let own: [ConfigDefinition] = [
        .init(
            "auto.create.topics.enable", .boolean, "true",
            "Create a topic when a client asks for the metadata of one that does not exist."),
        .init("broker.id", .int(intWhole), "1", dynamic: false, "The number of this broker."),
        .init(
            "connection.failed.authentication.delay.ms", .int(0...60_000), "100", dynamic: false,
            "How long a refused log-in waits for its answer."),
        .init(
            "connections.max.reauth.ms", .long(whole), "0", dynamic: false,
            "How long a log-in lasts; 0: as long as the connection."),
        .init(
            "connections.max.idle.ms", .long(whole), "600000",
            "A connection that is silent for so long is closed."),
        .init(
            "default.replication.factor", .int(1...1), "1", "There is one replica."),
        .init("delete.topic.enable", .boolean, "true", "Allow topics to be deleted."),
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
            "group.initial.rebalance.delay.ms", .int(intWhole), "0",
            "How long the first rebalance of a group waits for more members."),
        .init(
            "group.max.session.timeout.ms", .int(intWhole), "1800000",
            "The longest session timeout that a member may ask for."),
        .init("group.max.size", .int(1...Int64(Int32.max)), "2147483647", "Members of a group."),
        .init(
            "group.min.session.timeout.ms", .int(intWhole), "6000",
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
            "log.cleaner.backoff.ms", .long(whole), "15000",
            "How often partitions that are to be compacted are looked for."),
        .init(
            "log.cleaner.dedupe.buffer.size", .long(1_048_576...(1 << 36)), "67108864",
            "Memory for the keys of one run of compaction, 24 bytes a key and a third more."),
        .init(
            "log.cleaner.enable", .boolean, "true", "Compact topics whose cleanup.policy says so."),
        .init(
            "log.retention.check.interval.ms", .long(1...Int64.max), "300000",
            "How often old segments are looked for."),
        .init(
            "log.retention.hours", .int(-1...Int64(Int32.max)), "168",
            "Hours of retention where log.retention.minutes and log.retention.ms are not set."),
        .init(
            "log.retention.minutes", .int(-1...Int64(Int32.max)), nil,
            "Minutes of retention where log.retention.ms is not set."),
        .init(
            "log.roll.hours", .int(1...Int64(Int32.max)), "168",
            "Hours before a new segment where log.roll.ms is not set."),
        .init(
            "max.connections", .int(intWhole), "12000", "Connections of all clients together."),
        .init(
            "max.incremental.fetch.session.cache.slots", .int(intWhole), "1000",
            "Fetch sessions that are kept."),
        .init("node.id", .int(intWhole), "1", dynamic: false, "The number of this broker."),
        .init(
            "num.partitions", .int(1...Int64(Int32.max)), "4",
            "Partitions of a topic that is created without a number."),
        .init(
            "offset.metadata.max.bytes", .int(intWhole), "4096",
            "The longest text that a consumer may keep with an offset."),
        .init(
            "offsets.retention.check.interval.ms", .long(1...Int64.max), "600000",
            "How often old offsets are looked for."),
        .init(
            "offsets.retention.minutes", .int(1...Int64(Int32.max)), "10080",
            "How long the offsets of an empty group are kept."),
        .init(
            "producer.id.expiration.ms", .int(1...Int64(Int32.max)), "86400000",
            "How long an idempotent producer that is silent is remembered."),
        .init(
            "queued.max.request.bytes", .long(TopicConfigs.orUnlimited), "134217728",
            "Bytes of requests that are read but not answered, of all clients together."),
        .init(
            "socket.request.max.bytes", .int(1...Int64(Int32.max)), "104857600",
            "The largest request that is accepted."),
        .init(
            "transaction.max.timeout.ms", .int(1...Int64(Int32.max)), "900000",
            "The longest transaction timeout that a producer may ask for."),
        .init(
            "transactional.id.expiration.ms", .int(1...Int64(Int32.max)), "604800000",
            "How long a transactional id that is silent is remembered."),
    ]

    public static func named(_ name: String) throws(StreamingError) -> ConfigDefinition {
        try all.named(name)
    }

    /// All, with the topics' defaults under the broker's names.
    public static let all: [ConfigDefinition] =
        own
        + TopicConfigs.all.compactMap { topic in
            topic.brokerName.map {
                ConfigDefinition($0, topic.type, topic.defaultValue, topic.documentation)
            }
        }
}

/// What holds at the broker: values given at start under those set while it runs.
public struct BrokerSettings: Sendable {
    /// From the command line (`-X`), by Kafka's names.
    public let initial: [String: String]
    /// From AlterConfigs; kept in the metadata log.
    public internal(set) var dynamic: [String: String] = [:]

    /// Throws for a name that does not exist or a value it cannot have.
    public init(_ initial: [String: String] = [:]) throws(StreamingError) {
        for (name, value) in initial.sorted(by: { $0.key < $1.key }) {
            try BrokerConfigs.all.named(name).check(value)
        }
        self.initial = initial
    }

    /// A value at the broker and where it comes from; nil source for the default.
    func lookUp(_ name: String) -> (value: String, source: ConfigSource)? {
        if let value = dynamic[name] { return (value, .dynamicBroker) }
        if let value = initial[name] { return (value, .staticBroker) }
        return derived(name).map { ($0, .staticBroker) }
    }

    /// The coarser units of Kafka's retention and roll settings.
    private func derived(_ name: String) -> String? {
        func scaled(_ source: String, _ unit: Int64) -> String? {
            guard let text = dynamic[source] ?? initial[source], let number = Int64(text)
            else { return nil }
            return number < 0
                ? "-1" : String(number.multipliedReportingOverflow(by: unit).partialValue)
        }
        return switch name {
        case "log.retention.ms":
            scaled("log.retention.minutes", 60_000) ?? scaled("log.retention.hours", 3_600_000)
        case "log.roll.ms": scaled("log.roll.hours", 3_600_000)
        default: nil
        }
    }

    // What code asks for by name. A name that does not exist, or is of another type, is a mistake
    // in the program, and a limit of 0 would hide it.

    public func number(_ name: String) -> Int64 {
        guard let number = Int64(value(name)) else {
            preconditionFailure("\(name) is no number of the broker's configs")
        }
        return number
    }

    public func flag(_ name: String) -> Bool {
        switch value(name).lowercased() {
        case "true": true
        case "false": false
        default: preconditionFailure("\(name) is no switch of the broker's configs")
        }
    }

    public func text(_ name: String) -> String { value(name) }

    private func value(_ name: String) -> String {
        if let found = lookUp(name) { return found.value }
        return BrokerConfigs.all.first { $0.name == name }?.defaultValue ?? ""
    }

    /// Takes what the metadata log says, but for what this version does not know or allow.
    mutating func restore(_ configs: [String: String]) {
        dynamic = configs.filter { name, value in
            (try? BrokerConfigs.all.named(name).check(value)) != nil
        }
    }

    /// The broker's config as DescribeConfigs tells it.
    public func describe(_ definition: ConfigDefinition) -> ConfigValue {
        var levels: [(name: String, value: String?, source: ConfigSource)] = []
        if let value = dynamic[definition.name] {
            levels.append((definition.name, value, .dynamicBroker))
        }
        if let value = initial[definition.name] ?? derived(definition.name) {
            levels.append((definition.name, value, .staticBroker))
        }
        levels.append((definition.name, definition.defaultValue, .defaultValue))
        return ConfigValue(
            definition: definition, value: levels[0].value, source: levels[0].source,
            synonyms: levels)
    }

    /// A topic's config, given what the topic sets itself.
    public func describe(_ definition: ConfigDefinition, topic: [String: String]) -> ConfigValue {
        describe(definition, own: topic, .topic)
    }

    /// A group's config, given what the group sets itself.
    public func describe(_ definition: ConfigDefinition, group: [String: String]) -> ConfigValue {
        describe(definition, own: group, .group)
    }

    private func describe(
        _ definition: ConfigDefinition, own: [String: String], _ source: ConfigSource
    ) -> ConfigValue {
        var levels: [(name: String, value: String?, source: ConfigSource)] = []
        if let value = own[definition.name] { levels.append((definition.name, value, source)) }
        if let name = definition.brokerName, let (value, source) = lookUp(name) {
            levels.append((name, value, source))
        }
        let brokerName = definition.brokerName ?? definition.name
        levels.append((brokerName, definition.defaultValue, .defaultValue))
        return ConfigValue(
            definition: definition, value: levels[0].value, source: levels[0].source,
            synonyms: levels)
    }

    /// The values of a topic for the data path.
    func topicSettings(_ configs: [String: String]) -> TopicSettings {
        TopicSettings { name in
            if let value = configs[name] { return value }
            guard let definition = TopicConfigs.all.first(where: { $0.name == name }) else {
                return nil
            }
            if let broker = definition.brokerName, let (value, _) = lookUp(broker) { return value }
            return definition.defaultValue
        }
    }
}
