import Bytes
import Formats
import Platform
import PostgresProtocol

// The snapshot.
extension CaptureSession {
    /// The rows as they are now, without a slot.
    func readOnlySnapshot() throws -> CaptureEnd {
        var tables: [CatalogTable]
        guard let catalog else { throw CaptureError.connection(CaptureReport("not connected")) }
        if let name = configuration.publication {
            tables = try catalog.tables(publishedBy: name, configuration.tables)
        } else {
            tables = try catalog.tables(configuration.tables)
            try filter(&tables)
        }
        try checkMasks(tables)
        return try read(tables, at: nil, snapshot: nil) ? .reached : .stopped
    }

    /// Reads the rows of the tables and gives them to the sink; false when it was stopped.
    func read(_ tables: [CatalogTable], at point: LogSequenceNumber?, snapshot: String?) throws
        -> Bool
    {
        let connection = try statements()
        let position = try beginSnapshot(connection, at: point, snapshot)
        try hold(tables, connection)
        capture.update {
            $0.phase = .snapshot
            $0.snapshotTables = tables.count
            $0.snapshotRowsExpected = tables.reduce(0) { $0 + $1.rowsExpected }
        }
        try sink.snapshotBegan(tables.map(\.table), at: position)
        let isResumable =
            sink.keepsSnapshotPieces && point != nil && connection.version >= 140_000
        let run = try SnapshotRun(
            self, connection, at: position, snapshot: snapshot, isResumable: isResumable)
        defer { run.close() }
        var tables = tables
        if isResumable {
            // What has no key cannot be read in pieces: it comes first.
            tables = tables.filter(\.rowKey.isEmpty) + tables.filter { !$0.rowKey.isEmpty }
        }
        for (index, table) in tables.enumerated() {
            try sink.schema(table.table, at: position)
            announced.append(table)
            do {
                try run.read(table, before: tables[(index + 1)...])
            } catch let error as CaptureError {
                if stop.isSet { return false }
                throw error
            }
            if stop.isSet { return false }
        }
        try run.end()
        try connection.execute("COMMIT", doing: "end the snapshot")
        return true
    }

    /// Begins the transaction, and gives where the snapshot stands.
    private func beginSnapshot(
        _ connection: PostgresConnection, at point: LogSequenceNumber?, _ snapshot: String?
    ) throws(CaptureError) -> LogSequenceNumber {
        try connection.execute(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", doing: SnapshotRun.beginning)
        if let snapshot {
            try connection.execute(
                "SET TRANSACTION SNAPSHOT \(quotedText(snapshot))", doing: SnapshotRun.beginning)
        }
        if let point { return point }
        let text = try connection.value(
            """
            SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
            ELSE pg_current_wal_lsn() END
            """, doing: SnapshotRun.beginning)
        return text.flatMap { LogSequenceNumber($0) } ?? LogSequenceNumber(0)
    }

    /// Locks the tables against what would show them empty to an older snapshot (a rewrite, a
    /// truncate), as pg_dump does, and looks that nothing of that kind has come before the lock.
    private func hold(
        _ tables: [CatalogTable], _ connection: PostgresConnection
    ) throws(CaptureError) {
        let doing = "hold the tables"
        for start in stride(from: 0, to: tables.count, by: 100) {
            let some = tables[start..<min(tables.count, start + 100)]
            let statements = some.map { table in
                let only = table.kind == UInt8(ascii: "p") ? "" : "ONLY "
                return "SELECT 1 FROM \(only)\(table.quoted) LIMIT 0"
            }
            try connection.execute(statements.joined(separator: "; "), doing: doing)
        }
        guard !tables.isEmpty else { return }
        let oids = tables.map { "\($0.table.oid)" }.joined(separator: ", ")
        let leaves =
            connection.version >= 130_000
            ? "OR c.oid IN (SELECT t.relid FROM pg_class r, pg_partition_tree(r.oid) t "
                + "WHERE r.relkind = 'p' AND r.oid IN (\(oids)))" : ""
        // The row of the catalog is the snapshot's, the function knows what is now.
        let rewritten = try connection.rows(
            """
            SELECT c.oid::regclass FROM pg_class c WHERE (c.oid IN (\(oids)) \(leaves))
            AND c.relkind = 'r' AND c.relfilenode <> pg_relation_filenode(c.oid)
            """, doing: doing)
        guard let table = rewritten.first?.first ?? nil else { return }
        throw .setting(
            CaptureReport(
                "table \(table) was rewritten or truncated while the snapshot began",
                hint: "start again"))
    }

    fileprivate func tell(_ rows: Int64) throws {
        capture.update { $0.snapshotRows = rows }
        if stop.isSet { throw CaptureError.connection(CaptureReport("stopped")) }
    }
}

/// Reads tables inside a snapshot's transaction, large ones in parts: several at once where that is
/// asked for, and so that an output which keeps what it has can go on behind a part.
final class SnapshotRun {
    static let beginning = "begin the snapshot"

