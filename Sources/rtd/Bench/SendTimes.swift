import Platform

/// When the batches of one producer were meant to be sent, for whoever reads them.
///
/// A producer's batches reach a partition in the order in which they were sent, so a queue a
/// partition tells which is which and nothing has to be written into them (which would cost a
/// checksum each). The timestamp of the records tells their producer. Producer and consumers call
/// it from their threads.
final class SendTimes: @unchecked Sendable {
    private struct Entry {
        let first: Int64
        let interval: Double
        let records: Int
    }

    private let lock = Lock()
    /// By partition, over all topics.
    private var queues: [Int: Queue] = [:]

    private struct Queue {
        var entries: [Entry] = []
        var head = 0
    }

    func add(_ partition: Int, at first: Int64, every interval: Double, _ records: Int) {
        lock.withLock {
            queues[partition, default: Queue()].entries.append(
                Entry(first: first, interval: interval, records: records))
        }
    }

    /// When the oldest batch that was not taken was sent; nil if there is none of so many records.
    func take(_ partition: Int, _ records: Int) -> (first: Int64, interval: Double)? {
        lock.withLock {
            guard var queue = queues.removeValue(forKey: partition) else { return nil }
            defer { queues[partition] = queue }
            guard queue.head < queue.entries.count,
                queue.entries[queue.head].records == records
            else { return nil }
            let entry = queue.entries[queue.head]
            queue.head += 1
            if queue.head > 1_024 {
                queue.entries.removeFirst(queue.head)
                queue.head = 0
            }
            return (entry.first, entry.interval)
        }
    }
}

/// How many records are to be read, known for certain once all are sent.
final class ReadGoal: @unchecked Sendable {
    private let lock = Lock()
    private var left = Int.max
    private var done = 0

    /// `count` records in all.
    func settle(_ count: Int) { lock.withLock { left = count } }

    func read(_ count: Int) { lock.withLock { done += count } }

    var isReached: Bool { lock.withLock { done >= left } }
    var missing: Int { lock.withLock { left == Int.max ? 0 : max(0, left - done) } }
}
