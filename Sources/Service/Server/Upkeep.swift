import Platform
import Streaming

/// What a server does by itself: syncs that nobody waits for, retention, leaving when idle.
///
/// Ticks on one loop; what blocks goes to the workers.
final class Upkeep: @unchecked Sendable {
    private let broker: Broker
    private let loop: Loop
    private let workers: any Workers
    private let certificates: CertificateUpkeep?
    private let clock = SystemClock()
    private var stopped = false
    private var lastRetention: Int64
    private var working = false
    /// Looks whether it is time to leave.
    private var leaveCheck: (@Sendable () -> Void)?

    private static let tickNanoseconds: Int64 = 1_000_000_000

    init(
        broker: Broker, loop: Loop, workers: any Workers, certificates: CertificateUpkeep? = nil
    ) {
        self.certificates = certificates
        self.broker = broker
        self.loop = loop
        self.workers = workers
        lastRetention = clock.monotonicNanoseconds
    }

    func start() {
        loop.post { [self] in tick() }
    }

    func stop() {
        loop.post { [self] in stopped = true }
    }

    private func tick() {
        guard !stopped else { return }
        leaveCheck?()
        let now = clock.monotonicNanoseconds
        let interval =
            broker.brokerSettings.number("log.retention.check.interval.ms")
            .multipliedReportingOverflow(by: 1_000_000)
        let retention =
            !interval.overflow && now - lastRetention >= interval.partialValue
        if retention { lastRetention = now }
        if !working {
            working = true
            workers.submit { [self] in
                broker.tick()
                if retention { broker.applyRetention() }
                certificates?.check()
                loop.post { [self] in working = false }
            }
        }
        loop.after(Self.tickNanoseconds) { [weak self] in self?.tick() }
    }

    /// Looks at every tick whether a server on demand is still wanted.
    func watchIdle(
        _ server: KafkaServer, _ lock: FileLock, _ idleNanoseconds: Int64,
        _ leave: @escaping @Sendable () -> Void
    ) {
        let clock = self.clock
        loop.post { [self] in
            let since = IdleTime(clock.monotonicNanoseconds)
            server.onCountChange { _ in since.touch(clock.monotonicNanoseconds) }
            leaveCheck = {
                let now = clock.monotonicNanoseconds
                if server.connectionCount > 0 { since.touch(now) }
                if !lock.isInPlace || now - since.last >= idleNanoseconds { leave() }
            }
        }
    }

    /// Looks at every tick whether the process that started this one is still its parent.
    func watchParent(_ owner: Int32, _ leave: @escaping @Sendable () -> Void) {
        loop.post { [self] in
            leaveCheck = { if Processes.parentID != owner { leave() } }
        }
    }
}

/// When a client was seen last, in monotonic nanoseconds.
private final class IdleTime: @unchecked Sendable {
    private let lock = Lock()
    private var time: Int64

    init(_ time: Int64) { self.time = time }
    func touch(_ now: Int64) { lock.withLock { time = now } }
    var last: Int64 { lock.withLock { time } }
}
