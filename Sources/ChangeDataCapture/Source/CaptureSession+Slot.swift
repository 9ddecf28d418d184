import Platform
import PostgresProtocol

/// A slot that is there, as pg_replication_slots tells of it.
struct KnownSlot {
    let confirmed: LogSequenceNumber
    /// The capture that has made it was killed before all rows were read.
    var lacksRows = false
}

// The slot.
extension CaptureSession {
    /// The slot of the configured name; nil if there is none. Throws for one that cannot be used.
    func slot() throws(CaptureError) -> KnownSlot? {
        if isTemporary { return nil }
        let connection = try statements()
        let status = connection.version >= 130_000 ? "wal_status" : "NULL"
        let phases = connection.version >= 150_000 ? "two_phase" : "NULL"
        let rows = try connection.rows(
            """
            SELECT plugin, database, current_database(), \(status), confirmed_flush_lsn, \(phases),
            \(SlotLoss.expression(version: connection.version))
            FROM pg_replication_slots WHERE slot_name = \(quotedText(slotName))
            """, doing: "look for slot \"\(slotName)\"")
        guard let row = rows.first else { return nil }
        guard row[0] == "pgoutput" else {
            throw .setting(
                CaptureReport(
                    "slot \"\(slotName)\" is made for \(row[0] ?? "physical replication"), not for "
                        + "pgoutput", hint: "--slot names another one"))
        }
        guard row[1] == row[2] else {
            throw .setting(
                CaptureReport(
                    "slot \"\(slotName)\" belongs to database \"\(row[1] ?? "")\"",
                    hint: "--slot names another one"))
        }
        if row[3] == "lost" {
            throw .slotLost(
                CaptureReport(
                    "slot \"\(slotName)\" \(SlotLoss.text(row[6]))",
                    hint: "drop it (rtd cdc URL --slots --drop \(slotName)) and begin with a new "
                        + "snapshot"))
        }
        if row[3] == "unreserved" {
            sink.notice("slot \"\(slotName)\" is about to lose its log (max_slot_wal_keep_size)")
        }
        if row[5] == "t" { isTwoPhase = true }
        let comment = try connection.value(
            "SELECT obj_description(oid, 'pg_publication') FROM pg_publication WHERE pubname = "
                + quotedText(slotName), doing: "look for slot \"\(slotName)\"")
        return KnownSlot(
            confirmed: row[4].flatMap { LogSequenceNumber($0) } ?? LogSequenceNumber(0),
            lacksRows: comment == OwnPublications.lacksRows)
    }

    private func note(lacksRows: Bool) throws(CaptureError) {
        guard configuration.publication == nil, !isTemporary else { return }
        let text = lacksRows ? OwnPublications.lacksRows : OwnPublications.hasRows
        try statements().execute(
            OwnPublications.comment(slotName, text), doing: "note whether rows are read")
    }

    /// Where the stream begins: makes the slot if there is none, and reads the snapshot if one is
    /// wanted. nil when it was stopped meanwhile.
    func begin(
        _ known: KnownSlot?, _ tables: [CatalogTable], wantsRows: Bool
    ) throws -> CapturePosition? {
        if let known, !wantsRows {
            try checkPosition()
            if let after = configuration.after, known.confirmed > after.end {
                throw CaptureError.slotLost(
                    CaptureReport(
                        "slot \"\(slotName)\" has gone on to \(known.confirmed), behind what "
                            + "the output holds (\(after.end)): another output uses it",
                        hint: "--slot NAME gives each its own; --snapshot always begins anew"))
            }
            return configuration.after ?? CapturePosition(end: known.confirmed)
        }
        // A slot that is there has no snapshot to give, so a second one, gone at once, does; the
        // stream then begins where that stands.
        //
        // Where nothing can note that a slot's rows are missing, it is made when they are there.
        let isLate =
            known == nil && wantsRows && !isTemporary && configuration.continuesSlot
            && configuration.publication != nil && (sql?.version ?? 0) >= 120_000
        let isSecond = known != nil || isLate
        let name =
            isSecond ? "\(slotName.prefix(40))_snapshot_\(Processes.currentID)" : slotName
        if wantsRows { try note(lacksRows: true) }
        let (point, snapshot) = try create(
            name, isTemporary: isTemporary || isSecond, exports: wantsRows)
        if !isSecond, !isTemporary { unfinishedSlot = (name, point) }
        try guardLog(of: name)
        if wantsRows, try !read(tables, at: point, snapshot: snapshot) { return nil }
        if wantsRows { try note(lacksRows: false) }
        unfinishedSlot = nil
        unusedPublications = []
        if isLate { try copy(slot: name) }
        if isSecond {
            try replication?.execute(
                "DROP_REPLICATION_SLOT \(quotedName(name))", doing: "drop a temporary slot")
        }
        logGuard?.watch(slot: slotName)
        return CapturePosition(end: point)
    }

