import Platform
import PostgresProtocol

/// One run of a capture: its connections, its slot and publication, and what it has given.
///
/// Everything happens on the thread of `Capture.run`; a `StatusKeeper` beside it keeps the server
/// patient while the sink blocks.
final class CaptureSession {
    let capture: Capture
    let configuration: CaptureConfiguration
    let sink: any ChangeSink
    let stop: StopSignal
    /// For statements; it may be inside the snapshot's transaction.
    private(set) var sql: PostgresConnection?
    /// The one of the configured servers that this session talks to.
    private var address: PostgresAddress
    /// Whose log the output's position is of.
    var server: SourceServer?
    /// For the slot and the stream.
    var replication: PostgresConnection?
    private(set) var catalog: Catalog?
    var assembler: ChangeAssembler?
    var backfill: Backfill?
    /// What the last chunk was, or was to be, read with.
    var chunkTable: CatalogTable?
    /// Tables whose rows in the output are found to be others than theirs when it starts.
    var outdated: Set<String> = []
    /// Backfills that this run has asked for.
    var requested = 0
    let slotName: String
    /// What START_REPLICATION names.
    var publications: [String] = []
    /// With a publication that was given: what the output follows of it.
    var followed: FollowedTables?
    /// What is known of the tables, and what pg_inherits was when it was looked at last.
    var memory = SourceMemory()
    var inheritance: String?
    /// What their columns were like then, by OID; and of a publication that was given what these
    /// are.
    var shapes: [String: String] = [:]
    var columns: [String: TableColumns] = [:]
    /// It is kept, or will be: what is published anew is written down with it.
    var keepsMemory = false
    /// The tables cannot be followed, which was said.
    var isBlind = false
    /// Conditions that select rows, by the names of tables.
    var filters: [String: String] = [:]
    /// Of values that updates leave out, by the OIDs of tables; and where that has failed.
    var lookups: [UInt32: RowLookup] = [:]
    var unfillable: Set<UInt32> = []
    /// Tables that cannot be published, which was said.
    var ignoredTables: Set<String> = []
    var hasTemporaryTriggers = false
    /// The slot sends transactions when they are prepared.
    var isTwoPhase = false
    /// No chunk is read before.
    var pausedUntil: Int64 = 0
    private(set) var logGuard: LogGuard?
    /// When the catalog is looked at for new tables.
    var nextLook: Int64 = 0
    /// What this run has made and takes back at its end.
    var temporaryPublications: [String] = []
    /// Made with a durable slot that is not finished.
    var unusedPublications: [String] = []
    var unfinishedSlot: (name: String, point: LogSequenceNumber)?
    /// Tables that the sink knows from the snapshot.
    var announced: [CatalogTable] = []
    /// The search_path of the user's own sessions, once a condition needs it.
    var userPath: String?
    /// Nothing that ends behind it is wanted.
    var last: LogSequenceNumber?

    init(_ capture: Capture, _ sink: any ChangeSink) {
        self.capture = capture
        self.configuration = capture.configuration
        address = capture.configuration.address
        server = capture.configuration.after?.server
        followed = capture.configuration.after?.tables
        self.sink = sink
        self.stop = capture.stopSignal
        filters = capture.configuration.filters
        switch capture.configuration.slot {
        case .temporary:
            slotName =
                "rtd_tmp_\(Processes.currentID)_"
                + String(UInt32.random(in: .min ... .max), radix: 36)
        case .durable(let name): slotName = name
        }
    }

    var isTemporary: Bool { configuration.slot == .temporary }

    /// Of tables without a replica identity.
    var insertsPublication: String { OwnPublications.inserts(of: slotName) }

    private func wantsRows(_ known: KnownSlot?) -> Bool {
        switch configuration.snapshot {
        case .always: return true
        case .never, .only: return false
        case .initial:
            if let known, configuration.continuesSlot { return known.lacksRows }
            return configuration.after == nil
        }
    }

    func run() throws -> CaptureEnd {
        do {
            let end = try runToEnd()
            logGuard?.end()
            guard let failure = logGuard?.failure else { return end }
            throw failure
        } catch {
            logGuard?.end()
            throw logGuard?.failure ?? error
        }
    }

    /// From the moment at which there is a slot, which keeps the log also while rows are read.
    func guardLog(of slot: String? = nil) throws(CaptureError) {
        guard logGuard == nil, let bytes = configuration.retainedBytesMax, let replication else {
            return
        }
        let made = try LogGuard(
            replication.address, slot: slot ?? slotName, bytesMax: bytes, stop: stop)
        logGuard = made
        made.start()
    }

