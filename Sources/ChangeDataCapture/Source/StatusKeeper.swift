import Platform
import PostgresProtocol

/// Tells the server how far its log is kept here: from a thread of its own, so that a sink that
/// blocks loses neither the connection nor, with an idle database, the server's disk.
final class StatusKeeper: @unchecked Sendable {
    private let connection: PostgresConnection
    private let sink: any ChangeSink
    private let interval: Int64
    private let lock = Lock()
    private let changed = Condition()
    private var isEnded = false
    private var hasLeft = false
    /// The end of the last transaction that the sink was given.
    private var given: LogSequenceNumber
    /// Up to here the log has nothing for the sink beyond what it was given: it was received.
    private var idle: LogSequenceNumber
    private var flushed: LogSequenceNumber
    /// What the slot needs for transactions that are prepared begins here.
    private var limit: LogSequenceNumber?

    init(
        _ connection: PostgresConnection, _ sink: any ChangeSink, from start: LogSequenceNumber,
        interval: Int64
    ) {
        self.connection = connection
        self.sink = sink
        self.interval = interval
        given = start
        idle = start
        flushed = LogSequenceNumber(0)
    }

    func start() {
        Thread.start { [self] in
            while true {
                let goesOn = lock.withLock { () -> Bool in
                    if !isEnded { _ = lock.wait(changed, nanoseconds: interval) }
                    return !isEnded
                }
                guard goesOn else { break }
                // A connection that is lost is found by whoever reads it.
                try? send()
            }
            lock.withLock {
                hasLeft = true
                changed.broadcast()
            }
        }
    }

    /// Ends the thread; the connection is not used by it any more.
    func end() {
        lock.withLock {
            isEnded = true
            changed.broadcast()
            while !hasLeft { lock.wait(changed) }
        }
    }

    /// From the capture's thread.
    func moved(given: LogSequenceNumber, idle: LogSequenceNumber?) {
        lock.withLock {
            self.given = given
            if let idle, idle > self.idle { self.idle = idle }
        }
    }

    /// From the capture's thread: no more may be acknowledged, whatever is kept.
    func limit(_ position: LogSequenceNumber) { lock.withLock { limit = position } }

    /// What may be acknowledged now: what the sink keeps. The part of the log that had nothing for
    /// it counts when it has kept that position too: a slot that is ahead of its output's position
    /// is known to serve another one.
    func acknowledged() -> LogSequenceNumber {
        let durable = sink.durable
        return lock.withLock {
            flushed = max(flushed, min(durable, limit ?? durable))
            return flushed
        }
    }

    func send(wantsReply: Bool = false) throws(CaptureError) {
        let flushed = acknowledged().value
        let written = lock.withLock { max(given.value, idle.value, flushed) }
        try connection.send(
            FrontendMessage.statusUpdate(
                written: written, flushed: flushed, applied: flushed,
                microseconds: SystemClock().wallMilliseconds * 1_000, wantsReply: wantsReply))
    }
}
