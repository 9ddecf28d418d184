import Bytes
import LogStorage
import Platform
import Records

/// `rtd bench storage`: the log with the load of producers, without a network. Each batch is
/// checked as the server checks it, appended, and counted once it is durable. Blocks the main
/// thread.
struct StorageRun {
    let load: BenchLoad
    /// A new directory, which the caller removes.
    let directory: String
    let interruption: Interruption

    func run() throws(CommandFailure) -> BenchResult {
        let logs = try open()
        let crew = Crew()
        interruption.handle { crew.fail(CommandFailure("interrupted")) }
        let commits = GroupCommit(workers: WorkerThreads(threadsMax: 32))
        let pool = BatchPool(load, timestamp: SystemClock().wallMilliseconds, seed: 1)
        for number in 0..<load.producers {
            let worker = StorageWorker(load, number, pool, logs, commits, crew.tally())
            crew.add { crew throws(CommandFailure) in try worker.run(crew) }
        }
        let clock = SystemClock()
        var from: Int64 = 0
        try crew.open {
            let start = clock.monotonicNanoseconds
            from = start + load.warmupNanoseconds
            return RunWindow(
                start: start, measuredFrom: from,
                deadline: load.count == nil ? from + load.durationNanoseconds : .max)
        }
        var meter = UsageMeter(server: nil)
        var rounds = commits.rounds
        var isWarm = load.warmupNanoseconds == 0
        try crew.finish {
            guard !isWarm, clock.monotonicNanoseconds >= from else { return }
            isWarm = true
            meter = UsageMeter(server: nil)
            rounds = commits.rounds
        }
        rounds = commits.rounds - rounds
        let usage = meter.client
        for log in logs { try? log.close() }
        return try result(crew.tallies, from: from, usage, rounds: Int(rounds))
    }

    private func open() throws(CommandFailure) -> [Log] {
        var logs: [Log] = []
        for number in 0..<load.allPartitions {
            do throws(LogError) {
                let opened = try Log.open(
                    directory: "\(directory)/\(number)", fileSystem: POSIXFileSystem(),
                    clock: SystemClock())
                logs.append(opened.0)
            } catch {
                throw CommandFailure("\(directory)/\(number): \(error)")
            }
        }
        return logs
    }

    private func result(_ tallies: [Tally], from: Int64, _ usage: ProcessUsage, rounds: Int)
        throws(CommandFailure) -> BenchResult
    {
        var result = BenchResult(
            workload: .storage, target: "LogStorage", records: 0, valueBytes: 0, requests: 0,
            nanoseconds: 0, latencies: Histogram(), client: usage, server: nil,
            fileSystem: POSIXFileSystem().kind(directory),
            durability: load.acks == -1
                ? "on the disk before it counts: fdatasync, group commit"
                : "page cache: not synced")
        var last = from
        for tally in tallies {
            result.records += tally.records
            result.valueBytes += tally.valueBytes
            result.requests += tally.requests
            result.latencies.add(tally.latencies)
            last = max(last, tally.lastAt)
        }
        guard result.records > 0 else {
            throw CommandFailure("nothing was measured: the warm-up took the whole run")
        }
        if load.acks == -1 { result.syncRounds = rounds }
        result.nanoseconds = max(1, last - from)
        return result
    }
}

/// One producer without a network: appends, and has several batches wait for their sync.
private final class StorageWorker: @unchecked Sendable {
    private let load: BenchLoad
    private let number: Int
    private let logs: [Log]
    private let commits: GroupCommit
    private let clock = SystemClock()
    private var pool: BatchPool
    private let limit: Int
    private let waitingMax: Int
    private var measuredFrom: Int64 = 0

    /// Guards what completions touch, on the threads that sync.
    private let lock = Lock()
    private let changed = Condition()
    private let tally: Tally
    private var waiting = 0
    private var failure: CommandFailure?

    init(
        _ load: BenchLoad, _ number: Int, _ pool: BatchPool, _ logs: [Log],
        _ commits: GroupCommit, _ tally: Tally
    ) {
        self.load = load
        self.number = number
        self.pool = pool
        self.tally = tally
        self.commits = commits
        let producers = load.producers
        self.logs =
            logs.count < producers
            ? [logs[number % logs.count]]
            : logs.enumerated().filter { $0.offset % producers == number }.map(\.element)
        limit = load.count.map { BenchLoad.share($0, number, of: producers) } ?? Int.max
        // A round over many partitions syncs all of them at once.
        waitingMax = max(load.inFlightMax, self.logs.count)
    }

    func run(_ crew: Crew) throws(CommandFailure) {
        guard let window = crew.start() else { return }
        measuredFrom = window.measuredFrom
        var sent = 0
        var next = 0
        while sent < limit && !crew.isStopped {
            let now = clock.monotonicNanoseconds
            if now >= window.deadline { break }
            let failure = lock.withLock {
                while waiting >= waitingMax { lock.wait(changed) }
                waiting += 1
                return self.failure
            }
            if let failure { throw failure }
            sent += try append(to: logs[next], atMost: limit - sent)
            next = next + 1 == logs.count ? 0 : next + 1
        }
        let failure = lock.withLock {
            while waiting > 0 { lock.wait(changed) }
            return self.failure
        }
        if let failure { throw failure }
    }

    private func append(to log: Log, atMost count: Int) throws(CommandFailure) -> Int {
        let now = clock.monotonicNanoseconds
        let wall = clock.wallMilliseconds
        let durability: Durability = load.acks == -1 ? .synced : .appended
        let batch = pool.place(atMost: count)
        let (records, valueBytes) = (pool[batch].records, pool[batch].valueBytes)
        let appended: AppendResult
        do {
            let header = try RecordBatchCheck.validate(pool[batch].bytes.rawSpan)
            appended = try log.append(
                &pool[batch].bytes, headers: [header], durability: durability,
                nowMilliseconds: wall)
        } catch {
            throw CommandFailure("\(log.directory): \(error)")
        }
        guard load.acks == -1 else {
            finished(now, records, valueBytes, .success(()))
            if appended.needsSync { commits.schedule(log) }
            return records
        }
        commits.commit(log, upTo: appended.endOffset) { [self] result in
            finished(now, records, valueBytes, result)
        }
        return records
    }

    private func finished(
        _ start: Int64, _ records: Int, _ valueBytes: Int, _ result: Result<Void, LogError>
    ) {
        let now = clock.monotonicNanoseconds
        lock.withLock {
            waiting -= 1
            changed.signal()
            if case .failure(let error) = result { failure = CommandFailure("\(error)") }
            guard start >= measuredFrom else { return }
            tally.records += records
            tally.valueBytes += valueBytes
            tally.requests += 1
            tally.lastAt = now
            tally.latencies.record(now - start, times: records)
        }
    }
}
