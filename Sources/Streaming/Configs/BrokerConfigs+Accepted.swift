/// What Kafka lets tools set at a broker while it runs and what has nothing to steer here: kept and
/// told again, so that a tool which sets it goes on.
extension BrokerConfigs {
    private static let count: ConfigType = .int(1...Int64(Int32.max))
    private static let rate: ConfigType = .long(0...Int64.max)
    private static let noRate = String(Int64.max)

    static let accepted: [ConfigDefinition] =
        threads + replication + tiers + kerberos + [
            .init(
                "log.cleaner.io.buffer.load.factor", .double(0...1), "0.9",
                "Accepted without effect: see log.cleaner.dedupe.buffer.size."),
            .init(
                "log.cleaner.io.buffer.size", .int(TopicConfigs.intWhole), "524288",
                "Accepted without effect: see log.cleaner.dedupe.buffer.size."),
            .init(
                "log.cleaner.io.max.bytes.per.second", .double(0...Double.greatestFiniteMagnitude),
                "1.7976931348623157E308",
                "Accepted without effect: compaction gives way to all else by its low priority."),
            .init(
                "metric.reporters", .list([]), "",
                "Accepted without effect: there are no plug-ins."),
            .init(
                "transaction.partition.verification.enable", .boolean, "true",
                "Accepted without effect: it is always checked that a transaction is open."),
        ]

    private static let threads: [ConfigDefinition] = [
        ("background.threads", "10"), ("log.cleaner.threads", "1"), ("num.io.threads", "8"),
        ("num.network.threads", "3"), ("num.recovery.threads.per.data.dir", "2"),
        ("num.replica.fetchers", "1"),
    ].map { name, value in
        ConfigDefinition(
            name, count, value,
            "Accepted without effect: the server has a loop a core and the workers that it needs.")
    }

    private static let replication: [ConfigDefinition] = [
        "follower.replication.throttled.rate", "leader.replication.throttled.rate",
        "replica.alter.log.dirs.io.max.bytes.per.second",
    ].map { name in
        ConfigDefinition(name, rate, noRate, "Accepted without effect: there is one replica.")
    }

    private static let tiers: [ConfigDefinition] = [
        ("log.local.retention.bytes", .long(-2...Int64.max), "-2"),
        ("log.local.retention.ms", .long(-2...Int64.max), "-2"),
        ("remote.fetch.max.wait.ms", count, "500"),
        ("remote.log.index.file.cache.total.size.bytes", rate, "1073741824"),
        ("remote.log.manager.copier.thread.pool.size", count, "10"),
        ("remote.log.manager.copy.max.bytes.per.second", rate, noRate),
        ("remote.log.manager.expiration.thread.pool.size", count, "10"),
        ("remote.log.manager.fetch.max.bytes.per.second", rate, noRate),
        ("remote.log.reader.threads", count, "10"),
    ].map { (name: String, type: ConfigType, value: String) in
        ConfigDefinition(name, type, value, "Accepted without effect: there is one tier.")
    }

    private static let kerberos: [ConfigDefinition] = [
        ("sasl.kerberos.kinit.cmd", .text, "/usr/bin/kinit"),
        ("sasl.kerberos.min.time.before.relogin", rate, "60000"),
        ("sasl.kerberos.principal.to.local.rules", .list([]), "DEFAULT"),
        ("sasl.kerberos.service.name", .text, nil),
        ("sasl.kerberos.ticket.renew.jitter", .double(0...1), "0.05"),
        ("sasl.kerberos.ticket.renew.window.factor", .double(0...1), "0.8"),
    ].map { (name: String, type: ConfigType, value: String?) in
        ConfigDefinition(
            name, type, value, "Accepted without effect: see sasl.enabled.mechanisms.")
    }
}
