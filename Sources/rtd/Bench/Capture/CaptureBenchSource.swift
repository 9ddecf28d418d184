import ChangeDataCapture
import Platform

/// What a benchmark makes in a database, and removes: a schema with a table, a publication, and
/// slots. Used by the main thread.
final class CaptureBenchSource {
    let address: PostgresAddress
    let schema: String
    let connection: PostgresConnection
    /// The slot at the beginning of the changes; it is copied for each run.
    var slot: String { schema }
    private(set) var end = LogSequenceNumber(0)
    private(set) var version = ""
    /// Bytes of write-ahead log that the changes took.
    private(set) var logBytes = 0

    static let rowsInTransaction = 1_000

    init(_ url: String, id: String, stop: StopSignal) throws(CaptureError) {
        var address = try PostgresAddress.parse(url, passwordFile: nil)
        address.applicationName = "rtd"
        self.address = address
        schema = String(id.map { $0 == "-" ? "_" : $0 })
        connection = try PostgresConnection.open(address, stop: stop)
        version = try text("SELECT current_setting('server_version')")
        let level = try text("SELECT current_setting('wal_level')")
        guard level == "logical" else {
            throw .setting(
                CaptureReport(
                    "the server has wal_level=\(level)",
                    hint: "ALTER SYSTEM SET wal_level = logical, and a restart of the server"))
        }
        do throws(CaptureError) {
            try run(
                """
                CREATE SCHEMA \(schema); CREATE TABLE \(schema).events (id bigint PRIMARY KEY,
                  number int, kind text, amount numeric, at timestamptz, doc jsonb);
                CREATE PUBLICATION \(schema) FOR TABLE \(schema).events
                """)
            try run("SELECT pg_create_logical_replication_slot('\(slot)', 'pgoutput')")
        } catch {
            remove()
            throw error
        }
    }

    /// Writes the changes: inserts of about 150 bytes, in transactions of a thousand.
    func fill(_ count: Int, stop: StopSignal) throws(CaptureError) {
        let start = try text("SELECT pg_current_wal_insert_lsn()")
        var first = 1
        while first <= count, !stop.isSet {
            let last = min(count, first + Self.rowsInTransaction - 1)
            try run(
                """
                INSERT INTO \(schema).events SELECT g, g % 1000, 'click',
                  (g % 10000) / 100.0, now(), jsonb_build_object('k', g, 's', repeat('x', 40))
                FROM generate_series(\(first), \(last)) g
                """)
            first = last + 1
        }
        let position = try text("SELECT pg_current_wal_flush_lsn()")
        guard let end = LogSequenceNumber(position), let start = LogSequenceNumber(start) else {
            throw .malformed(CaptureReport("\"\(position)\" is no position"))
        }
        self.end = end
        logBytes = Int(end.value - start.value)
    }

    /// A slot at the same place, for one run.
    func copySlot(_ name: String) throws(CaptureError) -> String {
        let copy = "\(schema)_\(name)"
        try run("SELECT pg_copy_logical_replication_slot('\(slot)', '\(copy)')")
        return copy
    }

    /// A slot at the end of what there is.
    func makeSlot(_ name: String) throws(CaptureError) -> String {
        let made = "\(schema)_\(name)"
        try run("SELECT pg_create_logical_replication_slot('\(made)', 'pgoutput')")
        return made
    }

    /// Its last reader may be leaving still.
    func drop(slot: String) throws(CaptureError) {
        for _ in 0..<200 {
            let pid = try text(
                "SELECT coalesce(max(active_pid), 0) FROM pg_replication_slots "
                    + "WHERE slot_name = '\(slot)'")
            if pid == "0" { break }
            Thread.pause(nanoseconds: 10_000_000)
        }
        try run(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots "
                + "WHERE slot_name = '\(slot)'")
    }

    func run(_ sql: String) throws(CaptureError) {
        try connection.execute(sql, doing: "prepare the benchmark")
    }

    func text(_ sql: String) throws(CaptureError) -> String {
        try connection.rows(sql, doing: "prepare the benchmark").first?.first?.flatMap { $0 } ?? ""
    }

    /// Whatever the run has come to.
    func remove() {
        do throws(CaptureError) {
            // The connection may have been left in the middle of an answer.
            let last = try PostgresConnection.open(address)
            defer { last.close() }
            let doing = "remove what the benchmark made"
            let slots = try last.rows(
                "SELECT slot_name, active_pid FROM pg_replication_slots "
                    + "WHERE slot_name LIKE '\(schema)%'", doing: doing)
            for case let name? in slots.map(\.[0]) {
                try last.execute(
                    "SELECT pg_terminate_backend(active_pid, 5000) FROM pg_replication_slots "
                        + "WHERE slot_name = '\(name)' AND active", doing: doing)
                try last.execute("SELECT pg_drop_replication_slot('\(name)')", doing: doing)
            }
            try last.execute("DROP PUBLICATION IF EXISTS \(schema)", doing: doing)
            try last.execute("DROP SCHEMA IF EXISTS \(schema) CASCADE", doing: doing)
        } catch {
            StandardError.write(line: "rtd: schema \(schema) is left: \(error)")
        }
        connection.close()
    }

    /// The server's process is one of this machine, as far as its address tells.
    var isLocal: Bool {
        address.host.hasPrefix("/") || ["localhost", "127.0.0.1", "::1"].contains(address.host)
    }
}
