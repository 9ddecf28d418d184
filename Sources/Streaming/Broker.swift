import LogStorage
import Platform
import Records

/// The streaming engine over one data directory: topics with their partitions, producers, groups.
///
/// Called from any loop; its lock guards the registry of topics, which is read as an immutable
/// picture, and the internal logs. It is the only one that opens the directory (DESIGN law 2).
public final class Broker: @unchecked Sendable {
    public let clusterID: UUID
    public let nodeID: Int32
    public let clock: any Clock
    let environment: Environment
    public let directory: String
    let fileSystem: any FileSystem
    let random: any RandomSource
    let commits: GroupCommit
    let diskSpace: SpaceGuard
    let memory: MemoryBudget?
    let lock = Lock()

    /// Guarded by `lock`, as all that follows.
    var byName: [String: Topic] = [:]
    var byID: [UUID: String] = [:]
    var settings: BrokerSettings
    let metadata: InternalLog
    var nextProducerID: Int64 = 0
    /// Ids below this one are durably taken.
    var reservedProducerID: Int64 = 0
    var reservingProducerIDs = false
    var producerIDWaits: [@Sendable (Result<Int64, StreamingError>) -> Void] = []
    /// Records of the metadata log that are appended and not yet applied.
    var changesUnderWay = 0
    let turns = ChangeTurns()
    private var retentionClock: ClockWatch

    public let groups: GroupsFront
    public let transactions: TransactionCoordinator
    let compactor = Compactor()
    public let shares: ShareGroups
    /// Called with one line whenever something must be told: recovery, damage, failures.
    let report: @Sendable (String) -> Void

    /// What a broker stands on.
    public struct Environment: Sendable {
        public var directory: String
        public var fileSystem: any FileSystem
        public var clock: any Clock
        public var random: any RandomSource
        public var workers: any Workers
        public var clusterID: UUID
        public var nodeID: Int32
        public var settings: BrokerSettings
        /// Partitions that a start opens at once; what they sync shares journal commits.
        public var recoveryThreads = 1
        /// Bytes of records that a server in memory keeps; nil for one on a disk.
        public var memoryBytes: Int64?
        /// Which of some names match a regular expression as a whole; nil if it is none.
        public var namesMatching: @Sendable (_ pattern: String, [String]) -> Set<String>? = {
            _, _ in nil
        }
        public var report: @Sendable (String) -> Void

        public init(
            directory: String, fileSystem: any FileSystem, clock: any Clock,
            random: any RandomSource, workers: any Workers, clusterID: UUID, nodeID: Int32,
            settings: BrokerSettings, report: @escaping @Sendable (String) -> Void
        ) {
            self.directory = directory
            self.fileSystem = fileSystem
            self.clock = clock
            self.random = random
            self.workers = workers
            self.clusterID = clusterID
            self.nodeID = nodeID
            self.settings = settings
            self.report = report
        }
    }

    /// The internal topics, with ids that are the same in every directory.
    public static let metadataTopic = "__rtd_metadata"
    public static let offsetsTopic = "__consumer_offsets"
    static let metadataID = UUID(high: 0, low: 0x7274_6401)
    public static let transactionsTopic = "__transaction_state"
    static let offsetsID = UUID(high: 0, low: 0x7274_6402)
    public static let shareTopic = "__share_group_state"
    static let shareID = UUID(high: 0, low: 0x7274_6404)
    static let transactionsID = UUID(high: 0, low: 0x7274_6403)

    /// Opens the directory: the metadata log first, then every partition it names.
    public init(_ environment: Environment) throws(StreamingError) {
        self.environment = environment
        directory = environment.directory
        fileSystem = environment.fileSystem
        clock = environment.clock
        random = environment.random
        clusterID = environment.clusterID
        nodeID = environment.nodeID
        settings = environment.settings
        report = environment.report
        retentionClock = ClockWatch(clock)
        commits = GroupCommit(workers: environment.workers)
        memory = environment.memoryBytes.map { MemoryBudget(bytesMax: $0) }
        diskSpace =
            memory == nil
            ? SpaceGuard(fileSystem: fileSystem, path: directory)
            : SpaceGuard(fileSystem: fileSystem, path: directory, freeBytesMin: 0)
        let opener = PartitionOpener(environment, commits, diskSpace, memory)
        let metadataTopic = try opener.openInternal(Self.metadataID, Self.metadataTopic)
        let offsetsTopic = try opener.openInternal(Self.offsetsID, Self.offsetsTopic)
        let transactionsTopic = try opener.openInternal(
            Self.transactionsID, Self.transactionsTopic)
        metadata = InternalLog(metadataTopic.partitions[0], commits: commits, clock: clock)
        groups = GroupsFront(
            configuration: GroupConfiguration(environment.settings),
            log: InternalLog(offsetsTopic.partitions[0], commits: commits, clock: clock),
            commits: commits, clock: clock, random: random)
        transactions = TransactionCoordinator(
            settings: environment.settings,
            log: InternalLog(transactionsTopic.partitions[0], commits: commits, clock: clock),
            commits: commits, clock: clock)
        let shareTopic = try opener.openInternal(Self.shareID, Self.shareTopic)
        shares = ShareGroups(
            settings: environment.settings,
            log: InternalLog(shareTopic.partitions[0], commits: commits, clock: clock),
            commits: commits, clock: clock)
        register(metadataTopic)
        register(offsetsTopic)
        register(transactionsTopic)
        register(shareTopic)
        try loadMetadata(opener)
        groups.setTopics(self, shares)
        try groups.load()
        try transactions.load()
        try shares.load()
        for line in [
            metadata.damageReport, groups.damageReport, transactions.log.damageReport,
            shares.log.damageReport,
        ] {
            if let line { report(line) }
        }
        transactions.broker = self
        compactor.broker = self
        transactions.resume(topics, report: report)
        memory?.watch { [weak self] in
            self?.topics.filter { !$0.isInternal }.flatMap { $0.partitions.map(\.log) } ?? []
        }
    }

