import Platform

/// A cluster to measure, and what is known of it.
struct BenchTarget: Sendable {
    var name: String
    var bootstrap: [HostPort]
    var security = BenchSecurity.none
    /// The process of a server of ours.
    var server: Int32?
    var fileSystem: String?

    /// What an acknowledgement promises there.
    func durability(_ acks: Int16) -> String {
        let isOurs = server != nil
        switch acks {
        case 0: return "none: nothing is acknowledged (acks=0)"
        case 1: return isOurs ? "page cache: not synced (acks=1)" : "as the cluster has it (acks=1)"
        default:
            return isOurs
                ? "on the disk before it is acknowledged: fdatasync, group commit (acks=all)"
                : "as the cluster has it (acks=all)"
        }
    }
}

/// One run of produce, consume or e2e on one cluster, on topics of its own. Blocks the main thread.
struct BenchRun {
    let load: BenchLoad
    let target: BenchTarget
    let id: String
    let interruption: Interruption
    let showsProgress: Bool

    func run() throws(CommandFailure) -> [BenchResult] {
        let topics = try BenchTopics(target.bootstrap, load, id: id)
        defer { topics.delete() }
        switch load.workload {
        case .produce: return [try produce(topics)]
        case .consume: return [try consume(topics)]
        case .mixed: return try mixed(topics)
        default: return [try endToEnd(topics)]
        }
    }

    private func produce(_ topics: BenchTopics) throws(CommandFailure) -> BenchResult {
        let crew = Crew()
        let pool = BatchPool(load, timestamp: SystemClock().wallMilliseconds, seed: 1)
        for number in 0..<load.producers {
            let worker = try ProduceWorker(
                load, number: number, pool: pool, partitions: topics.partitions, crew: crew)
            crew.add { crew throws(CommandFailure) in try worker.run(crew) }
        }
        return try measure(crew, load)
    }

    // MARK: Reading

    private func consume(_ topics: BenchTopics) throws(CommandFailure) -> BenchResult {
        let ends = try fill(topics)
        let crew = Crew()
        let goal = ReadGoal()
        if load.count != nil { goal.settle(Int(ends.reduce(0, +))) }
        for number in 0..<load.consumers {
            let worker = try ConsumeWorker(
                load, number: number, partitions: topics.partitions, crew: crew, goal: goal,
                ends: ends)
            crew.add { crew throws(CommandFailure) in try worker.run(crew) }
        }
        return try measure(crew, load)
    }

    /// Sends what is read afterwards; gives the log ends by partition.
    private func fill(_ topics: BenchTopics) throws(CommandFailure) -> [Int64] {
        var filling = load
        filling.count = load.count ?? max(1, BenchLimits.backlogBytes / load.valueBytes)
        filling.rate = 0
        filling.warmupNanoseconds = 0
        filling.transactionSpan = nil
        filling.producers = 1
        filling.acks = -1
        let crew = Crew()
        let pool = BatchPool(filling, timestamp: SystemClock().wallMilliseconds, seed: 1)
        let worker = try ProduceWorker(
            filling, number: 0, pool: pool, partitions: topics.partitions, crew: crew)
        crew.add { crew throws(CommandFailure) in try worker.run(crew) }
        _ = try measure(crew, filling)
        var ends = [Int64](repeating: 0, count: topics.partitions.count)
        for (place, count) in worker.acknowledged.enumerated() {
            ends[worker.partitionNumber(place)] = Int64(count)
        }
        return ends
    }

    // MARK: Both at once

