import Bytes
import Formats
import Platform
import PostgresProtocol

// Rows that are read while the stream goes on.
extension CaptureSession {
    /// The machine for what an earlier run has left and what this one is asked for; nil where the
    /// server cannot write marks.
    func makeBackfill(after start: CapturePosition) throws(CaptureError) -> Backfill? {
        let version = replication?.version ?? 0
        guard version >= 140_000 else {
            if configuration.backfills.isEmpty { return nil }
            throw .setting(
                CaptureReport(
                    "--backfill needs PostgreSQL 14: the marks between which rows are read are "
                        + "messages in the stream"))
        }
        for request in configuration.backfills where try catalogTable(request).rowKey.isEmpty {
            throw Self.noKey(request)
        }
        return Backfill(
            slot: slotName,
            states: start.backfills + (try pendingStates()) + (try outdatedStates(start.backfills)),
            chunkRows: configuration.backfillChunkRows,
            token: String(UInt64.random(in: .min ... .max), radix: 36))
    }

    private static func noKey(_ request: BackfillRequest) -> CaptureError {
        .usage(
            CaptureReport("cannot backfill \(request.table): it has no primary key to read it by"))
    }

    /// Asks this capture for what its command line asks, through the stream, so that the request
    /// has its place in the order of things.
    func requestBackfills() throws(CaptureError) {
        guard let backfill else { return }
        for request in configuration.backfills
        where !backfill.states.contains(where: { $0.request == request }) {
            try Self.request(request, slot: slotName, try statements())
            requested += 1
        }
    }

    static func request(
        _ request: BackfillRequest, slot: String, _ connection: PostgresConnection
    ) throws(CaptureError) {
        try send(StreamMark(.backfill, slot: slot, request.text), connection)
    }

    fileprivate static func send(
        _ mark: StreamMark, _ connection: PostgresConnection
    ) throws(CaptureError) {
        try connection.execute(
            "SET synchronous_commit = local; " + mark.statement(isTransactional: true),
            doing: "ask the capture")
    }

    /// Reads the next chunk, if one is wanted, between two marks.
    func stepBackfill() throws {
        guard let backfill, SystemClock().monotonicNanoseconds >= pausedUntil,
            let (id, state) = backfill.begin()
        else { return }
        do throws(CaptureError) { try readChunk(id, state, backfill) } catch {
            backfill.giveUpChunk()
            if error.isPassing {
                // The stream notices by itself when the server is gone.
                _ = stop.wait(nanoseconds: Limits.retryPauseFirst)
                try openStatements()
                return
            }
            if stop.isSet { return }
            if try isAltered(state.request) { return }
            backfill.drop(state.request)
            try sink.backfills(backfill.states)
            // Who asked at the command line wants to know by its status.
            if configuration.backfills.contains(state.request) { throw error }
            sink.notice("backfill of \(state.request.label) is given up: \(error)")
        }
    }

    /// Whether a chunk could not be read because the table has become another one meanwhile: it is
    /// read again.
    private func isAltered(_ request: BackfillRequest) throws -> Bool {
        guard let assembler, let read = chunkTable,
            let now = try table(named: request.table)
        else { return false }
        return !assembler.isSame(now.relation, read.relation)
    }

    private func readChunk(_ id: String, _ state: BackfillState, _ backfill: Backfill)
        throws(CaptureError)
    {
        let connection = try statements()
        // First the mark: a change in a form that the table gets behind this is seen behind it.
        try connection.execute(
            "SET synchronous_commit = local; "
                + StreamMark(.low, slot: slotName, id).statement(isTransactional: false),
            doing: "read a chunk of \(state.request.table)")
        chunkTable = nil
        var table = try catalogTable(state.request)
        chunkTable = table
        table.keyColumns = try KeyColumn.read(table.table, connection)
        if let oid = state.request.partition {
            table.partition = try partition(oid)
            guard table.partition != nil else {
                throw .usage(CaptureReport("partition \(oid) of \(table.name) is none any more"))
            }
        }
        let key = table.rowKey
        let doing = "read a chunk of \(table.name)"
        guard !key.isEmpty else {
            guard state.behind != nil else { throw Self.noKey(state.request) }
            return try readHeld(table, id, backfill)
        }
        let answer = try connection.rows(
            """
            BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
            \(pathStatement(state.request, of: table))SELECT pg_catalog.txid_current_snapshot()
            """, doing: doing)
        guard let visible = answer.first?.first?.flatMap({ VisibleTransactions($0) }) else {
            throw connection.unexpected(doing)
        }
        if let behind = state.behind, !visible.isBehind(behind) {
            try connection.execute("ROLLBACK", doing: doing)
            backfill.giveUpChunk()
            // Somebody's transaction is older than the table's place in the publication.
            pausedUntil = SystemClock().monotonicNanoseconds + Limits.retryPauseFirst
            return
        }
        let chunk = Backfill.Chunk(table, key: key, visible: visible)
        let statement = table.copy(state, key: key, limit: backfill.chunkRows)
        do throws(CaptureError) { try read(statement, of: table, into: chunk) } catch {
            try? connection.execute("ROLLBACK", doing: doing)
            throw error
        }
        chunk.isFull = chunk.places.count == backfill.chunkRows
        backfill.read(chunk)
        try connection.execute(
            "COMMIT; " + StreamMark(.high, slot: slotName, id).statement(isTransactional: true),
            doing: doing)
    }

