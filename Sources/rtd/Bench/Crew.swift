import Platform
import Synchronization

/// When a run's records count.
struct RunWindow: Sendable {
    /// Monotonic nanoseconds, as all here.
    let start: Int64
    /// What was sent before, in the warm-up, is left out of the figures.
    let measuredFrom: Int64
    /// Nothing is sent from here on; Int64.max when a count ends the run.
    let deadline: Int64
}

/// The threads of a run: they prepare, start together, and end together. The main thread waits for
/// them; the first error ends all.
final class Crew: @unchecked Sendable {
    private let lock = Lock()
    private let opened = Condition()
    private var preparing = 0
    private var working = 0
    private var window: RunWindow?
    private var failure: CommandFailure?
    private let stopped = Atomic<Bool>(false)
    private var sockets: [BlockingSocket] = []
    private var madeTallies: [Tally] = []

    /// Starts a thread; `work` prepares, calls `start` and goes on.
    func add(_ work: @escaping @Sendable (Crew) throws(CommandFailure) -> Void) {
        lock.withLock {
            preparing += 1
            working += 1
        }
        Thread.start(stackBytes: 512 << 10) { [self] in
            do throws(CommandFailure) {
                try work(self)
            } catch {
                fail(error)
            }
            lock.withLock { working -= 1 }
        }
    }

    /// A place for the figures of one thread; called by the main thread.
    func tally() -> Tally {
        let tally = Tally()
        lock.withLock { madeTallies.append(tally) }
        return tally
    }

    /// A failure interrupts the socket.
    func watch(_ socket: BlockingSocket) {
        lock.withLock { sockets.append(socket) }
    }

    /// Records so far, of all threads.
    var progress: Int { tallies.reduce(0) { $0 + $1.progress } }

    /// The figures of all threads.
    var tallies: [Tally] { lock.withLock { madeTallies } }

    /// Called once by each thread when it is ready: waits until all are; nil if the run has failed.
    func start() -> RunWindow? {
        lock.withLock {
            preparing -= 1
            while window == nil && failure == nil { lock.wait(opened) }
            return failure == nil ? window : nil
        }
    }

    /// Opens the run once all threads are ready.
    func open(_ make: () -> RunWindow) throws(CommandFailure) {
        while true {
            let (isReady, failure) = lock.withLock { (preparing == 0, self.failure) }
            if let failure { throw failure }
            if isReady { break }
            Processes.pause(milliseconds: 1)
        }
        let made = make()
        lock.withLock {
            window = made
            opened.broadcast()
        }
    }

    func fail(_ error: CommandFailure) {
        stopped.store(true, ordering: .relaxed)
        let watched = lock.withLock {
            if failure == nil { failure = error }
            opened.broadcast()
            return sockets
        }
        for socket in watched { socket.interrupt() }
    }

    /// True when a thread has failed, so that the others end too.
    var isStopped: Bool { stopped.load(ordering: .relaxed) }

    /// Waits for the end of all threads, calling `meanwhile` every few milliseconds.
    func finish(_ meanwhile: () -> Void) throws(CommandFailure) {
        while lock.withLock({ working > 0 }) {
            meanwhile()
            Processes.pause(milliseconds: 5)
        }
        if let failure = lock.withLock({ failure }) { throw failure }
    }
}

/// What one thread has done; read by the main thread for the progress line, and at the end.
final class Tally: @unchecked Sendable {
    private let done = Atomic<Int>(0)
    /// The fields below are the thread's own until it has ended.
    var records = 0
    var valueBytes = 0
    var batchBytes = 0
    var requests = 0
    var latencies = Histogram()
    /// When the last counted record was acknowledged or read.
    var lastAt: Int64 = 0

    /// Records so far, the warm-up included.
    var progress: Int { done.load(ordering: .relaxed) }

    func advance(_ records: Int) {
        done.wrappingAdd(records, ordering: .relaxed)
    }
}
