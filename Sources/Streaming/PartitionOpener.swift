import LogStorage
import Platform
import Records

/// Opens and makes the logs of partitions: `topics/<topic-id>/<partition>` below the directory.
struct PartitionOpener {
    private let environment: Broker.Environment
    private let commits: GroupCommit
    private let space: SpaceGuard
    private let memory: MemoryBudget?

    init(
        _ environment: Broker.Environment, _ commits: GroupCommit, _ space: SpaceGuard,
        _ memory: MemoryBudget?
    ) {
        self.memory = memory
        self.environment = environment
        self.commits = commits
        self.space = space
    }

    /// The directory of a topic, named by its id in hex: names of topics never reach the disk.
    static func directory(_ root: String, _ id: UUID) -> String {
        "\(root)/topics/\(Hexadecimal.digits(id.high))\(Hexadecimal.digits(id.low))"
    }

    /// Opens what is there of a topic and makes what is missing. `usesReserve` lets it be written
    /// to on a disk that is nearly full.
    func open(
        _ id: UUID, _ name: String, partitions: ClosedRange<Int32>, configs: [String: String],
        settings: TopicSettings, usesReserve: Bool = false
    ) throws(StreamingError) -> [Partition] {
        let directory = Self.directory(environment.directory, id)
        do throws(SystemError) {
            if !environment.fileSystem.exists(directory) {
                try environment.fileSystem.makeDirectories(directory)
                try environment.fileSystem.syncDirectory(environment.directory + "/topics")
            }
        } catch {
            throw .storage("\(error)")
        }
        var opened: [Partition] = []
        for index in partitions {
            opened.append(
                try open(
                    "\(directory)/\(index)", id, name, index, settings,
                    usesReserve ? nil : space))
        }
        return opened
    }

    private func open(
        _ directory: String, _ id: UUID, _ name: String, _ index: Int32,
        _ settings: TopicSettings, _ space: SpaceGuard?
    ) throws(StreamingError) -> Partition {
        do throws(LogError) {
            let (log, recovery) = try Log.open(
                directory: directory, fileSystem: environment.fileSystem, clock: environment.clock,
                settings: settings.log(environment.settings, memory), space: space)
            for line in recovery.lines { environment.report("\(name)-\(index): \(line)") }
            return Partition(
                topicID: id, topicName: name, index: index, log: log, commits: commits,
                clock: environment.clock, memory: memory)
        } catch {
            throw .storage("\(directory): \(error)")
        }
    }

    /// An internal topic: one partition that keeps everything. The reserve of disk space is for it:
    /// a topic cannot be deleted, nor a consumer go on, without a record of that.
    func openInternal(_ id: UUID, _ name: String) throws(StreamingError) -> Topic {
        let configs = ["cleanup.policy": "compact", "retention.ms": "-1", "flush.messages": "1"]
        let settings = environment.settings.topicSettings(configs)
        let partitions = try open(
            id, name, partitions: 0...0, configs: configs, settings: settings, usesReserve: true)
        return Topic(
            id: id, name: name, configs: configs, settings: settings, partitions: partitions,
            isInternal: true)
    }
}

extension TopicSettings {
    /// What of it the log itself needs.
    func log(_ broker: BrokerSettings, _ memory: MemoryBudget?) -> LogSettings {
        var log = LogSettings()
        log.segmentBytes = Int(min(segmentBytes, memory?.segmentBytesMax ?? .max))
        log.segmentMilliseconds = segmentMilliseconds
        log.retentionMilliseconds = deletesOld ? retentionMilliseconds : -1
        log.retentionBytes = deletesOld ? retentionBytes : -1
        log.flushMessages = flushMessages
        log.usesLogAppendTime = usesLogAppendTime
        log.isCompacted = compacted
        log.deleteRetentionMilliseconds = deleteRetentionMilliseconds
        log.minCompactionLagMilliseconds = minCompactionLagMilliseconds
        log.maxCompactionLagMilliseconds = maxCompactionLagMilliseconds
        log.minCleanableDirtyRatio = minCleanableDirtyRatio
        log.producerExpirationMilliseconds = broker.number("producer.id.expiration.ms")
        return log
    }
}

extension RecoveryReport {
    /// What whoever runs the server should know of it.
    var lines: [String] {
        var lines = findings.map { "damaged: \($0)" }
        if cutBytes > 0 {
            lines.append("cut \(cutBytes) bytes that were never acknowledged off the log's end")
        }
        if !rebuiltIndexes.isEmpty {
            lines.append("rebuilt the index of \(rebuiltIndexes.count) segments")
        }
        return lines
    }
}