    private func read(
        _ statement: String, of table: CatalogTable, into chunk: Backfill.Chunk
    ) throws(CaptureError) {
        var rows = OutputBuffer(capacity: 256 << 10)
        do {
            try statements().copy(statement, doing: "read a chunk of \(table.name)") { row in
                let start = rows.count
                guard
                    CopyRow.append(row, columns: table.table.columns.count, to: &rows)
                else { throw CaptureError.wrongWidth(table.table) }
                chunk.places.append(start..<rows.count)
            }
        } catch let error as CaptureError {
            throw error
        } catch {
            throw .malformed(CaptureReport("\(error)"))
        }
        chunk.bytes = rows.bytes.copied()
    }

    /// All rows of a table without a key, which nobody may change until the second mark: they
    /// replace what was given of it.
    private func readHeld(
        _ table: CatalogTable, _ id: String, _ backfill: Backfill
    ) throws(CaptureError) {
        let connection = try statements()
        let doing = "read \(table.name)"
        let size = try connection.value(
            "SELECT pg_table_size(\(table.table.oid))", doing: doing)
        guard let size = size.flatMap({ Int64($0) }), size <= Limits.keylessBytesMax else {
            throw .setting(
                CaptureReport(
                    "\(table.name) has no primary key, and is too large to be read at once",
                    hint: "it is captured from now on"))
        }
        guard let nothing = VisibleTransactions("0:0:") else { return }
        let chunk = Backfill.Chunk(table, key: [], visible: nothing)
        chunk.isHeld = true
        do throws(CaptureError) {
            try connection.execute(
                "BEGIN; SET LOCAL synchronous_commit = local; "
                    + "SET LOCAL lock_timeout = \(Limits.lockMilliseconds); "
                    + "LOCK TABLE \(table.quoted) IN SHARE MODE", doing: doing)
            guard let held = try self.table(named: table.name),
                assembler?.isSame(held.relation, table.relation) == true
            else {
                // It was altered before.
                try connection.execute("ROLLBACK", doing: doing)
                return backfill.giveUpChunk()
            }
            try read(table.copy, of: table, into: chunk)
            backfill.read(chunk)
            try connection.execute(
                StreamMark(.high, slot: slotName, id).statement(isTransactional: true) + "; COMMIT",
                doing: doing)
        } catch {
            try? connection.execute("ROLLBACK", doing: doing)
            guard case .server(_, let code) = error, code == "55P03" else { throw error }
            backfill.giveUpChunk()
            pausedUntil = SystemClock().monotonicNanoseconds + Limits.retryPauseLast
        }
    }

    /// The table as the catalog has it now, if the stream has its changes.
    private func catalogTable(_ request: BackfillRequest) throws(CaptureError) -> CatalogTable {
        guard let catalog else { throw .connection(CaptureReport("not connected")) }
        let selection = TableSelection(exactly: request.table)
        let found: CatalogTable?
        if let name = configuration.publication {
            found = try catalog.tables(publishedBy: name, selection).first
        } else {
            found = try catalog.tables(selection).first
        }
        guard var table = found,
            configuration.tables.selects(schema: table.table.schema, table: table.table.name)
        else {
            throw .usage(
                CaptureReport("cannot backfill \(request.table): no such table is captured"))
        }
        table.filter = table.filter ?? filters[table.name]
        return table
    }

    /// The table that a mark names; nil: it is gone.
    func table(named name: String) throws(CaptureError) -> CatalogTable? {
        do throws(CaptureError) { return try catalogTable(BackfillRequest(table: name)) } catch {
            if case .usage = error { return nil }
            guard error.isPassing else { throw error }
            try openStatements()
        }
        return try? catalogTable(BackfillRequest(table: name))
    }
}

/// What a capture can be asked for about its backfills.
public enum BackfillOrder: Sendable, Equatable {
    case begin([BackfillRequest])
    /// Those of a request, or without a condition all of its table.
    case cancel([BackfillRequest])
    /// All of them, until they are resumed or the capture starts again.
    case pause, resume

    /// Asks the capture of a slot, whether it runs or not: it comes to the order in its stream.
    public func send(to slot: String, at address: PostgresAddress) throws(CaptureError) {
        let connection = try PostgresConnection.open(address)
        defer { connection.close() }
        let plugin = try connection.value(
            """
            SELECT plugin FROM pg_replication_slots
            WHERE slot_name = \(quotedText(slot)) AND database = current_database()
            """, doing: "look for slot \"\(slot)\"")
        guard plugin == "pgoutput" else {
            throw .setting(
                CaptureReport(
                    "database \"\(address.database)\" has no slot \"\(slot)\" of a capture",
                    hint: "--slot or --topic-prefix names it (rtd cdc URL --slots)"))
        }
        for mark in marks(slot) { try CaptureSession.send(mark, connection) }
    }

    private func marks(_ slot: String) -> [StreamMark] {
        switch self {
        case .begin(let requests): requests.map { StreamMark(.backfill, slot: slot, $0.text) }
        case .cancel(let requests): requests.map { StreamMark(.cancel, slot: slot, $0.text) }
        case .pause: [StreamMark(.pause, slot: slot, "")]
        case .resume: [StreamMark(.resume, slot: slot, "")]
        }
    }
}
