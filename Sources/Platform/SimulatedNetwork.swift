/// The simulated twin of loops and sockets: one thread, time that stands still until nothing is
/// left to do, streams that move as many bytes at a time as a seed says and can be cut.
///
/// Everything runs inside `run`, on the thread that calls it, in an order that only the seed
/// decides.
public final class SimulatedLoop: EventLoop, @unchecked Sendable {
    private enum Work: @unchecked Sendable {
        case closure(@Sendable () -> Void)
        case job(UnownedJob)
    }

    public let simulatedClock: SimulatedClock
    /// At most so many bytes move in one read or write; nil for as many as fit.
    public var bytesPerMoveMax: Int?
    private var random: SeededRandom
    private let lock = Lock()
    private var queue: [Work] = []
    private var timers = TimerHeap()
    private var listeners: [SocketAddress: SimulatedListener] = [:]
    private var lastPort: UInt16 = 40_000
    private var runner: UInt?

    /// Bytes that wait in one direction of a stream at most, as in a socket's buffer.
    static let bufferBytesMax = 256 * 1024

    public init(seed: UInt64 = 0, clock: SimulatedClock = SimulatedClock()) {
        random = SeededRandom(seed: seed)
        simulatedClock = clock
    }

    public var clock: any Clock { simulatedClock }
    public var isCurrent: Bool { runner == Thread.currentID() }

    public func post(_ job: @escaping @Sendable () -> Void) {
        lock.withLock { queue.append(.closure(job)) }
    }

    public func enqueue(_ job: consuming ExecutorJob) {
        let work = Work.job(UnownedJob(job))
        lock.withLock { queue.append(work) }
    }

    @discardableResult
    public func after(_ nanoseconds: Int64, _ job: @escaping @Sendable () -> Void) -> TimerID {
        timers.add(deadline: clock.monotonicNanoseconds &+ nanoseconds, job)
    }

    public func cancel(_ timer: TimerID) { timers.cancel(timer) }

    /// Runs what is queued; with nothing queued, time jumps to the next timer. Ends when `done`
    /// says so, when nothing is left, or when the next timer lies more than `milliseconds` from the
    /// start.
    public func run(milliseconds: Int64 = 60_000, until done: () -> Bool = { false }) {
        runner = Thread.currentID()
        defer { runner = nil }
        let end = clock.monotonicNanoseconds &+ milliseconds &* 1_000_000
        while !done() {
            if runQueued() { continue }
            guard let deadline = timers.nextDeadline, deadline <= end else { return }
            let wait = max(0, deadline - clock.monotonicNanoseconds)
            simulatedClock.advance(milliseconds: (wait + 999_999) / 1_000_000)
            while let job = timers.popDue(clock.monotonicNanoseconds) { job() }
        }
    }

    /// Lets go of what waits, and with it of all that would run here: a simulation has ended.
    public func discard() {
        lock.withLock { queue = [] }
        timers = TimerHeap()
        listeners = [:]
    }

    private func runQueued() -> Bool {
        let round = lock.withLock {
            defer { queue = [] }
            return queue
        }
        for work in round {
            switch work {
            case .closure(let closure): closure()
            case .job(let job): unsafe job.runSynchronously(on: asUnownedTaskExecutor())
            }
        }
        return !round.isEmpty
    }

    public func listen(
        _ address: SocketAddress, accepted: @escaping @Sendable (any Stream) -> Void
    ) throws(SystemError) -> any Listener {
        var address = address
        if address.port == 0, let host = address.host {
            lastPort += 1
            address = SocketAddress(host: host, port: lastPort) ?? address
        }
        guard listeners[address] == nil else {
            throw SystemError(
                code: SystemError.addressInUseCode, operation: "listen on", subject: "\(address)")
        }
        let listener = SimulatedListener(address, loop: self, accepted: accepted)
        listeners[address] = listener
        return listener
    }

    func forget(_ listener: SimulatedListener) { listeners[listener.address] = nil }

    public func connect(
        _ address: SocketAddress,
        done: @escaping @Sendable (Result<any Stream, SystemError>) -> Void
    ) {
        post { [self] in
            guard let listener = listeners[address] else {
                return done(
                    .failure(
                        SystemError(
                            code: SystemError.connectionRefusedCode, operation: "reach",
                            subject: "\(address)")))
            }
            lastPort += 1
            let own = SocketAddress.ipv4(host: "127.0.0.1", port: lastPort)
            let (near, far) = SimulatedStream.pair(self, near: own, far: address)
            listener.accepted(far)
            done(.success(near))
        }
    }

