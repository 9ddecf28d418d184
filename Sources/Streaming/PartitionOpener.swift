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

    /// Partitions of a topic that are to be there.
    struct Wanted: Sendable {
        var id: UUID
        var name: String
        var partitions: ClosedRange<Int32>
        var settings: TopicSettings
    }

    /// The directory of a topic, named by its id in hex: names of topics never reach the disk.
    static func directory(_ root: String, _ id: UUID) -> String {
        "\(root)/topics/\(Hexadecimal.digits(id.high))\(Hexadecimal.digits(id.low))"
    }

    /// Opens what is there of topics and makes what is missing, several partitions at once so that
    /// their syncs share journal commits. Gives the partitions of each, in order. Blocks.
    func open(_ topics: [Wanted], isInternal: Bool = false) throws(StreamingError) -> [[Partition]]
    {
        var changed: [String] = []
        for topic in topics {
            let directory = try makeDirectory(topic.id)
            let isMissing = topic.partitions.contains {
                !environment.fileSystem.exists("\(directory)/\($0)")
            }
            if isMissing || isInternal { changed.append(directory) }
        }
        // No record says of these that their names are durable, as of others: a start that was
        // killed may have left them in the page cache only.
        if isInternal {
            try sync(environment.directory)
            try sync(environment.directory + "/topics")
        }
        let places = topics.enumerated().flatMap { number, topic in
            topic.partitions.map { PartitionsInMaking.Place(topic: number, index: $0) }
        }
        let lanes = max(1, min(environment.recoveryThreads, places.count))
        let work = PartitionsInMaking(places, topics: topics.count, lanes: lanes)
        let lane: @Sendable () -> Void = { [self] in
            run(work, topics, isInternal)
            work.leave()
        }
        for _ in 1..<lanes { Thread.start(lane) }
        lane()
        let opened = try work.wait().get()
        for directory in changed { try sync(directory) }
        return opened
    }

    /// Makes the partitions of a topic on workers; `done` is called on one of them. A loop never
    /// waits for a disk.
    func make(
        _ topic: Wanted, done: @escaping @Sendable (Result<[Partition], StreamingError>) -> Void
    ) {
        environment.workers.submit { [self] in
            let directory: String
            do throws(StreamingError) { directory = try makeDirectory(topic.id) } catch {
                return done(.failure(error))
            }
            let places = topic.partitions.map { PartitionsInMaking.Place(topic: 0, index: $0) }
            let lanes = min(Limits.partitionsMadeAtOnce, places.count)
            let work = PartitionsInMaking(places, topics: 1, lanes: lanes)
            let lane: @Sendable () -> Void = {
                run(work, [topic], false)
                guard work.leave() else { return }
                do throws(StreamingError) {
                    let made = try work.wait().get()
                    try sync(directory)
                    done(.success(made[0]))
                } catch {
                    done(.failure(error))
                }
            }
            for _ in 1..<lanes { environment.workers.submit(lane) }
            lane()
        }
    }

    /// Opens one partition after the other until none waits.
    private func run(_ work: PartitionsInMaking, _ topics: [Wanted], _ usesReserve: Bool) {
        do throws(StreamingError) {
            while let place = work.next() {
                work.made(
                    try open(topics[place.topic], place.index, usesReserve ? nil : space), place)
            }
        } catch {
            work.failed(error)
        }
    }

    private func makeDirectory(_ id: UUID) throws(StreamingError) -> String {
        let directory = Self.directory(environment.directory, id)
        do throws(SystemError) {
            try environment.fileSystem.makeDirectories(directory)
        } catch {
            throw .storage("\(error)")
        }
        return directory
    }

    /// Makes the names of partitions durable: an empty log under a name that is lost with the power
    /// would be taken for a new one.
    private func sync(_ directory: String) throws(StreamingError) {
        do throws(SystemError) {
            try environment.fileSystem.syncDirectory(directory)
        } catch {
            throw .storage("\(error)")
        }
    }

    private func open(
        _ topic: Wanted, _ index: Int32, _ space: SpaceGuard?
    ) throws(StreamingError) -> Partition {
        let directory = "\(Self.directory(environment.directory, topic.id))/\(index)"
        do throws(LogError) {
            let (log, recovery) = try Log.open(
                directory: directory, fileSystem: environment.fileSystem, clock: environment.clock,
                settings: topic.settings.log(environment.settings, memory), space: space)
            for line in recovery.lines { environment.report("\(topic.name)-\(index): \(line)") }
            return Partition(
                topicID: topic.id, topicName: topic.name, index: index, log: log, commits: commits,
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
        let wanted = Wanted(id: id, name: name, partitions: 0...0, settings: settings)
        return Topic(
            id: id, name: name, configs: configs, settings: settings,
            partitions: try open([wanted], isInternal: true)[0], isInternal: true)
    }
}

/// Partitions that several threads open together.
private final class PartitionsInMaking: @unchecked Sendable {
    struct Place {
        /// Which of the topics.
        var topic: Int
        var index: Int32
    }

    private let lock = Lock()
    private let left = Condition()
    private var waiting: [Place]
    private var opened: [[Partition]]
    private var error: StreamingError?
    private var lanes: Int

    init(_ places: [Place], topics: Int, lanes: Int) {
        waiting = places.reversed()
        opened = Array(repeating: [], count: topics)
        self.lanes = lanes
    }

    /// The next one to be opened; nil when there is none or one has failed.
    func next() -> Place? { lock.withLock { error == nil ? waiting.popLast() : nil } }

    func made(_ partition: Partition, _ place: Place) {
        lock.withLock { opened[place.topic].append(partition) }
    }

    func failed(_ error: StreamingError) { lock.withLock { self.error = error } }

    /// A thread is through; true if it was the last one.
    @discardableResult
    func leave() -> Bool {
        lock.withLock {
            lanes -= 1
            if lanes == 0 { left.broadcast() }
            return lanes == 0
        }
    }

    /// What came of it once all threads are through: the partitions of each topic by their index.
    func wait() -> Result<[[Partition]], StreamingError> {
        lock.withLock {
            while lanes > 0 { lock.wait(left) }
            guard let error else {
                return .success(opened.map { $0.sorted { $0.index < $1.index } })
            }
            // Their files go with the topic, or are found by who makes them the next time.
            for partition in opened.joined() { partition.log.discard() }
            return .failure(error)
        }
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
