import CSystem

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A thread of its own, for loops and for work that blocks.
public enum Thread {
    private final class Body {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// Starts a detached thread with all signals blocked, so that only the signal thread gets them.
    public static func start(stackBytes: Int = 1 << 20, _ run: @escaping @Sendable () -> Void) {
        var attributes = pthread_attr_t()
        unsafe pthread_attr_init(&attributes)
        unsafe pthread_attr_setstacksize(&attributes, stackBytes)
        unsafe pthread_attr_setdetachstate(&attributes, CInt(PTHREAD_CREATE_DETACHED))
        defer { unsafe pthread_attr_destroy(&attributes) }
        let body = unsafe Unmanaged.passRetained(Body(run)).toOpaque()
        var all = sigset_t()
        var before = sigset_t()
        unsafe sigfillset(&all)
        unsafe pthread_sigmask(SIG_SETMASK, &all, &before)
        #if canImport(Darwin)
            var thread: pthread_t?
        #else
            var thread = pthread_t()
        #endif
        let status = unsafe pthread_create(
            &thread, &attributes,
            { raw in
                #if canImport(Darwin)
                    let body = unsafe Unmanaged<Body>.fromOpaque(raw).takeRetainedValue()
                    body.run()
                #else
                    if let raw = unsafe raw {
                        unsafe Unmanaged<Body>.fromOpaque(raw).takeRetainedValue().run()
                    }
                #endif
                return nil
            }, body)
        unsafe pthread_sigmask(SIG_SETMASK, &before, nil)
        precondition(status == 0, "a thread cannot be started")
    }

    /// Lets the calling thread rest, about so long.
    public static func pause(nanoseconds: Int64) {
        var span = timespec(
            tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
        _ = unsafe nanosleep(&span, nil)
    }

    /// Runs `body` on a thread with that much stack and waits for it: for what nests deeply.
    public static func deep(
        stackBytes: Int, _ body: @escaping @Sendable () -> Int32
    ) -> Int32 {
        let result = Result()
        start(stackBytes: stackBytes) { result.set(body()) }
        return result.wait()
    }

    /// Gives the calling thread a small share of busy processors, for good; where niceness is the
    /// whole process's (macOS) nothing changes.
    public static func lowerPriority() {
        #if canImport(Glibc)
            // PRIO_PROCESS, and 0 for the caller, which on Linux is the thread.
            _ = setpriority(__priority_which_t(0), 0, 10)
        #elseif canImport(Musl)
            _ = setpriority(PRIO_PROCESS, 0, 10)
        #endif
    }

    private final class Result: @unchecked Sendable {
        private let lock = Lock()
        private let isThere = Condition()
        private var value: Int32?

        func set(_ value: Int32) {
            lock.withLock {
                self.value = value
                isThere.signal()
            }
        }

        func wait() -> Int32 {
            lock.withLock {
                while value == nil { lock.wait(isThere) }
                return value ?? 0
            }
        }
    }

    /// A number that tells threads apart. Never inlined: glibc declares pthread_self constant, and
    /// after a suspension an inlined copy names the wrong thread.
    @inline(never)
    static func currentID() -> UInt {
        #if canImport(Darwin)
            return unsafe UInt(bitPattern: pthread_self())
        #else
            return UInt(pthread_self())
        #endif
    }
}

/// Runs jobs that block (syncs, cold reads, name look-ups) away from the loops.
public protocol Workers: Sendable {
    /// Runs `job` on some other thread, soon; in no order.
    func submit(_ job: @escaping @Sendable () -> Void)
}

/// Threads made on demand, at most `threadsMax`, that wait for jobs as long as the process lives.
public final class WorkerThreads: Workers, @unchecked Sendable {
    private let lock = Lock()
    private let available = Condition()
    private let threadsMax: Int
    private var jobs: [@Sendable () -> Void] = []
    private var head = 0
    private var threads = 0
    private var idle = 0

    public init(threadsMax: Int) {
        self.threadsMax = threadsMax
    }

    public func submit(_ job: @escaping @Sendable () -> Void) {
        let needsThread = lock.withLock {
            jobs.append(job)
            if idle >= jobs.count - head {
                available.signal()
                return false
            }
            guard threads < threadsMax else { return false }
            threads += 1
            return true
        }
        if needsThread { Thread.start { [self] in work() } }
    }

    private func work() {
        // A job is let go without the lock: what it held may take long to end, as a thousand files
        // do that have no name any more, and whoever submits would wait for that.
        while true { next()() }
    }

    private func next() -> @Sendable () -> Void {
        lock.withLock {
            while head == jobs.count {
                idle += 1
                lock.wait(available)
                idle -= 1
            }
            let job = jobs[head]
            jobs[head] = {}
            head += 1
            if head == jobs.count {
                jobs.removeAll(keepingCapacity: true)
                head = 0
            }
            return job
        }
    }
}
