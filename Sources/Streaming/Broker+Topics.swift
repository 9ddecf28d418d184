import LogStorage
import Platform
import Records

extension Broker {
    /// What CreateTopics asks for; -1 for the broker's defaults.
    public struct NewTopic: Sendable {
        public var name: String
        public var partitions: Int32
        public var replicationFactor: Int16
        public var configs: [String: String]

        public init(
            name: String, partitions: Int32 = -1, replicationFactor: Int16 = -1,
            configs: [String: String] = [:]
        ) {
            self.name = name
            self.partitions = partitions
            self.replicationFactor = replicationFactor
            self.configs = configs
        }
    }

    public typealias TopicDone = @Sendable (Result<Topic, StreamingError>) -> Void

    /// Creates a topic; `done` is called once its record is durable. With `validateOnly` nothing is
    /// made, and the topic given has no partitions.
    public func createTopic(_ new: NewTopic, validateOnly: Bool, done: @escaping TopicDone) {
        inTurn(ChangeTarget(topic: new.name), done) { [self] done throws(StreamingError) in
            let (count, settings) = try checkNew(new)
            if validateOnly {
                return done(
                    .success(
                        Topic(
                            id: .zero, name: new.name, configs: new.configs, settings: settings,
                            partitions: [], isInternal: false)))
            }
            make(new, count, settings, done)
        }
    }

    /// The partitions that `new` gets, and its settings; throws if it cannot be.
    private func checkNew(_ new: NewTopic) throws(StreamingError) -> (Int32, TopicSettings) {
        try TopicName.check(new.name)
        guard new.replicationFactor == -1 || new.replicationFactor == 1 else {
            throw .invalidReplicationFactor(
                "Replication factor: \(new.replicationFactor) larger than available brokers: 1.")
        }
        for (name, value) in new.configs.sorted(by: { $0.key < $1.key }) {
            try TopicConfigs.all.named(name).check(value)
        }
        let count: Int32
        let settings: TopicSettings
        (count, settings) = lock.withLock {
            let fallback = Int32(clamping: self.settings.number("num.partitions"))
            return (
                new.partitions == -1 ? fallback : new.partitions,
                self.settings.topicSettings(new.configs)
            )
        }
        guard count > 0 else {
            throw .invalidPartitions("Number of partitions must be larger than 0.")
        }
        try checkRoom(count, existing: 0)
        if topic(new.name) != nil { throw .topicExists(new.name) }
        try checkCollision(new.name)
        return (count, settings)
    }

    /// Names that differ in `.` and `_` only are one name in Kafka's metrics, so it refuses them.
    private func checkCollision(_ name: String) throws(StreamingError) {
        func same(_ byte: UInt8) -> UInt8 {
            byte == UInt8(ascii: ".") ? UInt8(ascii: "_") : byte
        }
        guard name.utf8.contains(where: { same($0) == UInt8(ascii: "_") }) else { return }
        let names = lock.withLock { Array(byName.keys) }
        let other = names.first {
            $0.utf8.count == name.utf8.count
                && $0.utf8.lazy.map(same).elementsEqual(name.utf8.lazy.map(same))
        }
        if let other {
            throw .invalidTopicName("Topic '\(name)' collides with existing topic: \(other)")
        }
    }

    private func checkRoom(_ count: Int32, existing: Int32) throws(StreamingError) {
        if count > Limits.partitionsPerTopicMax {
            throw .invalidPartitions(
                "A topic has at most \(Limits.partitionsPerTopicMax) partitions.")
        }
        let (topicCount, partitionCount) = lock.withLock {
            (byName.count, byName.values.reduce(0) { $0 + $1.partitions.count })
        }
        if topicCount >= Limits.topicsMax {
            throw .policyViolation("This server holds at most \(Limits.topicsMax) topics.")
        }
        if partitionCount + Int(count - existing) > Limits.partitionsMax {
            throw .policyViolation("This server holds at most \(Limits.partitionsMax) partitions.")
        }
    }

    private func make(
        _ new: NewTopic, _ count: Int32, _ settings: TopicSettings, _ done: @escaping TopicDone
    ) {
        let id = UUID(high: random.next() | 1 << 63, low: random.next())
        let wanted = PartitionOpener.Wanted(
            id: id, name: new.name, partitions: 0...(count - 1), settings: settings)
        opener.make(wanted) { [self] made in
            let topic = Topic(
                id: id, name: new.name, configs: new.configs, settings: settings,
                partitions: (try? made.get()) ?? [], isInternal: false)
            if case .failure(let error) = made {
                removeFiles(of: topic)
                return done(.failure(error))
            }
            record(topic, done)
        }
    }