    private func endToEnd(_ topics: BenchTopics) throws(CommandFailure) -> BenchResult {
        let crew = Crew()
        let goal = ReadGoal()
        let firstTimestamp = SystemClock().wallMilliseconds - Int64(load.producers)
        var times: [SendTimes] = []
        let ending = ProducersEnd(load.producers, goal)
        for number in 0..<load.producers {
            let sendTimes = SendTimes()
            times.append(sendTimes)
            let pool = BatchPool(
                load, timestamp: firstTimestamp + Int64(number), seed: UInt64(number))
            let worker = try ProduceWorker(
                load, number: number, pool: pool, partitions: topics.partitions, crew: crew,
                sendTimes: sendTimes)
            crew.add { crew throws(CommandFailure) in
                try worker.run(crew)
                ending.ended(worker.acknowledged.reduce(0, +))
            }
        }
        var readers: [Tally] = []
        for number in 0..<load.consumers {
            let worker = try ConsumeWorker(
                load, number: number, partitions: topics.partitions, crew: crew, goal: goal,
                sendTimes: times, firstTimestamp: firstTimestamp)
            readers.append(worker.tally)
            crew.add { crew throws(CommandFailure) in try worker.run(crew) }
        }
        return try measure(crew, load, counting: readers) {
            guard ending.isLate else { return nil }
            return CommandFailure(
                "\(goal.missing) records were acknowledged and cannot be read")
        }
    }

    // MARK: Side by side

    /// Producers send to topics of their own while consumers read what was sent before, over and
    /// over; the last producer ends it.
    private func mixed(_ topics: BenchTopics) throws(CommandFailure) -> [BenchResult] {
        var reading = load
        reading.count = nil
        reading.transactionSpan = nil
        let ends = try fill(topics)
        let fresh = try BenchTopics(target.bootstrap, load, id: id + "-new")
        defer { fresh.delete() }
        let crew = Crew()
        let goal = ReadGoal()
        let ending = LastOne(load.producers) { goal.settle(0) }
        let pool = BatchPool(load, timestamp: SystemClock().wallMilliseconds, seed: 1)
        var writers: [Tally] = []
        for number in 0..<load.producers {
            let worker = try ProduceWorker(
                load, number: number, pool: pool, partitions: fresh.partitions, crew: crew)
            writers.append(worker.tally)
            crew.add { crew throws(CommandFailure) in
                try worker.run(crew)
                ending.ended()
            }
        }
        var readers: [Tally] = []
        for number in 0..<load.consumers {
            let worker = try ConsumeWorker(
                reading, number: number, partitions: topics.partitions, crew: crew, goal: goal,
                ends: ends)
            readers.append(worker.tally)
            crew.add { crew throws(CommandFailure) in try worker.run(crew) }
        }
        let (window, meter) = try watch(crew, load)
        var results = [
            try result(writers, .produce, window, meter),
            try result(readers, .consume, window, meter),
        ]
        // The CPU time is that of both.
        let bytes = results.reduce(0) { $0 + $1.valueBytes }
        let records = results.reduce(0) { $0 + $1.records }
        for place in results.indices {
            results[place].part = place == 0 ? "producers" : "consumers"
            results[place].shared = (records: records, bytes: bytes)
        }
        return results
    }

    // MARK: Measuring

    /// Opens the run, waits for its end, and adds up the figures of all threads, or of those given.
    private func measure(
        _ crew: Crew, _ load: BenchLoad, counting: [Tally]? = nil,
        _ check: () -> CommandFailure? = { nil }
    ) throws(CommandFailure) -> BenchResult {
        let (window, meter) = try watch(crew, load, check)
        return try result(counting ?? crew.tallies, self.load.workload, window, meter)
    }

    /// Opens the run and waits for its end.
    private func watch(
        _ crew: Crew, _ load: BenchLoad, _ check: () -> CommandFailure? = { nil }
    ) throws(CommandFailure) -> (RunWindow, UsageMeter) {
        let clock = SystemClock()
        interruption.handle { crew.fail(CommandFailure("interrupted")) }
        var window = RunWindow(start: 0, measuredFrom: 0, deadline: 0)
        try crew.open {
            let start = clock.monotonicNanoseconds
            let from = start + load.warmupNanoseconds
            window = RunWindow(
                start: start, measuredFrom: from,
                deadline: load.count == nil ? from + load.durationNanoseconds : .max)
            return window
        }
        var meter = UsageMeter(server: target.server)
        var isWarm = load.warmupNanoseconds == 0
        var progress = BenchProgress(showsProgress, crew, clock.monotonicNanoseconds)
        try crew.finish {
            let now = clock.monotonicNanoseconds
            if !isWarm && now >= window.measuredFrom {
                isWarm = true
                meter = UsageMeter(server: target.server)
            }
            if let failure = check() { crew.fail(failure) }
            progress.draw(now)
        }
        return (window, meter)
    }