    private let session: CaptureSession
    private let connection: PostgresConnection
    private let position: LogSequenceNumber
    private let isResumable: Bool
    private let workers: Int
    /// The snapshot's name, for further connections.
    private let snapshot: String
    /// The first transaction that the snapshot does not see as ended.
    private let oldest: String
    private var reader: SnapshotReader
    private var crew: SnapshotCrew?

    init(
        _ session: CaptureSession, _ connection: PostgresConnection, at position: LogSequenceNumber,
        snapshot: String?, isResumable: Bool
    ) throws(CaptureError) {
        self.session = session
        self.connection = connection
        self.position = position
        self.isResumable = isResumable
        workers = session.configuration.snapshotWorkers
        reader = SnapshotReader(
            session.sink,
            SourceTransaction(
                xid: 0, commit: position, end: position,
                time: SystemClock().wallMilliseconds * 1_000))
        if let snapshot {
            self.snapshot = snapshot
        } else if workers > 1 {
            self.snapshot =
                try connection.value("SELECT pg_export_snapshot()", doing: Self.beginning) ?? ""
        } else {
            self.snapshot = ""
        }
        oldest =
            try connection.value(
                "SELECT txid_snapshot_xmin(txid_current_snapshot()) % 4294967296",
                doing: Self.beginning) ?? "0"
    }

    func close() { crew?.close() }

    /// All tables were read.
    func end() throws {
        try reader.end()
        if isResumable { try session.sink.backfills([]) }
        try session.sink.snapshotEnded(at: position)
    }

    func read(_ table: CatalogTable, before rest: ArraySlice<CatalogTable>) throws {
        let parts = try parts(of: table)
        if parts.count < 2 {
            try copy(table.copy, of: table)
        } else if workers > 1 {
            try readTogether(parts, of: table, before: rest)
        } else {
            var done = ReadParts()
            for part in parts {
                try copy(table.copy(part), of: table)
                done.add(part)
                if part != parts.last { try endPart(done, of: table, before: rest) }
            }
        }
        session.capture.update { $0.snapshotTablesDone += 1 }
        try session.tell(reader.rows)
        if session.sink.endsSnapshotPiece, !rest.isEmpty { try endPiece(rest: states(rest)) }
    }

    private func copy(_ statement: String, of table: CatalogTable) throws {
        try connection.copy(statement, doing: "read table \(table.name)") { row in
            try reader.give(row, of: table.table)
            if reader.rows & 0x3FF == 0 { try session.tell(reader.rows) }
        }
    }

    private func readTogether(
        _ parts: [SnapshotPart], of table: CatalogTable, before rest: ArraySlice<CatalogTable>
    ) throws {
        let crew =
            try crew
            ?? SnapshotCrew(
                connection.address, snapshot: snapshot, count: workers,
                stop: session.stop)
        self.crew = crew
        crew.read(table, parts.map(table.copy))
        var done = ReadParts()
        var isEnding = false
        while true {
            guard let batch = try crew.next(onlyBegun: isEnding) else {
                guard isEnding else { return }
                // All that was begun is given.
                isEnding = false
                if done.count < parts.count { try endPart(done, of: table, before: rest) }
                continue
            }
            try reader.give(batch, of: table.table)
            try session.tell(reader.rows)
            guard batch.isLast else { continue }
            done.add(parts[batch.part])
            isEnding = isEnding || (isDivisible(table, rest) && session.sink.dividesTable)
        }
    }

    /// Whether the rest of a table and those behind it can be read later.
    private func isDivisible(_ table: CatalogTable, _ rest: ArraySlice<CatalogTable>) -> Bool {
        isResumable && !table.rowKey.isEmpty && rest.allSatisfy { !$0.rowKey.isEmpty }
    }