    /// Makes the slot stand where a temporary one does.
    private func copy(slot name: String) throws(CaptureError) {
        let doing = "make slot \"\(slotName)\""
        try statements().execute(
            "SELECT pg_copy_logical_replication_slot(\(quotedText(name)), "
                + "\(quotedText(slotName)), false)", doing: doing)
        guard let replication, !isTwoPhase, try canFailOver(replication) else { return }
        try replication.execute(
            "ALTER_REPLICATION_SLOT \(quotedName(slotName)) (FAILOVER true)", doing: doing)
    }

    /// What the output has cannot lie behind the end of the log that it comes from.
    private func checkPosition() throws(CaptureError) {
        guard let after = configuration.after, let end = try endOfLog(), after.end > end else {
            return
        }
        throw .slotLost(
            CaptureReport(
                "the output ends at \(after.end), behind the end of the server's log (\(end)): "
                    + "it is another server, or was brought back from a backup",
                hint: "--snapshot always begins anew"))
    }

    private func create(_ name: String, isTemporary: Bool, exports: Bool) throws(CaptureError)
        -> (point: LogSequenceNumber, snapshot: String?)
    {
        guard let replication else { throw .connection(CaptureReport("not connected")) }
        let kind = isTemporary ? " TEMPORARY" : ""
        let option: String
        if replication.version >= 150_000 {
            // Of one with two phases 17 would not know what waits.
            let canFailOver = isTemporary || isTwoPhase ? false : try canFailOver(replication)
            let failover = canFailOver ? ", FAILOVER true" : ""
            let phases = isTwoPhase && !isTemporary ? ", TWO_PHASE" : ""
            option = "(SNAPSHOT '\(exports ? "export" : "nothing")'\(phases)\(failover))"
        } else {
            option = exports ? "EXPORT_SNAPSHOT" : "NOEXPORT_SNAPSHOT"
        }
        var waited = 0
        let rows = try replication.rows(
            "CREATE_REPLICATION_SLOT \(quotedName(name))\(kind) LOGICAL pgoutput \(option)",
            doing: "make slot \"\(name)\""
        ) { [self] () throws(CaptureError) in
            waited += 1
            if waited == 2 { try tellWhoHoldsUp() }
        }
        guard let row = rows.first, row.count >= 3,
            let point = row[1].flatMap({ LogSequenceNumber($0) })
        else { throw replication.unexpected("make slot \"\(name)\"") }
        return (point, row[2])
    }

    /// Since 17 a standby can take a slot over, if it is made so; a standby itself makes none.
    private func canFailOver(_ replication: PostgresConnection) throws(CaptureError) -> Bool {
        guard replication.version >= 170_000 else { return false }
        return try statements().value(
            "SELECT NOT pg_is_in_recovery()", doing: "ask whether the server is a standby") == "t"
    }

    /// A slot begins when all transactions that were open have ended, also those of other
    /// databases.
    private func tellWhoHoldsUp() throws(CaptureError) {
        let isStandby =
            try statements().value(
                "SELECT pg_is_in_recovery()", doing: "ask whether the server is a standby") == "t"
        guard !isStandby else {
            return sink.notice(
                "the slot waits until the primary tells which transactions are open, which a quiet "
                    + "one does seldom; SELECT pg_log_standby_snapshot() there does it at once")
        }
        let rows = try statements().rows(
            """
            SELECT pid, coalesce(datname, ''), coalesce(usename, ''),
            coalesce(date_trunc('second', now() - xact_start)::text, '') FROM pg_stat_activity
            WHERE backend_xid IS NOT NULL ORDER BY xact_start LIMIT 1
            """, doing: "look for open transactions")
        guard let row = rows.first else { return }
        sink.notice(
            "the slot waits for a transaction that is open since \(row[3] ?? "") "
                + "(process \(row[0] ?? ""), user \(row[2] ?? ""), database \(row[1] ?? ""))")
    }
}
