import KafkaClient
import Platform

/// One run of `rtd consume`, from the first contact to the exit status.
///
/// `run` is called on the client's loop. What reads and prints is a task on the loop `printing`,
/// whose thread may block in a write; all state below belongs to it.
final class ConsumeSession: @unchecked Sendable {
    let connection: ClusterConnection
    let options: ConsumeOptions
    let output: RecordOutput
    let printing = Loop()
    private let stop = StopRequest()

    var feed: RecordFeed?
    var shareConsumer: ShareConsumer?
    /// The topics that are read.
    var topics: [String] = []
    /// What is read now.
    var readings: [TopicPartition: PartitionReading] = [:]
    var merge: PartitionMerge?
    /// Partitions that have an end which is not reached, where all have one.
    var openCount = 0
    /// Every partition has an end.
    var isBounded = false
    /// Where each partition of a group's topics ends; empty without an end.
    var groupRanges: [TopicPartition: ReadingRange] = [:]
    /// There is a share to read; always, without a group.
    var isAssigned = false
    /// Monotonic nanoseconds.
    var lastRecordAt: Int64 = 0
    var nextDiscovery: Int64 = 0
    var nextCommit: Int64 = 0
    private var progress: ProgressLine?

    init(
        _ connection: ClusterConnection, _ options: ConsumeOptions,
        _ printer: RecordPrinter.Options, _ transform: Transform? = nil
    ) {
        self.connection = connection
        self.options = options
        output = RecordOutput(
            printer, count: options.count, writesEach: options.isUnbuffered,
            skipsDamaged: options.errorPolicy == .skip, transform)
    }

    var now: Int64 { printing.clock.monotonicNanoseconds }

    /// Reads until the end, a signal or a closed stdout; gives the exit status.
    func run(_ interruption: Interruption) async throws(CommandFailure) -> Int32 {
        printing.start()
        let reading = Task(executorPreference: printing) { [self] in await readAll() }
        stop.handle { reading.cancel() }
        interruption.handle { [stop] in
            stop.request(.signal)
            // A reader of stdout that stalls must not keep the process.
            Thread.start {
                Processes.pause(milliseconds: Int(ConsumeLimits.signalMilliseconds))
                interruption.raiseAgain()
            }
        }
        if output.transform == nil {
            Thread.start { [stop] in
                StandardOutput.waitForReaderToLeave()
                stop.request(.outputClosed)
            }
        }
        let failure = await reading.value
        // A task of its own, for the other one may be cancelled.
        let late = await Task(executorPreference: printing) { [self] in await finish(failure) }
            .value
        return try status(late ?? failure)
    }

    private func readAll() async -> ConsumeError? {
        do throws(ConsumeError) {
            try await read()
            return nil
        } catch {
            return error
        }
    }

    private func read() async throws(ConsumeError) {
        do throws(CommandFailure) {
            try await connection.connect()
        } catch {
            throw Task.isCancelled ? .client(.cancelled) : .message(error.message)
        }
        lastRecordAt = now
        watchForIdleness()
        if options.explains { return try await explain() }
        beginProgress()
        if let group = options.group, usesShareGroup { return try await readShared(group) }
        let feed = try await begin()
        self.feed = feed
        lastRecordAt = now
        while !isFinished {
            var event = try await next(feed, timeoutMilliseconds: 0)
            if event == nil {
                try output.flushWhenQuiet()
                event = try await next(feed, timeoutMilliseconds: try waitMilliseconds())
            }
            if let event {
                try await handle(event, feed)
            } else {
                try await lookAtPositions(feed)
            }
            try await maintain(feed)
        }
        try output.flush()
    }

    /// Ends the command when `--timeout` has passed while the cluster is waited for, such as a
    /// leader that cannot be reached; where records are waited for, the time is looked at there. A
    /// write that was stalled, or a run of `--exec`, has held this timer up too: so it looks twice.
    private func watchForIdleness(dueSince last: Int64? = nil) {
        guard let timeout = options.timeout?.nanosecondsClamped else { return }
        let left = lastRecordAt + timeout - now
        if left <= 0, last == lastRecordAt { return stop.request(.idle) }
        let due = left <= 0 ? lastRecordAt : nil
        printing.after(left <= 0 ? ConsumeLimits.idleGraceNanoseconds : left) { [weak self] in
            self?.watchForIdleness(dueSince: due)
        }
    }

    private var usesShareGroup: Bool { options.groupProtocol == .share }

    private var isFinished: Bool {
        output.isComplete || (isBounded && isAssigned && openCount == 0)
    }

    /// How long to wait for data now; throws when `--timeout` has passed.
    private func waitMilliseconds() throws(ConsumeError) -> Int64 {
        var tick = ConsumeLimits.tickMilliseconds
        if let left = output.transform?.nanosecondsLeft {
            tick = min(tick, max(0, left) / 1_000_000 + 1)
        }
        guard let timeout = options.timeout else { return tick }
        let waited = now - lastRecordAt
        let left = timeout.nanosecondsClamped - waited
        guard left > 0 else { throw .idle }
        return min(left / 1_000_000 + 1, tick)
    }

    /// Writes what was read before the end came, commits it, and takes leave.
    private func finish(_ failure: ConsumeError?) async -> ConsumeError? {
        var late: ConsumeError?
        var canWrite = stop.reason != .outputClosed
        if case .output = failure { canWrite = false }
        if canWrite {
            do throws(ConsumeError) { try output.flush() } catch { late = error }
        }
        progress?.finish()
        if let feed {
            do throws(ConsumeError) {
                try await commit(feed)
            } catch {
                late = late ?? error
            }
            await feed.close()
        }
        if let shareConsumer {
            do throws(ClientError) {
                try await shareConsumer.close()
            } catch {
                late = late ?? .client(error)
            }
        }
        await connection.cluster.close()
        return late
    }

    private func status(_ failure: ConsumeError?) throws(CommandFailure) -> Int32 {
        switch failure {
        case nil: break
        case .output(let error) where error.isBrokenPipe: break
        case .client(.cancelled) where stop.reason == .idle: return 4
        case .client(.cancelled) where stop.reason != nil: break
        case .idle: return 4
        case .client(let error): throw connection.failure(error)
        case let failure?: throw CommandFailure("\(failure)")
        }
        guard output.skippedCount > 0 else { return 0 }
        StandardError.write(line: "rtd: \(output.skippedCount) records in damaged batches skipped")
        return 3
    }

    /// On a terminal that shows the records too, only when asked for.
    private func beginProgress() {
        guard options.reporting.showsProgress == true || !StandardOutput.isTerminal else { return }
        progress = ProgressLine(options.reporting, on: printing) { [self] in sample() }
        progress?.begin()
    }

    private func sample() -> ProgressSample {
        var sample = ProgressSample()
        sample.records = output.recordCount
        sample.bytes = output.byteCount
        guard isBounded else {
            let lag = readings.values.reduce(0) { $0 + max(0, $1.highWatermark - $1.printed) }
            sample.detail = "lag \(lag)"
            return sample
        }
        var done: Int64 = 0
        var all: Int64 = 0
        for reading in readings.values {
            guard let end = reading.range.end, end > reading.range.start else { continue }
            all += end - reading.range.start
            done += min(reading.printed, end) - reading.range.start
        }
        if all > 0 { sample.fraction = Double(done) / Double(all) }
        return sample
    }
}
