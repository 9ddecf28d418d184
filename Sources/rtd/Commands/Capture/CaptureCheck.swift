import ArgumentParsing
import ChangeDataCapture

/// `rtd cdc --check`: one screen that says what stands in the way of a capture, and what will go
/// wrong later. Reads the catalog only.
struct CaptureCheck {
    enum Verdict: String { case good = "ok", warning, problem }

    struct Finding {
        let verdict: Verdict
        let subject: String
        let text: String
    }

    private let connection: PostgresConnection
    private let selection: TableSelection
    /// Of `--publication`, which exists.
    private let publication: String?
    /// Of the capture that is meant.
    private let slot: String
    private var findings: [Finding] = []

    static func run(
        _ address: PostgresAddress, _ options: CaptureOptions
    ) throws(CommandFailure) -> Int32 {
        let plan = try CapturePlan(address, options)
        do throws(CaptureError) {
            let connection = try PostgresConnection.open(address)
            defer { connection.close() }
            var check = CaptureCheck(
                connection: connection,
                selection: TableSelection(included: options.tables, excluded: options.excluded),
                publication: options.publication, slot: plan.slot)
            try check.look()
            try CaptureText.write(
                CaptureText.table(
                    check.findings.map { [$0.verdict.rawValue, $0.subject, $0.text] }))
            return check.findings.contains { $0.verdict == .problem } ? 1 : 0
        } catch {
            throw CommandFailure(error)
        }
    }

    private init(
        connection: PostgresConnection, selection: TableSelection, publication: String?,
        slot: String
    ) {
        self.connection = connection
        self.selection = selection
        self.publication = publication
        self.slot = slot
    }

    private mutating func look() throws(CaptureError) {
        try lookAtServer()
        try lookAtRights()
        try lookAtTables()
        try lookAtSlots()
        try lookAtTransactions()
    }

    private mutating func add(_ verdict: Verdict, _ subject: String, _ text: String) {
        findings.append(Finding(verdict: verdict, subject: subject, text: text))
    }

    private mutating func lookAtServer() throws(CaptureError) {
        let rows = try connection.rows(
            """
            SELECT current_setting('server_version'), current_setting('wal_level'),
              current_setting('max_replication_slots'),
              (SELECT count(*) FROM pg_replication_slots),
              current_setting('max_wal_senders'), (SELECT count(*) FROM pg_stat_replication),
              current_setting('synchronous_commit'), pg_is_in_recovery()
            """, doing: "read the server's settings")
        let row = rows.first.map { $0.map { $0 ?? "" } } ?? []
        guard row.count == 8 else { return }
        let protocols = [(160_000, 4), (150_000, 3), (140_000, 2)]
        let number = protocols.first { connection.version >= $0.0 }?.1 ?? 1
        add(
            connection.version >= 100_000 ? .good : .problem, "server",
            "PostgreSQL \(row[0]), pgoutput protocol \(number)"
                + (number == 1 ? ": a large transaction comes when it has ended" : ""))
        if row[1] == "logical" {
            add(.good, "wal_level", "logical")
        } else {
            add(
                .problem, "wal_level",
                "\(row[1]): set wal_level = logical and restart the server")
        }
        capacity("max_replication_slots", row[2], used: row[3])
        capacity("max_wal_senders", row[4], used: row[5])
        if row[6] == "off" {
            add(
                .warning, "synchronous_commit",
                "off: changes come about 200 ms late, when the log is flushed")
        }
        if row[7] == "t", connection.version < 160_000 {
            add(.problem, "standby", "a standby decodes its log since PostgreSQL 16 only")
        }
    }

    private mutating func capacity(_ name: String, _ limit: String, used: String) {
        let free = (Int(limit) ?? 0) - (Int(used) ?? 0)
        add(
            free > 0 ? .good : .problem, name,
            "\(used) of \(limit) used" + (free > 0 ? "" : ": raise it and restart the server"))
    }

    private mutating func lookAtRights() throws(CaptureError) {
        let rows = try connection.rows(
            """
            SELECT current_user, rolreplication OR rolsuper,
              has_database_privilege(current_database(), 'CREATE'), current_database(),
              rolsuper, pg_encoding_to_char((SELECT encoding FROM pg_database
                WHERE datname = current_database()))
            FROM pg_roles WHERE rolname = current_user
            """, doing: "read the user's rights")
        guard let row = rows.first.map({ $0.map { $0 ?? "" } }), row.count == 6 else { return }
        if row[1] == "t" {
            add(.good, "replication", "\(row[0]) may replicate")
        } else {
            add(.problem, "replication", "\(row[0]) may not: ALTER ROLE \(row[0]) REPLICATION")
        }
        if let publication {
            let found = try connection.rows(
                "SELECT 1 FROM pg_publication WHERE pubname = \(CaptureText.literal(publication))",
                doing: "look for publication \"\(publication)\"")
            add(
                found.isEmpty ? .problem : .good, "publication",
                found.isEmpty
                    ? "\(publication) does not exist: CREATE PUBLICATION makes it, before the slot"
                    : "\(publication) exists")
        } else if row[2] == "t" {
            add(.good, "publication", "\(row[0]) may create one")
        } else {
            add(
                .problem, "publication",
                "\(row[0]) may not create one: GRANT CREATE ON DATABASE \(row[3]) TO \(row[0]), or "
                    + "name one with --publication")
        }
        if row[5] == "SQL_ASCII" {
            add(.warning, "encoding", "SQL_ASCII: what is not UTF-8 is replaced")
        }
    }

