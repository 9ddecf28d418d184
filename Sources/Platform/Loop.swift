import CSystem
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What a loop calls when a watched descriptor is ready.
protocol PollHandler: AnyObject {
    /// With `ended` the peer sends no more, which is told once: what is there must be read to its
    /// end.
    func ready(readable: Bool, writable: Bool, ended: Bool)
}

/// The event loop over the kernel's poller. One thread runs it; see `EventLoop`.
public final class Loop: EventLoop, @unchecked Sendable {
    private enum Work: @unchecked Sendable {
        case closure(@Sendable () -> Void)
        case job(UnownedJob)
    }

    public let clock: any Clock
    private let poller = Poller()
    /// The thread in `run`; 0 before and after.
    private let thread = Atomic<UInt>(0)

    /// Touched on the loop's thread only.
    private var queue: [Work] = []
    private var timers = TimerHeap()
    private var handlers: [Int: any PollHandler] = [:]
    private var generation: UInt32 = 0
    private var tokens: [CInt: UInt64] = [:]
    private var running = true

    /// Guarded by `lock`: what other threads have handed over, and whether the loop must be woken.
    private let lock = Lock()
    private var inbox: [Work] = []
    private var sleeping = false

    public init(clock: any Clock = SystemClock()) {
        self.clock = clock
        ignoreBrokenPipes()
    }

    deinit { poller.close() }

    /// Runs the loop on a thread of its own.
    public func start() {
        Thread.start(stackBytes: 4 << 20) { [self] in run() }
    }

    /// Runs on the current thread until `stop`.
    public func run() {
        thread.store(Thread.currentID(), ordering: .relaxed)
        running = true
        while running {
            takeInbox()
            runQueue()
            if !running { break }
            poller.wait(milliseconds: timeout()) { token, readable, writable, ended in
                let key = Int(truncatingIfNeeded: token)
                handlers[key]?.ready(readable: readable, writable: writable, ended: ended)
            }
            lock.withLock { sleeping = false }
            fireTimers()
        }
        thread.store(0, ordering: .relaxed)
    }

    /// Makes `run` return after the current round; from any thread.
    public func stop() {
        post { [self] in running = false }
    }

    public var isCurrent: Bool {
        thread.load(ordering: .relaxed) == Thread.currentID()
    }

    public func post(_ job: @escaping @Sendable () -> Void) {
        add(.closure(job))
    }

    public func enqueue(_ job: consuming ExecutorJob) {
        add(.job(UnownedJob(job)))
    }

    private func add(_ work: Work) {
        if isCurrent {
            queue.append(work)
            return
        }
        let mustWake = lock.withLock {
            inbox.append(work)
            defer { sleeping = false }
            return sleeping
        }
        if mustWake { poller.wake() }
    }

    private func takeInbox() {
        lock.withLock {
            guard !inbox.isEmpty else { return }
            if queue.isEmpty {
                swap(&queue, &inbox)
            } else {
                queue.append(contentsOf: inbox)
                inbox.removeAll(keepingCapacity: true)
            }
        }
    }

    private func runQueue() {
        // What a job adds runs in the next round, so that sockets get their turn.
        var round: [Work] = []
        swap(&round, &queue)
        for work in round {
            switch work {
            case .closure(let closure): closure()
            case .job(let job): unsafe job.runSynchronously(on: asUnownedTaskExecutor())
            }
        }
        if queue.isEmpty {
            round.removeAll(keepingCapacity: true)
            swap(&round, &queue)
        }
    }

    /// Milliseconds until the next timer, -1 without one; marks the loop as asleep if it may block.
    private func timeout() -> CInt {
        guard queue.isEmpty else { return 0 }
        let mayBlock = lock.withLock {
            guard inbox.isEmpty else { return false }
            sleeping = true
            return true
        }
        guard mayBlock else { return 0 }
        guard let deadline = timers.nextDeadline else { return -1 }
        let left = deadline - clock.monotonicNanoseconds
        guard left > 0 else { return 0 }
        return CInt(clamping: (left + 999_999) / 1_000_000)
    }

    private func fireTimers() {
        guard timers.nextDeadline != nil else { return }
        let now = clock.monotonicNanoseconds
        while let job = timers.popDue(now) { job() }
    }

    @discardableResult
    public func after(_ nanoseconds: Int64, _ job: @escaping @Sendable () -> Void) -> TimerID {
        timers.add(deadline: clock.monotonicNanoseconds &+ nanoseconds, job)
    }

    public func cancel(_ timer: TimerID) {
        timers.cancel(timer)
    }

    public func listen(
        _ address: SocketAddress, accepted: @escaping @Sendable (any Stream) -> Void
    ) throws(SystemError) -> any Listener {
        try SocketListener(address, loop: self, accepted: accepted)
    }

    public func connect(
        _ address: SocketAddress,
        done: @escaping @Sendable (Result<any Stream, SystemError>) -> Void
    ) {
        let descriptor = makeSocket(address.family)
        guard descriptor >= 0 else {
            return done(.failure(SystemError.last("open a socket for", "\(address)")))
        }
        let status = unsafe address.withRaw { raw, length in
            uninterrupted { unsafe platformConnect(descriptor, raw, length) }
        }
        if status == 0 { return done(.success(SocketStream(descriptor: descriptor))) }
        guard errno == EINPROGRESS else {
            let error = SystemError.last("reach", "\(address)")
            closeDescriptor(descriptor)
            return done(.failure(error))
        }
        watch(descriptor, PendingConnection(descriptor, address, self, done))
    }

    /// Watches a descriptor; on the loop, or before it runs.
    func watch(_ descriptor: CInt, _ handler: any PollHandler) {
        generation &+= 1
        let token = UInt64(generation) << 32 | UInt64(UInt32(bitPattern: descriptor))
        tokens[descriptor] = token
        handlers[Int(truncatingIfNeeded: token)] = handler
        poller.add(descriptor, token: token)
    }

    /// Stops watching; must come before the descriptor is closed.
    func forget(_ descriptor: CInt) {
        guard let token = tokens.removeValue(forKey: descriptor) else { return }
        handlers[Int(truncatingIfNeeded: token)] = nil
        poller.remove(descriptor)
    }
}

/// A connect that has not been answered.
private final class PendingConnection: PollHandler {
    private let descriptor: CInt
    private let address: SocketAddress
    private unowned let loop: Loop
    private let done: @Sendable (Result<any Stream, SystemError>) -> Void

    init(
        _ descriptor: CInt, _ address: SocketAddress, _ loop: Loop,
        _ done: @escaping @Sendable (Result<any Stream, SystemError>) -> Void
    ) {
        self.descriptor = descriptor
        self.address = address
        self.loop = loop
        self.done = done
    }

    func ready(readable: Bool, writable: Bool, ended: Bool) {
        guard writable else { return }
        var code: CInt = 0
        var length = socklen_t(MemoryLayout<CInt>.size)
        unsafe getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length)
        loop.forget(descriptor)
        if code == 0 {
            done(.success(SocketStream(descriptor: descriptor)))
        } else {
            closeDescriptor(descriptor)
            done(.failure(SystemError(code: code, operation: "reach", subject: "\(address)")))
        }
    }
}

private func platformConnect(
    _ descriptor: CInt, _ address: UnsafePointer<sockaddr>, _ length: socklen_t
) -> CInt {
    unsafe connect(descriptor, address, length)
}

private func ignoreBrokenPipes() {
    _ = signal(SIGPIPE, SIG_IGN)
}
