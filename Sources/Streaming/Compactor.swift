import LogStorage
import Platform

/// Compacts partitions in the background: one at a time, the dirtiest first, on a thread of its own
/// that is given little of the processors and that ends when nothing is left to do.
///
/// `tick` is called about once a second; the lock guards its few fields.
final class Compactor: @unchecked Sendable {
    /// Set before the first tick.
    weak var broker: Broker?
    private let lock = Lock()
    private var isRunning = false
    private var isStopped = false
    private var lastLook: Int64?
    /// When a partition that failed is tried again, in monotonic nanoseconds.
    private var retries: [ObjectIdentifier: Int64] = [:]

    /// How long a partition that failed is left alone, in nanoseconds; less if it was only busy.
    private static let retryNanoseconds: Int64 = 60_000_000_000
    private static let busyNanoseconds: Int64 = 500_000_000

    /// Looks for work every log.cleaner.backoff.ms, and begins it.
    func tick() {
        guard let broker else { return }
        let settings = broker.brokerSettings
        guard settings.flag("log.cleaner.enable") else { return }
        let now = broker.clock.monotonicNanoseconds
        let backoff = settings.number("log.cleaner.backoff.ms")
        let begins = lock.withLock {
            guard !isRunning, !isStopped else { return false }
            if let last = lastLook, (now - last) / 1_000_000 < backoff { return false }
            lastLook = now
            return true
        }
        guard begins, dirtiest(broker) != nil else { return }
        lock.withLock { isRunning = true }
        Thread.start { [self] in
            Thread.lowerPriority()
            run()
            lock.withLock { isRunning = false }
        }
    }

    /// Compacts until nothing is due.
    func run() {
        while !lock.withLock({ isStopped }), let broker, let partition = dirtiest(broker) {
            compact(partition, broker)
        }
    }

    /// From now on nothing is begun; a run under way ends when its log is closed.
    func stop() {
        lock.withLock { isStopped = true }
    }

    /// The partition that is due and of which most is new.
    private func dirtiest(_ broker: Broker) -> Partition? {
        let now = broker.clock.monotonicNanoseconds
        var best: (partition: Partition, ratio: Double)?
        for topic in broker.topics where topic.settings.compacted && !topic.isInternal {
            for partition in topic.partitions {
                let id = ObjectIdentifier(partition.log)
                if lock.withLock({ retries[id].map { now < $0 } ?? false }) { continue }
                do throws(LogError) {
                    guard
                        let need = try partition.log.compactionNeed(
                            nowMilliseconds: broker.clock.wallMilliseconds), need.isDue
                    else { continue }
                    if need.dirtyRatio > best?.ratio ?? -1 { best = (partition, need.dirtyRatio) }
                } catch {
                    failed(partition, error, broker)
                }
            }
        }
        return best?.partition
    }

    private func compact(_ partition: Partition, _ broker: Broker) {
        let begun = broker.clock.monotonicNanoseconds
        let memory = broker.brokerSettings.number("log.cleaner.dedupe.buffer.size")
        do throws(LogError) {
            let result = try partition.log.compact(
                nowMilliseconds: broker.clock.wallMilliseconds, memoryBytes: Int(memory),
                hashKey: (broker.random.next(), broker.random.next()))
            let seconds = Double(broker.clock.monotonicNanoseconds - begun) / 1e9
            guard result.bytesBefore > 0 else { return postpone(partition, broker) }
            broker.report(Self.line(partition, result, seconds))
        } catch {
            failed(partition, error, broker)
        }
    }

    private func failed(_ partition: Partition, _ error: LogError, _ broker: Broker) {
        postpone(partition, broker, error == .busy ? Self.busyNanoseconds : Self.retryNanoseconds)
        if error == .closed || error == .busy { return }
        broker.report(
            "\(partition.topicName)-\(partition.index) is not compacted: \(error)")
    }

    private func postpone(
        _ partition: Partition, _ broker: Broker, _ nanoseconds: Int64 = retryNanoseconds
    ) {
        let then = broker.clock.monotonicNanoseconds + nanoseconds
        lock.withLock { retries[ObjectIdentifier(partition.log)] = then }
    }

    private static func line(
        _ partition: Partition, _ result: CompactionResult, _ seconds: Double
    ) -> String {
        func megabytes(_ bytes: Int64) -> String { tenths(Double(bytes) / 1e6) }
        let rate = tenths(Double(result.bytesBefore) / 1e6 / max(seconds, 1e-9))
        return "compacted \(partition.topicName)-\(partition.index): "
            + "\(megabytes(result.bytesBefore)) MB to \(megabytes(result.bytesAfter)) MB, "
            + "\(result.recordsBefore) records to \(result.recordsAfter), "
            + "\(result.segmentsBefore) segments to \(result.segmentsAfter), "
            + "\(tenths(seconds)) s, \(rate) MB/s"
            + (result.isPartial ? "; goes on" : "")
    }

    /// With one digit behind the point.
    private static func tenths(_ value: Double) -> String {
        let number = Int64((value * 10).rounded())
        return "\(number / 10).\(number % 10)"
    }
}

extension Broker {
    /// Compacts whatever is due, on this thread: for tests, and for who cannot wait.
    public func compactNow() { compactor.run() }
}