    private mutating func lookAtTables() throws(CaptureError) {
        // They are part of their root where that can be published.
        let isPartition =
            publication.map {
                "AND (n.nspname, c.relname) IN (SELECT schemaname, tablename "
                    + "FROM pg_publication_tables WHERE pubname = \(CaptureText.literal($0)))"
            } ?? (connection.version >= 130_000 ? "AND NOT c.relispartition" : "")
        let rows = try connection.rows(
            """
            SELECT n.nspname, c.relname, c.relreplident, c.relpersistence,
              \(TableIdentity.condition(version: connection.version)),
              EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0
                AND NOT a.attisdropped AND a.attstorage IN ('x', 'e')),
              has_table_privilege(c.oid, 'SELECT'),
              pg_get_userbyid(c.relowner) = current_user
                OR pg_has_role(current_user, c.relowner, 'USAGE'),
              row_security_active(c.oid), c.relkind,
              EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind IN ('r', 'p') \(isPartition)
              AND n.nspname NOT IN ('pg_catalog', 'information_schema')
              AND n.nspname !~ '^pg_(toast|temp)' ORDER BY 1, 2
            """, doing: "read the tables")
        let tables = rows.map { $0.map { $0 ?? "" } }.filter {
            $0.count == 11 && selection.selects(schema: $0[0], table: $0[1])
        }
        add(tables.isEmpty ? .problem : .good, "tables", "\(tables.count) selected")
        func names(_ isMeant: ([String]) -> Bool) -> String? {
            let names = tables.filter(isMeant).map { "\($0[0]).\($0[1])" }
            guard !names.isEmpty else { return nil }
            let more = names.count > 5 ? " and \(names.count - 5) more" : ""
            return names.prefix(5).joined(separator: ", ") + more
        }
        if let names = names({ $0[6] != "t" }) { add(.problem, "select", "no right on \(names)") }
        if let names = names({ $0[8] == "t" }) {
            add(
                .problem, "row security",
                "policies would hide rows of \(names): ALTER ROLE ... BYPASSRLS, or let the owner "
                    + "capture")
        }
        if publication == nil, let names = names({ $0[7] != "t" }) {
            add(.problem, "owner", "only the owner adds \(names) to a publication")
        }
        let keyless = { (row: [String]) in row[4] != "t" }
        if let names = names(keyless) {
            add(
                .warning, "no key",
                "only inserts are captured of \(names): a primary key (not deferrable, also of "
                    + "each partition) or ALTER TABLE ... REPLICA IDENTITY FULL brings the rest")
        }
        if let names = names({ $0[2] != "f" && $0[5] == "t" && !keyless($0) }) {
            add(
                .warning, "large values",
                "an update that leaves them alone does not carry them: \(names) (\"unavailable\"; "
                    + "REPLICA IDENTITY FULL brings them)")
        }
        lookAtPartitions(names)
        if let names = names({ $0[3] == "u" }) {
            add(.warning, "unlogged", "\(names): no changes are in the log")
        }
    }

    private mutating func lookAtPartitions(_ names: ((([String]) -> Bool)) -> String?) {
        if let names = names({ $0[9] == "p" }) {
            add(
                .warning, "partitions",
                "TRUNCATE, DETACH and DROP of a partition of \(names) are not in the log: its rows "
                    + "stay in the output")
        }
        if let names = names({ $0[9] == "p" && $0[4] == "t" && $0[10] != "t" }) {
            add(
                .warning, "new partitions",
                "\(names): one that is made later has no REPLICA IDENTITY FULL, and its users' "
                    + "updates fail until only inserts are captured; a primary key helps"
            )
        }
    }

    private mutating func lookAtSlots() throws(CaptureError) {
        let status = connection.version >= 130_000 ? "wal_status" : "NULL"
        let rows = try connection.rows(
            """
            SELECT slot_name, active, pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery()
                THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END, restart_lsn)::bigint,
              pg_size_pretty(pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery()
                THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END, restart_lsn)),
              \(status), \(SlotLoss.expression(version: connection.version))
            FROM pg_replication_slots ORDER BY restart_lsn NULLS FIRST
            """, doing: "list the slots")
        for row in rows.map({ $0.map { $0 ?? "" } }) where row.count == 6 {
            if row[4] == "lost" {
                add(
                    row[0] == slot ? .problem : .warning, "slot \(row[0])",
                    "\(SlotLoss.text(row[5])); drop it (rtd cdc URL --slots --drop \(row[0])) and "
                        + "begin with a new snapshot")
                continue
            }
            if row[4] == "unreserved" {
                add(
                    .warning, "slot \(row[0])",
                    "keeps \(row[3]) and is about to lose its log (max_slot_wal_keep_size)")
                continue
            }
            if row[2].isEmpty { continue }
            let isLarge = (Int64(row[2]) ?? 0) > 1 << 30
            let isIdle = row[1] != "t"
            add(
                isLarge || isIdle ? .warning : .good, "slot \(row[0])",
                "keeps \(row[3])" + (isIdle ? ", and nobody reads it" : ""))
        }
    }

    /// A slot waits for every transaction that writes, in all databases, before it is made.
    private mutating func lookAtTransactions() throws(CaptureError) {
        let rows = try connection.rows(
            """
            SELECT pid, coalesce(usename, ''), coalesce(datname, ''),
              extract(epoch FROM now() - xact_start)::int
            FROM pg_stat_activity WHERE backend_xid IS NOT NULL
              AND xact_start < now() - interval '1 s' ORDER BY xact_start LIMIT 5
            """, doing: "look for long transactions")
        for row in rows.map({ $0.map { $0 ?? "" } }) where row.count == 4 {
            add(
                .warning, "transaction",
                "pid \(row[0]) (\(row[1]), database \(row[2])) has been open for \(row[3]) s: "
                    + "a new slot waits for its end")
        }
    }
}
