public import Platform

/// Makes acks=all true: syncs the files of all logs that someone waits for, round after round.
///
/// A round syncs what was dirty when it began, in parallel, so that the files share journal
/// commits; what arrives meanwhile shares the next one. Any thread may call; completions run on a
/// worker.
public final class GroupCommit: @unchecked Sendable {
    private let workers: any Workers
    private let lock = Lock()
    private var dirty: [ObjectIdentifier: Log] = [:]
    private var waiters: [Waiter] = []
    /// Logs that were appended to and that nobody waits for.
    private var noted: [ObjectIdentifier: Log] = [:]
    private var isRunning = false
    private var roundCount: Int64 = 0

    private struct Waiter {
        let log: Log
        let offset: Int64
        let done: @Sendable (Result<Void, LogError>) -> Void
    }

    /// `workers` should have about 32 threads.
    public init(workers: any Workers) {
        self.workers = workers
    }

    /// Rounds so far; what was appended between two of them shared one sync.
    public var rounds: Int64 { lock.withLock { roundCount } }

    /// Calls `done` once everything below `offset` is durable, or has failed to become so.
    ///
    /// Called before this returns, on this thread, if that is so already or the log never syncs.
    public func commit(
        _ log: Log, upTo offset: Int64,
        done: @escaping @Sendable (Result<Void, LogError>) -> Void
    ) {
        if let result = log.commitResult(upTo: offset) { return done(result) }
        let starts = lock.withLock {
            waiters.append(Waiter(log: log, offset: offset, done: done))
            dirty[ObjectIdentifier(log)] = log
            return takesTurn()
        }
        if starts { workers.submit { [self] in round() } }
    }

    /// Syncs the log in the next round although nobody waits; called when an append says so.
    public func schedule(_ log: Log) {
        guard log.isSyncWanted else { return }
        let starts = lock.withLock {
            dirty[ObjectIdentifier(log)] = log
            return takesTurn()
        }
        if starts { workers.submit { [self] in round() } }
    }

    /// Notes that the log was appended to without a waiter: the next `tick` syncs it.
    public func note(_ log: Log) {
        lock.withLock { noted[ObjectIdentifier(log)] = log }
    }

    /// Called about once a second: syncs the logs noted since the last call, so that a start never
    /// has much to read.
    public func tick() {
        let logs = lock.withLock {
            defer { noted = [:] }
            return noted
        }
        for log in logs.values { schedule(log) }
    }

    private func takesTurn() -> Bool {
        defer { isRunning = true }
        return !isRunning
    }

    /// Runs rounds until nothing is dirty. On a worker.
    private func round() {
        let (logs, waiting) = lock.withLock {
            defer {
                dirty = [:]
                waiters = []
                roundCount += 1
            }
            return (Array(dirty.values), waiters)
        }
        let round = Round(logs: logs, waiters: waiting.count)
        if logs.count == 1, let log = logs.first {
            round.sync(log)
            return finish(round, waiting)
        }
        for log in logs {
            workers.submit { [self] in
                round.sync(log)
                if round.countDown() { finish(round, waiting) }
            }
        }
    }

    /// Answers the waiters of a round, begins the next one, then does what may take longer.
    private func finish(_ round: Round, _ waiting: [Waiter]) {
        for callback in round.callbacks { callback() }
        for waiter in waiting { waiter.done(round.result(of: waiter.log)) }
        let goesOn = lock.withLock {
            isRunning = !dirty.isEmpty
            return isRunning
        }
        if goesOn { workers.submit { [self] in self.round() } }
        for job in round.jobs { job.log.maintain(job) }
    }

    /// The results of one round, gathered from the workers.
    private final class Round: @unchecked Sendable {
        private let lock = Lock()
        private var left: Int
        private var results: [ObjectIdentifier: Result<Void, LogError>] = [:]
        private(set) var jobs: [SyncJob] = []
        private(set) var callbacks: [@Sendable () -> Void] = []

        init(logs: [Log], waiters: Int) {
            left = logs.count
        }

        func sync(_ log: Log) {
            guard let job = log.beginSync() else {
                return lock.withLock {
                    results[ObjectIdentifier(log)] = .failure(
                        .readOnly(log.failureReason ?? "the log is closed"))
                }
            }
            let (result, advanced) = log.endSync(job, job.perform())
            lock.withLock {
                results[ObjectIdentifier(log)] = result
                if let advanced { callbacks.append(advanced) }
                if case .success = result { jobs.append(job) }
            }
        }

        /// True for the last one.
        func countDown() -> Bool {
            lock.withLock {
                left -= 1
                return left == 0
            }
        }

        func result(of log: Log) -> Result<Void, LogError> {
            results[ObjectIdentifier(log)] ?? .failure(.closed)
        }
    }
}

extension Log {
    /// False where syncs are left to the system, once the disk knows that the log is in use.
    var isSyncWanted: Bool { lock.withLock { storedSettings.syncs || !inUseIsDurable } }

    /// What a waiter for `offset` gets without waiting; nil if it has to wait.
    func commitResult(upTo offset: Int64) -> Result<Void, LogError>? {
        lock.withLock {
            if durable.end >= offset { return .success(()) }
            if let failure { return .failure(.readOnly(failure)) }
            return storedSettings.syncs ? nil : .success(())
        }
    }
}
