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
        for request in configuration.backfills { _ = try catalogTable(request) }
        return Backfill(
            slot: slotName, states: start.backfills, chunkRows: configuration.backfillChunkRows,
            token: String(UInt64.random(in: .min ... .max), radix: 36))
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
        try connection.execute(
            "SET synchronous_commit = local; "
                + StreamMark(.backfill, slot: slot, request.text).statement(isTransactional: true),
            doing: "ask for a backfill")
    }

    /// Reads the next chunk, if one is wanted, between two marks.
    func stepBackfill() throws {
        guard let backfill, let (id, state) = backfill.begin() else { return }
        do throws(CaptureError) { try readChunk(id, state, backfill) } catch {
            backfill.giveUpChunk()
            if error.isPassing {
                // The stream notices by itself when the server is gone.
                _ = stop.wait(nanoseconds: Limits.retryPauseFirst)
                try openStatements()
                return
            }
            if stop.isSet { return }
            backfill.drop(state.request)
            try sink.backfills(backfill.states)
            // Who asked at the command line wants to know by its status.
            if configuration.backfills.contains(state.request) { throw error }
            sink.notice("backfill of \(state.request.label) is given up: \(error)")
        }
    }

    private func readChunk(_ id: String, _ state: BackfillState, _ backfill: Backfill)
        throws(CaptureError)
    {
        let connection = try statements()
        let table = try catalogTable(state.request)
        let key = table.rowKey
        let doing = "read a chunk of \(table.name)"
        try connection.execute(
            "SET synchronous_commit = local; "
                + StreamMark(.low, slot: slotName, id).statement(isTransactional: false),
            doing: doing)
        let answer = try connection.rows(
            """
            BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
            SELECT txid_current_snapshot()
            """, doing: doing)
        guard let visible = answer.first?.first?.flatMap({ VisibleTransactions($0) }) else {
            throw connection.unexpected(doing)
        }
        let chunk = Backfill.Chunk(table, key: key, visible: visible)
        var rows = OutputBuffer(capacity: 256 << 10)
        do {
            try connection.copy(
                table.copy(
                    where: state.request.condition, key: key, after: state.after,
                    limit: backfill.chunkRows), doing: doing
            ) { row in
                let start = rows.count
                guard
                    CopyRow.append(row, columns: table.table.columns.count, to: &rows)
                else { throw CaptureError.wrongWidth(table.table) }
                chunk.places.append(start..<rows.count)
            }
        } catch let error as CaptureError {
            try? connection.execute("ROLLBACK", doing: doing)
            throw error
        } catch {
            throw .malformed(CaptureReport("\(error)"))
        }
        chunk.bytes = rows.bytes.copied()
        chunk.isFull = chunk.places.count == backfill.chunkRows
        backfill.read(chunk)
        try connection.execute(
            "COMMIT; " + StreamMark(.high, slot: slotName, id).statement(isTransactional: true),
            doing: doing)
    }

    /// The table as the catalog has it now, if the stream has its changes.
    private func catalogTable(_ request: BackfillRequest) throws(CaptureError) -> CatalogTable {
        guard let catalog else { throw .connection(CaptureReport("not connected")) }
        let selection = TableSelection(included: [request.table])
        let found: CatalogTable?
        if let name = configuration.publication {
            found = try catalog.tables(publishedBy: name, selection).first
        } else {
            found = try catalog.tables(selection).first
        }
        guard let table = found,
            configuration.tables.selects(schema: table.table.schema, table: table.table.name)
        else {
            throw .usage(
                CaptureReport("cannot backfill \(request.table): no such table is captured"))
        }
        guard !table.rowKey.isEmpty else {
            throw .usage(
                CaptureReport(
                    "cannot backfill \(request.table): it has no primary key to read it by"))
        }
        return table
    }
}

extension BackfillRequest {
    /// Asks the capture of a slot, whether it runs or not: it comes to the request in its stream.
    public static func send(
        _ requests: [BackfillRequest], to slot: String, at address: PostgresAddress
    ) throws(CaptureError) {
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
        for request in requests {
            try CaptureSession.request(request, slot: slot, connection)
        }
    }
}
