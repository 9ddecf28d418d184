import Bytes
import Formats
import Platform
import PostgresProtocol

// The snapshot.
extension CaptureSession {
    /// The rows as they are now, without a slot.
    func readOnlySnapshot() throws -> CaptureEnd {
        let tables: [CatalogTable]
        guard let catalog else { throw CaptureError.connection(CaptureReport("not connected")) }
        if let name = configuration.publication {
            tables = try catalog.tables(publishedBy: name, configuration.tables)
        } else {
            tables = try catalog.tables(configuration.tables)
        }
        return try read(tables, at: nil, snapshot: nil) ? .reached : .stopped
    }

    /// Reads the rows of the tables and gives them to the sink; false when it was stopped.
    func read(_ tables: [CatalogTable], at point: LogSequenceNumber?, snapshot: String?) throws
        -> Bool
    {
        let connection = try statements()
        try connection.execute(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", doing: "begin the snapshot")
        if let snapshot {
            try connection.execute(
                "SET TRANSACTION SNAPSHOT \(quotedText(snapshot))", doing: "begin the snapshot")
        }
        let position: LogSequenceNumber
        if let point {
            position = point
        } else {
            let text = try connection.value(
                """
                SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
                ELSE pg_current_wal_lsn() END
                """, doing: "begin the snapshot")
            position = text.flatMap { LogSequenceNumber($0) } ?? LogSequenceNumber(0)
        }
        capture.update {
            $0.phase = .snapshot
            $0.snapshotTables = tables.count
            $0.snapshotRowsExpected = tables.reduce(0) { $0 + $1.rowsExpected }
        }
        try sink.snapshotBegan(tables.map(\.table), at: position)
        var reader = SnapshotReader(
            sink,
            SourceTransaction(
                xid: 0, commit: position, end: position,
                time: SystemClock().wallMilliseconds * 1_000))
        let isResumable =
            sink.keepsSnapshotPieces && point != nil && connection.version >= 140_000
        var tables = tables
        if isResumable {
            // What has no key cannot be read in pieces: it comes first.
            tables = tables.filter(\.rowKey.isEmpty) + tables.filter { !$0.rowKey.isEmpty }
        }
        for (index, table) in tables.enumerated() {
            try sink.schema(table.table, at: position)
            announced.append(table)
            do {
                try connection.copy(table.copy, doing: "read table \(table.name)") { row in
                    try reader.give(row, of: table.table)
                    if reader.rows & 0x3FF == 0 { try tell(reader.rows) }
                }
            } catch let error as CaptureError {
                if stop.isSet { return false }
                throw error
            }
            capture.update { $0.snapshotTablesDone += 1 }
            try tell(reader.rows)
            if stop.isSet { return false }
            let rest = tables[(index + 1)...]
            if isResumable, !rest.isEmpty, rest.allSatisfy({ !$0.rowKey.isEmpty }),
                sink.endsSnapshotPiece
            {
                try reader.endPiece()
                try sink.snapshotPieceEnded(
                    rest: rest.map { BackfillState(BackfillRequest(table: $0.name)) },
                    at: position)
            }
        }
        try reader.end()
        if isResumable { try sink.backfills([]) }
        try sink.snapshotEnded(at: position)
        try connection.execute("COMMIT", doing: "end the snapshot")
        return true
    }

    private func tell(_ rows: Int64) throws {
        capture.update { $0.snapshotRows = rows }
        if stop.isSet { throw CaptureError.connection(CaptureReport("stopped")) }
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

    mutating func give(_ row: RawSpan, of table: CapturedTable) throws {
        incoming.removeAll()
        guard CopyRow.append(row, columns: table.columns.count, to: &incoming) else {
            throw CaptureError.malformed(
                CaptureReport(
                    "a row of \(table.schema).\(table.name) has another number of columns"))
        }
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