    /// Lets the output keep what it has of a table, if it has much.
    private func endPart(
        _ done: ReadParts, of table: CatalogTable, before rest: ArraySlice<CatalogTable>
    ) throws {
        guard isDivisible(table, rest), session.sink.dividesTable else { return }
        let request = BackfillRequest(
            table: table.name, condition: done.conditionOfRest(oldest: oldest))
        try endPiece(rest: [BackfillState(request)] + states(rest))
    }

    private func states(_ tables: ArraySlice<CatalogTable>) -> [BackfillState] {
        guard isResumable, tables.allSatisfy({ !$0.rowKey.isEmpty }) else { return [] }
        return tables.map { BackfillState(BackfillRequest(table: $0.name)) }
    }

    private func endPiece(rest: [BackfillState]) throws {
        guard !rest.isEmpty else { return }
        try reader.endPiece()
        try session.sink.snapshotPieceEnded(rest: rest, at: position)
    }

    /// Of a table that is large enough, where it makes a difference.
    private func parts(of table: CatalogTable) throws(CaptureError) -> [SnapshotPart] {
        guard connection.version >= 140_000, workers > 1 || (isResumable && !table.rowKey.isEmpty)
        else { return [] }
        let doing = "read table \(table.name)"
        let isRoot = table.kind == UInt8(ascii: "p")
        let relations =
            isRoot
            ? "IN (SELECT relid FROM pg_partition_tree(\(table.table.oid)) WHERE isleaf)"
            : "= \(table.table.oid)"
        let rows = try connection.rows(
            """
            SELECT c.oid::regclass, pg_relation_filenode(c.oid),
            pg_relation_size(c.oid) / current_setting('block_size')::int8, pg_table_size(c.oid),
            c.relkind = 'r' AND has_table_privilege(c.oid, 'SELECT')
            FROM pg_class c WHERE c.oid \(relations) ORDER BY c.oid
            """, doing: doing)
        // Who may read a table need not have the right to read its partitions by themselves.
        guard rows.allSatisfy({ $0[4] == "t" }) else { return [] }
        return rows.flatMap { row in
            SnapshotPart.parts(
                of: row[0] ?? "", file: row[1].flatMap { UInt32($0) } ?? 0,
                blocks: row[2].flatMap { Int64($0) } ?? 0,
                bytes: row[3].flatMap { Int64($0) } ?? 0)
        }
    }
}

/// Rows of a snapshot on their way to the sink. Each waits for the next, so that the last one is
/// known to be the last.
struct SnapshotReader: ~Copyable {
    private let sink: any ChangeSink
    private let transaction: SourceTransaction
    private var waiting = OutputBuffer(capacity: 4 << 10)
    private var incoming = OutputBuffer(capacity: 4 << 10)
    private var waitingTable: CapturedTable?
    private var lastTable: CapturedTable?
    private(set) var rows: Int64 = 0
    private var tableRows = 0

    init(_ sink: any ChangeSink, _ transaction: SourceTransaction) {
        self.sink = sink
        self.transaction = transaction
    }

    /// A row in COPY's text form.
    mutating func give(_ row: RawSpan, of table: CapturedTable) throws {
        incoming.removeAll()
        guard CopyRow.append(row, columns: table.columns.count, to: &incoming) else {
            throw CaptureError.wrongWidth(table)
        }
        try take(of: table)
    }

    mutating func give(_ batch: SnapshotCrew.Batch, of table: CapturedTable) throws {
        var start = 0
        for end in batch.ends {
            incoming.removeAll()
            incoming.append(batch.bytes.bytes, start..<end)
            try take(of: table)
            start = end
        }
    }

    private mutating func take(of table: CapturedTable) throws {
        if let before = waitingTable {
            try pass(before, rows == 1 ? .first : .middle)
        }
        if lastTable !== table { tableRows = 0 }
        lastTable = table
        swap(&waiting, &incoming)
        waitingTable = table
        rows += 1
        tableRows += 1
    }

    /// Gives the row that waits, which is not the last.
    mutating func endPiece() throws {
        guard let table = waitingTable else { return }
        waitingTable = nil
        try pass(table, rows == 1 ? .first : .middle)
    }

    mutating func end() throws {
        guard let table = waitingTable else { return }
        waitingTable = nil
        try pass(table, .last)
    }

    private func pass(_ table: CapturedTable, _ mark: SnapshotMark) throws {
        try sink.change(
            Change(
                kind: .read, table: table, after: 0..<waiting.count,
                position: transaction.commit, transaction: transaction, order: Int(rows),
                tableOrder: tableRows, snapshot: mark), of: waiting.bytes)
    }
}