    /// How many bytes move now, of so many that could.
    func share(of count: Int) -> Int {
        guard let bytesPerMoveMax, count > 0 else { return count }
        return min(count, 1 + random.below(bytesPerMoveMax))
    }
}

/// A listening socket of a simulated loop.
final class SimulatedListener: Listener, @unchecked Sendable {
    let address: SocketAddress
    let accepted: @Sendable (any Stream) -> Void
    private weak var loop: SimulatedLoop?

    init(
        _ address: SocketAddress, loop: SimulatedLoop,
        accepted: @escaping @Sendable (any Stream) -> Void
    ) {
        self.address = address
        self.loop = loop
        self.accepted = accepted
    }

    func close() { loop?.forget(self) }
}

/// One end of a connection in memory.
public final class SimulatedStream: Stream, @unchecked Sendable {
    public let localAddress: SocketAddress
    public let peerAddress: SocketAddress
    private let loop: SimulatedLoop
    /// What the peer has written and this end has not read.
    private var incoming: [UInt8] = []
    private var hasEnded = false
    private var isCut = false
    private var isOpen = true
    private var handler: (any StreamHandler)?
    private weak var peer: SimulatedStream?

    public var peerHasEnded: Bool { hasEnded }

    private init(_ loop: SimulatedLoop, local: SocketAddress, peer: SocketAddress) {
        self.loop = loop
        localAddress = local
        peerAddress = peer
    }

    static func pair(_ loop: SimulatedLoop, near: SocketAddress, far: SocketAddress) -> (
        SimulatedStream, SimulatedStream
    ) {
        let one = SimulatedStream(loop, local: near, peer: far)
        let other = SimulatedStream(loop, local: far, peer: near)
        one.peer = other
        other.peer = one
        return (one, other)
    }

    public func start(on loop: any EventLoop, handler: any StreamHandler) {
        self.handler = handler
        // Each keeps the other alive while it is in use, as the kernel would.
        tell(readable: true, writable: true)
    }

    private func tell(readable: Bool, writable: Bool) {
        loop.post { [self] in
            if isOpen { handler?.streamReady(readable: readable, writable: writable) }
        }
    }

    public func read(into target: UnsafeMutableRawBufferPointer) -> StreamResult {
        guard isOpen else { return .end }
        if isCut { return .failed(Self.reset) }
        guard !incoming.isEmpty else { return hasEnded ? .end : .wouldBlock }
        let wanted = min(target.count, incoming.count)
        let count = loop.share(of: wanted)
        unsafe target.copyBytes(from: incoming[..<count])
        incoming.removeFirst(count)
        peer?.tell(readable: false, writable: true)
        // A short read tells callers that nothing is left; if something is, they are told again.
        if !incoming.isEmpty || hasEnded { tell(readable: true, writable: false) }
        return .moved(count)
    }

    public func write(_ source: UnsafeRawBufferPointer) -> StreamResult {
        guard isOpen else { return .end }
        guard let peer, !isCut, peer.isOpen else { return .failed(Self.reset) }
        let room = SimulatedLoop.bufferBytesMax - peer.incoming.count
        let wanted = min(source.count, room)
        guard wanted > 0 else { return .wouldBlock }
        let count = loop.share(of: wanted)
        unsafe peer.incoming.append(contentsOf: source[..<count])
        peer.tell(readable: true, writable: false)
        return .moved(count)
    }

    public func send(_ file: any File, at position: Int64, count: Int) -> StreamResult {
        do throws(SystemError) {
            let bytes = try file.read(at: position, count: min(count, SimulatedLoop.bufferBytesMax))
            guard !bytes.isEmpty else { return .end }
            return unsafe bytes.withUnsafeBytes { unsafe write($0) }
        } catch {
            return .failed(error)
        }
    }

    public func close() {
        guard isOpen else { return }
        isOpen = false
        handler = nil
        peer?.hasEnded = true
        peer?.tell(readable: true, writable: true)
    }

    /// Cuts the connection, as a peer that crashed: what was not read is lost.
    public func cut() {
        for end in [self, peer].compactMap({ $0 }) {
            end.isCut = true
            end.incoming = []
            end.tell(readable: true, writable: true)
        }
    }

    private static let reset = SystemError(
        code: SystemError.connectionResetCode, operation: "read")
}