    func register(_ topic: Topic) {
        byName[topic.name] = topic
        byID[topic.id] = topic.name
    }

    /// Free and total bytes of the disk; nil if it does not say.
    public var space: (free: Int64, total: Int64)? {
        try? fileSystem.space(directory)
    }

    // MARK: Look-ups

    public func topic(_ name: String) -> Topic? {
        lock.withLock { byName[name] }
    }

    public func topic(id: UUID) -> Topic? {
        lock.withLock { byID[id].flatMap { byName[$0] } }
    }

    /// All topics by name.
    public var topics: [Topic] {
        lock.withLock { byName.values.sorted { $0.name < $1.name } }
    }

    public var brokerSettings: BrokerSettings {
        lock.withLock { settings }
    }

    /// The one partition, or the error a client gets for a topic or partition that is not there.
    public func partition(_ topic: String, _ index: Int32) throws(StreamingError) -> (
        Topic, Partition
    ) {
        guard let found = self.topic(topic) else { throw .unknownTopic(topic) }
        guard let partition = found.partition(index) else {
            throw .unknownPartition(topic: topic, partition: index)
        }
        return (found, partition)
    }

    /// Called about once a second: what nobody waits for is synced, internal logs get snapshots,
    /// compaction is begun.
    public func tick() {
        commits.tick()
        transactions.tick()
        shares.tick()
        compactInternalLogs()
        compactor.tick()
    }

    /// Removes old segments of every topic; blocks, so it is called on a worker. Does nothing when
    /// the clock was set since the last time: if it was set wrong, all would be old.
    public func applyRetention() {
        if let step = lock.withLock({ retentionClock.step() }) {
            let seconds = abs(step) / 1_000
            return report(
                "the system's clock was set \(seconds) s \(step > 0 ? "ahead" : "back"); "
                    + "old records stay until the next check of retention")
        }
        for topic in topics where !topic.isInternal {
            for partition in topic.partitions {
                do throws(LogError) {
                    _ = try partition.log.applyRetention(nowMilliseconds: clock.wallMilliseconds)
                } catch {
                    report("\(topic.name)-\(partition.index): \(error)")
                }
            }
        }
    }
}

extension GroupConfiguration {
    /// The broker's settings of groups, which hold from the start on.
    init(_ broker: BrokerSettings) {
        self.init()
        sessionTimeoutMillisecondsMin = Int32(
            clamping: broker.number("group.min.session.timeout.ms"))
        sessionTimeoutMillisecondsMax = Int32(
            clamping: broker.number("group.max.session.timeout.ms"))
        groupSizeMax = min(groupSizeMax, Int(broker.number("group.max.size")))
        initialRebalanceDelayMilliseconds = broker.number("group.initial.rebalance.delay.ms")
        consumerSizeMax = min(consumerSizeMax, Int(broker.number("group.consumer.max.size")))
        consumerHeartbeatMilliseconds = Int32(
            clamping: broker.number("group.consumer.heartbeat.interval.ms"))
        consumerSessionMilliseconds = Int32(
            clamping: broker.number("group.consumer.session.timeout.ms"))
        shareSizeMax = Int(broker.number("group.share.max.size"))
        shareHeartbeatMilliseconds = Int32(
            clamping: broker.number("group.share.heartbeat.interval.ms"))
        shareSessionMilliseconds = Int32(
            clamping: broker.number("group.share.session.timeout.ms"))
        consumerHeartbeatBounds = GroupTime.consumerHeartbeat.milliseconds(broker)
        consumerSessionBounds = GroupTime.consumerSession.milliseconds(broker)
        shareHeartbeatBounds = GroupTime.shareHeartbeat.milliseconds(broker)
        shareSessionBounds = GroupTime.shareSession.milliseconds(broker)
        assignors = ConfigType.elements(of: broker.text("group.consumer.assignors"))
        let migration = broker.text("group.consumer.migration.policy").lowercased()
        migratesToConsumer = migration == "bidirectional" || migration == "upgrade"
        migratesToClassic = migration == "bidirectional" || migration == "downgrade"
        offsetMetadataLengthMax = min(
            Int(broker.number("offset.metadata.max.bytes")), offsetMetadataLengthMax * 2)
        offsetsRetentionMilliseconds = broker.number("offsets.retention.minutes") * 60_000
        offsetsRetentionCheckIntervalMilliseconds = broker.number(
            "offsets.retention.check.interval.ms")
    }
}
