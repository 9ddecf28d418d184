import ChangeDataCapture
import Formats
import Platform

/// `rtd cdc --slots`: the replication slots of the server and what each makes it keep.
enum SlotListing {
    static func run(
        _ address: PostgresAddress, _ options: CaptureOptions
    ) throws(CommandFailure) {
        do throws(CaptureError) {
            let connection = try PostgresConnection.open(address)
            defer { connection.close() }
            if let name = options.droppedSlot {
                try drop(name, connection, options.reporting)
            } else {
                try CaptureText.write(lines(try list(connection)))
            }
        } catch {
            throw CommandFailure(error)
        }
    }

    private static func list(
        _ connection: PostgresConnection
    ) throws(CaptureError) -> [[String?]] {
        let status = connection.version >= 130_000 ? "wal_status" : "NULL"
        let reason = SlotLoss.expression(version: connection.version)
        return try connection.rows(
            """
            SELECT slot_name, coalesce(plugin, slot_type), coalesce(database, ''),
              CASE WHEN active THEN 'pid ' || active_pid ELSE 'no' END,
              concat(\(status), ' (' || \(reason) || ')'),
              coalesce(confirmed_flush_lsn, restart_lsn)::text,
              pg_size_pretty(pg_wal_lsn_diff(
                CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn()
                ELSE pg_current_wal_lsn() END, restart_lsn))
            FROM pg_replication_slots ORDER BY restart_lsn NULLS FIRST, slot_name
            """, doing: "list the slots")
    }

    private static func lines(_ rows: [[String?]]) -> String {
        let head: [String?] = [
            "slot", "plugin", "database", "active", "wal", "confirmed", "retained",
        ]
        return CaptureText.table([head] + rows)
    }

    private static func drop(
        _ name: String, _ connection: PostgresConnection, _ reporting: ReportingOptions
    ) throws(CaptureError) {
        let quoted = CaptureText.literal(name)
        _ = try connection.rows(
            "SELECT pg_drop_replication_slot(\(quoted))", doing: "drop slot \"\(name)\"")
        // The publications that were made with it are named after it.
        for (publication, isOwn) in try OwnPublications.find(of: name, connection) {
            guard isOwn else {
                StandardError.write(
                    line: "rtd: publication \"\(publication)\" stays: no capture has made it")
                continue
            }
            _ = try connection.rows(
                "DROP PUBLICATION IF EXISTS \(CaptureText.identifier(publication))",
                doing: "drop the publication of slot \"\(name)\"")
        }
        // Who may not make event triggers has none.
        _ = try? connection.rows(
            Capture.removalOfTriggers(of: name), doing: "drop the event triggers")
        if !reporting.isQuiet { StandardError.write(line: "rtd: dropped slot \"\(name)\"") }
    }
}

/// Text of the jobs that print for people.
enum CaptureText {
    /// Columns aligned, with two blanks between them.
    static func table(_ rows: [[String?]]) -> String {
        var widths: [Int] = []
        for row in rows {
            for (index, cell) in row.enumerated() {
                let width = (cell ?? "").count
                if index == widths.count {
                    widths.append(width)
                } else {
                    widths[index] = max(widths[index], width)
                }
            }
        }
        return rows.map { row in
            var line = ""
            for (index, cell) in row.enumerated() {
                let text = cell ?? ""
                line += text
                if index + 1 < row.count {
                    line += String(repeating: " ", count: widths[index] - text.count + 2)
                }
            }
            while line.last == " " { line.removeLast() }
            return line + "\n"
        }.joined()
    }

    /// A literal of SQL.
    static func literal(_ text: String) -> String {
        "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''")
            + "'"
    }

    /// An identifier of SQL.
    static func identifier(_ text: String) -> String {
        let parts = text.split(separator: "\"", omittingEmptySubsequences: false)
        return "\"" + parts.joined(separator: "\"\"") + "\""
    }

    /// Writes to stdout; a reader that has left is none of our business.
    static func write(_ text: String) throws(CaptureError) {
        do throws(SystemError) {
            try StandardOutput.write(text)
        } catch {
            guard !error.isBrokenPipe else { return }
            throw .file(CaptureReport(error.description))
        }
    }
}
