import Platform
import PostgresProtocol

/// Watches how much log the server keeps for a slot, from a thread and connections of its own, and
/// gives the slot up when it is more than was allowed: the output may be blocked for days, but the
/// source's disk does not fill.
final class LogGuard: @unchecked Sendable {
    private let address: PostgresAddress
    private var watched: String
    private let bytesMax: Int64
    /// Ends the capture.
    private let stop: StopSignal
    private let ended: StopSignal
    private let lock = Lock()
    private let changed = Condition()
    private var hasLeft = true
    private var kept: Int64?
    private var isDropped = false
    /// The stream of the slot, while there is one.
    private var stream: PostgresConnection?

    private static let intervalNanoseconds: Int64 = 5_000_000_000

    init(
        _ address: PostgresAddress, slot: String, bytesMax: Int64, stop: StopSignal
    ) throws(CaptureError) {
        self.address = address
        watched = slot
        self.bytesMax = bytesMax
        self.stop = stop
        do throws(SystemError) { ended = try StopSignal() } catch {
            throw .file(CaptureReport("\(error)"))
        }
    }

    func start() {
        lock.withLock { hasLeft = false }
        Thread.start { [self] in
            while !ended.wait(nanoseconds: Self.intervalNanoseconds) {
                // A server that cannot be asked keeps its log; the next round asks again.
                if (try? look()) == true { break }
            }
            lock.withLock {
                hasLeft = true
                changed.broadcast()
            }
        }
    }

    /// The connection that reads the slot from now on.
    func watch(_ stream: PostgresConnection?) { lock.withLock { self.stream = stream } }

    func watch(slot: String) { lock.withLock { watched = slot } }

    private var slot: String { lock.withLock { watched } }

    /// Ends the thread; what it has begun is done.
    func end() {
        ended.set()
        lock.withLock { while !hasLeft { lock.wait(changed) } }
    }

    /// What the slot was given up for; nil if it was not.
    var failure: CaptureError? {
        let state = lock.withLock { (kept: kept, isDropped: isDropped) }
        guard let bytes = state.kept else { return nil }
        let fate = state.isDropped ? "was dropped" : "could not be dropped"
        let report = CaptureReport(
            "slot \"\(slot)\" \(fate): the server kept \(bytes) bytes of log for it, more than "
                + "--max-wal allows",
            hint: state.isDropped
                ? "begin with a new snapshot, or allow more"
                : "rtd cdc URL --slots --drop \(slot) drops it")
        return CaptureError.slotLost(report)
    }

    /// True when the slot was dropped.
    private func look() throws(CaptureError) -> Bool {
        let connection = try PostgresConnection.open(address)
        defer { connection.close() }
        let slot = slot
        let text = try connection.value(
            """
            SELECT pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn()
            ELSE pg_current_wal_lsn() END, restart_lsn)::int8
            FROM pg_replication_slots WHERE slot_name = \(quotedText(slot))
            """, doing: "look at slot \"\(slot)\"")
        guard let bytes = text.flatMap({ Int64($0) }), bytes > bytesMax, !ended.isSet else {
            return false
        }
        lock.withLock { kept = bytes }
        stop.set()
        // Its output may stand still for ever: a server that waits for it does not end.
        lock.withLock { stream?.interrupt() }
        _ = try connection.rows(
            """
            SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots
            WHERE slot_name = \(quotedText(slot)) AND active_pid IS NOT NULL
            """, doing: "end the stream of slot \"\(slot)\"")
        // A capture that goes is another reason for it to be free only in a moment.
        try? CaptureSession.drop(slot, connection)
        let rest = try connection.rows(
            "SELECT 1 FROM pg_replication_slots WHERE slot_name = \(quotedText(slot))",
            doing: "look at slot \"\(slot)\"")
        lock.withLock { isDropped = rest.isEmpty }
        return true
    }
}