    private func runToEnd() throws -> CaptureEnd {
        try connect()
        try checkServer()
        if configuration.snapshot == .only {
            let end = try readOnlySnapshot()
            return end
        }
        let (known, tables) = try prepare()
        if known != nil { try guardLog() }
        guard let start = try begin(known, tables, wantsRows: wantsRows(known)) else {
            return .stopped
        }
        backfill = try makeBackfill(after: start)
        // Until they are read no cut is whole.
        if let backfill, !outdated.isEmpty { try sink.backfills(backfill.states) }
        let isBackfilling =
            requested > 0 || !configuration.backfills.isEmpty || backfill?.isDone == false
        if isBackfilling, configuration.end == .now {
            // Its end comes behind their last rows.
            last = nil
        }
        if let last, start.end >= last { return .reached }
        return try streamWithRetries(from: start)
    }

    /// Looks at the slot and at what is published for it. A connection that is lost in between is
    /// made anew, as one is that the stream loses.
    private func prepare() throws(CaptureError) -> (KnownSlot?, [CatalogTable]) {
        var isFirst = true
        return try retrying(isTemporary ? 0 : configuration.retryNanoseconds) {
            () throws(CaptureError) in
            if !isFirst { try openConnections() }
            isFirst = false
            publications = []
            let wantsPosition = configuration.snapshot != .always
            try recognizeServer(behind: wantsPosition ? configuration.after?.end : nil)
            let known = try slot()
            if known == nil, configuration.after != nil, configuration.snapshot != .always,
                !isTemporary
            {
                throw CaptureError.slotLost(
                    CaptureReport(
                        "slot \"\(slotName)\" is gone, and with it what changed since the output "
                            + "ended", hint: "--snapshot always begins with a new snapshot"))
            }
            try checkOwnership()
            let isRecalled = known == nil ? false : try recallTables()
            if known != nil { try letGoOfTables() }
            let tables = try preparePublication(isNewSlot: known == nil)
            try prepareStatements()
            if let publication = configuration.publication {
                requested += try followPublication(
                    publication, marks: known != nil && canMark(wantsRows(known)), isStart: true)
                return (known, tables)
            }
            guard known != nil else {
                try rememberTables()
                return (known, tables)
            }
            // The rows of tables that are new are read beside the stream, unless all are read
            // anyway.
            let wantsRows = wantsRows(known)
            let marks = canMark(wantsRows)
            var count = try publishNewTables(marks: marks, isTold: !wantsRows)
            if isRecalled, !wantsRows {
                count += try followTables(marks: marks, isTold: true)
            } else {
                try rememberTables()
            }
            if marks { requested += count }
            return (known, tables)
        }
    }

    /// Whether rows can be read beside the stream, and are wanted there.
    private func canMark(_ wantsRows: Bool) -> Bool {
        !wantsRows && configuration.snapshot != .never && (sql?.version ?? 0) >= 140_000
    }

    /// Takes back what was temporary, as well as it can.
    func close() {
        replication?.close()
        let isUnfinished = unfinishedSlot != nil || !unusedPublications.isEmpty
        if isUnfinished || hasTemporaryTriggers || !temporaryPublications.isEmpty { takeBack() }
        sql?.close()
    }

    private func takeBack() {
        // The old connection may be in the middle of something, and the signal to stop ends waits.
        guard let fresh = try? PostgresConnection.open(address) else { return }
        defer { fresh.close() }
        // A slot that the output counts on stays: a part of the snapshot is kept.
        var gone = temporaryPublications
        if let (slot, point) = unfinishedSlot {
            if sink.durable < point {
                try? Self.drop(slot, fresh)
                gone += unusedPublications
            }
        } else {
            gone += unusedPublications
        }
        if hasTemporaryTriggers {
            try? fresh.execute(
                StatementTrigger(slot: slotName).removal, doing: "drop the event triggers")
        }
        for name in gone {
            try? fresh.execute(
                "DROP PUBLICATION IF EXISTS \(quotedName(name))", doing: "drop a publication")
        }
    }

    /// Drops a slot, which its walsender may still hold for a moment.
    static func drop(_ slot: String, _ connection: PostgresConnection) throws(CaptureError) {
        var attempts = 50
        while true {
            do throws(CaptureError) {
                return try connection.execute(
                    """
                    SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots
                    WHERE slot_name = \(quotedText(slot))
                    """, doing: "drop slot \"\(slot)\"")
            } catch {
                attempts -= 1
                guard error.isPassing, attempts > 0 else { throw error }
                Thread.pause(nanoseconds: 100_000_000)
            }
        }
    }
}

