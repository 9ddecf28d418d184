/// Random numbers from a seed (SplitMix64), for simulated twins.
public struct SeededRandom: RandomNumberGenerator, Sendable {
    private var state: UInt64

    public init(seed: UInt64) {
        state = seed
    }

    public mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z &>> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z &>> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z &>> 31)
    }

    /// A number from 0 to `limit` - 1.
    public mutating func below(_ limit: Int) -> Int {
        limit <= 0 ? 0 : Int(next() % UInt64(limit))
    }

    public mutating func chance(_ times: Int, in total: Int) -> Bool {
        below(total) < times
    }

    public mutating func shuffled<T>(_ items: [T]) -> [T] {
        var items = items
        var i = items.count - 1
        while i > 0 {
            items.swapAt(i, below(i + 1))
            i -= 1
        }
        return items
    }
}

/// A clock that stands still until it is moved.
public final class SimulatedClock: Clock, @unchecked Sendable {
    private let lock = Lock()
    private var monotonic: Int64
    private var wall: Int64

    public init(monotonicNanoseconds: Int64 = 0, wallMilliseconds: Int64 = 1_700_000_000_000) {
        monotonic = monotonicNanoseconds
        wall = wallMilliseconds
    }

    public var monotonicNanoseconds: Int64 { lock.withLock { monotonic } }
    public var wallMilliseconds: Int64 { lock.withLock { wall } }

    /// Lets time pass on both clocks.
    public func advance(milliseconds: Int64) {
        lock.withLock {
            monotonic += milliseconds * 1_000_000
            wall += milliseconds
        }
    }

    /// Sets the time of day, as an administrator or NTP does; durations are not touched.
    public func jump(toWallMilliseconds milliseconds: Int64) {
        lock.withLock { wall = milliseconds }
    }
}

/// Workers whose jobs run when they are told to, in a seeded order, on the thread that tells them.
public final class SimulatedWorkers: Workers, @unchecked Sendable {
    private let lock = Lock()
    private var jobs: [@Sendable () -> Void] = []
    private var random: SeededRandom

    public init(seed: UInt64 = 0) {
        random = SeededRandom(seed: seed)
    }

    public func submit(_ job: @escaping @Sendable () -> Void) {
        lock.withLock { jobs.append(job) }
    }

    public var pendingCount: Int { lock.withLock { jobs.count } }

    /// Runs one of the waiting jobs; false if there is none.
    @discardableResult
    public func runOne() -> Bool {
        let job: (@Sendable () -> Void)? = lock.withLock {
            jobs.isEmpty ? nil : jobs.remove(at: random.below(jobs.count))
        }
        job?()
        return job != nil
    }

    /// Runs jobs, and those they submit, until none waits.
    public func runAll() {
        while runOne() {}
    }
}