    private func record(_ topic: Topic, _ done: @escaping TopicDone) {
        persist(
            .topic(
                id: topic.id, name: topic.name, partitions: Int32(topic.partitions.count),
                configs: topic.configs)
        ) { [self] result in
            guard case .success = result else {
                removeFiles(of: topic)
                return done(result.map { topic })
            }
            let registered = settle(topic)
            groups.topicsChanged()
            done(.success(registered))
        }
    }

    var opener: PartitionOpener {
        var current = environment
        current.settings = brokerSettings
        return PartitionOpener(current, commits, diskSpace, memory)
    }

    /// Removes a topic with its records and offsets; `done` once that is durable. With an id only
    /// the topic that has it: another one of its name may have been made since it was looked up.
    public func deleteTopic(_ name: String, id: UUID? = nil, done: @escaping TopicDone) {
        inTurn(ChangeTarget(topic: name), done) { [self] done throws(StreamingError) in
            guard let topic = topic(name) else { throw .unknownTopic(name) }
            if let id, topic.id != id { throw .unknownTopicID }
            guard !topic.isInternal else {
                throw .invalidRequest("Topic '\(name)' belongs to the server.")
            }
            guard brokerSettings.flag("delete.topic.enable") else {
                throw .invalidRequest("delete.topic.enable is false.")
            }
            persist(.topicRemoved(id: topic.id)) { [self] result in
                guard case .success = result else { return done(result.map { topic }) }
                forget(topic)
                // Not on this thread: the next sync, which everybody waits for, is its work.
                environment.workers.submit { [self] in
                    removeFiles(of: topic)
                    done(.success(topic))
                }
            }
        }
    }

    private func forget(_ topic: Topic) {
        lock.withLock {
            byID[topic.id] = nil
            byName[topic.name] = nil
        }
        for partition in topic.partitions { partition.wakeAll() }
        groups.topicsDeleted([topic.name])
        let id = topic.id
        shares.forget { $0.topic == id }
        groups.topicsChanged()
    }

    /// Adds partitions up to `count`.
    public func createPartitions(
        _ name: String, count: Int32, validateOnly: Bool, done: @escaping TopicDone
    ) {
        inTurn(ChangeTarget(topic: name), done) { [self] done throws(StreamingError) in
            guard let topic = topic(name), !topic.isInternal else { throw .unknownTopic(name) }
            let existing = Int32(topic.partitions.count)
            guard count > existing else {
                throw .invalidPartitions(
                    count == existing
                        ? "Topic already has \(existing) partitions."
                        : "The topic \(name) currently has \(existing) partitions; "
                            + "\(count) would not be an increase.")
            }
            try checkRoom(count, existing: existing)
            if validateOnly { return done(.success(topic)) }
            let wanted = PartitionOpener.Wanted(
                id: topic.id, name: name, partitions: existing...(count - 1),
                settings: topic.settings)
            opener.make(wanted) { [self] made in
                switch made {
                case .success(let added):
                    replace(
                        topic, partitions: topic.partitions + added, configs: topic.configs, done)
                case .failure(let error): done(.failure(error))
                }
            }
        }
    }

    /// Sets a topic's own configs as a whole; called in the topic's turn, `inTurn`.
    public func setConfigs(
        _ configs: [String: String], ofTopic name: String, validateOnly: Bool,
        done: @escaping TopicDone
    ) {
        do throws(StreamingError) {
            guard let topic = topic(name) else { throw .unknownTopic(name) }
            guard !topic.isInternal else {
                throw .invalidRequest("Topic '\(name)' belongs to the server.")
            }
            for (name, value) in configs.sorted(by: { $0.key < $1.key }) {
                try TopicConfigs.all.named(name).check(value)
            }
            if validateOnly { return done(.success(topic)) }
            replace(topic, partitions: topic.partitions, configs: configs, done)
        } catch {
            done(.failure(error))
        }
    }

    private func replace(
        _ topic: Topic, partitions: [Partition], configs: [String: String],
        _ done: @escaping TopicDone
    ) {
        let changed = Topic(
            id: topic.id, name: topic.name, configs: configs, settings: topic.settings,
            partitions: partitions, isInternal: false)
        persist(
            .topic(
                id: topic.id, name: topic.name, partitions: Int32(partitions.count),
                configs: configs)
        ) { [self] result in
            guard case .success = result else { return done(result.map { topic }) }
            let settled = settle(changed)
            if partitions.count != topic.partitions.count { groups.topicsChanged() }
            done(.success(settled))
        }
    }

    /// Registers a topic as its record says that it is, with what its configs mean now: those of
    /// the broker may have changed since the change began.
    private func settle(_ topic: Topic) -> Topic {
        lock.withLock {
            let settled = topic.under(settings)
            register(settled)
            apply(to: settled)
            return settled
        }
    }

    /// Under the lock, so that what was changed last is what the logs go by.
    func apply(to topic: Topic) {
        for partition in topic.partitions {
            partition.log.update(topic.settings.log(settings, memory))
        }
    }
}