// Getting in.
extension CaptureSession {
    private func connect() throws(CaptureError) {
        let retries = configuration.retriesFirstContact
        try retrying(retries ? configuration.retryNanoseconds : 0) { () throws(CaptureError) in
            try openConnections()
        }
    }

    func openConnections() throws(CaptureError) {
        replication?.close()
        replication = nil
        try openStatements()
        if configuration.snapshot == .only { return }
        replication = try PostgresConnection.open(address, replication: true, stop: stop)
    }

    /// Beside a stream on the stream's server, else on any of them.
    func openStatements() throws(CaptureError) {
        sql?.close()
        let statements = try PostgresConnection.open(
            replication?.address ?? configuration.address, stop: stop)
        // The catalog's statements cost much by the planner's numbers and little in fact: compiling
        // them takes a second each.
        let jit = statements.version >= 110_000 ? "SET jit = off; " : ""
        let backend = try statements.value(
            "\(jit)SELECT pg_backend_pid()", doing: "begin the session")
        statements.backend = backend.flatMap { Int32($0) }
        if let replication { statements.silenceMax = replication.silenceMax }
        // A lock goes with the connection that has taken it.
        for name in temporaryPublications { try hold(publication: name, statements) }
        sql = statements
        address = statements.address
        catalog = Catalog(statements, keys: configuration.keys)
    }

    /// Calls `body` again while it fails for a reason that passes, at most so long.
    func retrying<R>(
        _ nanoseconds: Int64, _ body: () throws(CaptureError) -> R
    ) throws(CaptureError) -> R {
        let clock = SystemClock()
        let deadline = clock.monotonicNanoseconds + nanoseconds
        var pause = Limits.retryPauseFirst
        var isTold = false
        while true {
            do throws(CaptureError) { return try body() } catch {
                guard error.isPassing, !stop.isSet, clock.monotonicNanoseconds < deadline else {
                    throw error
                }
                if !isTold { sink.notice("\(error); trying again") }
                isTold = true
                _ = stop.wait(nanoseconds: pause)
                pause = min(pause * 2, Limits.retryPauseLast)
            }
        }
    }

    private func checkServer() throws(CaptureError) {
        let connection = try statements()
        connection.noticed = { [sink] report in
            // "publication does not exist, skipping" and the like are no news.
            if report.severity == "WARNING" { sink.notice(report.message) }
        }
        guard connection.version >= 100_000 else {
            throw .setting(
                CaptureReport("\(configuration.address.description) is older than PostgreSQL 10"))
        }
        if configuration.isTwoPhase {
            guard connection.version >= 150_000 else {
                throw .setting(CaptureReport("--two-phase needs PostgreSQL 15"))
            }
            isTwoPhase = true
        }
        if configuration.snapshot != .only {
            let level = try connection.value("SHOW wal_level", doing: "read wal_level")
            guard level == "logical" else {
                throw .setting(
                    CaptureReport(
                        "the server has wal_level=\(level ?? ""), changes need wal_level=logical",
                        hint: "ALTER SYSTEM SET wal_level = logical, then restart the server"))
            }
        }
        switch configuration.end {
        case .never: break
        case .position(let position): last = position
        case .now:
            flushLog()
            last = try endOfLog()
        }
    }

    /// What was committed with `synchronous_commit=off` is in the log, but its end may not be
    /// flushed yet: a commit that waits for that is. A standby has no such commits.
    private func flushLog() {
        guard let sql, sql.version >= 140_000 else { return }
        try? sql.execute(
            """
            SET synchronous_commit = local; SELECT pg_logical_emit_message(true,
            \(quotedText(StreamMark.prefix)), '') WHERE NOT pg_is_in_recovery()
            """, doing: "flush the log")
    }

    func endOfLog() throws(CaptureError) -> LogSequenceNumber? {
        let text = try statements().value(
            """
            SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
            ELSE pg_current_wal_flush_lsn() END
            """, doing: "read where the log ends")
        return text.flatMap { LogSequenceNumber($0) }
    }

    func statements() throws(CaptureError) -> PostgresConnection {
        guard let sql else { throw .connection(CaptureReport("the connection was closed")) }
        return sql
    }
}
