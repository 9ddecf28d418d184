/// What a server says about itself when it is asked for its configs: facts of how it was started,
/// under the names that tools look for. Nobody sets them here.
extension BrokerConfigs {
    static let told: [ConfigDefinition] = [
        fact("advertised.listeners", "Where clients are told to connect to."),
        fact("broker.rack", .text, nil, "The rack of this broker: it has none."),
        fact("controller.listener.names", "The broker is its own controller: no listener."),
        fact("controller.quorum.voters", "The broker is its own controller: no voters."),
        fact("listener.security.protocol.map", "What each listener asks of its clients."),
        fact("listeners", "Where the broker listens."),
        fact("log.dir", .text, nil, "Where the data is."),
        fact("log.dirs", "Where the data is."),
        fact("offsets.topic.num.partitions", one, "1", "Partitions of what groups commit."),
        fact("offsets.topic.replication.factor", one, "1", "There is one replica."),
        fact("process.roles", .list([]), "broker,controller", "The broker is its own controller."),
        fact("sasl.enabled.mechanisms", "How clients log in; none where nobody has to."),
        fact(
            "share.coordinator.state.topic.num.partitions", one, "1",
            "Partitions of what share groups have done."),
        fact("super.users", .text, "", "Who may change the passwords of others."),
        fact("transaction.state.log.min.isr", one, "1", "There is one replica."),
        fact("transaction.state.log.num.partitions", one, "1", "Partitions of transactions."),
        fact("transaction.state.log.replication.factor", one, "1", "There is one replica."),
    ]

    private static let one: ConfigType = .int(1...1)

    private static func fact(
        _ name: String, _ type: ConfigType, _ value: String?,
        _ documentation: String
    ) -> ConfigDefinition {
        ConfigDefinition(name, type, value, dynamic: false, documentation)
    }

    private static func fact(_ name: String, _ documentation: String) -> ConfigDefinition {
        fact(name, .list([]), "", documentation)
    }

    /// The facts with the values of a running server, by name.
    public static func told(_ facts: [String: String]) -> [ConfigValue] {
        told.map { definition in
            let fact = facts[definition.name]
            let source: ConfigSource = fact == nil ? .defaultValue : .staticBroker
            let value = fact ?? definition.defaultValue
            return ConfigValue(
                definition: definition, value: value, source: source,
                synonyms: [(definition.name, value, source)])
        }
    }
}
