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
            "connections.max.idle.ms", .long(whole), "600000", dynamic: false,
            "A connection that is silent for so long is closed."),
        .init(
            "default.replication.factor", .int(1...1), "1", "There is one replica."),
        .init("delete.topic.enable", .boolean, "true", "Allow topics to be deleted."),
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
            "max.connections.per.ip", .int(intWhole), "2147483647",
            "Connections of one address, where max.connections.per.ip.overrides says nothing."),
        .init(
            "max.connections.per.ip.overrides", .limits, "",
            "Connections of single addresses: 192.0.2.1:10,192.0.2.2:20."),
        .init(
            "max.incremental.fetch.session.cache.slots", .int(intWhole), "1000", dynamic: false,
            "Fetch sessions that are kept."),
        .init("node.id", .int(intWhole), "1", dynamic: false, "The number of this broker."),
        .init(
            "num.partitions", .int(1...Int64(Int32.max)), "4",
            "Partitions of a topic that is created without a number."),
        .init(
            "producer.id.expiration.ms", .int(1...Int64(Int32.max)), "86400000",
            "How long an idempotent producer that is silent is remembered."),
        .init(
            "queued.max.request.bytes", .long(TopicConfigs.orUnlimited), "134217728",
            dynamic: false,
            "Bytes of requests that are read but not answered, of all clients together."),
        .init(
            "socket.request.max.bytes", .int(1...Int64(Int32.max)), "104857600", dynamic: false,
            "The largest request that is accepted."),
        .init(
            "transaction.max.timeout.ms", .int(1...Int64(Int32.max)), "900000", dynamic: false,
            "The longest transaction timeout that a producer may ask for."),
        .init(
            "transactional.id.expiration.ms", .int(1...Int64(Int32.max)), "604800000",
            dynamic: false,
            "How long a transactional id that is silent is remembered."),
    ]

    /// What can be altered; the error says if it is only told.
    public static func named(_ name: String) throws(StreamingError) -> ConfigDefinition {
        if let fact = told.first(where: { $0.name == name }) { return fact }
        return try all.named(name)
    }

    /// All, with the topics' defaults under the broker's names.
    public static let all: [ConfigDefinition] =
        own + groups + groupBounds + accepted
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
        try GroupTime.check(self)
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
        default: GroupTime.movedBound(name, self).map { String($0) }
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
            guard let definition = BrokerConfigs.all.first(where: { $0.name == name }),
                definition.dynamic
            else { return false }
            return definition.type.objection(to: value) == nil
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