    private func result(
        _ tallies: [Tally], _ workload: BenchOptions.Workload, _ window: RunWindow,
        _ meter: UsageMeter
    ) throws(CommandFailure) -> BenchResult {
        let server = meter.serverUsage
        let client = meter.client
        var result = BenchResult(
            workload: workload, target: target.name, records: 0, valueBytes: 0, requests: 0,
            nanoseconds: 0, latencies: Histogram(), client: client, server: server,
            fileSystem: target.fileSystem, durability: target.durability(load.acks))
        var last = window.measuredFrom
        for tally in tallies {
            result.records += tally.records
            result.valueBytes += tally.valueBytes
            result.batchBytes += tally.batchBytes
            result.requests += tally.requests
            result.latencies.add(tally.latencies)
            last = max(last, tally.lastAt)
        }
        guard result.records > 0 else {
            throw CommandFailure("nothing was measured: the warm-up took the whole run")
        }
        if workload == .consume || workload == .e2e { result.fetchBytes = load.fetchBytes }
        result.isTransactional = load.transactionSpan != nil
        // Consumers do not look at values, so they know the mean only.
        if result.valueBytes == 0 { result.valueBytes = result.records * load.valueBytes }
        result.nanoseconds = max(1, last - window.measuredFrom)
        return result
    }
}

/// Tells the consumers how much there is to read, once the last producer has ended.
private final class ProducersEnd: @unchecked Sendable {
    private let lock = Lock()
    private let goal: ReadGoal
    private var left: Int
    private var records = 0
    private var endedAt: Int64?

    init(_ producers: Int, _ goal: ReadGoal) {
        left = producers
        self.goal = goal
    }

    func ended(_ acknowledged: Int) {
        lock.withLock {
            records += acknowledged
            left -= 1
            guard left == 0 else { return }
            endedAt = SystemClock().monotonicNanoseconds
            goal.settle(records)
        }
    }

    /// What was sent should have been read by now.
    var isLate: Bool {
        guard let endedAt = lock.withLock({ endedAt }), !goal.isReached else { return false }
        return SystemClock().monotonicNanoseconds - endedAt > BenchLimits.drainNanoseconds
    }
}

/// Calls `done` when the last of some threads has ended.
private final class LastOne: @unchecked Sendable {
    private let lock = Lock()
    private var left: Int
    private let done: @Sendable () -> Void

    init(_ count: Int, _ done: @escaping @Sendable () -> Void) {
        left = count
        self.done = done
    }

    func ended() {
        let isLast = lock.withLock {
            left -= 1
            return left == 0
        }
        if isLast { done() }
    }
}

/// Records and rate on stderr, once a second.
private struct BenchProgress {
    private let isShown: Bool
    private let crew: Crew
    private var drawnAt: Int64
    private var drawn = 0

    private static let intervalNanoseconds: Int64 = 1_000_000_000

    init(_ isShown: Bool, _ crew: Crew, _ now: Int64) {
        self.isShown = isShown
        self.crew = crew
        drawnAt = now
    }

    mutating func draw(_ now: Int64) {
        guard isShown, now - drawnAt >= Self.intervalNanoseconds else { return }
        let records = crew.progress
        let rate = Double(records - drawn) / (Double(now - drawnAt) / 1e9)
        StandardError.write(
            line: "rtd: \(records) records, \(ResultText.rate(rate))")
        drawnAt = now
        drawn = records
    }
}
