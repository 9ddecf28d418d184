import LogStorage
import Platform

// The end: of a server, and of a topic.
extension Broker {
    /// Syncs and closes every log; nothing is called afterwards. Several at once, so that their
    /// syncs share journal commits.
    public func close() {
        compactor.stop()
        let all = lock.withLock { byName.values.flatMap(\.partitions) }
        let lanes = max(1, min(environment.recoveryThreads, all.count))
        let closing = PartitionsToClose(all, lanes: lanes)
        let lane: @Sendable () -> Void = { [self] in
            while let partition = closing.next() { close(partition) }
            closing.leave()
        }
        for _ in 1..<lanes { Thread.start(lane) }
        lane()
        closing.wait()
    }

    private func close(_ partition: Partition) {
        do throws(LogError) {
            try partition.log.close()
        } catch {
            report("\(partition.topicName)-\(partition.index): \(error)")
        }
    }

    /// Removes the files of a topic that is no more; blocks, so it is called on a worker.
    func removeFiles(of topic: Topic) {
        for partition in topic.partitions { partition.log.discard() }
        do throws(SystemError) {
            try fileSystem.removeTree(PartitionOpener.directory(directory, topic.id))
        } catch {
            report("\(topic.name): \(error)")
        }
    }
}

/// Partitions that several threads close together.
private final class PartitionsToClose: @unchecked Sendable {
    private let lock = Lock()
    private let left = Condition()
    private var waiting: [Partition]
    private var lanes: Int

    init(_ partitions: [Partition], lanes: Int) {
        waiting = partitions
        self.lanes = lanes
    }

    func next() -> Partition? { lock.withLock { waiting.popLast() } }

    /// A thread is through.
    func leave() {
        lock.withLock {
            lanes -= 1
            if lanes == 0 { left.broadcast() }
        }
    }

    /// Returns when all threads are through.
    func wait() {
        lock.withLock { while lanes > 0 { lock.wait(left) } }
    }
}
