import Bytes
import Formats
import Platform
import PostgresProtocol

/// How the row of a key is found in a table, for one description of it.
struct RowLookup {
    let table: CapturedTable
    /// Indices of the key's columns, with their operators.
    let key: [(index: Int, column: KeyColumn)]
    /// `ONLY "public"."t"`.
    let source: String

    /// The statement that gives the values that `row` leaves out, and null for the others; nil if
    /// its key is not known.
    func copy(_ row: Range<Int>, of bytes: RawSpan) -> String? {
        var values: [String: String] = [:]
        for (index, column) in key {
            guard case .text(let start, let end) = TupleCursor.field(index, of: row, in: bytes)
            else { return nil }
            values[column.name] = String(
                decoding: bytes.extracting(start..<end).copied(), as: UTF8.self)
        }
        guard let condition = KeyColumn.row(values, key.map(\.column)) else { return nil }
        var cursor = TupleCursor(bytes, row)
        let wanted = table.columns.map { column in
            if case .unchanged = cursor.next() { return quotedName(column.name) }
            return "NULL"
        }
        return "COPY (SELECT \(wanted.joined(separator: ", ")) FROM \(source) WHERE \(condition) "
            + "LIMIT 2) TO STDOUT"
    }
}

// Large values that an update did not touch are not in the stream: with --fill-unchanged they are
// looked up in the table.
extension CaptureSession {
    private static let doing = "look up values that did not change"

    /// The row with all its values; nil where there is no such row any more.
    func filled(
        _ table: CapturedTable, _ row: Range<Int>, of bytes: RawSpan, by xid: UInt32
    ) throws(CaptureError) -> [UInt8]? {
        do throws(CaptureError) {
            return try fill(table, row, of: bytes, by: xid)
        } catch {
            if error.isPassing, !stop.isSet {
                try openStatements()
                return try fill(table, row, of: bytes, by: xid)
            }
            guard case .server = error else { throw error }
            // Such as a column that has another name by now.
            if unfillable.insert(table.oid).inserted {
                sink.notice("values of \(table.schema).\(table.name) stay unknown: \(error)")
            }
            return nil
        }
    }

    private func fill(
        _ table: CapturedTable, _ row: Range<Int>, of bytes: RawSpan, by xid: UInt32
    ) throws(CaptureError) -> [UInt8]? {
        let connection = try statements()
        let lookup: RowLookup
        if let known = lookups[table.oid], known.table === table {
            lookup = known
        } else {
            lookup = try self.lookup(table, connection)
            lookups[table.oid] = lookup
        }
        guard !lookup.key.isEmpty, let statement = lookup.copy(row, of: bytes) else { return nil }
        while true {
            var found = OutputBuffer(capacity: 4 << 10)
            var rows = 0
            do {
                try connection.copy(statement, doing: Self.doing) { line in
                    rows += 1
                    found.removeAll()
                    guard CopyRow.append(line, columns: table.columns.count, to: &found) else {
                        throw CaptureError.wrongWidth(table)
                    }
                }
            } catch let error as CaptureError { throw error } catch {
                throw .malformed(CaptureReport("\(error)"))
            }
            if rows == 1 {
                return TupleCursor.filled(bytes, row, from: found.bytes, 0..<found.count)
            }
            // A commit is in the log a moment before others see it.
            let text = try connection.value(
                "SELECT txid_current_snapshot()", doing: Self.doing)
            let visible = text.flatMap { VisibleTransactions($0) }
            guard rows == 0, visible?.contains(xid) == false, !stop.isSet else { return nil }
            _ = stop.wait(nanoseconds: 1_000_000)
        }
    }

    private func lookup(
        _ table: CapturedTable, _ connection: PostgresConnection
    ) throws(CaptureError) -> RowLookup {
        let kind = try connection.value(
            "SELECT relkind FROM pg_class WHERE oid = \(table.oid)", doing: Self.doing)
        let only = kind == "p" ? "" : "ONLY "
        var key: [(index: Int, column: KeyColumn)] = []
        if table.identity != .full, table.identity != .nothing {
            let columns = try KeyColumn.read(table, connection)
            key = columns.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        }
        return RowLookup(
            table: table, key: key,
            source: "\(only)\(quotedName(table.schema)).\(quotedName(table.name))")
    }
}
