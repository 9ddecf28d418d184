import Platform
import PostgresProtocol

/// Watches how much log the server keeps for a slot, from a thread and connections of its own, and
/// gives the slot up when it is more than was allowed: the output may be blocked for days, but the
/// source's disk does not fill.
final class LogGuard: @unchecked Sendable {
    private let address: PostgresAddress
    private let slot: String
    private let bytesMax: Int64
    private let capture: PostgresConnection
    private let ended: StopSignal
    private let lock = Lock()
    private var kept: Int64?

    private static let intervalNanoseconds: Int64 = 5_000_000_000

    init(
        _ address: PostgresAddress, slot: String, bytesMax: Int64, capture: PostgresConnection
    ) throws(CaptureError) {
        self.address = address
        self.slot = slot
        self.bytesMax = bytesMax
        self.capture = capture
        do throws(SystemError) { ended = try StopSignal() } catch {
            throw .file(CaptureReport("\(error)"))
        }
    }

    func start() {
        Thread.start { [self] in
            while !ended.wait(nanoseconds: Self.intervalNanoseconds) {
                // A server that cannot be asked keeps its log; the next round asks again.
                if (try? look()) == true { return }
            }
        }
    }

    func end() { ended.set() }

    /// What the slot was given up for; nil if it was not.
    var failure: CaptureError? {
        lock.withLock { kept }.map { kept in
            .slotLost(
                CaptureReport(
                    "slot \"\(slot)\" was dropped: the server kept \(kept) bytes of log for it, "
                        + "more than --max-wal allows",
                    hint: "begin with a new snapshot, or allow more"))
        }
    }

    /// True when the slot was dropped.
    private func look() throws(CaptureError) -> Bool {
        let connection = try PostgresConnection.open(address)
        defer { connection.close() }
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
        capture.interrupt()
        _ = try connection.rows(
            """
            SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots
            WHERE slot_name = \(quotedText(slot)) AND active_pid IS NOT NULL
            """, doing: "end the stream of slot \"\(slot)\"")
        try CaptureSession.drop(slot, connection)
        return true
    }
}
